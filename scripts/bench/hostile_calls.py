#!/usr/bin/env python
"""Calls of public functions and commands with hostile numbers, types and names.

    scripts/bench/hostile_calls.py [--calls 3000] [--seed 0] [--only neighbors,umap]

Each call is a valid one with one or two arguments replaced. It must end in an answer, or in one
sentence of repviz's own errors; a value that can have no answer must be refused. Counted: other
exceptions, wrong values accepted, ends by signal, calls over 10 s of the processor's time (what
numba compiles aside). One in ten is a command line.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from forked import import_everything, silence
from hostile_arguments import CALLS, COMMANDS, EITHER, RIGHT, WORDS, WRONG, made, special

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

SECONDS, BATCH, ADDRESS_SPACE = 10, 200, 24 << 30

# Its function, how it is written, what runs it, and whether it must be refused.
Call = tuple[str, list[str], Callable[[], Any], bool]


def one(rng: np.random.Generator, only: list[str]) -> Call:
    """A valid call, one or two of whose arguments are hostile."""
    if rng.random() < 0.1 and not only:
        return _command(rng)
    function = str(rng.choice(only or list(CALLS)))
    arguments = CALLS[function]
    values = {name: value for name, (_, value) in arguments.items()}
    refused, written = False, []
    names = rng.choice(list(arguments), min(len(arguments), 1 + rng.integers(2)), replace=False)
    for name in map(str, names):
        kind = arguments[name][0]
        wrong = rng.random() < 0.7 or not EITHER[kind]
        pool = (WRONG if wrong else EITHER)[kind]
        place = int(rng.integers(len(pool)))
        values[name] = pool[place]
        right = RIGHT.get((function, name), [])
        refused |= wrong and not any(values[name] is value for value in right)
        written.append(f"{name}={' '.join(repr(pool[place]).split())[:80]}")

    def call() -> Any:
        import repviz

        ready = {
            name: made(value[1:]) if isinstance(value, str) and value[:1] == "@" else special(value)
            for name, value in values.items()
        }
        ready = {n: "out" if isinstance(v, str) and v == "#out" else v for n, v in ready.items()}
        return getattr(repviz, function)(**ready)

    return function, written, call, refused


def _command(rng: np.random.Generator) -> Call:
    name = str(rng.choice(list(COMMANDS)))
    words = [word.replace("#out", "out") for word in COMMANDS[name] if not word.endswith("_")]
    place, hostile = int(rng.integers(len(COMMANDS[name]))), str(rng.choice(WORDS))
    option = COMMANDS[name][place].partition("=")
    new = f"{option[0]}={hostile}" if option[0].startswith("--") else hostile
    words[place : place + 1] = [new]

    def call() -> Any:
        from repviz import cli

        sys.argv = ["repviz", name, *words]
        try:
            cli.main()
        except SystemExit as end:
            if end.code not in (0, 2, None):
                raise RuntimeError(f"exit {end.code}") from end

    return f"command {name}", words, call, False


class TooLong(BaseException):
    """A call that goes on for over ten seconds."""


def _limit(seconds: int) -> None:
    """Raise :class:`TooLong` after so much of the processor's time, or after ten times as long."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(10 * seconds)


def _alarm(*_: object) -> None:
    raise TooLong


def outcome(call: Callable[[], Any], refused: bool) -> str:
    """Whether the call ends in an answer, in a refusal, or is at fault."""
    from repviz.errors import RepvizError

    try:
        call()
    except RepvizError as error:
        return "refused" if str(error) and "\n" not in str(error) else f"FAULT lines: {error}"
    except TooLong:
        return "FAULT too long"
    except Exception as error:
        import traceback

        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        return f"FAULT {type(error).__name__} at {place}: {' '.join(str(error).split())[:160]}"
    return "FAULT accepted" if refused else "answer"


def batch(folder: Path, seed: int, start: int, count: int, only: list[str], log: int) -> None:
    """The calls from ``start`` on, each with its outcome written to ``log``."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for kind in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(kind, _alarm)
    silence()
    warnings.simplefilter("ignore")
    os.chdir(folder)
    for number in range(start, start + count):
        function, written, call, refused = one(np.random.default_rng([seed, number]), only)
        os.write(log, (json.dumps([number, function, written]) + "\n").encode())
        try:
            if function.startswith("umap"):
                made("compiled umap")
            _limit(SECONDS)
            end = outcome(call, refused)
        except TooLong:
            end = "FAULT too long"
        _limit(0)
        os.write(log, (json.dumps(end) + "\n").encode())
        clean(folder)


def clean(folder: Path) -> None:
    """Remove what the last call wrote."""
    for path in folder.iterdir():
        if path.name not in ("valid", "precious", "log"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def main() -> int:
    """Run the calls; the exit code is 1 where any is at fault."""
    options = ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=3000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=0, help="number of the first call")
    options.add_argument("--only", default="")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hostile-calls-"))
    if not os.fork():  # what runs kernels cannot be forked from
        from hostile_corpus import valid_files

        valid_files(folder / "valid", np.random.default_rng(given.seed))
        os._exit(0)
    os.wait()
    (folder / "precious").mkdir()
    (folder / "precious" / "letter.txt").write_text("of the user's")
    import_everything()
    counts: Counter[str] = Counter()
    only = given.only.split(",") if given.only else []
    for start in range(given.first, given.first + given.calls, BATCH):
        count = min(BATCH, given.first + given.calls - start)
        while count:
            done = _run(folder, given.seed, start, count, only, counts)
            start, count = start + done, count - done
    if (folder / "precious" / "letter.txt").read_text() != "of the user's":
        counts["FAULT files changed"] += 1
    shutil.rmtree(folder)
    print(f"seed {given.seed}: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    return int(any(name.startswith("FAULT") for name in counts))


def _run(
    folder: Path, seed: int, start: int, count: int, only: list[str], counts: Counter[str]
) -> int:
    """Run a batch in a child; the number of calls that were run."""
    log = folder / "log"
    log.write_bytes(b"")
    child = os.fork()
    if not child:
        try:
            batch(folder, seed, start, count, only, os.open(log, os.O_WRONLY))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    calls, ends = lines[::2], lines[1::2]
    if len(ends) < len(calls):
        signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else "exit"
        ends.append(f"FAULT signal {signalled}")
    for (number, function, written), end in zip(calls, ends, strict=True):
        counts[end.split(":")[0].split(" at ")[0]] += 1
        if end.startswith("FAULT"):
            print(f"{number} {function}({', '.join(written)}): {end}", flush=True)
    return max(len(calls), 1)


if __name__ == "__main__":
    raise SystemExit(main())
