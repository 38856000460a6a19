-- Which bills are not proved, and for which reasons?
select
    site_id,
    month,
    state,
    grade,
    meter_coverage_pct,
    charger_coverage_pct,
    check_verdict,
    array_to_string(reasons, ' ') as reasons
from savings_month
where not provable and state <> 'seed'
order by site_id, month;
