-- ERROR: the levers of every proved saving and the parts it came from must each sum to it exactly.
-- asset: savings_month
select
    site_id,
    month,
    saved,
    lever_hosting + lever_managed_charging + lever_discharge as of_levers,
    saved_by_energy_volume + saved_by_energy_shift + saved_by_demand_own + saved_by_demand_carried
    + saved_by_export + saved_by_riders + saved_by_tax + saved_by_other as of_parts
from savings_month
where
    provable
    and (of_levers <> saved or of_parts is distinct from saved)
order by site_id, month;
