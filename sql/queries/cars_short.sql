-- Which cars left below their target, when, and how much was missing?
-- $site: the site's id
select
    month,
    vehicle_id,
    charger_id,
    plugged_in_at,
    plugged_out_at,
    soc_in_pct,
    soc_out_pct,
    coalesce(target_soc_pct, 100) as target_pct,
    coalesce(target_soc_pct, 100) - soc_out_pct as missing_pct
from fleet_readiness
where site_id = $site and soc_out_pct < coalesce(target_soc_pct, 100)
order by missing_pct desc, plugged_out_at asc;
