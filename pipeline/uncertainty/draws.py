"""Numbers that depend on nothing but their name, so that a source drawn once stays what it is for a programme's life.

Only sums and products of evenly spread numbers: they are the same on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DRAWS: Final = 199
"""The draws of every range; between order statistics 5 and 195 of all of them lie 95 % (of 200 gaps, 190)."""
_BELL: Final = 12  # even numbers in a bell-shaped one: their sum has a variance of 1

IN_STEP: Final = ((np.arange(DRAWS) + 1) // 2 % 2 == 0) & (np.arange(DRAWS) > 0)
"""The draws in which chargers change their power where the meter's windows begin: every second pair that mirrors."""
IN_STEP.flags.writeable = False
ALL_PAIRS: Final = slice(None)
APART_PAIRS: Final = slice(0, None, 2)
"""Pairs of draws that mirror each other: all, and those that are not in step."""


def even(*name: object, count: int = 1) -> Reals:
    """Return (DRAWS, count) numbers from 0 to 1, each as likely as another, that follow from `name` alone.

    The first draw is the middle; after it every second one mirrors the one before, so that their mean is exactly 1/2
    and a source that only scales leaves no bias.
    """
    half = np.random.Generator(_bits(*name)).random((DRAWS // 2, count))
    numbers = np.full((DRAWS, count), 0.5)
    numbers[1::2], numbers[2::2] = half, 1 - half
    return numbers


def swings(instants: Ints, *name: object, pairs: slice = ALL_PAIRS) -> Reals:
    """Return (len(instants), pairs) numbers from -1/2 to 1/2, each as likely as another; of all DRAWS // 2 or of some.

    They follow from `name` and the instant alone, whatever the other instants are, and are those of every second draw:
    the draw after it has the opposite, and the first draw 0. Whole numbers multiply and add up modulo 2^64, so that
    those of any two instants are independent of each other in every draw (Dietzfelbinger 1996, "Universal hashing").
    """
    factors, summands = _hash_of_draws(*name)[:, pairs]
    mixed: Ints = (_scattered(instants)[:, None] * factors + summands).view(np.int64)
    numbers: Reals = np.multiply(mixed, 2.0**-64)
    return numbers


@lru_cache(maxsize=4096)  # a register is the same in every bill
def _hash_of_draws(*name: object) -> npt.NDArray[np.uint64]:
    raw: npt.NDArray[np.uint64] = _bits(*name).random_raw(2 * (DRAWS // 2)).reshape(2, -1)
    raw.flags.writeable = False
    return raw


def _scattered(instants: Ints) -> npt.NDArray[np.uint64]:
    """Numbers without any order in them, one an instant (SplitMix64; Steele, Lea and Flood 2014)."""
    mixed = instants.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _bits(*name: object) -> np.random.PCG64:
    seed = sha256("/".join(str(part) for part in name).encode()).digest()
    return np.random.PCG64(int.from_bytes(seed))


@lru_cache(maxsize=4096)  # a site's sources are the same in every bill
def signed(*name: object) -> Reals:
    """Return DRAWS numbers from -1 up to 1, each as likely as another; not to be written to."""
    numbers: Reals = 2 * even(*name)[:, 0] - 1
    numbers.flags.writeable = False
    return numbers


@lru_cache(maxsize=4096)
def bell(*name: object) -> Reals:
    """Return DRAWS numbers of mean 0 and variance 1, near ones likelier: sums of twelve even ones less 6; read only."""
    numbers: Reals = even(*name, count=_BELL).sum(axis=1) - _BELL / 2
    numbers.flags.writeable = False
    return numbers
