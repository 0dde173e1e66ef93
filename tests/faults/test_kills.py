"""SIGKILL at random points of every stage; scripts/bench/kill_every_stage.py does a thousand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "kill_every_stage.py"


@pytest.mark.slow
def test_what_is_killed_and_resumed_equals_the_uninterrupted_run(record_property):
    stages = "train,extract,import,export,encoder"
    words = ["--kills", "10", "--minutes", "8", "--seed", "5", "--only", stages]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, faults = re.fullmatch(
        r"seed 5: (\d+) kills, (\d+) faults", done.stdout.splitlines()[-1]
    ).groups()
    assert int(kills) >= 10
    assert int(faults) == 0
    record_property("faults", int(kills))


@pytest.mark.slow
def test_a_file_that_a_resumed_run_leaves_or_changes_is_seen(tmp_path):
    sys.path.insert(0, str(SCRIPT.parent))
    import kill_every_stage

    for name, content in {"same": b"1", "changed": b"2", "gone": b""}.items():
        (tmp_path / name).write_bytes(content)
    expected = kill_every_stage.contents(tmp_path)
    (tmp_path / "changed").write_bytes(b"other")
    (tmp_path / "gone").unlink()
    (tmp_path / ".left.repviz.tmp").write_bytes(b"3")
    assert kill_every_stage.differences(tmp_path, expected) == [
        "gone is missing",
        ".left.repviz.tmp is left",
        "changed differs",
    ]
