-- Which window set each bill's demand, and which ratchet carried it?
-- $site: the site's id
select
    month,
    scenario,
    charge_id,
    band,
    set_local,
    own_peak_kw,
    billing_demand_kw,
    carried_from
from peak_event
where site_id = $site
order by month, charge_id, band, scenario;
