"""Measured times, each beside a floor: the least any program must do with the same input. `make bench` runs them.

cases    what is measured
loading  a large meter CSV into the warehouse, each side in a process of its own
tariffs  exact bills of many site-years, beside plain SQL and NREL PySAM; a run of its own
baselines  how near each baseline comes and what it costs, beside opendsm; a run of its own
formats  OCPP logs beside read_json, Green Button beside greenbutton-objects; a run of its own
"""
