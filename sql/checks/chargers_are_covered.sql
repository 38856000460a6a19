-- WARN: windows without charger energy make a saving unprovable.
-- asset: savings_month
select
    site_id,
    month,
    charger_coverage_pct
from savings_month
where state = 'ok' and charger_coverage_pct < 100
order by site_id, month;
