"""SIGKILL and flipped bytes at an S3 address; scripts/bench/object_store.py says what happens."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "object_store.py"


@pytest.mark.slow
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("moto", "s3fs")),
    reason="moto and s3fs are not installed: pip install 'moto[server]' s3fs",
)
def test_an_s3_server_holds_the_rows_of_a_folder_after_kills(tmp_path, record_property, fault_seed):
    words = [tmp_path, "--images", "200", "--kills", "3", "--seed", str(fault_seed)]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for name in ("equal_after_kills", "equal_of_two_writers", "equal_of_two_parts"):
        assert found[name], name
    assert found["flips_missed"] == []
    assert found["staging_left"] == []
    record_property("faults", found["kills"] + found["objects"])
