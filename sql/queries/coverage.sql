-- How complete was the data of each month, and what was not proved because of it?
-- $site: the site's id
select
    month,
    state,
    grade,
    provable,
    meter_coverage_pct,
    charger_coverage_pct,
    outage_hours,
    array_to_string(reasons, ' ') as reasons
from savings_month
where site_id = $site
order by month;
