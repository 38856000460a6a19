-- What did it cost at most that chargers had no car when a bill's peak was set?
-- $site: the site's id
with peaks as (
    select
        peak_event.site_id,
        peak_event.month,
        peak_event.charge_id,
        peak_event.band,
        peak_event.set_at,
        peak_event.set_local,
        peak_event.own_peak_kw,
        bill_line.rate
    from peak_event
    inner join bill_line
        on
            peak_event.site_id = bill_line.site_id
            and peak_event.month = bill_line.month
            and peak_event.scenario = bill_line.scenario
            and peak_event.charge_id = bill_line.charge_id
            and peak_event.band = bill_line.band
    where peak_event.site_id = $site and peak_event.scenario = 'actual'
),

shown as (
    select
        charger_id,
        max(discharge_wh * 3.6 / duration_s) as gives_kw
    from charger_interval
    where site_id = $site
    group by charger_id
)

select
    peaks.month,
    peaks.charge_id,
    peaks.band,
    peaks.set_local,
    peaks.own_peak_kw,
    count(*) as empty_chargers,
    sum(shown.gives_kw) as not_given_kw,
    sum(shown.gives_kw) * max(peaks.rate) as cost_at_most
from peaks
cross join shown
left join charging_session as stay
    on
        peaks.site_id = stay.site_id
        and shown.charger_id = stay.charger_id
        and peaks.set_at >= stay.plugged_in_at
        and peaks.set_at < stay.plugged_out_at
where stay.session_id is null
group by peaks.month, peaks.charge_id, peaks.band, peaks.set_local, peaks.own_peak_kw
order by peaks.month, peaks.charge_id, peaks.band;
