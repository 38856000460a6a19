-- On which lines of the bill was the saving of all proved bills made?
-- $site: the site's id
select
    charge_id,
    band,
    kind,
    currency,
    count(*) as bills,
    sum(quantity_baseline - quantity_actual) as quantity_saved,
    any_value(unit) as unit,
    sum(saved) as saved
from bill_comparison
where site_id = $site and saved is not null
group by charge_id, band, kind, currency
order by saved desc, charge_id asc, band asc;
