-- One row per completed charging session: when the car left and whether its state of charge was known.
create or replace view fleet_readiness as
select
    site_id,
    month,
    session_id,
    charger_id,
    vehicle_id,
    plugged_in_at,
    plugged_out_at,
    soc_in_pct,
    soc_out_pct,
    target_soc_pct,
    charge_wh,
    discharge_wh
from charging_session
where complete;
comment on view fleet_readiness is
'One row per completed charging session: when the car left and whether its state of charge was known.';
