-- What did the reports state at the end of a day (UTC), beside what they state now?
-- $on: the day, YYYY-MM-DD
with stated as (
    select
        report.*,
        ($on::date + 1)::timestamp at time zone 'UTC' as day_end
    from report
)

select
    stated.site_id,
    stated.month,
    result.currency,
    stated.version as version_now,
    result.saved as saved_now,
    result.peak_reduction_kw as peak_reduction_now_kw,
    result.grade as grade_now,
    case
        when stated.generated_at < stated.day_end then stated.version
        when stated.generated_before < stated.day_end then stated.restates
    end as version_then,
    case
        when stated.generated_at < stated.day_end then result.saved
        when stated.generated_before < stated.day_end then stated.saved_before
    end as saved_then,
    case
        when stated.generated_at < stated.day_end then result.peak_reduction_kw
        when stated.generated_before < stated.day_end then stated.peak_reduction_before_kw
    end as peak_reduction_then_kw,
    case
        when stated.generated_at < stated.day_end then result.grade
        when stated.generated_before < stated.day_end then stated.grade_before
    end as grade_then,
    coalesce(stated.generated_before >= stated.day_end and stated.restates > 1, false) as older_version_then
from stated
inner join savings_month as result on stated.site_id = result.site_id and stated.month = result.month
order by stated.site_id, stated.month;
