"""What holds for every test: no test is timed, and browser tests know whether there is a browser."""

import os
import shutil

import hypothesis
import pytest

# A deadline would time the machine, not the code.
hypothesis.settings.register_profile("v2b", deadline=None)
hypothesis.settings.load_profile("v2b")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where chromium is missing, skip browser tests by name, or fail them where V2B_REQUIRE_BROWSER is set."""
    if item.get_closest_marker("browser") is None or shutil.which("chromium"):
        return
    if os.environ.get("V2B_REQUIRE_BROWSER"):
        pytest.fail("this test must run here and chromium is not installed: .ci/install-system-packages", pytrace=False)
    pytest.skip("chromium is not installed: apt-get install chromium")
