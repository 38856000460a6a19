-- Line by line, what did one bill cost with V2B and without?
-- $site: the site's id
-- $month: the bill, YYYY-MM
select
    charge_id,
    band,
    description,
    quantity_baseline,
    quantity_actual,
    unit,
    amount_baseline,
    amount_actual,
    saved
from bill_comparison
where site_id = $site and month = $month
order by position;
