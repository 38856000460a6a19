-- Every table of the warehouse. Each column has a comment; those with numbers end in their unit.

-- Texts of which there are few, stored as numbers: as text they cost a load a fifth of its time.
create type reading_quality as enum('measured', 'estimated', 'outage');
create type bill_month as enum ( -- noqa: CV07
    select strftime(unnest(range(timestamp '1900-01-01', timestamp '2300-01-01', interval 1 month)), '%Y-%m')
);

create table schema_version (
    version integer not null,
    views_hash varchar not null,
    schema_hash varchar not null
);
comment on table schema_version is 'One row: the version of this file''s layout.';
comment on column schema_version.version is 'Version of the layout [1]';
comment on column schema_version.views_hash is 'Hash of the view definitions this file holds';
comment on column schema_version.schema_hash is 'Hash of the table definitions this file was made by';

create table source_file (
    load_id bigint not null,
    path varchar not null,
    sha256 varchar not null,
    format varchar,
    kind varchar,
    outcome varchar not null,
    loaded bigint not null,
    unchanged bigint not null,
    superseded bigint not null,
    rejected bigint not null,
    first_at timestamptz,
    last_at timestamptz,
    seen_at timestamptz not null,
    names_hash varchar not null,
    notes varchar[] not null
);
comment on table source_file is 'One row per file seen in landing/: what became of it.';
comment on column source_file.load_id is 'Order in which the journal first saw the file; later loads win over earlier ones [1]';
comment on column source_file.path is 'Path below landing/';
comment on column source_file.sha256 is 'SHA-256 of the file''s bytes';
comment on column source_file.format is 'Format found by content, null where none was';
comment on column source_file.kind is 'What the file holds: meter, charger, session or weather';
comment on column source_file.outcome is 'loaded, unchanged, partial or rejected';
comment on column source_file.loaded is 'Records that were new or changed a value [count]';
comment on column source_file.unchanged is 'Records that were known already [count]';
comment on column source_file.superseded is 'Earlier values that moved to history because of this file [count]';
comment on column source_file.rejected is 'Records refused [count]';
comment on column source_file.first_at is 'Earliest stamp of its records';
comment on column source_file.last_at is 'Latest stamp of its records';
comment on column source_file.seen_at is 'When the journal first saw the file';
comment on column source_file.names_hash is 'Hash of the configured meter, charger and vehicle names it was read with';
comment on column source_file.notes is 'What a reader of the file should know, such as columns that were ignored';

create table rejected_record (
    load_id bigint not null,
    position varchar not null,
    field varchar,
    value varchar,
    allowed varchar not null,
    raw varchar
);
comment on table rejected_record is 'One row per record that was refused, with its place and what is allowed there.';
comment on column rejected_record.load_id is 'The file, as in source_file [1]';
comment on column rejected_record.position is 'Where in the file: line 7, message 12, file';
comment on column rejected_record.field is 'Name of the field that was wrong';
comment on column rejected_record.value is 'What stood there';
comment on column rejected_record.allowed is 'What is allowed there';
comment on column rejected_record.raw is 'The record as it stood in the file';

create table meter_interval (
    site_id varchar not null,
    meter_id varchar not null,
    interval_start timestamptz not null,
    duration_s bigint not null,
    import_wh bigint not null,
    export_wh bigint not null,
    quality reading_quality not null,
    load_id bigint not null,
    local_day date not null,
    bill_month bill_month not null
);
comment on table meter_interval is 'One row per site, meter and interval: its current value.';
comment on column meter_interval.site_id is 'Site';
comment on column meter_interval.meter_id is 'Meter, by its configured id';
comment on column meter_interval.interval_start is 'Start of the interval, UTC';
comment on column meter_interval.duration_s is 'Length of the interval [s]';
comment on column meter_interval.import_wh is 'Energy drawn from the grid [Wh]';
comment on column meter_interval.export_wh is 'Energy fed into the grid [Wh]';
comment on column meter_interval.quality is 'measured, estimated, or outage: 0 because the meter had no power';
comment on column meter_interval.load_id is 'The file the value came from, as in source_file [1]';
comment on column meter_interval.local_day is 'Local calendar day at the site';
comment on column meter_interval.bill_month is 'Bill the interval belongs to, YYYY-MM';

create table meter_interval_history (
    site_id varchar not null,
    meter_id varchar not null,
    interval_start timestamptz not null,
    duration_s bigint not null,
    import_wh bigint not null,
    export_wh bigint not null,
    quality reading_quality not null,
    load_id bigint not null,
    local_day date not null,
    bill_month bill_month not null,
    superseded_by bigint not null
);
comment on table meter_interval_history is 'One row per earlier value of a meter interval that a later file replaced.';
comment on column meter_interval_history.site_id is 'Site';
comment on column meter_interval_history.meter_id is 'Meter, by its configured id';
comment on column meter_interval_history.interval_start is 'Start of the interval, UTC';
comment on column meter_interval_history.duration_s is 'Length of the interval [s]';
comment on column meter_interval_history.import_wh is 'Energy drawn from the grid [Wh]';
comment on column meter_interval_history.export_wh is 'Energy fed into the grid [Wh]';
comment on column meter_interval_history.quality is 'measured, estimated, or outage: 0 because the meter had no power';
comment on column meter_interval_history.load_id is 'The file the value came from, as in source_file [1]';
comment on column meter_interval_history.local_day is 'Local calendar day at the site';
comment on column meter_interval_history.bill_month is 'Bill the interval belongs to, YYYY-MM';
comment on column meter_interval_history.superseded_by is 'The file that replaced this value, as in source_file [1]';

