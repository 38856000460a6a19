-- What was saved in each month of a site?
-- $site: the site's id
select
    month,
    peak_unmanaged_kw,
    peak_actual_kw,
    peak_reduction_kw,
    peak_saved_pct,
    saved,
    realised,
    currency,
    ready_pct
from monthly_savings
where site_id = $site and state = 'ok'
order by month;
