"""The count of cores follows what the system grants this process."""

from __future__ import annotations

import os

import pytest

from repviz import cores


@pytest.fixture(autouse=True)
def three_of_many(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "cpu.max")


@pytest.mark.parametrize(
    ("quota", "n"),
    [
        (None, 3),
        ("max 100000\n", 3),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("900000 100000\n", 3),
    ],
)
def test_a_container_may_grant_fewer_than_the_affinity(quota, n):
    if quota is not None:
        cores.QUOTA.write_text(quota)
    assert cores.usable_cores() == n


def test_where_the_system_knows_no_affinity_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.usable_cores() == 1