create table charger_reading (
    site_id varchar not null,
    charger_id varchar not null,
    measured_at timestamptz not null,
    energy_import_wh bigint,
    energy_export_wh bigint,
    power_w bigint,
    soc_pct double,
    session_id varchar,
    vehicle_id varchar,
    context varchar not null,
    load_id bigint not null,
    local_day date not null,
    bill_month bill_month not null
);
comment on table charger_reading is 'One row per site, charger and moment: the current reading.';
comment on column charger_reading.site_id is 'Site';
comment on column charger_reading.charger_id is 'Charger, by its configured id';
comment on column charger_reading.measured_at is 'When the charger measured, UTC';
comment on column charger_reading.energy_import_wh is 'Register of energy into cars since the charger was made [Wh]';
comment on column charger_reading.energy_export_wh is 'Register of energy out of cars since the charger was made [Wh]';
comment on column charger_reading.power_w is 'Power at that moment, positive into the car [W]';
comment on column charger_reading.soc_pct is 'State of charge of the car [%]';
comment on column charger_reading.session_id is 'Charging session';
comment on column charger_reading.vehicle_id is 'Car, by its configured id where it has one';
comment on column charger_reading.context is 'begin, sample or end of a session';
comment on column charger_reading.load_id is 'The file the value came from, as in source_file [1]';
comment on column charger_reading.local_day is 'Local calendar day at the site';
comment on column charger_reading.bill_month is 'Bill the reading belongs to, YYYY-MM';

create table charger_reading_history (
    site_id varchar not null,
    charger_id varchar not null,
    measured_at timestamptz not null,
    energy_import_wh bigint,
    energy_export_wh bigint,
    power_w bigint,
    soc_pct double,
    session_id varchar,
    vehicle_id varchar,
    context varchar not null,
    load_id bigint not null,
    local_day date not null,
    bill_month bill_month not null,
    superseded_by bigint not null
);
comment on table charger_reading_history is 'One row per earlier value of a charger reading that a later file replaced.';
comment on column charger_reading_history.site_id is 'Site';
comment on column charger_reading_history.charger_id is 'Charger, by its configured id';
comment on column charger_reading_history.measured_at is 'When the charger measured, UTC';
comment on column charger_reading_history.energy_import_wh is 'Register of energy into cars since the charger was made [Wh]';
comment on column charger_reading_history.energy_export_wh is 'Register of energy out of cars since the charger was made [Wh]';
comment on column charger_reading_history.power_w is 'Power at that moment, positive into the car [W]';
comment on column charger_reading_history.soc_pct is 'State of charge of the car [%]';
comment on column charger_reading_history.session_id is 'Charging session';
comment on column charger_reading_history.vehicle_id is 'Car, by its configured id where it has one';
comment on column charger_reading_history.context is 'begin, sample or end of a session';
comment on column charger_reading_history.load_id is 'The file the value came from, as in source_file [1]';
comment on column charger_reading_history.local_day is 'Local calendar day at the site';
comment on column charger_reading_history.bill_month is 'Bill the reading belongs to, YYYY-MM';
comment on column charger_reading_history.superseded_by is 'The file that replaced this value, as in source_file [1]';

create table session_record (
    site_id varchar not null,
    session_id varchar not null,
    charger_id varchar not null,
    vehicle_id varchar,
    plugged_in_at timestamptz not null,
    plugged_out_at timestamptz,
    soc_in_pct double,
    soc_out_pct double,
    target_soc_pct double,
    departure_at timestamptz,
    load_id bigint not null
);
comment on table session_record is 'One row per session of a sessions file: its current values.';
comment on column session_record.site_id is 'Site';
comment on column session_record.session_id is 'Charging session';
comment on column session_record.charger_id is 'Charger';
comment on column session_record.vehicle_id is 'Car, null where the log does not say';
comment on column session_record.plugged_in_at is 'When the session began, UTC';
comment on column session_record.plugged_out_at is 'When the session ended, UTC';
comment on column session_record.soc_in_pct is 'State of charge on arrival [%]';
comment on column session_record.soc_out_pct is 'State of charge on departure [%]';
comment on column session_record.target_soc_pct is 'State of charge wanted on departure [%]';
comment on column session_record.departure_at is 'Planned departure, UTC';
comment on column session_record.load_id is 'The file the values came from, as in source_file [1]';

create table weather_hour (
    station_id varchar not null,
    observed_at timestamptz not null,
    temperature_c double not null,
    load_id bigint not null
);
comment on table weather_hour is 'One row per weather station and observation.';
comment on column weather_hour.station_id is 'Weather station';
comment on column weather_hour.observed_at is 'When it was observed, UTC';
comment on column weather_hour.temperature_c is 'Air temperature [degC]';
comment on column weather_hour.load_id is 'The file the value came from, as in source_file [1]';

create table charging_session (
    site_id varchar not null,
    month varchar not null,
    session_id varchar not null,
    charger_id varchar not null,
    vehicle_id varchar,
    plugged_in_at timestamptz not null,
    plugged_out_at timestamptz,
    soc_in_pct double,
    soc_out_pct double,
    target_soc_pct double,
    departure_at timestamptz,
    charge_wh bigint not null,
    discharge_wh bigint not null,
    complete boolean not null
);
comment on table charging_session is 'One row per charging session, filed under the bill it began in.';
comment on column charging_session.site_id is 'Site';
comment on column charging_session.month is 'Bill, YYYY-MM';
comment on column charging_session.session_id is 'Charging session';
comment on column charging_session.charger_id is 'Charger';
comment on column charging_session.vehicle_id is 'Car, null where the log does not say';
comment on column charging_session.plugged_in_at is 'When the session began, UTC';
comment on column charging_session.plugged_out_at is 'When the session ended, UTC';
comment on column charging_session.soc_in_pct is 'State of charge on arrival [%]';
comment on column charging_session.soc_out_pct is 'State of charge on departure [%]';
comment on column charging_session.target_soc_pct is 'State of charge wanted on departure [%]';
comment on column charging_session.departure_at is 'Planned departure, UTC';
comment on column charging_session.charge_wh is 'Energy into the car [Wh]';
comment on column charging_session.discharge_wh is 'Energy out of the car [Wh]';
comment on column charging_session.complete is 'True where begin and end were both logged';

