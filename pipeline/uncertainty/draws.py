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

DRAWS: Final = 199
"""The draws of every range; bounds are order statistics 5 and 195, a 95 % range (of 200 gaps, 190 lie between)."""
_BELL: Final = 12  # even numbers in a bell-shaped one: their sum has a variance of 1


def even(*name: object, count: int = 1) -> Reals:
    """Return (DRAWS, count) numbers from 0 to 1, each as likely as another, that follow from `name` alone.

    The first draw is the middle; after it every second one mirrors the one before, so that their mean is exactly 1/2
    and a source that only scales leaves no bias.
    """
    return even_of(np.arange(count), *name, count=count)


def even_of(columns: npt.NDArray[np.int64], *name: object, count: int) -> Reals:
    """Return some columns of the `count` of `even`, by number."""
    seed = sha256("/".join(str(part) for part in name).encode()).digest()
    source = np.random.Generator(np.random.PCG64(int.from_bytes(seed)))
    half = source.random((DRAWS // 2, count))[:, columns]
    numbers = np.full((DRAWS, len(columns)), 0.5)
    numbers[1::2], numbers[2::2] = half, 1 - half
    return numbers


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
