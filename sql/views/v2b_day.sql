-- One row per site and local day: the day's peak in each world and the energy through the cars.
create or replace view v2b_day as
select
    site_id,
    month,
    local_day,
    max(actual_import_wh * 3600.0 / duration_s) / 1000 as peak_actual_kw,
    max(no_ev_import_wh * 3600.0 / duration_s) / 1000 as peak_no_ev_kw,
    max(unmanaged_import_wh * 3600.0 / duration_s) / 1000 as peak_unmanaged_kw,
    sum(charge_wh)::bigint as charge_wh,
    sum(discharge_wh)::bigint as discharge_wh,
    bool_and(metered and covered) as complete
from load_interval
group by site_id, month, local_day;
comment on view v2b_day is
'One row per site and local day: the day''s peak in each world and the energy through the cars.';
comment on column v2b_day.site_id is 'Site';
comment on column v2b_day.month is 'Bill, YYYY-MM';
comment on column v2b_day.local_day is 'Local calendar day at the site';
comment on column v2b_day.peak_actual_kw is 'Highest window mean of the day, as metered [kW]';
comment on column v2b_day.peak_no_ev_kw is 'Highest window mean of the day, without any car [kW]';
comment on column v2b_day.peak_unmanaged_kw is 'Highest window mean of the day, with the same cars charging from plug-in [kW]';
comment on column v2b_day.charge_wh is 'Energy into cars on that day [Wh]';
comment on column v2b_day.discharge_wh is 'Energy out of cars on that day [Wh]';
comment on column v2b_day.complete is 'True where every window of the day is metered and its charger energy known';
