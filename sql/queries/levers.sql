-- Which part of each saving came from when cars charged, and which from what they gave back?
-- $site: the site's id
select
    month,
    saved,
    lever_hosting,
    lever_managed_charging,
    lever_discharge,
    currency
from monthly_savings
where site_id = $site and provable
order by month;
