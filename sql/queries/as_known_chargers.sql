-- What did the chargers say as known at the end of a day (UTC), beside what they say now?
-- $on: the day, YYYY-MM-DD
with loads as (
    select
        load_id,
        seen_at < ($on::date + 1)::timestamp at time zone 'UTC' as seen
    from source_file
),

known as (
    select
        current_value.site_id,
        current_value.charger_id,
        current_value.bill_month,
        current_value.measured_at,
        current_value.energy_import_wh,
        current_value.energy_export_wh
    from charger_reading as current_value
    inner join loads on current_value.load_id = loads.load_id
    where loads.seen
    union all
    select
        former.site_id,
        former.charger_id,
        former.bill_month,
        former.measured_at,
        former.energy_import_wh,
        former.energy_export_wh
    from charger_reading_history as former
    inner join loads as own on former.load_id = own.load_id
    inner join loads as successor on former.superseded_by = successor.load_id
    where own.seen and not successor.seen
),

today as (
    select
        site_id,
        charger_id,
        bill_month,
        count(*) as readings,
        max(measured_at) as last_reading_at,
        max(energy_import_wh) / 1000 as highest_import_kwh,
        max(energy_export_wh) / 1000 as highest_export_kwh
    from charger_reading
    group by site_id, charger_id, bill_month
)

select
    today.site_id,
    today.charger_id,
    today.bill_month as month,
    today.readings as readings_now,
    today.last_reading_at as last_reading_now_at,
    today.highest_import_kwh as highest_import_register_now_kwh,
    today.highest_export_kwh as highest_export_register_now_kwh,
    count(known.measured_at) as readings_then,
    max(known.measured_at) as last_reading_then_at,
    max(known.energy_import_wh) / 1000 as highest_import_register_then_kwh,
    max(known.energy_export_wh) / 1000 as highest_export_register_then_kwh
from today
left join known
    on
        today.site_id = known.site_id
        and today.charger_id = known.charger_id
        and today.bill_month = known.bill_month
group by
    today.site_id,
    today.charger_id,
    today.bill_month,
    today.readings,
    today.last_reading_at,
    today.highest_import_kwh,
    today.highest_export_kwh
order by today.site_id, today.charger_id, today.bill_month;
