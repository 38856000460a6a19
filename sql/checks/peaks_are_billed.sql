-- ERROR: billed demand is never below the own peak of the same bill and line.
-- asset: bill_line
select
    site_id,
    month,
    scenario,
    charge_id,
    band,
    own_peak_kw,
    billing_demand_kw
from bill_line
where kind = 'demand' and billing_demand_kw < own_peak_kw
order by site_id, month, scenario, charge_id, band;
