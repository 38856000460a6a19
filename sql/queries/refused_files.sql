-- Which files had most records refused, and what was wrong with the first?
with ordered as (
    select
        *,
        row_number() over (partition by load_id order by length(position), position) as place
    from rejected_record
)

select
    source_file.path,
    source_file.format,
    source_file.outcome,
    source_file.loaded,
    source_file.rejected,
    ordered.position as first_position,
    ordered.field as first_field,
    ordered.value as first_value,
    ordered.allowed as first_allowed
from source_file
left join ordered on source_file.load_id = ordered.load_id and ordered.place = 1
where source_file.rejected > 0 or source_file.outcome = 'rejected'
order by source_file.rejected desc, source_file.path asc;
