-- ERROR: the lines of every world's bill must sum exactly to its total, and their savings to the saving.
-- asset: savings_month
with stated as (
    select
        site_id,
        month,
        bill_actual as actual,
        bill_no_ev as no_ev,
        bill_unmanaged as unmanaged,
        bill_managed as managed,
        saved
    from savings_month
),

entries as (
    select
        site_id,
        month,
        scenario as figure,
        amount as of_lines,
        0 as of_bill
    from bill_line
    union all
    select
        site_id,
        month,
        'saved' as figure,
        saved as of_lines,
        0 as of_bill
    from bill_comparison
    union all
    select
        site_id,
        month,
        figure,
        0 as of_lines,
        of_bill
    from stated unpivot (of_bill for figure in (actual, no_ev, unmanaged, managed, saved))
)

select
    site_id,
    month,
    figure,
    sum(of_lines) as of_lines,
    sum(of_bill) as of_bill
from entries
group by site_id, month, figure
having coalesce(sum(of_lines), 0) <> coalesce(sum(of_bill), 0)
order by site_id, month, figure;
