-- Under which tariff of tariffs/ would a site's proved bills have cost least, with V2B and without?
-- $site: the site's id
select
    windows.month,
    result.bill_from,
    result.bill_to,
    windows.interval_start,
    windows.duration_s,
    windows.actual_import_wh,
    windows.actual_export_wh,
    case result.headline
        when 'no_ev' then windows.no_ev_import_wh else windows.unmanaged_import_wh
    end as baseline_import_wh,
    case result.headline
        when 'no_ev' then windows.no_ev_export_wh else windows.unmanaged_export_wh
    end as baseline_export_wh,
    windows.metered and windows.covered as known,
    result.state = 'ok' and result.provable as counted
from load_interval as windows
inner join savings_month as result
    on windows.site_id = result.site_id and windows.month = result.month
where windows.site_id = $site and result.state in ('seed', 'ok')
order by windows.interval_start;
