-- ERROR: no two current intervals of a meter may share a moment.
-- asset: meter_interval
with ordered as (
    select
        site_id,
        meter_id,
        interval_start,
        duration_s,
        lead(interval_start) over (partition by site_id, meter_id order by interval_start) as next_start
    from meter_interval
)

select
    site_id,
    meter_id,
    interval_start,
    duration_s,
    next_start
from ordered
where next_start < interval_start + to_seconds(duration_s)
order by site_id, meter_id, interval_start;