create table charger_interval (
    site_id varchar not null,
    month varchar not null,
    charger_id varchar not null,
    interval_start timestamptz not null,
    duration_s bigint not null,
    charge_wh bigint not null,
    discharge_wh bigint not null,
    covered boolean not null,
    error_wh bigint
);
comment on table charger_interval is 'One row per charger and demand window.';
comment on column charger_interval.site_id is 'Site';
comment on column charger_interval.month is 'Bill, YYYY-MM';
comment on column charger_interval.charger_id is 'Charger';
comment on column charger_interval.interval_start is 'Start of the window, UTC';
comment on column charger_interval.duration_s is 'Length of the window [s]';
comment on column charger_interval.charge_wh is 'Energy into cars [Wh]';
comment on column charger_interval.discharge_wh is 'Energy out of cars [Wh]';
comment on column charger_interval.covered is 'True where the registers tell this window''s energy';
comment on column charger_interval.error_wh is 'Bound of the error of the energy in and out together, null where not covered [Wh]';

create table day_class (
    site_id varchar not null,
    month varchar not null,
    local_day date not null,
    day_class varchar not null,
    basis varchar not null,
    reason varchar,
    window_h double not null,
    charge_wh bigint not null,
    discharge_wh bigint not null,
    complete boolean not null,
    like_day boolean not null
);
comment on table day_class is 'One row per site and local day of a bill: a V2B day, a reference day, or neither.';
comment on column day_class.site_id is 'Site';
comment on column day_class.month is 'Bill, YYYY-MM';
comment on column day_class.local_day is 'Local calendar day at the site';
comment on column day_class.day_class is 'v2b, reference or excluded';
comment on column day_class.basis is 'What chose the V2B days: armed (arming.csv) or observed (what was discharged)';
comment on column day_class.reason is 'Why the day is excluded, null for the others';
comment on column day_class.window_h is 'Length of the event window on this day [h]';
comment on column day_class.charge_wh is 'Energy into cars inside the event window [Wh]';
comment on column day_class.discharge_wh is 'Energy out of cars inside the event window [Wh]';
comment on column day_class.complete is 'True where meter and chargers are known all day';
comment on column day_class.like_day is 'True where the day may serve in the baseline of a later day of its kind';

create table baseline_day (
    site_id varchar not null,
    month varchar not null,
    local_day date not null,
    day_class varchar not null,
    method varchar not null,
    baseline_mean_kw double,
    baseline_peak_kw double,
    actual_mean_kw double,
    actual_peak_kw double,
    difference_kw double,
    logged_cut_kw double,
    low_kw double,
    high_kw double,
    age_days double
);
comment on table baseline_day is 'One row per site, V2B or reference day and baseline rule: the event window as other days tell it.';
comment on column baseline_day.site_id is 'Site';
comment on column baseline_day.month is 'Bill, YYYY-MM';
comment on column baseline_day.local_day is 'Local calendar day at the site';
comment on column baseline_day.day_class is 'v2b or reference';
comment on column baseline_day.method is 'Baseline rule, as in docs/methods.md';
comment on column baseline_day.baseline_mean_kw is 'Mean of the baseline in the event window, null where the rule found too few days [kW]';
comment on column baseline_day.baseline_peak_kw is 'Highest window of the baseline [kW]';
comment on column baseline_day.actual_mean_kw is 'Mean net load as metered [kW]';
comment on column baseline_day.actual_peak_kw is 'Highest window of the net load as metered [kW]';
comment on column baseline_day.difference_kw is 'Baseline less metered, means [kW]';
comment on column baseline_day.logged_cut_kw is 'Mean of discharge less charge by the charger logs [kW]';
comment on column baseline_day.low_kw is 'Lower end of the 90 % interval of the difference, by the placebo days; V2B days only [kW]';
comment on column baseline_day.high_kw is 'Upper end of the 90 % interval of the difference, by the placebo days; V2B days only [kW]';
comment on column baseline_day.age_days is 'How far back the days lie, in the mean, that the baseline rests on [d]';

