-- What was found in a site's data: which kinds of findings, how often, and in which months?
-- $site: the site's id
select
    name,
    source,
    count(*) as findings,
    min(month) as first_month,
    max(month) as last_month,
    arg_max(sentence, month) as latest
from quality_finding
where site_id = $site
group by name, source
order by findings desc, name asc, source asc;
