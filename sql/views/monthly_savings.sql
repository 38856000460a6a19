-- One row per site and bill: what V2B was worth, with the month's state and proof.
create or replace view monthly_savings as
select
    site_id,
    month,
    bill_from,
    bill_to,
    state,
    provable,
    grade,
    headline,
    currency,
    peak_no_ev_kw,
    peak_unmanaged_kw,
    peak_actual_kw,
    peak_reduction_kw,
    peak_saved_pct,
    billing_reduction_kw,
    baseline_carried_from,
    actual_carried_from,
    moved_out_of_window_pct,
    bill_no_ev,
    bill_unmanaged,
    bill_actual,
    saved,
    bill_saved_pct,
    partial,
    realised,
    bills,
    provable_bills,
    departures,
    ready,
    ready_pct,
    charged_kwh,
    discharged_kwh,
    reasons,
    lever_hosting,
    lever_managed_charging,
    lever_discharge,
    saved_by_energy_volume,
    saved_by_energy_shift,
    saved_by_demand_own,
    saved_by_demand_carried,
    saved_by_export,
    saved_by_riders,
    saved_by_tax,
    saved_by_other,
    locked,
    run_rate,
    first_paying_month,
    reconciliation,
    outage_hours,
    ridden_through_hours,
    served_kwh,
    reduction_low_kw,
    reduction_high_kw,
    peak_saved_low_pct,
    peak_saved_high_pct,
    bill_saved_low_pct,
    bill_saved_high_pct,
    saved_low,
    saved_high,
    realised_low,
    realised_high,
    run_rate_low,
    run_rate_high,
    co2_change_kg,
    outside_kwh,
    outside_value,
    reduction_at_baseline_peak_kw,
    short_kwh,
    short_minutes,
    available_at_peak_pct
