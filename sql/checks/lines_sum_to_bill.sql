-- ERROR: the lines of every world's bill must sum exactly to its total, and their savings to the saving.
-- asset: savings_month
with totals as (
    select
        site_id,
        month,
        scenario,
        sum(amount) as total
    from bill_line
    group by site_id, month, scenario
)

select
    result.site_id,
    result.month,
    totals.scenario,
    totals.total,
    case totals.scenario
        when 'actual' then result.bill_actual
        when 'no_ev' then result.bill_no_ev
        else result.bill_unmanaged
    end as bill
from savings_month as result
inner join totals
    on result.site_id = totals.site_id and result.month = totals.month
where
    totals.total is distinct from
    case totals.scenario
        when 'actual' then result.bill_actual
        when 'no_ev' then result.bill_no_ev
        else result.bill_unmanaged
    end
order by result.site_id, result.month, totals.scenario;
