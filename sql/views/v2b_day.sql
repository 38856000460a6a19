-- One row per site and local day: the day's peak in each world and the energy through the cars.
create or replace view v2b_day as
select
    site_id,
    month,
    local_day,
    max(actual_import_wh * 3600.0 / duration_s) / 1000 as peak_actual_kw,
    max(no_ev_import_wh * 3600.0 / duration_s) / 1000 as peak_no_ev_kw,
    max(unmanaged_import_wh * 3600.0 / duration_s) / 1000 as peak_unmanaged_kw,
    sum(charge_wh) as charge_wh,
    sum(discharge_wh) as discharge_wh,
    bool_and(metered and covered) as complete
from load_interval
group by site_id, month, local_day;
comment on view v2b_day is
'One row per site and local day: the day''s peak in each world and the energy through the cars.';
