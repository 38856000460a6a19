-- ERROR: the worlds must differ by exactly what flowed through the cars, window by window.
-- asset: load_interval
with nets as (
    select
        site_id,
        month,
        interval_start,
        actual_import_wh - actual_export_wh - charge_wh + discharge_wh - standby_wh as expected_no_ev_wh,
        no_ev_import_wh - no_ev_export_wh as no_ev_wh,
        no_ev_import_wh - no_ev_export_wh + unmanaged_charge_wh + standby_wh as expected_unmanaged_wh,
        unmanaged_import_wh - unmanaged_export_wh as unmanaged_wh,
        no_ev_import_wh - no_ev_export_wh + managed_charge_wh + standby_wh as expected_managed_wh,
        managed_import_wh - managed_export_wh as managed_wh
    from load_interval
)

select nets.*
from nets
inner join savings_month
    on nets.site_id = savings_month.site_id and nets.month = savings_month.month
where
    savings_month.state = 'ok'
    and (
        nets.expected_no_ev_wh <> nets.no_ev_wh
        or nets.expected_unmanaged_wh <> nets.unmanaged_wh
        or nets.expected_managed_wh <> nets.managed_wh
    )
order by nets.site_id, nets.interval_start;
