"""Benchmarks whose sides each work in a process of their own, in turns.

A script declares its tasks (:class:`Workload`) and their arms (:class:`Arm`), and calls
:func:`main`. An arm prepares its inputs outside the clock, works once on a few of them (imports,
compilation, caches), then once on all of them under the clock. A peer that cannot be imported,
fails or takes too long is left out of the table, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import (
    Comparison,
    Row,
    peak_memory,
    reset_peak,
    seconds,
    show,
    table_parser,
    version_of,
    work_folder,
)

PEERS = Path(os.environ.get("PEERS", Path(__file__).parents[2] / "build" / "peers"))
LONGEST = 600  # seconds that an arm may take
UNITS = {"wall time": "s", "processor time": "s", "peak memory": "MiB", "added memory": "MiB"}
TIMES = ("wall time", "processor time")

# Prepares ``n`` items in the folder given.work and returns what is measured; its figures, if any.
Ready = Callable[[Namespace, int], Callable[[], dict[str, float] | None]]


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes
    ----------
    ready : callable
        Prepares the work, and returns it.
    peer : str
        What the table calls it.
    distribution : str
        The package that it runs on.
    environment : str
        The environment of scripts/bench/peers in which it works, where it clashes with repviz.
    note, missing : str
        A remark in the table, and the reason to give where it cannot be imported.
    """

    ready: Ready
    peer: str
    distribution: str
    environment: str = ""
    note: str = ""
    missing: str = ""

    @property
    def python(self) -> str:
        """The interpreter that runs it."""
        if not self.environment:
            return sys.executable
        return str(PEERS / self.environment / "bin" / "python")


@dataclass(frozen=True)
class Workload:
    """What several sides do; the first arm is ours.

    Attributes
    ----------
    title, items : str
        The work, and what n counts.
    n, few : int
        Number of items by default, and of those that an arm warms up on.
    arms : sequence of Arm
        Ours first.
    measures : sequence of str
        Keys of :data:`UNITS`, and of the figures that the work returns.
    equal : dict of str to float
        Figures that must agree, and the largest relative difference: both sides then did the work.
    """

    title: str
    items: str
    n: int
    few: int
    arms: Sequence[Arm]
    measures: Sequence[str] = TIMES
    equal: dict[str, float] = field(default_factory=dict)


def main(
    text: str | None,
    benchmark: str,
    tasks: Sequence[Workload],
    *,
    times: int = 3,
    prepare: Callable[[Namespace], None] = lambda given: None,
    add_options: Callable[[argparse.ArgumentParser], None] = lambda options: None,
) -> None:
    """Measure every task and print its rows, or do the work of one arm in this process."""
    options = table_parser(text, times=times)
    options.add_argument("--n", type=int, help="number of items, in place of each task's own")
    options.add_argument("--arm", type=int, nargs=2, help="one arm alone, in this process")
    options.add_argument("--work", type=Path, help="folder for its files")
    add_options(options)
    given = options.parse_args()
    if given.arm:
        task = tasks[given.arm[0]]
        work_alone(task, task.arms[given.arm[1]], given)
        return
    rows: list[Row] = []
    with work_folder() as given.work:
        prepare(given)
        for place, task in enumerate(tasks):
            rows += measure(benchmark, place, task, given)
    show(rows, given.json)


def work_alone(task: Workload, arm: Arm, given: Namespace) -> None:
    """The cost of one arm, written to ``given.json``."""
    n = given.n or task.n
    arm.ready(given, min(n, task.few))()
    work = arm.ready(given, n)
    figures: dict[str, float] = {}
    before = reset_peak()
    spent = seconds(lambda: figures.update(work() or {}))
    peak = peak_memory()
    cost = {
        "wall time": spent.wall,
        "processor time": spent.cpu,
        "peak memory": peak,
        "added memory": peak - before,
    }
    given.json.write_text(json.dumps({"version": version_of(arm.distribution), **cost, **figures}))


def measure(benchmark: str, place: int, task: Workload, given: Namespace) -> list[Row]:
    """The rows of one task: every arm once per round."""
    script = Path(sys.argv[0]).name
    shared = Comparison(benchmark, task.title, given.n or task.n, task.items, script)
    costs: dict[Arm, list[dict[str, Any]]] = {arm: [] for arm in task.arms}
    reasons: dict[Arm, str] = {}
    for _ in range(given.rounds):
        for number, arm in enumerate(task.arms):
            if arm in reasons:
                continue
            cost = run_arm(arm, (place, number), given)
            if isinstance(cost, str):
                if number == 0:
                    raise SystemExit(f"{script}: {task.title}: our own side failed: {cost}")
                reasons[arm] = cost
            else:
                costs[arm].append(cost)
    ours, *peers = task.arms
    rows = []
    for arm in peers:
        reason = reasons.get(arm) or different(task, costs[ours][0], costs[arm][0])
        if reason:
            rows.append(shared.left_out(arm.peer, reason))
            continue
        for name in task.measures:
            series = [[cost[name] for cost in costs[side]] for side in (ours, arm)]
            peer = (arm.peer, costs[arm][0]["version"])
            rows.append(shared.row(name, UNITS.get(name, ""), peer, *series, note=arm.note))
    return rows


def run_arm(arm: Arm, place: tuple[int, int], given: Namespace) -> dict[str, Any] | str:
    """The cost of one arm in a new process, or the reason why there is none."""
    file = given.work / "cost.json"
    file.unlink(missing_ok=True)
    if not Path(arm.python).is_file():
        return f"no environment '{arm.environment}': run scripts/bench/peers"
    words = ["--arm", *map(str, place), "--work", str(given.work), "--json", str(file)]
    try:
        ran = subprocess.run(
            [arm.python, *sys.argv, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LONGEST,
            env={"OMP_WAIT_POLICY": "passive", **os.environ},  # as the command line sets it
        )
    except subprocess.TimeoutExpired:
        return f"took more than {LONGEST} s"
    if ran.returncode == 0:
        return json.loads(file.read_text())
    last = (ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"])[-1]
    is_missing = last.startswith(("ModuleNotFoundError", "ImportError"))
    return arm.missing if is_missing and arm.missing else last[:200]


def different(task: Workload, ours: dict[str, float], theirs: dict[str, float]) -> str:
    """The figure in which two sides differ that should agree; "" where there is none."""
    for name, most in task.equal.items():
        if abs(theirs[name] / ours[name] - 1) > most:
            return f"computes something else: {name} {theirs[name]:.5g}, ours {ours[name]:.5g}"
    return ""
