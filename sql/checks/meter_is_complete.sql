-- WARN: windows that a billing meter did not measure make a bill unprovable.
-- asset: savings_month
select
    site_id,
    month,
    meter_coverage_pct
from savings_month
where state = 'ok' and meter_coverage_pct < 100
order by site_id, month;
