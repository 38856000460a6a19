"""What a whole OCPP log is known for: what was passed over in it, and which events of OCPP 2.x came twice or never."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline.ingest.ocpp_columns import Decoded


@dataclass
class Counts:
    """What was counted in the blocks of a log so far; `sequences` are the numbers seen of each 2.x transaction."""

    understood: int = 0
    whole_station: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    behind: bool = False
    repeated: int = 0
    plain_lines: int = 0
    sequences: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def once(self, block: Decoded) -> Decoded:
        """Count the next block of the log; returns it without the events that were there before."""
        self.understood += block.understood
        self.whole_station += block.whole_station
        self.unused.update(block.unused)
        self.behind |= block.behind
        repeated = self._repeated(block.columns.events)
        if not repeated:
            return block
        self.repeated += len(repeated)
        kept = ~pl.col("line").is_in(repeated)
        readings = block.columns.readings.filter(kept)
        samples = block.columns.samples.join(readings, on="reading", how="semi", maintain_order="left")
        columns = replace(block.columns, readings=readings, samples=samples)
        return replace(block, columns=columns, refused=block.refused.filter(kept))

    def _repeated(self, events: pl.DataFrame) -> list[int]:
        """Return the lines whose sequence number their transaction had before; message ids alone are not unique."""
        repeated: list[int] = []
        grouped = events.sort("line").group_by("charge_point", "transaction", maintain_order=True)
        for charge_point, transaction, lines, numbers in grouped.agg("line", "sequence").iter_rows():
            seen = self.sequences.setdefault((charge_point, transaction), set())
            if seen.isdisjoint(numbers) and len(set(numbers)) == len(numbers):
                seen.update(numbers)
                continue
            for line, number in zip(lines, numbers, strict=True):
                if number in seen:
                    repeated.append(line)
                seen.add(number)
        return repeated

    def notes(self) -> tuple[str, ...]:
        """Say what was passed over."""
        notes = []
        if self.unused:
            names = ", ".join(sorted(self.unused))
            notes.append(f"{self.unused.total()} messages without readings passed over: {names}")
        if self.whole_station:
            notes.append(f"{self.whole_station} MeterValues of connector 0 (the whole station) ignored")
        if self.repeated:
            notes.append(f"{self.repeated} repeated TransactionEvents (same seqNo) passed over")
        if self.plain_lines:
            notes.append(f"{self.plain_lines} lines without a message passed over")
        broken = self.broken_frame()
        if broken.height:
            ids = ", ".join(broken["transaction"].head(5))
            notes.append(f"{broken.height} transactions lack messages (gaps in seqNo) and stay incomplete: {ids}")
        return tuple(notes)

    def broken_frame(self) -> pl.DataFrame:
        """Return charge_point and transaction of those whose sequence numbers have a gap."""
        rows = [key for key, seen in self.sequences.items() if max(seen) - min(seen) >= len(seen)]
        return pl.DataFrame(sorted(rows), schema={"charge_point": pl.String, "transaction": pl.String}, orient="row")
