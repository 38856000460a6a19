-- How much does each car take, give and stay plugged in?
-- $site: the site's id
select
    coalesce(vehicle_id, 'not known') as vehicle,
    count(*) as stays,
    sum(charge_wh) / 1000 as charged_kwh,
    sum(discharge_wh) / 1000 as discharged_kwh,
    count(*) filter (discharge_wh > 0) as stays_with_discharge,
    avg(date_diff('second', plugged_in_at, plugged_out_at)) / 3600 as mean_stay_h,
    count(*) filter (soc_out_pct < coalesce(target_soc_pct, 100)) as left_short
from charging_session
where site_id = $site and complete
group by vehicle
order by discharged_kwh desc, vehicle asc;
