-- When was the grid dead, for how long, and what did cars give then?
-- $site: the site's id
select
    month,
    local_day,
    min(local_start) as first_window,
    sum(dead_s) / 3600 as hours,
    sum(case when served_wh > 0 then dead_s else 0 end) / 3600 as ridden_through_hours,
    sum(served_wh) / 1000 as served_kwh
from load_interval
where site_id = $site and dead_s > 0
group by month, local_day
order by local_day;
