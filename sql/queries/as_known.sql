-- What did the meters say as known at the end of a day (UTC), beside what they say now?
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
        current_value.meter_id,
        current_value.bill_month,
        current_value.import_wh,
        current_value.duration_s
    from meter_interval as current_value
    inner join loads on current_value.load_id = loads.load_id
    where loads.seen
    union all
    select
        former.site_id,
        former.meter_id,
        former.bill_month,
        former.import_wh,
        former.duration_s
    from meter_interval_history as former
    inner join loads as own on former.load_id = own.load_id
    inner join loads as successor on former.superseded_by = successor.load_id
    where own.seen and not successor.seen
),

today as (
    select
        site_id,
        meter_id,
        bill_month,
        count(*) as intervals,
        sum(import_wh) / 1000 as import_kwh,
        max(import_wh * 3.6 / duration_s) as highest_kw
    from meter_interval
    group by site_id, meter_id, bill_month
)

select
    today.site_id,
    today.meter_id,
    today.bill_month as month,
    today.intervals as intervals_now,
    today.import_kwh as import_kwh_now,
    today.highest_kw as highest_kw_now,
    count(known.import_wh) as intervals_then,
    sum(known.import_wh) / 1000 as import_kwh_then,
    max(known.import_wh * 3.6 / known.duration_s) as highest_kw_then
from today
left join known
    on today.site_id = known.site_id and today.meter_id = known.meter_id and today.bill_month = known.bill_month
group by today.site_id, today.meter_id, today.bill_month, today.intervals, today.import_kwh, today.highest_kw
order by today.site_id, today.meter_id, today.bill_month;
