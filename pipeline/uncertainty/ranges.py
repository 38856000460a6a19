"""Order statistics of draws, allowing for the bias that a maximum makes of noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.uncertainty.draws import DRAWS, IN_STEP, Reals

LOW_RANK: Final = 5
TELLING_BIAS: Final = 0.1
"""Share of a range's width beyond which its bias is a finding."""


@dataclass(frozen=True)
class Range:
    """A 95 % range of one figure, in its unit; `bias` is what noise adds to the figure."""

    low: float
    high: float
    bias: float

    @property
    def width(self) -> float:
        """Return the high end less the low end."""
        return self.high - self.low

    @property
    def biased(self) -> bool:
        """Tell whether the bias is more than a tenth of the width."""
        return abs(self.bias) > TELLING_BIAS * self.width

    def holding(self, point: float) -> Range:
        """Return the range with the figure itself inside."""
        return Range(min(self.low, point), max(self.high, point), self.bias)

    def widened(self, low: float, high: float) -> Range:
        """Return the range with its ends moved outwards by what else can be off."""
        return Range(self.low - low, self.high + high, self.bias)


def range_of(values: Reals, bias: float = 0.0) -> Range:
    """Return the range of a figure from its draws; `bias` is what noise alone adds to it on average.

    The highest of many noisy windows lies above the highest true one, so that noise in the readings has lifted the
    figure by about b and its draws by 2b. What is unknown between two readings was smoothed instead: there the truth is
    one of the draws. Which of the two holds is not told, so that the range covers both, from the draws to those moved
    by -2b. What is off in every window alike (a gain, a clock) adds no such bias.
    """
    in_order = np.sort(values)
    low, high = (float(in_order[rank - 1]) for rank in _rank(len(values)))
    return Range(min(low, low - 2 * bias), max(high, high - 2 * bias), bias)


def range_of_either(values: Reals, bias: float = 0.0) -> Range:
    """Return the range of a figure that covers both kinds of its draws, those in step and the others; `bias` of these.

    Nothing told says whether chargers change their power where windows begin. If they do, then the truth lies at the
    end of what clocks and readings leave open, not in its middle, and for every charger at the same end.
    """
    in_step = IN_STEP[: len(values)]
    apart, stepped = range_of(values[~in_step], bias), range_of(values[in_step])
    return Range(min(apart.low, stepped.low), max(apart.high, stepped.high), bias)


def at_ends(values: Reals, bias: float = 0.0) -> set[int]:
    """Return the numbers of the draws that make the ends of `range_of_either`."""
    ends = []
    for kind in (np.flatnonzero(~IN_STEP), np.flatnonzero(IN_STEP)):
        order = kind[np.argsort(values[kind], kind="stable")]
        ends += [int(order[rank - 1]) for rank in _rank(len(kind))]
    reach = np.where(IN_STEP, 0.0, 2 * bias)
    least, most = np.minimum(values, values - reach), np.maximum(values, values - reach)
    return {min(ends, key=lambda draw: least[draw]), max(ends, key=lambda draw: most[draw])}


def _rank(count: int) -> tuple[int, int]:
    """The ranks that leave 2.5 % on either side: 5 and 195 of 199."""
    low = max(1, round((count + 1) * LOW_RANK / (DRAWS + 1)))
    return low, count + 1 - low