create table load_interval (
    site_id varchar not null,
    month varchar not null,
    interval_start timestamptz not null,
    duration_s bigint not null,
    local_start timestamp not null,
    local_day date not null,
    metered boolean not null,
    covered boolean not null,
    charge_wh bigint not null,
    discharge_wh bigint not null,
    unmanaged_charge_wh bigint not null,
    actual_import_wh bigint not null,
    actual_export_wh bigint not null,
    no_ev_import_wh bigint not null,
    no_ev_export_wh bigint not null,
    unmanaged_import_wh bigint not null,
    unmanaged_export_wh bigint not null,
    managed_charge_wh bigint not null,
    managed_import_wh bigint not null,
    managed_export_wh bigint not null,
    dead_s bigint not null,
    served_wh bigint not null,
    reactive_varh bigint,
    standby_wh bigint not null
);
comment on table load_interval is 'One row per site and demand window: what each world draws from and feeds into the grid.';
comment on column load_interval.site_id is 'Site';
comment on column load_interval.month is 'Bill, YYYY-MM';
comment on column load_interval.interval_start is 'Start of the window, UTC';
comment on column load_interval.duration_s is 'Length of the window [s]';
comment on column load_interval.local_start is 'Start of the window on the site''s clock';
comment on column load_interval.local_day is 'Local calendar day at the site';
comment on column load_interval.metered is 'True where every billing meter measured the whole window';
comment on column load_interval.covered is 'True where every charger''s energy is known';
comment on column load_interval.charge_wh is 'Energy into cars [Wh]';
comment on column load_interval.discharge_wh is 'Energy out of cars [Wh]';
comment on column load_interval.unmanaged_charge_wh is 'Energy into cars had they charged from plug-in [Wh]';
comment on column load_interval.actual_import_wh is 'Drawn from the grid, as metered [Wh]';
comment on column load_interval.actual_export_wh is 'Fed into the grid, as metered [Wh]';
comment on column load_interval.no_ev_import_wh is 'Drawn from the grid, without any car [Wh]';
comment on column load_interval.no_ev_export_wh is 'Fed into the grid, without any car [Wh]';
comment on column load_interval.unmanaged_import_wh is 'Drawn from the grid, with the same cars charging from plug-in [Wh]';
comment on column load_interval.unmanaged_export_wh is 'Fed into the grid, with the same cars charging from plug-in [Wh]';
comment on column load_interval.managed_charge_wh is 'Energy into cars had they given nothing back, when they charged [Wh]';
comment on column load_interval.managed_import_wh is 'Drawn from the grid, with cars charging when they did and giving nothing back [Wh]';
comment on column load_interval.managed_export_wh is 'Fed into the grid, with cars charging when they did and giving nothing back [Wh]';
comment on column load_interval.dead_s is 'Time in which the grid was dead, by outages.csv or the meter [s]';
comment on column load_interval.served_wh is 'Energy out of cars while the grid was dead, in no other column [Wh]';
comment on column load_interval.reactive_varh is 'Reactive energy drawn, in all worlds as metered; null where not metered [varh]';
comment on column load_interval.standby_wh is 'Drawn by chargers outside their registers, by aux_w of the site file [Wh]';

create table billing_determinant (
    site_id varchar not null,
    month varchar not null,
    scenario varchar not null,
    charge_id varchar not null,
    band varchar not null,
    span bigint not null,
    import_wh bigint not null,
    export_wh bigint not null,
    own_peak_w decimal(38, 6),
    peak_set_at timestamptz,
    windows bigint not null,
    expected bigint not null,
    reactive_varh bigint,
    own_peak_low_w bigint,
    own_peak_high_w bigint,
    routine_import_wh bigint,
    routine_export_wh bigint,
    routine_peak_w bigint,
    routine_peak_set_at timestamptz
);
comment on table billing_determinant is 'One row per bill, scenario, charge, band and span: the quantity a price applies to.';
comment on column billing_determinant.site_id is 'Site';
comment on column billing_determinant.month is 'Bill, YYYY-MM';
comment on column billing_determinant.scenario is 'World: actual, no_ev, unmanaged or managed';
comment on column billing_determinant.charge_id is 'Charge of the tariff';
comment on column billing_determinant.band is 'Band of the charge, such as a time-of-use period';
comment on column billing_determinant.span is 'Part of the bill where prices change inside it, counted from 0 [1]';
comment on column billing_determinant.import_wh is 'Energy drawn from the grid [Wh]';
comment on column billing_determinant.export_wh is 'Energy fed into the grid [Wh]';
comment on column billing_determinant.own_peak_w is 'What a demand charge reads off the bill, in VA or var where it bills that [W]';
comment on column billing_determinant.peak_set_at is 'Start of the window that set it, UTC';
comment on column billing_determinant.windows is 'Windows with data [count]';
comment on column billing_determinant.expected is 'Windows of these hours in the bill [count]';
comment on column billing_determinant.reactive_varh is 'Reactive energy, null where not metered throughout [varh]';
comment on column billing_determinant.own_peak_low_w is 'Least apparent or reactive power of a rebuilt world [W]';
comment on column billing_determinant.own_peak_high_w is 'Most apparent or reactive power of a rebuilt world [W]';
comment on column billing_determinant.routine_import_wh is 'import_wh without the load of events.csv, null where none is known [Wh]';
comment on column billing_determinant.routine_export_wh is 'export_wh without the load of events.csv, likewise [Wh]';
comment on column billing_determinant.routine_peak_w is 'own_peak_w without the load of events.csv, likewise [W]';
comment on column billing_determinant.routine_peak_set_at is 'Start of the window that would have set it, UTC';

