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

import repviz
from repviz import cli, cluster, remote
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import Unavailable
from repviz.images import open_images

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install 'repviz-toolkit[cluster]'",
)

BENCH = Path(__file__).parent.parent / "scripts" / "bench"


def trial(script, folder, *words):
    """What a script of scripts/bench finds in ``folder``: the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, BENCH / script, folder, *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@needs_ray
@pytest.mark.slow
def test_a_machine_that_dies_costs_nothing(tmp_path):
    found = trial("cluster.py", tmp_path, "--rows", "640")
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


@pytest.mark.parametrize("words", [["extract", "alexnet"], ["sweep"]])
def test_the_command_line_says_it_too(monkeypatch, capsys, tmp_path, words):
    monkeypatch.setitem(sys.modules, "ray", None)
    where = ["--images", "drawn-faces:4", "--out", str(tmp_path / "a"), "--cluster", "auto"]
    monkeypatch.setattr(sys, "argv", ["repviz", *words, *where])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "pip install 'repviz-toolkit[cluster]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_ray_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable) as error:
        cluster.run_parts(print, 2)
    assert str(error.value) == (
        "cluster: the package ray is needed, and it is not installed. Install it: pip install "
        "'repviz-toolkit[cluster]'."
    )


@needs_ray
@pytest.mark.slow
def test_a_sweep_on_two_machines_one_of_which_dies_is_that_of_one_process(tmp_path):
    found = trial("cluster_sweep.py", tmp_path, "--limit", "120")
    assert found["different"] == []
    assert found["killed_at"] < found["fits"]


@pytest.mark.slow
def test_fits_that_start_together_are_those_of_a_sweep_in_turn(tmp_path):
    images = open_images("digits", size=16, grey=True, limit=120)
    begun = []

    def start(call):
        begun.append(call)
        found = call()
        return lambda: found

    def sweep(name):
        out, setup = tmp_path / name, SweepSetup(effort=0.05, splits=2)
        repviz.sweep(images, bottlenecks=[2, 4], out=out, engines=["linear-start"], setup=setup)
        return {
            path.relative_to(out): path.read_bytes()
            for path in out.rglob("*")
            if path.suffix in (".csv", ".npy", ".safetensors")
        }

    with remote.started_by(start):
        together = sweep("together")
    assert len(begun) == 4  # two sizes, two splits; PCA stays here
    assert together == sweep("in turn")
    with remote.started_by(start):
        sweep("together")
    assert len(begun) == 4  # what is finished is not begun again
