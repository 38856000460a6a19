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
comment on column peak_event.site_id is 'Site';
comment on column peak_event.month is 'Bill, YYYY-MM';
comment on column peak_event.scenario is 'World: actual, no_ev, unmanaged or managed';
comment on column peak_event.charge_id is 'Charge of the tariff';
comment on column peak_event.band is 'Band of the charge, such as a time-of-use period';
comment on column peak_event.set_at is 'Start of the window that set a demand, UTC';
comment on column peak_event.own_peak_kw is 'Highest window mean of this bill [kW]';
comment on column peak_event.billing_demand_kw is 'Demand billed after ratchets and floors [kW]';
comment on column peak_event.carried_from is 'Bill a ratchet carried the demand from, YYYY-MM, null where this bill set it';
comment on column peak_event.amount is 'Amount of the line in the site''s currency [money]';
comment on column peak_event.set_local is 'Start of that window on the site''s clock';
comment on column peak_event.window_charge_wh is 'Energy into cars in that window [Wh]';
comment on column peak_event.window_discharge_wh is 'Energy out of cars in that window [Wh]';
