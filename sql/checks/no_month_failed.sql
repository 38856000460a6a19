-- WARN: site-months that could not be computed, with the step and the reason.
-- asset: site_month
select
    site_id,
    month,
    stage,
    reason
from site_month
where state = 'failed'
order by site_id, month;
