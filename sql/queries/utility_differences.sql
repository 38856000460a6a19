-- Where does the utility's bill say something else than ours?
select
    site_id,
    month,
    figure,
    charge_id,
    ours,
    utility,
    unit,
    difference_pct,
    cause
from utility_bill
where cause is not null
order by site_id, month, figure, charge_id;
