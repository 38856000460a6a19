"""Files to records ahead of loading: small ones side by side, large ones piece by piece."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pipeline.ingest import Records, read_file
from pipeline.ingest.batches import read_batches
from pipeline.ingest.parquet import is_long
from pipeline.journal import SeenFile

T = TypeVar("T")

_SMALL_BYTES: Final = 8 << 20
_AHEAD: Final = 8
_PIECES_AHEAD: Final = 3  # DuckDB takes most pieces quickly and some, which fill its row groups, slowly
_WORKERS: Final = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Unread:
    """A file about to be loaded; `pieces` gives its records, perhaps read already."""

    file: SeenFile
    path: Path
    hints: Sequence[str]
    read: Future[Records] | None

    def pieces(self, make_ready: Callable[[Records], T], *, by_time: bool) -> Iterator[T]:
        """Yield what `make_ready` makes of the file's records, a large file in pieces, each while the last is loaded.

        Raises OutOfOrderError where the file has to be read `by_time`.
        """
        if self.read is not None:
            yield make_ready(self.read.result())
        else:
            yield from _some_ahead(map(make_ready, read_batches(self.path, self.hints, by_time=by_time)))


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
