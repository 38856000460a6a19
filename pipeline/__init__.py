"""V2B Savings: what vehicle-to-building was really worth.

The rooms, in reading order (each may import only those above it; `tests/test_architecture.py` keeps the rule):

domain       words of the field: scenarios, record shapes, error classes, reason codes
calendars    local days, DST, holidays, bill periods, window grids
portfolio    v2b.toml, sites/*.toml and the CSV tables beside them, validated
ingest       files -> records and rejects, one file per format
charging     charger registers -> sessions and energy per demand window
tariff       tariff files -> charges -> determinants -> bill lines
baselines    other days -> what the building would have drawn: day matching, regression, the independent check
scenarios    the worlds a bill is computed for: actual, no_ev, unmanaged, managed
quality      gaps and other findings about the data
pricing      any load under any tariff: bills in order
savings      two bills -> peak, percent, money, annual figures
fleet        departures and whether each car was ready
uncertainty  the headline drawn many times within what its sources allow, each draw billed whole
chain        the one composition: a month's frames in, result frames out
delivery     what is due, letters as MIME messages, SMTP (the only room that imports smtplib)
warehouse    DuckDB: migrate, replace, query, publish (the only room that imports duckdb)
journal      the append-only journal: files seen, reports issued, outbox
simulate     portfolios with known truth, with plain arithmetic of their own
steps        what each asset does at the edge: disk, clock, journal and warehouse in hand
assets       the Dagster shell over the steps
definitions  all assets, checks, jobs and schedules: the one name workspace.yaml knows
cli          the `v2b` command
"""

__version__ = "0.1.0"
