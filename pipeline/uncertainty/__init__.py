"""How sure the headline is: the rebuilt world drawn many times within what its sources allow, each draw billed whole.

Nothing here is a kW interval times a price: peaks, ratchets, tiers and rounding are inside. Metered windows have no
error; only what was added back or modelled varies.

draws        numbers that depend on nothing but their name
registers    what one register says of windows, and leaves open
sources      what can be off, by how much, and the rows a draw adds up
worlds       draws x windows of the world V2B is compared with
exact        what all draws of a bill come to at once, in whole numbers
drawn        what the draws of a bill measured, as stored
bills        a bill for every draw, each with its own past peaks
ranges       order statistics, allowing for the bias of a maximum and for power that changes in steps
year         figures that the draws of many bills make
"""

from pipeline.uncertainty.bills import BilledSet, DrawnBills, Terms, past_of_draws
from pipeline.uncertainty.drawn import DETERMINANT_DRAW, Changes, DrawnBill, as_drawn, peaks_w
from pipeline.uncertainty.draws import DRAWS, IN_STEP, Ints, Reals, bell, even, signed
from pipeline.uncertainty.exact import Past
from pipeline.uncertainty.ranges import Range, at_ends, range_of, range_of_either
from pipeline.uncertainty.registers import Flags
from pipeline.uncertainty.sources import DC_LOSS, Axis, ChargerSource, Clock, Deviations, DrawnSet, Sources
from pipeline.uncertainty.worlds import Rebuilt
from pipeline.uncertainty.year import SAVING_DRAW, DrawnSaving

__all__ = [
    "DC_LOSS",
    "DETERMINANT_DRAW",
    "DRAWS",
    "IN_STEP",
    "SAVING_DRAW",
    "Axis",
    "BilledSet",
    "Changes",
    "ChargerSource",
    "Clock",
    "Deviations",
    "DrawnBill",
    "DrawnBills",
    "DrawnSaving",
    "DrawnSet",
    "Flags",
    "Ints",
    "Past",
    "Range",
    "Reals",
    "Rebuilt",
    "Sources",
    "Terms",
    "as_drawn",
    "at_ends",
    "bell",
    "even",
    "past_of_draws",
    "peaks_w",
    "range_of",
    "range_of_either",
    "signed",
]
