"""A worker of a cluster that is killed, and one that runs out of memory: no byte is lost."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SAID = (
    "cluster: a worker must have memory enough for its part, and one had too little ('Unable to ",
    "'). Reserve more CPUs for each (--cpus), so that fewer share a machine, and run the same "
    "again: what is finished is kept.",
)
SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "cluster.py"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install 'repviz-toolkit[cluster]'",
)
@pytest.mark.parametrize("fault", ["worker", "memory"])
def test_the_bytes_are_those_of_one_process(tmp_path, fault, record_property):
    words = [tmp_path, "--rows", "320", "--fault", fault]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failed"]
    assert found["finished"]
    assert found["equal"]
    assert ("said" in found) == (fault == "memory")
    assert found.get("said", SAID[0] + SAID[1]).startswith(SAID[0])
    assert found.get("said", SAID[0] + SAID[1]).endswith(SAID[1])
    record_property("faults", 1)
