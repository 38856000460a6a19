-- What round trip efficiency does each charger show, over stays that ended as full as they began?
-- $site: the site's id
select
    charger_id,
    count(*) as stays,
    sum(charge_wh) / 1000 as charged_kwh,
    sum(discharge_wh) / 1000 as discharged_kwh,
    sum(discharge_wh) / sum(charge_wh) as round_trip
from charging_session
where
    site_id = $site
    and complete
    and discharge_wh > 0
    and charge_wh > 0
    and abs(soc_out_pct - soc_in_pct) <= 1
group by charger_id
order by round_trip, charger_id;
