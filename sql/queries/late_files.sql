-- Which files came long after the data in them, and how many values did they change?
select
    path,
    kind,
    first_at,
    last_at,
    seen_at,
    loaded,
    superseded,
    date_diff('day', last_at, seen_at) as days_late
from source_file
where last_at is not null
order by days_late desc, path asc;