create table bill_line (
    site_id varchar not null,
    month varchar not null,
    scenario varchar not null,
    position bigint not null,
    charge_id varchar not null,
    band varchar not null,
    kind varchar not null,
    description varchar not null,
    unit varchar not null,
    quantity decimal(38, 12),
    rate decimal(38, 12),
    amount decimal(38, 12) not null,
    set_at timestamptz,
    own_peak_kw decimal(38, 12),
    billing_demand_kw decimal(38, 12),
    carried_from varchar
);
comment on table bill_line is 'One row per bill, scenario and line, in the order of the bill.';
comment on column bill_line.site_id is 'Site';
comment on column bill_line.month is 'Bill, YYYY-MM';
comment on column bill_line.scenario is 'World: actual, no_ev, unmanaged or managed';
comment on column bill_line.position is 'Place on the bill, counted from 0 [1]';
comment on column bill_line.charge_id is 'Charge of the tariff';
comment on column bill_line.band is 'Band of the charge, such as a time-of-use period';
comment on column bill_line.kind is 'fixed, energy, demand, rider, tax ...';
comment on column bill_line.description is 'The line in words';
comment on column bill_line.unit is 'Unit of the quantity';
comment on column bill_line.quantity is 'Billed quantity, null where the line has none [in the line''s unit]';
comment on column bill_line.rate is 'Price of one unit, null where several apply [money per unit]';
comment on column bill_line.amount is 'Amount of the line in the site''s currency [money]';
comment on column bill_line.set_at is 'Start of the window that set a demand, UTC';
comment on column bill_line.own_peak_kw is 'Highest window mean of this bill [kW]';
comment on column bill_line.billing_demand_kw is 'Demand billed after ratchets and floors [kW]';
comment on column bill_line.carried_from is 'Bill a ratchet carried the demand from, YYYY-MM, null where this bill set it';

