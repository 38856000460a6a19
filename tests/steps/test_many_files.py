"""Many small files, read side by side: the same warehouse, outcomes and journal whatever the number of readers."""

from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, Lock
from zlib import crc32

import pytest

from pipeline.ingest import Records, read_file
from pipeline.ingest.records import empty_rejects
from pipeline.journal import Journal, SeenFile
from pipeline.steps import reading
from tests.steps import renditions
from tests.steps.depot import NOW, File, Rows, portfolio
from tests.steps.renditions import METER_FORMS, OCPP_FORMS, Claim

FORMS, LOGS = tuple(METER_FORMS.items()), tuple(OCPP_FORMS.values())
OCPP = renditions.ocpp_frames(8)
WRONG = (
    b"",
    b"no table at all\n",
    b"PAR1 is not enough",
    bytes(range(256)),
    b"meter_id,interval_start\nmain,2013-07-01T00:00:00Z\n",
    renditions.meter_csv([Claim(0, 30, 1000, 0)]).replace(b"2013", b"the year 2013"),
    renditions.meter_csv([Claim(0, 30, 1000, 0)]).replace(b"main", b"a stranger"),
    renditions.bundle([b"nothing to read\n"]),
)


def day(number: int) -> list[Claim]:
    """Half hours of a day; every third day says otherwise than the day before in the same place."""
    first = number - number % 3
    return [Claim(1440 * first + 30 * n, 30, 1000 + n + number, n % 5) for n in range(48)]


def sixty_files() -> list[File]:
    """Days of a meter in every format, of which files overrule each other; logs, weather, archives, and wrong files."""
    files = [(f"meter-{n}", FORMS[n % len(FORMS)][1](day(n))) for n in range(30)]
    files += [(f"log-{n}", LOGS[n % len(LOGS)](OCPP[n : n + 20])) for n in range(0, 48, 6)]
    files += [
        (f"charger-{n}", renditions.charger_csv([(60 * n, (900 + n, 0, None, 50.5, "s1", None))])) for n in range(4)
    ]
    files += [(f"weather-{n}", renditions.weather_csv(range(600 * n, 600 * n + 900, 60))) for n in range(4)]
    files += [(f"sessions-{n}", renditions.sessions_csv(range(n, n + 3))) for n in range(2)]
    files += [(f"bundle-{n}", renditions.bundle([files[n][1], WRONG[1], files[n + 31][1]])) for n in range(4)]
    files += [(f"wrong-{n}", content) for n, content in enumerate(WRONG)]
    return [(f"{crc32(name.encode()):08x}-{name}", content) for name, content in files]  # the kinds mixed


def loaded(files: Sequence[File]) -> tuple[dict[str, Rows], list[object], list[SeenFile]]:
    """Everything that a run over the files leaves behind: tables, outcomes, journal."""
    with portfolio() as depot:
        outcomes = [outcome.as_json() for outcome in depot.run(files)]
        return depot.everything(), list(outcomes), Journal(depot.root).files()


class Meeting:
    """Reads files; the first ones only when as many are being read at once as there are to be readers."""

    def __init__(self, readers: int) -> None:
        self._barrier, self._lock, self._left = Barrier(readers), Lock(), readers
        self.read = 0

    def __call__(self, path: Path, hints: Sequence[str]) -> Records:
        with self._lock:
            self.read += 1
            self._left -= 1
            meets = self._left >= 0
        if meets:
            self._barrier.wait(timeout=60)
        return read_file(path, hints)


def test_the_number_of_readers_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    files = sixty_files()
    assert len(files) == 60
    found = []
    for readers in (1, 2, 4):
        meeting = Meeting(readers)
        monkeypatch.setattr(reading, "_WORKERS", readers)
        monkeypatch.setattr(reading, "read_file", meeting)
        found.append(loaded(files))
        assert meeting.read == len(files)
    tables, outcomes, journal = found[0]
    assert {row[5] for row in tables["source_file"]} == {"loaded", "unchanged", "partial", "rejected"}
    assert all(tables.values()), "each table has rows to compare"
    assert [seen.path for seen in journal] == [outcome["path"] for outcome in outcomes]  # type: ignore[index]
    assert found[1:] == found[:1] * 2


def test_few_files_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, as many are read ahead as `_AHEAD` says, and none is dropped or told twice."""
    started = []

    def note(path: Path, hints: Sequence[str]) -> Records:
        started.append(path)
        return Records("", hints[-1], {}, empty_rejects())

    monkeypatch.setattr(reading, "read_file", note)
    path = tmp_path / "small"
    path.write_bytes(b"small")
    files = [(SeenFile(n, "", f"{n}.csv", NOW), path) for n in range(60)]
    for number, unread in enumerate(reading.read_ahead(files)):
        assert list(unread.pieces(lambda read: read.kind, by_time=False)) == [str(number)]
        assert len(started) <= number + 1 + reading._AHEAD
    assert len(started) == len(files)
