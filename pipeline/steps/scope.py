"""Which part of a portfolio a step works on, and when it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Scope:
    """The clock's time, and the months and sites to look at; None stands for all."""

    now: datetime
    months: Collection[str] | None = None
    sites: Collection[str] | None = None
    after: str | None = None  # only months later than this one, YYYY-MM

    def holds(self, site_id: str, month: str | None = None) -> bool:
        """Whether a site, or one of its months, is to be looked at."""
        of_site = self.sites is None or site_id in self.sites
        later = month is None or self.after is None or month > self.after
        return of_site and later and (month is None or self.months is None or month in self.months)
