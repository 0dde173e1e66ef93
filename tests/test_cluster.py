"""Parts on a cluster: two machines, one of which dies, give the bytes of one process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from repviz import cluster
from repviz.errors import Unavailable

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install 'repviz-toolkit[cluster]'",
)

BENCH = Path(__file__).parent.parent / "scripts" / "bench"


@needs_ray
@pytest.mark.slow
def test_a_machine_that_dies_costs_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, BENCH / "cluster.py", tmp_path, "--rows", "640"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["equal"]
    assert found["finished"]
    assert (found["shards"], found["parts"]) == (40, 10)
    assert 13 <= found["shards_at_death"] < 40


@needs_ray
@pytest.mark.slow
def test_the_error_of_a_part_is_raised_as_it_is(tmp_path):
    code = textwrap.dedent("""
        from repviz.cluster import run_parts
        from repviz.errors import InputError
        def call(part):
            raise InputError(f"part {part[0]} is refused")
        try:
            run_parts(call, 1, address="local")
        except InputError as error:
            print(error)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "part 0 is refused"


@needs_ray
def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(Unavailable, match="cluster: a Ray cluster must run at 'auto', got '"):
        cluster.run_parts(print, 2)


def test_without_ray_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable) as error:
        cluster.run_parts(print, 2)
    assert str(error.value) == (
        "cluster: the package ray is needed, and it is not installed. Install it: pip install "
        "'repviz-toolkit[cluster]'."
    )
