-- WARN: cars that left below their target.
-- asset: savings_month
select
    site_id,
    month,
    departures,
    ready,
    short,
    unknown
from savings_month
where short > 0
order by site_id, month;
