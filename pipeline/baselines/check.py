"""The independent check: do the meter and other days agree with what the charger logs say was cut?

Whole-building statistics cannot see a small cut of one peak, but they see the mean cut of many days. The interval
around it is centred by placebo days (reference days treated as if they had been V2B days) and widened by how their
errors hang together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.domain import NO_CHECK

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Verdict = Literal["confirms", "consistent", "contradicts", "no_check"]

PLACEBO_DAYS: Final = 60
_LEVEL: Final = 0.95  # one side of a 90 % interval
_POWER: Final = 0.80  # the smallest detectable cut is found this often
_CONTRADICTION: Final = 0.001
_MOST_CORRELATED: Final = 0.95


@dataclass(frozen=True)
class Check:
    """What the check says; powers [kW] are means over the event window of the V2B days.

    `metered_kw` is the cut by the charger logs, `estimated_kw` that of the baselines after the placebo days' mean error
    was taken off, `low` to `high` its 90 % interval. `p_value` is the chance of so large a difference between the two,
    `z` the difference in standard errors.
    """

    verdict: Verdict
    reason: str
    v2b_days: int
    reference_days: int
    metered_kw: float | None = None
    estimated_kw: float | None = None
    low: float | None = None
    high: float | None = None
    smallest_detectable_kw: float | None = None
    p_value: float | None = None
    z: float | None = None


@dataclass(frozen=True)
class DayErrors:
    """Days of one kind, in any order, as days since 1970, and a power [kW] of each."""

    day: Whole
    kw: Floats

    def known(self) -> DayErrors:
        """Return the days with a value, in day order."""
        order = np.argsort(self.day, kind="stable")
        order = order[np.isfinite(self.kw[order])]
        return DayErrors(self.day[order], self.kw[order])


def independent_check(
    cut_kw: DayErrors, estimated_kw: DayErrors, placebo_kw: DayErrors, *, armed: bool, shared: float = 0.0
) -> Check:
    """Return the verdict on the mean cut of some days.

    `cut_kw`, `estimated_kw`: of the same V2B days, the mean of (discharge - charge) by the logs and of (baseline -
    metered) [kW]. `placebo_kw`: baseline - load without cars on each reference day [kW]. Days without a value are left
    out. `armed`: an arming log chose the days; without one nothing can be confirmed. `shared`: the part of a day's
    error [0-1] that all days of its month have in common, because their baselines rest on the same earlier days.
    """
    cut = DayErrors(cut_kw.day, np.where(np.isfinite(estimated_kw.kw), cut_kw.kw, np.nan)).known()
    estimate = DayErrors(estimated_kw.day, np.where(np.isfinite(cut_kw.kw), estimated_kw.kw, np.nan)).known()
    placebo = placebo_kw.known()
    days, references = cut.day.size, placebo.day.size
    if not days:
        return Check("no_check", NO_CHECK["no_baseline"], days, references)
    if references < PLACEBO_DAYS:
        reason = NO_CHECK["few_references"].format(references=references, needed=PLACEBO_DAYS)
        return Check("no_check", reason, days, references)
    error = _standard_error(placebo, estimate.day, shared)
    centre, tau = float(estimate.kw.mean() - placebo.kw.mean()), float(cut.kw.mean())
    half = student_quantile(_LEVEL, references - 1) * error
    p_value = _two_sided(centre - tau, error, references - 1)
    verdict, reason = _verdict(tau, centre, half, p_value, armed=armed)
    return Check(
        verdict=verdict,
        reason=reason,
        v2b_days=days,
        reference_days=references,
        metered_kw=tau,
        estimated_kw=centre,
        low=centre - half,
        high=centre + half,
        smallest_detectable_kw=half + student_quantile(_POWER, references - 1) * error,
        p_value=p_value,
        z=(centre - tau) / error if error else None,
    )


def _standard_error(placebo: DayErrors, v2b_day: Whole, shared: float) -> float:
    """The standard error of mean(V2B days) - mean(placebo days) where an error fades by rho from day to day.

    Of each error a part is common to the days of its month: `shared` at least, more where the placebo days' months
    differ by more than their days explain (a season that old baselines miss). rho is the correlation of what is left of
    neighbours.

    Days count in the order in which V2B and placebo days follow each other, so that a weekend between them does not
    matter. For a block of V2B days far from its placebo days this is s sqrt((1/m + 1/K)(1 + rho)/(1 - rho)); days that
    lie among each other share their errors, and the interval is narrower for it.
    """
    everyone = np.sort(np.concatenate([placebo.day, v2b_day]))
    error = placebo.kw - placebo.kw.mean()
    at = np.searchsorted(everyone, placebo.day)
    spread = float((error**2).sum()) / (error.size - 1)
    shared = max(shared, _common_to_months(placebo))
    neighbours = np.diff(at) == 1
    together = float((error[1:] * error[:-1])[neighbours].mean()) if neighbours.any() else 0.0
    rho = min(max((together / spread - shared) / (1 - shared), 0.0), _MOST_CORRELATED) if spread else 0.0
    weights = np.full(everyone.size, 1 / v2b_day.size)
    weights[at] = -1 / placebo.day.size
    lags = np.correlate(weights, weights, "full")[everyone.size - 1 :]  # sums of weights so many days apart
    fading = float(lags[0] + 2 * (lags[1:] @ rho ** np.arange(1, everyone.size)))
    monthly = np.bincount(_months(everyone), weights)
    alike = (1 - shared) * fading + shared * float(monthly @ monthly)
    return float(np.sqrt(max(spread * alike, 0.0)))


def _months(day: Whole) -> Whole:
    """The number of the month that each of some days in order lies in, counting only months that occur."""
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    begins = np.zeros(day.size, dtype=np.int64)
    begins[1:] = month[1:] != month[:-1]
    return np.asarray(np.cumsum(begins))


def _common_to_months(placebo: DayErrors) -> float:
    """The part of the variance of errors that days of one month have in common, by the analysis of variance.

    (MSB - MSW) / n0 is the variance between months, n0 = (n - sum(n_i^2) / n) / (groups - 1); 0 where it is below 0 or
    all days lie in one month (Searle, Casella, McCulloch: Variance Components, 1992, section 3.6).
    """
    at = _months(placebo.day)
    count = np.bincount(at)
    days, months = placebo.kw.size, count.size
    if months < 2 or months == days:
        return 0.0
    mean = np.bincount(at, placebo.kw) / count
    within = float(((placebo.kw - mean[at]) ** 2).sum()) / (days - months)
    among = float((count * (mean - placebo.kw.mean()) ** 2).sum()) / (months - 1)
    alike = (days - float((count**2).sum()) / days) / (months - 1)
    between = max((among - within) / alike, 0.0)
    return min(between / (between + within), _MOST_CORRELATED) if between else 0.0


def _two_sided(difference: float, error: float, degrees: int) -> float:
    if not error:
        return 1.0 if difference == 0 else 0.0
    from scipy import special  # noqa: PLC0415 - a fifth of a second to import, and few commands check anything

    return float(2 * special.stdtr(degrees, -abs(difference) / error))


def student_quantile(level: float, degrees: int) -> float:
    """Return the quantile of Student's t distribution; `scipy.stats`, which has it too, takes a second to import."""
    from scipy import special  # noqa: PLC0415

    return float(special.stdtrit(degrees, level))


def _verdict(tau: float, centre: float, half: float, p_value: float, *, armed: bool) -> tuple[Verdict, str]:
    if p_value < _CONTRADICTION:
        return "contradicts", "the cut in the charger logs lies far outside what the meter and other days allow"
    agrees, seen = abs(centre - tau) <= half, abs(centre) > half
    if not agrees:
        return "consistent", "the cut in the logs lies outside the 90 % interval, but not beyond chance"
    if not seen:
        return "consistent", "the meter and other days allow the cut in the logs, and no cut as well"
    if not armed:
        return "consistent", "the days were chosen by what was discharged, so nothing can be confirmed"
    return "confirms", "the meter and other days show the cut in the charger logs"