create table savings_month (
    site_id varchar not null,
    month varchar not null,
    bill_from date not null,
    bill_to date not null,
    currency varchar not null,
    headline varchar not null,
    state varchar not null,
    provable boolean not null,
    grade varchar,
    reasons varchar[] not null,
    demand_line varchar,
    peak_no_ev_kw double,
    peak_unmanaged_kw double,
    peak_actual_kw double,
    peak_reduction_kw double,
    baseline_set_at timestamptz,
    actual_set_at timestamptz,
    billing_no_ev_kw double,
    billing_unmanaged_kw double,
    billing_actual_kw double,
    billing_reduction_kw double,
    baseline_carried_from varchar,
    actual_carried_from varchar,
    peak_saved_pct double,
    moved_out_of_window_pct double,
    bill_saved_pct double,
    energy_no_ev_kwh double,
    energy_unmanaged_kwh double,
    energy_actual_kwh double,
    bill_no_ev decimal(38, 12),
    bill_unmanaged decimal(38, 12),
    bill_actual decimal(38, 12),
    saved decimal(38, 12),
    partial boolean not null,
    wear_low decimal(38, 12),
    wear_high decimal(38, 12),
    realised decimal(38, 12),
    bills bigint,
    provable_bills bigint,
    first_paying_month varchar,
    departures bigint,
    ready bigint,
    short bigint,
    unknown bigint,
    ready_pct double,
    charged_kwh double,
    discharged_kwh double,
    round_trip_efficiency double,
    equivalent_full_cycles double,
    check_verdict varchar,
    check_method varchar,
    check_metered_kw double,
    check_estimated_kw double,
    check_low_kw double,
    check_high_kw double,
    clock_offset_s bigint,
    beta double,
    meter_coverage_pct double,
    charger_coverage_pct double,
    input_hash varchar not null,
    result_hash varchar not null,
    summary varchar not null,
    bill_managed decimal(38, 12),
    lever_hosting decimal(38, 12),
    lever_managed_charging decimal(38, 12),
    lever_discharge decimal(38, 12),
    saved_by_energy_volume decimal(38, 12),
    saved_by_energy_shift decimal(38, 12),
    saved_by_demand_own decimal(38, 12),
    saved_by_demand_carried decimal(38, 12),
    saved_by_export decimal(38, 12),
    saved_by_riders decimal(38, 12),
    saved_by_tax decimal(38, 12),
    saved_by_other decimal(38, 12),
    locked decimal(38, 12),
    run_rate decimal(38, 12),
    reconciliation varchar,
    outage_hours double,
    ridden_through_hours double,
    served_kwh double,
    reduction_low_kw double,
    reduction_high_kw double,
    peak_saved_low_pct double,
    peak_saved_high_pct double,
    bill_saved_low_pct double,
    bill_saved_high_pct double,
    saved_low decimal(38, 12),
    saved_high decimal(38, 12),
    saved_measurement_low decimal(38, 12),
    saved_measurement_high decimal(38, 12),
    saved_modelling_low decimal(38, 12),
    saved_modelling_high decimal(38, 12),
    realised_low decimal(38, 12),
    realised_high decimal(38, 12),
    run_rate_low decimal(38, 12),
    run_rate_high decimal(38, 12),
    co2_change_kg double,
    co2_missing_hours double,
    outside_kwh double,
    outside_value decimal(38, 12),
    reduction_at_baseline_peak_kw double,
    short_kwh double,
    short_minutes double,
    available_at_peak_pct double
);
comment on table savings_month is 'One row per site and bill: the result, as in summary.json.';
comment on column savings_month.site_id is 'Site';
comment on column savings_month.month is 'Bill, YYYY-MM';
comment on column savings_month.bill_from is 'First local day of the bill';
comment on column savings_month.bill_to is 'Local day after the last of the bill';
comment on column savings_month.currency is 'ISO 4217 code of every money column of the row';
comment on column savings_month.headline is 'World V2B is compared with: unmanaged or no_ev';
comment on column savings_month.state is 'seed, ok, no_bill or failed';
comment on column savings_month.provable is 'True where the saving is proved';
comment on column savings_month.grade is 'A, B, C or F';
comment on column savings_month.reasons is 'Codes that say why a figure is null or what to know of it';
comment on column savings_month.demand_line is 'Demand line the peaks are read for';
comment on column savings_month.peak_no_ev_kw is 'Own peak without any car [kW]';
comment on column savings_month.peak_unmanaged_kw is 'Own peak with the same cars charging from plug-in [kW]';
comment on column savings_month.peak_actual_kw is 'Own peak as metered [kW]';
comment on column savings_month.peak_reduction_kw is 'Own peak of the headline world minus the metered one [kW]';
comment on column savings_month.baseline_set_at is 'Window that set the headline world''s peak, UTC';
comment on column savings_month.actual_set_at is 'Window that set the metered peak, UTC';
comment on column savings_month.billing_no_ev_kw is 'Billed demand without any car [kW]';
comment on column savings_month.billing_unmanaged_kw is 'Billed demand with the same cars charging from plug-in [kW]';
comment on column savings_month.billing_actual_kw is 'Billed demand as metered [kW]';
comment on column savings_month.billing_reduction_kw is 'Billed demand of the headline world minus the metered one [kW]';
comment on column savings_month.baseline_carried_from is 'Bill the headline world''s demand was carried from, YYYY-MM';
comment on column savings_month.actual_carried_from is 'Bill the metered demand was carried from, YYYY-MM';
comment on column savings_month.peak_saved_pct is 'Peak reduction in percent of the headline world''s peak [%]';
comment on column savings_month.moved_out_of_window_pct is 'Energy moved out of the peak window [%]';
comment on column savings_month.bill_saved_pct is 'Saving in percent of the headline world''s bill [%]';
comment on column savings_month.energy_no_ev_kwh is 'Energy drawn without any car [kWh]';
comment on column savings_month.energy_unmanaged_kwh is 'Energy drawn with the same cars charging from plug-in [kWh]';
comment on column savings_month.energy_actual_kwh is 'Energy drawn as metered [kWh]';
comment on column savings_month.bill_no_ev is 'Bill without any car [money]';
comment on column savings_month.bill_unmanaged is 'Bill with the same cars charging from plug-in [money]';
comment on column savings_month.bill_actual is 'Bill as metered [money]';
comment on column savings_month.saved is 'Headline world''s bill minus the metered one [money]';
comment on column savings_month.partial is 'True where charges of the tariff were refused';
comment on column savings_month.wear_low is 'Battery wear, low end [money]';
comment on column savings_month.wear_high is 'Battery wear, high end [money]';
comment on column savings_month.realised is 'Saved in the last twelve bills [money]';
comment on column savings_month.bills is 'Bills in that sum [count]';
comment on column savings_month.provable_bills is 'Bills of that sum with a proved saving [count]';
comment on column savings_month.first_paying_month is 'First bill whose billed demand was lower, YYYY-MM';
comment on column savings_month.departures is 'Departures of cars [count]';
comment on column savings_month.ready is 'Departures at or above the target [count]';
comment on column savings_month.short is 'Departures below the target [count]';
comment on column savings_month.unknown is 'Departures whose state of charge is unknown [count]';
comment on column savings_month.ready_pct is 'Share of departures that were ready [%]';
comment on column savings_month.charged_kwh is 'Energy into cars [kWh]';
comment on column savings_month.discharged_kwh is 'Energy out of cars [kWh]';
comment on column savings_month.round_trip_efficiency is 'Energy out over energy in for one round trip [1]';
comment on column savings_month.equivalent_full_cycles is 'Throughput in full battery cycles [1]';
comment on column savings_month.check_verdict is 'What other days say about the logged cut: confirms, consistent, contradicts or no_check';
comment on column savings_month.check_method is 'Baseline rule the verdict rests on';
comment on column savings_month.check_metered_kw is 'Mean cut in the event window of the V2B days, by the charger logs [kW]';
comment on column savings_month.check_estimated_kw is 'The same by the meter and the baseline [kW]';
comment on column savings_month.check_low_kw is 'Lower end of its 90 % interval [kW]';
comment on column savings_month.check_high_kw is 'Upper end of its 90 % interval [kW]';
comment on column savings_month.clock_offset_s is 'Offset of the charger clock that is farthest off, where the meter tells [s]';
comment on column savings_month.beta is 'What the meter saw of each kWh the chargers logged [1]';
comment on column savings_month.meter_coverage_pct is 'Windows measured by every billing meter [%]';
comment on column savings_month.charger_coverage_pct is 'Windows whose charger energy is known [%]';
comment on column savings_month.input_hash is 'Hash of everything the numbers depend on';
comment on column savings_month.result_hash is 'Hash of bill lines, peaks, fleet and provability: a report is restated when it changes';
comment on column savings_month.summary is 'The result contract as JSON, without its version block';
comment on column savings_month.bill_managed is 'Bill with cars charging when they did and giving nothing back [money]';
comment on column savings_month.lever_hosting is 'Part of the saving: the cars charge here at all, 0 unless compared with no_ev [money]';
comment on column savings_month.lever_managed_charging is 'Part of the saving: when the cars charged, modelled [money]';
comment on column savings_month.lever_discharge is 'Part of the saving: what the cars gave back [money]';
comment on column savings_month.saved_by_energy_volume is 'Part of the saving: how much energy was bought [money]';
comment on column savings_month.saved_by_energy_shift is 'Part of the saving: when it was bought [money]';
comment on column savings_month.saved_by_demand_own is 'Part of the saving: this bill''s own peaks [money]';
comment on column savings_month.saved_by_demand_carried is 'Part of the saving: earlier peaks that ratchets carry [money]';
comment on column savings_month.saved_by_export is 'Part of the saving: energy fed into the grid [money]';
comment on column savings_month.saved_by_riders is 'Part of the saving: riders, levies and credits [money]';
comment on column savings_month.saved_by_tax is 'Part of the saving: tax [money]';
comment on column savings_month.saved_by_other is 'Part of the saving: every other line, rounding included [money]';
comment on column savings_month.locked is 'What past peaks still bring if V2B stopped today and last year repeated [money]';
comment on column savings_month.run_rate is 'What twelve months like the last would save at today''s tariff [money]';
comment on column savings_month.reconciliation is 'Whether the utility''s bill bears out ours: agrees, differs or not_supplied';
comment on column savings_month.outage_hours is 'Time without a grid, by outages.csv or the meter [h]';
comment on column savings_month.ridden_through_hours is 'Time without a grid in which a car gave energy [h]';
comment on column savings_month.served_kwh is 'Energy cars gave while the grid was dead, in no saving [kWh]';
comment on column savings_month.reduction_low_kw is 'Low end of the 95 % range of the peak reduction [kW]';
comment on column savings_month.reduction_high_kw is 'High end of the 95 % range of the peak reduction [kW]';
comment on column savings_month.peak_saved_low_pct is 'Low end of the 95 % range of the peak reduction in percent [%]';
comment on column savings_month.peak_saved_high_pct is 'High end of the 95 % range of the peak reduction in percent [%]';
comment on column savings_month.bill_saved_low_pct is 'Low end of the 95 % range of the saving in percent of the bill [%]';
comment on column savings_month.bill_saved_high_pct is 'High end of the 95 % range of the saving in percent of the bill [%]';
comment on column savings_month.saved_low is 'Low end of the 95 % range of the saving, also where it is not proved [money]';
comment on column savings_month.saved_high is 'High end of the 95 % range of the saving, also where it is not proved [money]';
comment on column savings_month.saved_measurement_low is 'Low end of that range had only measurement been off [money]';
comment on column savings_month.saved_measurement_high is 'High end of that range had only measurement been off [money]';
comment on column savings_month.saved_modelling_low is 'Low end of that range had only the model been off [money]';
comment on column savings_month.saved_modelling_high is 'High end of that range had only the model been off [money]';
comment on column savings_month.realised_low is 'Low end of the 95 % range of the savings of the last twelve bills [money]';
comment on column savings_month.realised_high is 'High end of the 95 % range of the savings of the last twelve bills [money]';
comment on column savings_month.run_rate_low is 'Low end of the 95 % range of the run-rate [money]';
comment on column savings_month.run_rate_high is 'High end of the 95 % range of the run-rate [money]';
comment on column savings_month.co2_change_kg is 'CO2 emitted beside the headline world by marginal factors, below 0 where less [kg]';
comment on column savings_month.co2_missing_hours is 'Time in which V2B changed the load and no marginal CO2 factor is given [h]';
comment on column savings_month.outside_kwh is 'Energy the cars ended the bill with beyond what charging from plug-in leaves [kWh]';
comment on column savings_month.outside_value is 'That energy at the cheapest rate of the bill, in no saving [money]';
comment on column savings_month.reduction_at_baseline_peak_kw is 'Less drawn than the headline world while its peak was set [kW]';
comment on column savings_month.short_kwh is 'What cars that left short of their target lacked, all together [kWh]';
comment on column savings_month.short_minutes is 'How long full power would have taken to make good what they lacked [min]';
comment on column savings_month.available_at_peak_pct is 'Share of chargers with a car while the metered peak was set [%]';

