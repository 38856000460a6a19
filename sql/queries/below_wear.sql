-- In which months was the saving smaller than what it may have worn off the batteries?
select
    site_id,
    month,
    saved,
    wear_low,
    wear_high,
    discharged_kwh,
    currency
from savings_month
where provable and wear_high is not null and saved < wear_high
order by site_id, month;
