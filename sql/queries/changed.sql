-- Which reports were restated, from which figures to which, and how much data came or changed in between?
with restated as (
    select
        report.site_id,
        report.month,
        report.version,
        report.generated_before,
        report.generated_at,
        report.saved_before,
        result.saved,
        report.peak_reduction_before_kw,
        result.peak_reduction_kw,
        report.grade_before,
        result.grade,
        result.currency
    from report
    inner join savings_month as result on report.site_id = result.site_id and report.month = result.month
    where report.restates is not null
),

changed as (
    select
        restated.site_id,
        restated.month,
        count(*) as changed_intervals
    from restated
    inner join meter_interval_history as former
        on restated.site_id = former.site_id and restated.month = former.bill_month
    inner join source_file on former.superseded_by = source_file.load_id
    where source_file.seen_at > restated.generated_before and source_file.seen_at <= restated.generated_at
    group by restated.site_id, restated.month
),

came as (
    select
        restated.site_id,
        restated.month,
        count(*) as intervals_come
    from restated
    inner join meter_interval
        on restated.site_id = meter_interval.site_id and restated.month = meter_interval.bill_month
    inner join source_file on meter_interval.load_id = source_file.load_id
    where source_file.seen_at > restated.generated_before and source_file.seen_at <= restated.generated_at
    group by restated.site_id, restated.month
)

select
    restated.*,
    coalesce(changed.changed_intervals, 0) as changed_intervals,
    coalesce(came.intervals_come, 0) - coalesce(changed.changed_intervals, 0) as new_intervals
from restated
left join changed on restated.site_id = changed.site_id and restated.month = changed.month
left join came on restated.site_id = came.site_id and restated.month = came.month
order by restated.generated_at desc, restated.site_id asc, restated.month asc;