create table utility_bill (
    site_id varchar not null,
    month varchar not null,
    figure varchar not null,
    unit varchar not null,
    charge_id varchar,
    ours decimal(38, 12),
    utility decimal(38, 12) not null,
    difference_pct double,
    cause varchar
);
comment on table utility_bill is 'One row per figure of a bill that the utility states in utility_bills.csv, beside ours.';
comment on column utility_bill.site_id is 'Site';
comment on column utility_bill.month is 'Bill, YYYY-MM';
comment on column utility_bill.figure is 'demand, energy or amount';
comment on column utility_bill.unit is 'Unit of both figures: kW, kWh or money';
comment on column utility_bill.charge_id is 'Charge of the tariff, null where the figure is of the whole bill';
comment on column utility_bill.ours is 'Our figure for the metered load, null where it is not known [in the row''s unit]';
comment on column utility_bill.utility is 'The utility''s figure [in the row''s unit]';
comment on column utility_bill.difference_pct is 'Ours minus the utility''s [%]';
comment on column utility_bill.cause is 'What the difference comes from, null where the figures agree';

create table site_month (
    site_id varchar not null,
    month varchar not null,
    state varchar not null,
    stage varchar,
    reason varchar
);
comment on table site_month is 'One row per site and bill: how far it came.';
comment on column site_month.site_id is 'Site';
comment on column site_month.month is 'Bill, YYYY-MM';
comment on column site_month.state is 'seed, ok, no_bill or failed';
comment on column site_month.stage is 'Step that failed, null where none did';
comment on column site_month.reason is 'Why it failed, in one sentence';

create table quality_finding (
    site_id varchar not null,
    month varchar not null,
    name varchar not null,
    source varchar not null,
    span_from timestamptz,
    span_to timestamptz,
    value double,
    unit varchar,
    sentence varchar not null
);
comment on table quality_finding is 'One row per finding about the data of a bill.';
comment on column quality_finding.site_id is 'Site';
comment on column quality_finding.month is 'Bill, YYYY-MM';
comment on column quality_finding.name is 'Qualified name of the finding, such as meter.gap';
comment on column quality_finding.source is 'Meter or charger it was found on';
comment on column quality_finding.span_from is 'Start of what it is about, UTC';
comment on column quality_finding.span_to is 'End of what it is about, UTC';
comment on column quality_finding.value is 'Its size [in the finding''s unit]';
comment on column quality_finding.unit is 'Unit of the value';
comment on column quality_finding.sentence is 'The finding in words';

