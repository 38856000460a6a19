-- ERROR: a figure that is stated with a range lies inside it, in a bill and in a year.
-- asset: savings_month
select
    site_id,
    month,
    figure,
    low,
    stated,
    high
from (
    select
        site_id,
        month,
        unnest(['peak_reduction_kw', 'saved', 'realised', 'run_rate']) as figure,
        unnest([reduction_low_kw, saved_low, realised_low, run_rate_low]) as low,
        unnest([peak_reduction_kw, saved, realised, run_rate]) as stated,
        unnest([reduction_high_kw, saved_high, realised_high, run_rate_high]) as high
    from savings_month
) as ranged
where
    -- powers are differences of rounded ones
    stated not between low - 0.001 and high + 0.001
order by site_id, month, figure;
