-- One row per bill, scenario and demand line: the window that set the peak, and what was billed for it.
create or replace view peak_event as
select
    billed.site_id,
    billed.month,
    billed.scenario,
    billed.charge_id,
    billed.band,
    billed.set_at,
    billed.own_peak_kw,
    billed.billing_demand_kw,
    billed.carried_from,
    billed.amount,
    demand_window.local_start as set_local,
    demand_window.charge_wh as window_charge_wh,
    demand_window.discharge_wh as window_discharge_wh
from bill_line as billed
left join load_interval as demand_window
    on billed.site_id = demand_window.site_id and billed.month = demand_window.month and billed.set_at = demand_window.interval_start
where billed.kind = 'demand';
comment on view peak_event is
'One row per bill, scenario and demand line: the window that set the peak, and what was billed for it.';
