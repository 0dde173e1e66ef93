"""Counts the faults that the tests of this folder inject, and the seed they are drawn with.

    python -m pytest tests/faults          # REPVIZ_FAULT_SEED=7 for other faults

A test says how many it injected by ``record_property("faults", n)``.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

SEED = int(os.environ.get("REPVIZ_FAULT_SEED", "0"))


@pytest.fixture(scope="session")
def fault_seed() -> int:
    """Seed of the faults that are drawn at random."""
    return SEED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [
        one
        for several in terminalreporter.stats.values()
        for one in several
        if getattr(one, "when", "") == "call"  # the report of the teardown repeats it
    ]
    faults = [
        n for one in reports for name, n in getattr(one, "user_properties", ()) if name == "faults"
    ]
    if faults:
        terminalreporter.write_line(f"{sum(faults)} faults injected, seed {SEED}")
