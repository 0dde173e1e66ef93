"""Parts on a cluster: two machines, one of which dies, give the bytes of one process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
import threading
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import repviz
from repviz import cli, cluster, remote
from repviz.activations import extraction, integrity
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import InputError, StoreError, Unavailable
from repviz.images import images_from, open_images
from repviz.models.model import Model, Preprocessing

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
def test_a_worker_that_hangs_costs_nothing(tmp_path):
    found = trial("cluster.py", tmp_path, "--rows", "320", "--fault", "hang")
    assert found["failed"]
    assert found["equal"]


class Threads:
    """What of Ray waits for tasks and cancels them, with threads as workers."""

    class exceptions:  # noqa: N801
        class RayTaskError(Exception):
            """Never raised."""

    def __init__(self, *nodes):
        self.pool, self.cancelled = futures.ThreadPoolExecutor(8), []
        self.nodes = lambda: [{"Alive": True, "Resources": one} for one in nodes]

    def start(self, work):
        stop = threading.Event()
        task = self.pool.submit(work, stop)
        task.stop = stop
        return task

    def wait(self, tasks, timeout):
        return futures.wait(tasks, timeout, futures.FIRST_COMPLETED)

    def get(self, task):
        return task.result()

    def cancel(self, task, force=False):
        self.cancelled.append((task, force))
        task.stop.set()


@pytest.fixture
def impatient(monkeypatch):
    for name, value in (("LEAST", 0.2), ("GRACE", 0.2), ("TICK", 0.05), ("WAIT", 0.1)):
        monkeypatch.setattr(cluster, name, value)


def issued(works, *, workers):
    """How often each part was issued, and what was cancelled: part, whether by force."""
    ray, times, ranks = Threads(), dict.fromkeys(works, 0), {}

    def start(rank):
        works_of_part = works[rank]
        task = ray.start(works_of_part[min(times[rank], len(works_of_part) - 1)])
        times[rank] += 1
        ranks[task] = rank
        return task

    try:
        cluster._Parts(ray, start, len(works), workers).wait()
    finally:
        for task in ranks:
            task.stop.set()
    return list(times.values()), [(ranks[task], force) for task, force in ray.cancelled]


def quick(stop):
    return 0.01


def stuck(stop):
    stop.wait()
    raise RuntimeError("cancelled")


def refused(stop):
    raise StoreError("another process computes this part")


def test_a_part_that_takes_too_long_is_issued_a_second_time(impatient):
    works = {0: [stuck, quick], 1: [quick], 2: [quick]}
    times, cancelled = issued(works, workers=2)
    assert times == [2, 1, 1]
    assert cancelled == [(0, False)]


def test_the_first_of_two_to_finish_counts(impatient):
    works = {0: [lambda stop: stop.wait() and 1.0, refused], 1: [quick]}
    times, _ = issued(works, workers=2)
    assert times == [2, 1]


def test_a_worker_that_does_not_stop_is_killed(impatient):
    killed = threading.Event()
    works = {0: [lambda stop: killed.wait(1), lambda stop: killed.wait(1)], 1: [quick]}
    times, cancelled = issued(works, workers=2)
    assert times == [2, 1]
    assert cancelled[:2] == [(0, False), (0, True)]


def test_while_all_workers_are_busy_nothing_is_issued_again(impatient):
    works = {0: [lambda stop: stop.wait(0.6) or 1.0], 1: [quick]}
    times, cancelled = issued(works, workers=1)
    assert (times, cancelled) == ([1, 1], [])


def test_an_error_is_raised_once_no_task_of_the_part_is_left(impatient):
    for second in (
        refused,
        lambda stop: stop.wait(0.3) or refused(stop),
    ):  # before the first, after
        with pytest.raises(StoreError, match="another process computes this part"):
            issued({0: [stuck, second], 1: [quick]}, workers=2)


class Waiting(nn.Module):
    """A layer that waits in its first batch until it is let go."""

    def __init__(self):
        super().__init__()
        self.linear, self.passes = nn.Linear(64, 5), 0
        self.reached, self.let_go = threading.Event(), threading.Event()

    def forward(self, x):
        self.passes += 1
        if self.passes == 4:  # three find the shapes
            self.reached.set()
            self.let_go.wait()
        return self.linear(x.flatten(1))


def test_two_workers_on_one_part_take_turns(tmp_path, impatient):
    """The second waits for the part's lock, and finds the part done."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
    images, made_for = images_from(pixels), Preprocessing((8, 8), 1, (0.5,), (0.5,))

    def worker(module, folder):
        def call(part):
            model = Model("waiting", module.eval(), made_for, ("linear",), "by hand", {})
            return extraction.extract(model, images, tmp_path / folder, part=part)

        return cluster._run(call, (0, 1), gpus=1)

    torch.manual_seed(0)
    slow = Waiting()
    second, alone = Waiting(), Waiting()
    for module in (second, alone):
        module.load_state_dict(slow.state_dict())
        module.let_go.set()
    with futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(worker, slow, "a")
        assert slow.reached.wait(20)
        other = pool.submit(worker, second, "a")
        assert not other.done()
        slow.let_go.set()
        assert min(first.result(20), other.result(20)) > 0
    assert second.passes % 3 == 0  # it found the shapes once more, and nothing left to compute
    worker(alone, "b")
    assert integrity.verify(tmp_path / "a").ok
    for file in (tmp_path / "a").rglob("*"):
        if file.is_file():
            other_file = tmp_path / "b" / file.relative_to(tmp_path / "a")
            assert file.read_bytes() == other_file.read_bytes()


