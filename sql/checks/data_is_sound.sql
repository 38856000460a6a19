-- WARN: findings about meter and charger data: gaps, zeros, spikes, units, clocks.
-- asset: quality_finding
select
    site_id,
    month,
    name,
    source,
    sentence
from quality_finding
where name not like 'tariff.%' and name not like 'event.%'
order by site_id, month, name, span_from;
