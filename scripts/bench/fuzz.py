#!/usr/bin/env python
"""Every reader of files, fed with damaged ones.

    scripts/bench/fuzz.py [--minutes 10] [--seed 0] [--only store,study] [--work FOLDER]

A case copies valid files, changes one of them at random (mutations.py; half of the time the records
around it get the checksum that it then has, so that its content is read) and reads them as users do
(fuzz_readers.py), in a child process. It is at fault if it ends in another exception than repviz's
own, by a signal, after more than 20 s of the processor's time, with 1 GB more memory than before,
with code run, an address reached or a file changed elsewhere. Prints each fault with the number
that repeats it (``--case``), and at last the cases of each reader and the seed; the minutes are of
the processor, children counted.
"""

from __future__ import annotations

import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # a forked child cannot use its parent's threads
os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # which starts threads of its own after a fork

from forked import limit_cpu, silence, wait_for
from fuzz_readers import NETWORK, TARGETS, Target, check_sentence, read_report, valid_files
from hostile_files import REACHES, RUNS, snapshot
from mutations import mutated, reseal

from repviz.errors import InputError, RepvizError

SECONDS, EXTRA_MEMORY = 20, 1 << 30  # of the processor's time; bytes


def _read_valid(target: Target, work: Path) -> None:
    out, source = work / "out", work / "valid" / target.path
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    path = out / source.name  # some continue what they read
    shutil.copytree(source, path) if source.is_dir() else shutil.copyfile(source, path)
    with suppress(InputError) if target.read is read_report else nullcontext():  # of the link
        target.read(path, out, random.Random(0))
    shutil.rmtree(out)


def case(target: Target, number: int, seed: int, work: Path) -> tuple[str, str]:
    """Of one damaged copy: how its readers ended, and what they said."""
    rng = random.Random(f"{seed} {number}")
    for name in ("case", "out"):
        shutil.rmtree(work / name, ignore_errors=True)
        (work / name).mkdir()
    source, path = work / "valid" / target.path, work / "case" / Path(target.path).name
    shutil.copytree(source, path) if source.is_dir() else shutil.copyfile(source, path)
    files = [path] if path.is_file() else [p for p in sorted(path.rglob("*")) if p.is_file()]
    files = [file for file in files if not target.suffixes or file.suffix in target.suffixes]
    file = rng.choice(files)
    file.write_bytes(mutated(file.read_bytes(), file.suffix, rng))
    if rng.random() < 0.5:
        with suppress(RepvizError, ValueError, LookupError, TypeError, AttributeError, OSError):
            reseal(path if path.is_dir() else path.parent, file)  # unless it is no record any more
    return _in_child(partial(target.read, path, work / "out", rng), work)


def _in_child(read: Callable[[], Any], work: Path) -> tuple[str, str]:
    before = snapshot(work, but=(work / "case", work / "out", work / "result"))
    result = work / "result"
    result.write_bytes(b"")
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pid = os.fork()
    if not pid:
        _child(read, result)
    status, usage = wait_for(pid, 10 * SECONDS)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        late = number in (signal.SIGXCPU, signal.SIGKILL)
        return "FAULT hang" if late else "FAULT signal", signal.Signals(number).name
    content = result.read_bytes()
    end, said = pickle.loads(content) if content else ("FAULT exit", "no result")
    if (usage.ru_maxrss - base) * 1024 > EXTRA_MEMORY:
        return "FAULT memory", f"{(usage.ru_maxrss - base) >> 10} MB; {end} {said}"
    after = snapshot(work, but=(work / "case", work / "out", work / "result"))
    if after != before:
        changed = [p for p in before | after if before.get(p) != after.get(p)]
        return "FAULT files", " ".join(changed)
    return end, said


def _child(read: Callable[[], Any], result: Path) -> None:
    """Never returns."""
    end, said = "FAULT exit", ""
    events: list[str] = []
    try:
        limit_cpu(SECONDS)
        silence()
        sys.addaudithook(
            lambda event, args: events.append(event) if event in RUNS + REACHES else None
        )
        read()
        end = "read"
    except RepvizError as error:
        end, said = "refused", str(error)
        try:
            check_sentence(error)
        except AssertionError as wrong:
            end, said = "FAULT sentence", str(wrong)
    except BaseException as error:
        last = [f for f in traceback.extract_tb(error.__traceback__) if "/repviz/" in f.filename][
            -1:
        ]
        where = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"
        end, said = "FAULT traceback", f"{type(error).__name__} at {where}: {error}"
    finally:
        if events:
            end, said = "FAULT code run", f"{events}"
        result.write_bytes(pickle.dumps((end, said[:500])))
        os._exit(0)


def main() -> int:
    """Print the faults and the counts; 1 if there was a fault, else 0."""
    options = ArgumentParser(description=__doc__)
    options.add_argument(
        "--minutes", type=float, default=10, help="of the processor's time, in all"
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="")
    options.add_argument("--case", type=int, help="repeat this one")
    options.add_argument("--work", type=Path, help="where the files are made and left")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    work = given.work or Path(tempfile.mkdtemp(prefix="repviz-fuzz-"))
    work.mkdir(exist_ok=True)
    try:
        return run(work, given.minutes, given.seed, given.only, given.case)
    finally:
        if given.work is None:
            shutil.rmtree(work)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(work: Path, minutes: float, seed: int, only: str, one: int | None) -> int:
    """One case of each target after the other, until so many minutes are used."""
    (work / "fuzzed_networks.py").write_text(NETWORK)
    sys.path.insert(0, str(work))
    os.environ["REPVIZ_CACHE"] = str(work / "out" / "cache")
    if not (work / "valid").exists():
        valid_files(work / "valid")
        for target in TARGETS.values():  # a reader that refuses what is valid would test nothing
            _read_valid(target, work)
    names = [name for name in TARGETS if not only or name in only.split(",")]
    counts: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    start, number = _cpu(), one or 0
    while _cpu() - start < 60 * minutes:
        name = names[number % len(names)]
        end, said = case(TARGETS[name], number, seed, work)
        counts[name, end.partition(" ")[0]] += 1
        if end.startswith("FAULT"):
            seen[f"{end}: {said.partition(':')[0]}"] += 1
            if seen[f"{end}: {said.partition(':')[0]}"] <= 3:
                print(f"{end}: {name}, case {number}: {said}", flush=True)
        if one is not None:
            print(name, end, said)
            break
        number += 1
    for name in names:
        ends = {end: n for (target, end), n in sorted(counts.items()) if target == name}
        print(f"  {name}: {', '.join(f'{n} {end}' for end, n in ends.items())}")
    faults = sum(n for (_, end), n in counts.items() if end == "FAULT")
    minutes = (_cpu() - start) / 60
    print(f"seed {seed}: {sum(counts.values())} cases, {faults} faults, {minutes:.1f} CPU-minutes")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
