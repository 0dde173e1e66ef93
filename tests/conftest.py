"""What several test files share."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

# As the command line sets it: threads that spin while they wait slow down a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests first, so that none of them starts at the end."""
    slow = Counter(
        item.path
        for item in items
        if item.get_closest_marker("slow") or item.get_closest_marker("browser")
    )
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Without one the test is left out; where CI is set, it fails."""
    named = os.environ.get("REPVIZ_CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sentence = f"no Chromium found: neither $REPVIZ_CHROMIUM nor {', '.join(BROWSERS)}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """A running Chromium without a GPU."""
    from browsing import ARGUMENTS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """So small a net gains nothing from more, and loses much where others use the machine too."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
