"""A line no meter writes costs the file, before it costs the memory."""

from pipeline.ingest.long_lines import LONGEST_LINE_BYTES, overlong_line

HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"


def test_an_endless_line_is_refused_with_its_number_and_beginning(read):
    found = read(HEADER + "M1,2013-07-10T00:00:00Z,3600,1,0\nabc" + "x" * (2 * LONGEST_LINE_BYTES))
    reject = found.rejects.row(0, named=True)
    assert (found.format, dict(found.frames), found.rejects.height) == ("canonical_csv", {}, 1)
    assert (reject["position"], reject["field"], reject["value"]) == ("line 3", "length", "over 1048576 bytes")
    assert len(reject["raw"]) == 80


def test_lines_that_end_are_none_of_its_business(tmp_path):
    path = tmp_path / "x"
    for end in (b"\n", b"\r"):
        path.write_bytes((b"a" * (LONGEST_LINE_BYTES // 2) + end) * 5)
        assert overlong_line(path) is None
    path.write_bytes(b"")
    assert overlong_line(path) is None


def test_an_unterminated_file_shorter_than_the_limit_is_read(read):
    assert read(HEADER + "M1,2013-07-10T00:00:00Z,3600,1,0").frames["meter"].height == 1
