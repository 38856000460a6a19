-- One row per bill and line: the line in the headline world and as metered, and what it saved.
create or replace view bill_comparison as
select
    actual.site_id,
    actual.month,
    actual.position,
    actual.charge_id,
    actual.band,
    actual.kind,
    actual.description,
    actual.unit,
    baseline.quantity as quantity_baseline,
    actual.quantity as quantity_actual,
    actual.rate,
    baseline.amount as amount_baseline,
    actual.amount as amount_actual,
    result.currency,
    case when result.provable then baseline.amount - actual.amount end as saved
from bill_line as actual
inner join savings_month as result
    on actual.site_id = result.site_id and actual.month = result.month
left join bill_line as baseline
    on
        actual.site_id = baseline.site_id
        and actual.month = baseline.month
        and actual.charge_id = baseline.charge_id
        and actual.band = baseline.band
        and result.headline = baseline.scenario
where actual.scenario = 'actual';
comment on view bill_comparison is
'One row per bill and line: the line in the headline world and as metered, and what it saved.';
comment on column bill_comparison.site_id is 'Site';
comment on column bill_comparison.month is 'Bill, YYYY-MM';
comment on column bill_comparison.position is 'Place on the bill, counted from 0 [1]';
comment on column bill_comparison.charge_id is 'Charge of the tariff';
comment on column bill_comparison.band is 'Band of the charge, such as a time-of-use period';
comment on column bill_comparison.kind is 'fixed, energy, demand, rider, tax ...';
comment on column bill_comparison.description is 'The line in words';
comment on column bill_comparison.unit is 'Unit of the quantity';
comment on column bill_comparison.quantity_baseline is
'Billed quantity in the headline world, null where the line has none [in the line''s unit]';
comment on column bill_comparison.quantity_actual is 'Billed quantity as metered, null where the line has none [in the line''s unit]';
comment on column bill_comparison.rate is 'Price of one unit, null where several apply [money per unit]';
comment on column bill_comparison.amount_baseline is 'Amount of the line in the headline world [money]';
comment on column bill_comparison.amount_actual is 'Amount of the line as metered [money]';
comment on column bill_comparison.currency is 'ISO 4217 code of every money column of the row';
comment on column bill_comparison.saved is 'Headline world''s amount minus the metered one, null where it is not proved [money]';
