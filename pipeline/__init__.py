"""V2B Savings: what vehicle-to-building was really worth.

The rooms, in reading order (each may import only those above it; `tests/test_architecture.py` keeps the rule):

domain       words of the field: scenarios, record shapes, error classes, reason codes
calendars    local days, DST, holidays, bill periods, window grids
portfolio    v2b.toml, sites/*.toml and the CSV tables beside them, validated
ingest       files -> records and rejects, one file per format
charging     charger registers -> sessions and energy per demand window
tariff       tariff files -> charges -> determinants -> bill lines
scenarios    the worlds a bill is computed for: actual, no_ev, unmanaged
fleet        departures and whether each car was ready
savings      two bills -> peak, percent, money, annual figures
chain        the one composition: a month's frames in, result frames out
warehouse    DuckDB: migrate, replace, query, publish (the only room that imports duckdb)
journal      the append-only journal: files seen, reports issued, outbox
simulate     portfolios with known truth, with plain arithmetic of their own
delivery     MIME and the outbox
assets       the Dagster shell; definitions builds it
cli          the `v2b` command
"""

__version__ = "0.1.0"
