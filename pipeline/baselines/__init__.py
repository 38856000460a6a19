"""What the building would have drawn in the event window of a day, told by other days: the independent check.

Everything is built on the load without cars, in look-back and adjustment alike, so that charging neither raises nor
lowers a baseline.

methods       the rules, rows of methods.toml
day_grid      windows of a load as days x slots of the local clock
day_class     which days are V2B days, which are reference days, which are neither and why
day_matching  like days -> the baseline of an event, for many meters at once
towt          time-of-week and temperature regression
events        the baselines of a bill's days, by every rule
fit           how well a baseline fits: CV(RMSE), NMBE
check         placebo days -> the interval around the mean cut, and the verdict
"""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.baselines.methods import DAY_MATCHING, REGRESSIONS, DayMatching, Regression
from pipeline.baselines.day_grid import DayGrid, DaySlots
from pipeline.baselines.day_class import DAY_CLASS, DayClasses, EventDays, classify_days
from pipeline.baselines.day_matching import DayBaselines, Events, match_days
from pipeline.baselines.towt import Towt, fit_towt
from pipeline.baselines.events import BASELINE_DAY, SiteDays, baselines_of
from pipeline.baselines.fit import Fit, goodness_of_fit
from pipeline.baselines.check import PLACEBO_DAYS, Check, DayErrors, independent_check, student_quantile

__all__ = [
    "BASELINE_DAY",
    "DAY_CLASS",
    "DAY_MATCHING",
    "PLACEBO_DAYS",
    "REGRESSIONS",
    "Check",
    "DayBaselines",
    "DayClasses",
    "DayErrors",
    "DayGrid",
    "DayMatching",
    "DaySlots",
    "EventDays",
    "Events",
    "Fit",
    "Regression",
    "SiteDays",
    "Towt",
    "baselines_of",
    "classify_days",
    "fit_towt",
    "goodness_of_fit",
    "independent_check",
    "match_days",
    "student_quantile",
]
