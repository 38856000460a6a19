"""Files to records: one module per format, each with `sniff(head)` and `read(path, hints)`; `formats` routes.

In reading order: cells (text to values), records (what comes out), whole_wh, plain_times and plain_meter (the plainest
spellings), canonical_csv, canonical_blocks and charger_blocks (the same at size), ocpp_names, ocpp_log
(lines to messages), ocpp_blocks (a log in pieces), ocpp_columns, ocpp_counts, ocpp_page (many lines by their bytes),
ocpp_frames, ocpp_shapes, ocpp_bulk and ocpp_alike (lines alike at once), ocpp_values,
ocpp_sessions and ocpp (messages to readings), espi_alike (readings alike at once), espi_xml, espi_series,
espi_intervals, espi (Green Button), nem12_lines, nem12_days, nem12,
csv_profile, csv_lines, csv_stamps, profile_csv
(CSV of others by profile), local_time (wall clock to UTC), json_sessions, ocpi, acn, ocmf,
long_lines, parquet, archive (files of files), formats, batches (a file in pieces), created (when it was made).
"""

from pipeline.ingest.formats import FORMATS, Format, read_file
from pipeline.ingest.local_time import localised
from pipeline.ingest.records import LocalRecords, Records, refusal

__all__ = ["FORMATS", "Format", "LocalRecords", "Records", "localised", "read_file", "refusal"]
