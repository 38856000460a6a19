"""Each sample is rendered once for all tests of a session."""

from functools import lru_cache

import pytest

from reports.inputs import RenderedReport
from reports.monthly import render_report
from tests.reports.samples import SAMPLES


@lru_cache
def rendered(name: str) -> RenderedReport:
    """The report of a sample by name."""
    return render_report(SAMPLES[name]())


@pytest.fixture
def good() -> RenderedReport:
    return rendered("good")


@pytest.fixture
def render():
    return rendered
