"""Files to records: one module per format, each with `sniff(head)` and `read(path, hints)`; `formats` routes.

In reading order: records (what comes out), cells (text to values), canonical_csv, ocpp_log (lines to messages),
ocpp_columns, ocpp_sessions and ocpp16 (messages to readings), archive (files of files), formats.
"""

from pipeline.ingest.formats import FORMATS, Format, read_file
from pipeline.ingest.records import Records, refusal

__all__ = ["FORMATS", "Format", "Records", "read_file", "refusal"]
