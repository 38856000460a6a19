-- Which sites saved most, and which least, in their last twelve bills?
with latest as (
    select
        *,
        row_number() over (partition by site_id order by month desc) as age
    from monthly_savings
    where state = 'ok'
)

select
    currency,
    site_id,
    month as until_month,
    realised,
    bills,
    provable_bills,
    run_rate,
    grade
from latest
where age = 1
order by currency asc, realised desc nulls last, site_id asc;
