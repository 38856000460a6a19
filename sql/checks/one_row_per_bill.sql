-- ERROR: a site has one result and one state per month.
-- asset: savings_month
select
    site_id,
    month,
    count(*) as results
from savings_month
group by site_id, month
having count(*) > 1
union all
select
    site_id,
    month,
    count(*) as results
from site_month
group by site_id, month
having count(*) > 1
order by site_id, month;
