"""Colours tell apart what they mean for every kind of eye, by simulation, and can be read on their ground.

Dichromacy after Machado, Oliveira and Fernandes, 'A physiologically-based model for simulation of color vision
deficiency', IEEE TVCG 15 (2009), severity 1.0; lightness and difference in CIE L*a*b*; contrast by WCAG 2.1, 1.4.3.
"""

from itertools import combinations

import numpy as np
import pytest

from reports import theme

MACHADO = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
DISTINCT = 20  # difference in L*a*b*; about 2 is just noticeable side by side
MEANINGS = {"saved": theme.SAVED, "added": theme.ADDED, "meter": theme.METER, "baseline": theme.BASELINE}
TINTS = {"saved": theme.SAVED_TINT, "added": theme.ADDED_TINT, "band": theme.BAND}


def linear(colour: str) -> np.ndarray:
    """A colour as linear light."""
    values = np.array(list(bytes.fromhex(colour[1:]))) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """Linear light as CIE L*a*b* under D65."""
    ratio = TO_XYZ @ np.clip(light, 0, 1) / (TO_XYZ @ np.ones(3))
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(first: str, second: str, eye: str) -> float:
    seen = [lab(np.array(MACHADO[eye]) @ linear(colour)) for colour in (first, second)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def contrast(first: str, second: str) -> float:
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def test_the_simulation_keeps_grey_grey_and_joins_red_and_green() -> None:
    for matrix in MACHADO.values():
        assert np.allclose(np.array(matrix) @ np.ones(3), 1, atol=2e-4)
    assert difference("#c02020", "#508020", "deutan") < 0.4 * difference("#c02020", "#508020", "normal")


@pytest.mark.parametrize("eye", MACHADO)
def test_meanings_stay_apart_for_every_eye(eye: str) -> None:
    for first, second in combinations(MEANINGS, 2):
        assert difference(MEANINGS[first], MEANINGS[second], eye) > DISTINCT, (first, second)
    for first, second in combinations(TINTS, 2):
        assert difference(TINTS[first], TINTS[second], eye) > DISTINCT / 2, (first, second)
    assert difference(theme.shade(-1), theme.shade(1), eye) > DISTINCT
    assert difference(theme.shade(-0.01), theme.shade(0.01), eye) > DISTINCT / 2


@pytest.mark.parametrize("text", [theme.INK, theme.MUTED, theme.SAVED_TEXT, theme.ADDED_TEXT, theme.METER])
@pytest.mark.parametrize("ground", [theme.PAPER, theme.BAND])
def test_text_can_be_read(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("mark", [theme.ADDED, theme.METER, theme.BASELINE, theme.READY])
def test_marks_can_be_seen(mark: str) -> None:
    assert contrast(mark, theme.PAPER) >= 3


def test_ends_of_a_scale_are_alike_in_strength() -> None:
    ends = [lab(linear(theme.shade(sign)))[0] for sign in (-1, 1)]
    assert abs(ends[0] - ends[1]) < 10
