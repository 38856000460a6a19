-- How do V2B days differ from reference days and the rest?
-- $site: the site's id
select
    classed.month,
    classed.day_class,
    coalesce(classed.reason, '') as why,
    count(*) as day_count,
    avg(v2b_day.peak_actual_kw) as mean_peak_kw,
    avg(v2b_day.peak_no_ev_kw) as mean_peak_no_ev_kw,
    avg(classed.discharge_wh / nullif(classed.window_h, 0) / 1000) as mean_discharge_kw
from day_class as classed
inner join v2b_day on classed.site_id = v2b_day.site_id and classed.local_day = v2b_day.local_day
where classed.site_id = $site
group by classed.month, classed.day_class, why
order by classed.month, classed.day_class, why;