def test_the_machines_of_a_cluster_have_room_for_whole_parts():
    ray = Threads({"CPU": 3.0}, {"CPU": 8.0, "GPU": 2.0}, {"memory": 1.0})
    assert cluster._workers(ray, 1, 0) == 11
    assert cluster._workers(ray, 2, 0) == 5
    assert cluster._workers(ray, 2, 1) == 2
    assert cluster._workers(ray, 1, 0.25) == 8


def test_a_task_without_a_gpu_sees_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "3")
    assert cluster._called(lambda: os.environ["CUDA_VISIBLE_DEVICES"], 0.5) == "3"
    assert cluster._called(lambda: os.environ["CUDA_VISIBLE_DEVICES"], 0) == ""


def test_what_no_machine_has_is_refused():
    with pytest.raises(Unavailable) as error:
        cluster._workers(Threads({"CPU": 2.0}, {"CPU": 4.0}), 1, 1)
    assert str(error.value) == (
        "cluster: a machine must have 1 CPUs and 1 GPUs for a part, got machines with 2 and 0; 4 "
        "and 0. Use smaller --cpus and --gpus, or add a machine."
    )


def test_a_fraction_of_several_gpus_is_refused():
    with pytest.raises(InputError) as error:
        cluster._workers(Threads(), 1, 1.5)
    assert str(error.value) == (
        "cluster: gpus must be a fraction of one GPU, or a whole number, got 1.5. For example: "
        "--gpus 0.5, where two parts share one."
    )


@pytest.mark.parametrize("words", [["extract", "alexnet"], ["sweep"]])
def test_what_tasks_have_needs_a_cluster(monkeypatch, capsys, tmp_path, words):
    where = ["--images", "drawn-faces:4", "--out", str(tmp_path / "a"), "--gpus", "1"]
    monkeypatch.setattr(sys, "argv", ["repviz", *words, *where])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "repviz: --cpus, --gpus: --cluster must name the cluster whose tasks have them, got none. "
        "For example: --cluster auto --gpus 1.\n"
    )


def test_a_device_is_refused_beside_a_cluster(monkeypatch, capsys, tmp_path):
    words = ["extract", "alexnet", "--images", "drawn-faces:4", "--out", str(tmp_path / "a")]
    words += ["--cluster", "local", "--device", "cuda:1"]
    monkeypatch.setattr(sys, "argv", ["repviz", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "repviz: --device: must be auto with --cluster, whose tasks run on the GPUs that --gpus "
        "gives them, got 'cuda:1'. For example: --cluster auto --gpus 1.\n"
    )


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