from savings_month;
comment on view monthly_savings is 'One row per site and bill: what V2B was worth, with the month''s state and proof.';
comment on column monthly_savings.site_id is 'Site';
comment on column monthly_savings.month is 'Bill, YYYY-MM';
comment on column monthly_savings.bill_from is 'First local day of the bill';
comment on column monthly_savings.bill_to is 'Local day after the last of the bill';
comment on column monthly_savings.state is 'seed, ok, no_bill or failed';
comment on column monthly_savings.provable is 'True where the saving is proved';
comment on column monthly_savings.grade is 'A, B, C or F';
comment on column monthly_savings.headline is 'World V2B is compared with: unmanaged or no_ev';
comment on column monthly_savings.currency is 'ISO 4217 code of every money column of the row';
comment on column monthly_savings.peak_no_ev_kw is 'Own peak without any car [kW]';
comment on column monthly_savings.peak_unmanaged_kw is 'Own peak with the same cars charging from plug-in [kW]';
comment on column monthly_savings.peak_actual_kw is 'Own peak as metered [kW]';
comment on column monthly_savings.peak_reduction_kw is 'Own peak of the headline world minus the metered one [kW]';
comment on column monthly_savings.peak_saved_pct is 'Peak reduction in percent of the headline world''s peak [%]';
comment on column monthly_savings.billing_reduction_kw is 'Billed demand of the headline world minus the metered one [kW]';
comment on column monthly_savings.baseline_carried_from is 'Bill the headline world''s demand was carried from, YYYY-MM';
comment on column monthly_savings.actual_carried_from is 'Bill the metered demand was carried from, YYYY-MM';
comment on column monthly_savings.moved_out_of_window_pct is 'Energy moved out of the peak window [%]';
comment on column monthly_savings.bill_no_ev is 'Bill without any car [money]';
comment on column monthly_savings.bill_unmanaged is 'Bill with the same cars charging from plug-in [money]';
comment on column monthly_savings.bill_actual is 'Bill as metered [money]';
comment on column monthly_savings.saved is 'Headline world''s bill minus the metered one [money]';
comment on column monthly_savings.bill_saved_pct is 'Saving in percent of the headline world''s bill [%]';
comment on column monthly_savings.partial is 'True where charges of the tariff were refused';
comment on column monthly_savings.realised is 'Saved in the last twelve bills [money]';
comment on column monthly_savings.bills is 'Bills in that sum [count]';
comment on column monthly_savings.provable_bills is 'Bills of that sum with a proved saving [count]';
comment on column monthly_savings.departures is 'Departures of cars [count]';
comment on column monthly_savings.ready is 'Departures at or above the target [count]';
comment on column monthly_savings.ready_pct is 'Share of departures that were ready [%]';
comment on column monthly_savings.charged_kwh is 'Energy into cars [kWh]';
comment on column monthly_savings.discharged_kwh is 'Energy out of cars [kWh]';
comment on column monthly_savings.reasons is 'Codes that say why a figure is null or what to know of it';
comment on column monthly_savings.lever_hosting is 'Part of the saving: the cars charge here at all, 0 unless compared with no_ev [money]';
comment on column monthly_savings.lever_managed_charging is 'Part of the saving: when the cars charged, modelled [money]';
comment on column monthly_savings.lever_discharge is 'Part of the saving: what the cars gave back [money]';
comment on column monthly_savings.saved_by_energy_volume is 'Part of the saving: how much energy was bought [money]';
comment on column monthly_savings.saved_by_energy_shift is 'Part of the saving: when it was bought [money]';
comment on column monthly_savings.saved_by_demand_own is 'Part of the saving: this bill''s own peaks [money]';
comment on column monthly_savings.saved_by_demand_carried is 'Part of the saving: earlier peaks that ratchets carry [money]';
comment on column monthly_savings.saved_by_export is 'Part of the saving: energy fed into the grid [money]';
comment on column monthly_savings.saved_by_riders is 'Part of the saving: riders, levies and credits [money]';
comment on column monthly_savings.saved_by_tax is 'Part of the saving: tax [money]';
comment on column monthly_savings.saved_by_other is 'Part of the saving: every other line, rounding included [money]';
comment on column monthly_savings.locked is 'What past peaks still bring if V2B stopped today and last year repeated [money]';
comment on column monthly_savings.run_rate is 'What twelve months like the last would save at today''s tariff [money]';
comment on column monthly_savings.first_paying_month is 'First bill whose billed demand was lower, YYYY-MM';
comment on column monthly_savings.reconciliation is 'Whether the utility''s bill bears out ours: agrees, differs or not_supplied';
comment on column monthly_savings.outage_hours is 'Time without a grid, by outages.csv or the meter [h]';
comment on column monthly_savings.ridden_through_hours is 'Time without a grid in which a car gave energy [h]';
comment on column monthly_savings.served_kwh is 'Energy cars gave while the grid was dead, in no saving [kWh]';
comment on column monthly_savings.reduction_low_kw is 'Low end of the 95 % range of the peak reduction [kW]';
comment on column monthly_savings.reduction_high_kw is 'High end of the 95 % range of the peak reduction [kW]';
comment on column monthly_savings.peak_saved_low_pct is 'Low end of the 95 % range of the peak reduction in percent [%]';
comment on column monthly_savings.peak_saved_high_pct is 'High end of the 95 % range of the peak reduction in percent [%]';
comment on column monthly_savings.bill_saved_low_pct is 'Low end of the 95 % range of the saving in percent of the bill [%]';
comment on column monthly_savings.bill_saved_high_pct is 'High end of the 95 % range of the saving in percent of the bill [%]';
comment on column monthly_savings.saved_low is 'Low end of the 95 % range of the saving, also where it is not proved [money]';
comment on column monthly_savings.saved_high is 'High end of the 95 % range of the saving, also where it is not proved [money]';
comment on column monthly_savings.realised_low is 'Low end of the 95 % range of the savings of the last twelve bills [money]';
comment on column monthly_savings.realised_high is 'High end of the 95 % range of the savings of the last twelve bills [money]';
comment on column monthly_savings.run_rate_low is 'Low end of the 95 % range of the run-rate [money]';
comment on column monthly_savings.run_rate_high is 'High end of the 95 % range of the run-rate [money]';
comment on column monthly_savings.co2_change_kg is 'CO2 emitted beside the headline world by marginal factors, below 0 where less [kg]';
comment on column monthly_savings.outside_kwh is 'Energy the cars ended the bill with beyond what charging from plug-in leaves [kWh]';
comment on column monthly_savings.outside_value is 'That energy at the cheapest rate of the bill, in no saving [money]';
comment on column monthly_savings.reduction_at_baseline_peak_kw is 'Less drawn than the headline world while its peak was set [kW]';
comment on column monthly_savings.short_kwh is 'What cars that left short of their target lacked, all together [kWh]';
comment on column monthly_savings.short_minutes is 'How long full power would have taken to make good what they lacked [min]';
comment on column monthly_savings.available_at_peak_pct is 'Share of chargers with a car while the metered peak was set [%]';