create table report (
    site_id varchar not null,
    month varchar not null,
    version bigint not null,
    restates bigint,
    input_hash varchar not null,
    generated_at timestamptz not null,
    code varchar not null,
    subject varchar not null,
    html_sha256 varchar not null,
    generated_before timestamptz,
    saved_before decimal(38, 12),
    peak_reduction_before_kw double,
    grade_before varchar
);
comment on table report is 'One row per site and bill: the report that was rendered last.';
comment on column report.site_id is 'Site';
comment on column report.month is 'Bill, YYYY-MM';
comment on column report.version is 'Version of the report, 1 for the first [1]';
comment on column report.restates is 'Version it replaces, null for the first [1]';
comment on column report.input_hash is 'Hash of everything its numbers depend on';
comment on column report.generated_at is 'When this version was made, UTC';
comment on column report.code is 'Version of the program that made it';
comment on column report.subject is 'Subject of its e-mail';
comment on column report.html_sha256 is 'SHA-256 of report.html';
comment on column report.generated_before is 'When the version it replaces was made, UTC';
comment on column report.saved_before is 'Saving the version it replaces stated, null where it stated none [money]';
comment on column report.peak_reduction_before_kw is 'Peak reduction the version it replaces stated [kW]';
comment on column report.grade_before is 'Grade the version it replaces stated';

create table bill_source (
    site_id varchar not null,
    month varchar not null,
    source_hash varchar not null
);
comment on table bill_source is 'One row per site and bill: what its stored result was last found to answer to.';
comment on column bill_source.site_id is 'Site';
comment on column bill_source.month is 'Bill, the month it ends in as YYYY-MM';
comment on column bill_source.source_hash is 'Hash of all records, settings and earlier bills that were read for it';

create table determinant_draw (
    site_id varchar not null,
    month varchar not null,
    scenario varchar not null,
    charge_id varchar not null,
    band varchar not null,
    span bigint not null,
    import_wh bigint[] not null,
    export_wh bigint[] not null,
    own_peak_w bigint[] not null
);
comment on table determinant_draw is 'One row per bill, charge, band and span of the compared world: what each draw of its range measured.';
comment on column determinant_draw.site_id is 'Site';
comment on column determinant_draw.month is 'Bill, YYYY-MM';
comment on column determinant_draw.scenario is 'World: no_ev or unmanaged';
comment on column determinant_draw.charge_id is 'Charge of the tariff';
comment on column determinant_draw.band is 'Band of the charge, such as a time-of-use period';
comment on column determinant_draw.span is 'Part of the bill where prices change inside it, counted from 0 [1]';
comment on column determinant_draw.import_wh is 'Energy drawn from the grid, one number a draw [Wh]';
comment on column determinant_draw.export_wh is 'Energy fed into the grid, one number a draw [Wh]';
comment on column determinant_draw.own_peak_w is 'What a demand charge reads off the bill, one number a draw, null for other charges [W]';

create table saving_draw (
    site_id varchar not null,
    month varchar not null,
    saved double[] not null,
    bias double not null,
    open_below double not null,
    open_above double not null
);
comment on table saving_draw is 'One row per site and bill with a range: what each draw saved.';
comment on column saving_draw.site_id is 'Site';
comment on column saving_draw.month is 'Bill, YYYY-MM';
comment on column saving_draw.saved is 'Bill of the compared world less the metered one, one number a draw [money]';
comment on column saving_draw.bias is 'What noise adds to the highest window, as money: taken out twice of a range [money]';
comment on column saving_draw.open_below is 'How much less than the draws windows without data may have saved [money]';
comment on column saving_draw.open_above is 'How much more than the draws windows without data may have saved [money]';

create table meter_reactive (
    site_id varchar not null,
    meter_id varchar not null,
    interval_start timestamptz not null,
    duration_s bigint not null,
    reactive_varh bigint not null,
    quality reading_quality not null,
    load_id bigint not null
);
comment on table meter_reactive is 'One row per meter and interval: the reactive energy it measured.';
comment on column meter_reactive.site_id is 'Site';
comment on column meter_reactive.meter_id is 'Meter, by its configured id';
comment on column meter_reactive.interval_start is 'Start of the interval, UTC';
comment on column meter_reactive.duration_s is 'Length of the interval [s]';
comment on column meter_reactive.reactive_varh is 'Reactive energy drawn, negative where it was given back [varh]';
comment on column meter_reactive.quality is 'measured or estimated';
comment on column meter_reactive.load_id is 'The file the value came from, as in source_file [1]';

create table meter_reactive_history (
    site_id varchar not null,
    meter_id varchar not null,
    interval_start timestamptz not null,
    duration_s bigint not null,
    reactive_varh bigint not null,
    quality reading_quality not null,
    load_id bigint not null,
    superseded_by bigint not null
);
comment on table meter_reactive_history is 'One row per earlier value of reactive energy that a later file replaced.';
comment on column meter_reactive_history.site_id is 'Site';
comment on column meter_reactive_history.meter_id is 'Meter, by its configured id';
comment on column meter_reactive_history.interval_start is 'Start of the interval, UTC';
comment on column meter_reactive_history.duration_s is 'Length of the interval [s]';
comment on column meter_reactive_history.reactive_varh is 'Reactive energy drawn, negative where it was given back [varh]';
comment on column meter_reactive_history.quality is 'measured or estimated';
comment on column meter_reactive_history.load_id is 'The file the value came from, as in source_file [1]';
comment on column meter_reactive_history.superseded_by is 'The file that replaced this value, as in source_file [1]';
