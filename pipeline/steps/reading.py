"""Files to records ahead of loading: small ones side by side, large ones piece by piece."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from pipeline.domain import V2BError
from pipeline.ingest import Records, read_file
from pipeline.ingest.batches import read_batches
from pipeline.ingest.formats import unreadable
from pipeline.ingest.parquet import is_long
from pipeline.journal import SeenFile

T = TypeVar("T")

_SMALL_BYTES: Final = 8 << 20
_AHEAD: Final = 8
_PIECES_AHEAD: Final = 3  # DuckDB takes most pieces quickly and some, which fill its row groups, slowly
_WORKERS: Final = min(4, os.cpu_count() or 1)


class UnreadableError(V2BError):
    """A file cannot be read to its end."""

    def __init__(self, refused: Records) -> None:
        super().__init__(refused)
        self.refused = refused


@dataclass(frozen=True)
class Unread:
    """A file about to be loaded; `pieces` gives its records, perhaps read already."""

    file: SeenFile
    path: Path
    hints: Sequence[str]
    read: Future[Records] | None

    def pieces(self, make_ready: Callable[[Records], T], *, by_time: bool) -> Iterator[T]:
        """Yield what `make_ready` makes of the file's records, a large file in pieces, each while the last is loaded.

        Raises OutOfOrderError where the file has to be read `by_time`, UnreadableError where it cannot be read on.
        """
        if self.read is not None:
            yield make_ready(self.read.result())
        else:
            yield from _some_ahead(map(make_ready, _read_on(read_batches(self.path, self.hints, by_time=by_time))))

    def as_refused(self, refused: Records) -> Unread:
        """Return the file as if it had been read and refused as a whole."""
        read = Future[Records]()
        read.set_result(refused)
        return replace(self, read=read)


def _read_on(batches: Iterator[Records]) -> Iterator[Records]:
    try:
        yield from batches
    except OSError as error:
        raise UnreadableError(unreadable(error)) from None


def _some_ahead(pieces: Iterator[T]) -> Iterator[T]:
    """Yield pieces in their order, the next ones being read while the last one is loaded."""
    waiting: deque[Future[T | None]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="v2b-read") as pool:
        try:
            waiting.extend(pool.submit(next, pieces, None) for _ in range(_PIECES_AHEAD))
            while (piece := waiting.popleft().result()) is not None:
                waiting.append(pool.submit(next, pieces, None))
                yield piece
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def read_ahead(files: Sequence[tuple[SeenFile, Path]]) -> Generator[Unread, None, None]:
    """Yield files in the given order, while the next small ones are being read; their order changes nothing."""
    waiting: deque[Unread] = deque()
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="v2b-read") as pool:
        try:
            for file, path in files:
                waiting.append(_started(pool, file, path))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _started(pool: ThreadPoolExecutor, file: SeenFile, path: Path) -> Unread:
    named = Path(file.path)
    hints = [*named.parts[:-1], named.stem]
    small = path.is_file() and path.stat().st_size <= _SMALL_BYTES and not is_long(path)
    return Unread(file, path, hints, pool.submit(read_file, path, hints) if small else None)
