-- For how many more bills does a ratchet carry a peak, and what happens when it lets go?
with latest as (
    select
        *,
        row_number() over (partition by site_id order by month desc) as age
    from savings_month
    where state = 'ok'
)

select
    site_id,
    month,
    billing_actual_kw,
    actual_carried_from,
    baseline_carried_from,
    currency,
    summary ->> '$.annual.next_roll_off.month' as next_roll_off,
    summary ->> '$.annual.next_roll_off.world' as in_world,
    (summary ->> '$.annual.next_roll_off.from_kw')::double as from_kw,
    (summary ->> '$.annual.next_roll_off.to_kw')::double as to_kw,
    (summary ->> '$.annual.next_roll_off.money')::decimal(38, 12) as roll_off_money,
    datediff('month', (month || '-01')::date, (next_roll_off || '-01')::date) as bills_left
from latest
where age = 1
order by bills_left asc nulls last, site_id asc;
