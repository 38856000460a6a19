-- At which hours do billed peaks fall, with V2B and without?
-- $site: the site's id
select
    scenario,
    extract('hour' from set_local) as local_hour,
    count(*) as peaks,
    max(own_peak_kw) as highest_kw
from peak_event
where site_id = $site and set_local is not null and scenario <> 'managed'
group by scenario, local_hour
order by scenario, local_hour;
