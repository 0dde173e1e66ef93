#!/usr/bin/env python
"""Every command and opener over a corpus of hostile files, each in a process of its own.

    scripts/bench/hostile_files.py [--seed 0] [--every 1] [--seconds 10] [--kinds store,study]

Counted: code that a file had run (an audit hook on imports, exec, os.system and subprocesses, and
a file that every payload would write), files changed outside --out, ends by signal, commands that
took longer than --seconds of the processor's time or ten times that in all, or over 1 GB more
memory than on a valid file, tracebacks, and errors that are no sentence of repviz's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forked import import_everything, limit_cpu, wait_for

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))
from hostile_corpus import CANARY, MODULE  # noqa: E402

IMAGES = "--images array:{valid}/images.npz --size 16 --grey"
READ = "--size 16 --grey --limit 24"
# What is run on each hostile file {file}; {valid} are the valid ones, {out} is a new name.
COMMANDS = {
    "checkpoint": [
        "verify {file}",
        "evaluate {file} --images array:{valid}/images.npz",
        "extract autoencoder --weights {file} --out {out} " + IMAGES,
        "study network --weights {file} --out {out} --images array:{valid}/images.npz",
        "train autoencoder --weights {file} --out {out} --epochs 1 "
        "--images array:{valid}/images.npz",
    ],
    "weights": [
        "verify {file}",
        "evaluate {file} --images array:{valid}/images.npz",
        "extract autoencoder --weights {file} --out {out} " + IMAGES,
        "study network --weights {file} --out {out} --images array:{valid}/images.npz",
    ],
    "store": [
        "verify {file}",
        "dimension {file}",
        "dimension {file} --groups label",
        "similarity {file} {valid}/store",
        "export {file} --format npy --out {out}",
        "export {file} --format parquet --out {out}",
        "export {file} --format projector --out {out}",
        "sweep {file} --engines pca --bottlenecks 2 --out {out}",
        "import {valid}/matrix.npy --out {file}",
    ],
    "study": [
        "verify {file}",
        "report {file} --out {out}.html",
        "encoder {file} --bottleneck 2 --out {out}",
        "sweep array:{valid}/images.npz --engines pca --bottlenecks 2 --out {file}",
        "extract autoencoder --out {file} " + IMAGES,
        "dimension {file}",
    ],
    "images": [
        "extract autoencoder --images folder:{file} --out {out} " + READ,
        "extract autoencoder --images folder:{file} --out {out} --strict " + READ,
        "sweep folder:{file} --engines pca --bottlenecks 2 --out {out} " + READ,
        "train autoencoder --images folder:{file} --out {out} --epochs 1 --limit 24",
    ],
    "array": [
        "extract autoencoder --images array:{file} --out {out} " + READ,
        "sweep array:{file} --engines pca --bottlenecks 2 --out {out} " + READ,
        "dimension {file}",
    ],
    "matrix": [
        "dimension {file}",
        "dimension {file} --method mle",
        "dimension {file} --method pca",
        "scales {file}",
        "similarity {file} {valid}/matrix.npy",
        "import {file} --out {out}",
        "extract autoencoder --images array:{file} --out {out} " + READ,
    ],
    "metadata": ["extract autoencoder --metadata {file} --out {out} " + IMAGES],
}
VALID = {
    "checkpoint": "model.safetensors",
    "weights": "model.safetensors",
    "store": "store",
    "study": "study",
    "images": "photos",
    "array": "images.npz",
    "matrix": "matrix.npy",
    "metadata": "images.npz",
}
RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.startfile", "subprocess.Popen", "pty.spawn")
REACHES = ("socket.connect", "urllib.Request", "webbrowser.open")
EXTRA_MEMORY = 1 << 30  # bytes
Snapshot = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Run:
    """One command: how it ended, what it printed and took, and what code ran."""

    status: int
    text: str
    seconds: float
    memory: int
    events: str

    def faults(self, limit: float, baseline: int) -> Iterator[str]:
        """In what it is at fault, changed files aside."""
        if self.events:
            yield "code run"
        if os.WIFSIGNALED(self.status):
            timed = os.WTERMSIG(self.status) in (signal.SIGXCPU, signal.SIGKILL)
            yield "too long" if timed else f"signal {os.WTERMSIG(self.status)}"
        elif "Traceback (most recent call last)" in self.text:
            yield "traceback"
        elif os.WEXITSTATUS(self.status) not in (0, 2):
            yield f"exit {os.WEXITSTATUS(self.status)}"
        elif os.WEXITSTATUS(self.status) == 2 and not _is_sentence(self.text):
            yield "no sentence"
        if self.memory > baseline + EXTRA_MEMORY:
            yield "memory"
        if any(ord(char) < 32 and char not in "\n\t" for char in self.text):
            yield "control characters"


def _is_sentence(text: str) -> bool:
    return any(line.startswith(("repviz: ", "Error: ")) for line in text.splitlines())


def run(words: list[str], folder: Path, limit: float) -> Run:
    """Run one command line in a child of this process, which has imported everything."""
    printed, events = folder / "printed", folder / "events"
    for path in (printed, events):
        path.write_bytes(b"")
    child = os.fork()
    if not child:
        _child(words, folder, printed, events, limit)
    status, usage = wait_for(child, 10 * limit)
    return Run(
        status,
        printed.read_text(errors="backslashreplace"),
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        events.read_text(),
    )


def _child(words: list[str], folder: Path, printed: Path, events: Path, limit: float) -> None:
    """Never returns."""
    code = 99
    try:
        limit_cpu(round(limit))
        output = os.open(printed, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        log = os.open(events, os.O_WRONLY | os.O_APPEND)
        sys.path.insert(0, str(folder))
        sys.argv = ["repviz", *words]
        sys.addaudithook(lambda event, args: _watch(log, event, args))
        from repviz import cli

        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _watch(log: int, event: str, args: tuple[object, ...]) -> None:
    ours = event in ("import", "exec") and any(word in f"{args[0]!r}" for word in (MODULE, CANARY))
    if ours or event in RUNS or event in REACHES:
        os.write(log, f"{event} {args!r:.200}\n".encode())


def snapshot(folder: Path, *, but: tuple[Path, ...] = ()) -> Snapshot:
    """Every file under ``folder`` with its size, times and kind, ``but`` those aside."""
    found: Snapshot = {}
    left_out = {str(path) for path in but}
    pending = [str(folder)]
    while pending:
        for entry in os.scandir(pending.pop()):
            if entry.path in left_out:
                continue
            state = entry.stat(follow_symlinks=False)
            time_ns = 0 if entry.is_dir(follow_symlinks=False) else state.st_mtime_ns
            size = 0 if entry.is_dir(follow_symlinks=False) else state.st_size
            found[entry.path] = (state.st_mode, size, time_ns, state.st_ino)
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return found


def main() -> int:
    """Run them all; the exit code is 1 where anything is at fault."""
    options = ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--every", type=int, default=1, help="run each n-th case only")
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--kinds", default=",".join(COMMANDS))
    options.add_argument("--show", type=int, default=3, help="lines printed of each fault")
    options.add_argument("--corpus", type=Path, help="where to make it and leave it, or it lies")
    given = options.parse_args()
    folder = given.corpus or Path(tempfile.mkdtemp(prefix="hostile-"))
    os.environ["HOME"] = str(folder / "home")
    try:
        if not (folder / "home").exists():
            (folder / "home").mkdir(parents=True)
            corpus = TESTS / "hostile_corpus.py"
            subprocess.run([sys.executable, corpus, folder, str(given.seed)], check=True)
        return _all(folder, given)
    finally:
        if given.corpus is None:
            shutil.rmtree(folder)


def _all(folder: Path, given: object) -> int:
    import_everything()
    counts: Counter[str] = Counter()
    slowest, out = 0.0, folder / "out"
    number = 0
    for kind in given.kinds.split(","):
        files = sorted((folder / kind).iterdir())
        for command in COMMANDS[kind]:
            baseline = _words(command, folder, folder / "valid" / VALID[kind], out)
            memory = run(baseline, folder, given.seconds).memory
            _remove(out)
            for path in files:
                number += 1
                if (number + given.seed) % given.every:
                    continue
                but = (out, folder / "printed", folder / "events", folder / "home", path)
                before = snapshot(folder, but=but)
                words = _words(command, folder, path, out)
                done = run(words, folder, given.seconds)
                _remove(out)
                faults = list(done.faults(given.seconds, memory))
                if snapshot(folder, but=but) != before:
                    faults.append("files changed")
                counts["commands"] += 1
                counts["refused" if os.WEXITSTATUS(done.status) == 2 else "answered"] += 1
                slowest = max(slowest, done.seconds)
                for fault in faults:
                    counts[f"FAULT {fault}"] += 1
                    tail = " | ".join(done.text.strip().splitlines()[-given.show :])
                    print(f"{fault}: {' '.join(words)!r:.200}: {done.events}{tail:.600}")
    canary = (folder / CANARY).exists()
    print(f"seed {given.seed}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    print(f"canary written: {canary}; slowest: {slowest:.1f} s of the processor's time")
    return int(canary or any(name.startswith("FAULT") for name in counts))


def _words(command: str, folder: Path, path: Path, out: Path) -> list[str]:
    """The command line, filled in; ``-`` before a name would be an option."""
    values = {"file": str(path), "valid": str(folder / "valid"), "out": str(out)}
    return [word.format(**values) for word in command.split()]


def _remove(out: Path) -> None:
    for path in out.parent.glob("out*"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in out.parent.glob(".out*"):
        path.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
