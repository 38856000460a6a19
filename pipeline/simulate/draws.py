"""Random draws that are the same on every machine: integers only, one named stream a purpose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Draws:
    """A stream of integers that depends on nothing but its name, so that one purpose never shifts another's draws."""

    def __init__(self, *name: object) -> None:
        self._source = random.Random("/".join(str(part) for part in name))  # noqa: S311 - repeatable, not secret

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included, each as likely as another."""
        return low + self._source.randrange(high - low + 1)

    def bell(self, spread: int) -> int:
        """Return an integer around 0, at most `spread` away: the mean of four even draws, near ones likelier."""
        total = sum(self.between(-spread, spread) for _ in range(4))
        return total // 4 if total >= 0 else -(-total // 4)

    def hits(self, percent: int) -> bool:
        """Return True in `percent` of 100 draws."""
        return self.between(0, 99) < percent

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Return `count` different items (all, where there are fewer), each set as likely as another."""
        left = list(items)
        return [left.pop(self.between(0, len(left) - 1)) for _ in range(min(count, len(left)))]
