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
