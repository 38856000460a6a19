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
comment on column fleet_readiness.site_id is 'Site';
comment on column fleet_readiness.month is 'Bill, YYYY-MM';
comment on column fleet_readiness.session_id is 'Charging session';
comment on column fleet_readiness.charger_id is 'Charger';
comment on column fleet_readiness.vehicle_id is 'Car, null where the log does not say';
comment on column fleet_readiness.plugged_in_at is 'When the session began, UTC';
comment on column fleet_readiness.plugged_out_at is 'When the session ended, UTC';
comment on column fleet_readiness.soc_in_pct is 'State of charge on arrival [%]';
comment on column fleet_readiness.soc_out_pct is 'State of charge on departure [%]';
comment on column fleet_readiness.target_soc_pct is 'State of charge wanted on departure [%]';
comment on column fleet_readiness.charge_wh is 'Energy into the car [Wh]';
comment on column fleet_readiness.discharge_wh is 'Energy out of the car [Wh]';
