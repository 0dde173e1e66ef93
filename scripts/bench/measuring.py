"""What the benchmarks share: the cost of a call, ratios over rounds, and the rows of the table.

A row (:class:`Row`) is one ratio of a peer's figure to ours, both from the same rounds. Its spread
is the smallest and the largest ratio of a round. Above 1 ours is smaller: faster, or less memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from PIL import Image

NAN = float("nan")


class Spent(NamedTuple):
    """The cost of a call: processor seconds (of all threads and child processes), wall seconds."""

    cpu: float
    wall: float


def seconds(work: Callable[[], object]) -> Spent:
    """What ``work`` takes."""

    def used() -> float:
        each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in each)

    cpu, wall = used(), time.perf_counter()
    work()
    return Spent(used() - cpu, time.perf_counter() - wall)


def peak_memory() -> float:
    """The most memory that this process has held since :func:`reset_peak`, in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()  # ru_maxrss would include the parent's
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def reset_peak() -> float:
    """Let the peak start from the memory held now, which is returned, in MiB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def rounds(arms: dict[str, Callable[[], object]], times: int) -> dict[str, list[Spent]]:
    """Every arm once in each round, so that what disturbs the machine disturbs all of them."""
    spent: dict[str, list[Spent]] = {name: [] for name in arms}
    for _ in range(times):
        for name, work in arms.items():
            spent[name].append(seconds(work))
    return spent


def ratios(spent: dict[str, list[Spent]], name: str, base: str) -> tuple[float, float]:
    """Medians over the rounds of the ratios to ``base``: processor, wall."""
    pairs = list(zip(spent[name], spent[base], strict=True))
    return median(a.cpu / b.cpu for a, b in pairs), median(a.wall / b.wall for a, b in pairs)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    benchmark, task : str
        The name of the benchmark, and the work that both sides do.
    measure, unit : str
        What is measured, such as "wall time", and the unit of ``ours`` and ``theirs``.
    peer, version : str
        The other side, and the package and version that it runs on.
    ours, theirs : float
        Medians over the rounds.
    ratio, ratio_min, ratio_max : float
        Theirs over ours: the median, the smallest and the largest of the rounds.
    rounds, n, items : int, int, str
        Number of rounds, and of what is processed: 256 images, 10,000 rows.
    script : str
        The file in scripts/bench that measures it.
    note : str
        What the reader must know; of a peer that was left out, the reason (its figures are NaN).
    """

    benchmark: str
    task: str
    measure: str
    unit: str
    peer: str
    version: str
    ours: float
    theirs: float
    ratio: float
    ratio_min: float
    ratio_max: float
    rounds: int
    n: int
    items: str
    script: str
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other row."""
        return self.task, self.peer, self.measure

    @property
    def is_left_out(self) -> bool:
        """Whether the peer was not measured."""
        return np.isnan(self.ratio)


@dataclass(frozen=True)
class Comparison:
    """The columns that all rows of one task share."""

    benchmark: str
    task: str
    n: int
    items: str
    script: str

    def row(
        self,
        measure: str,
        unit: str,
        peer: tuple[str, str],
        ours: Sequence[float],
        theirs: Sequence[float],
        note: str = "",
    ) -> Row:
        """The ratio of two series of figures, one of each per round; ``peer``: name, version."""
        each = [b / a for a, b in zip(ours, theirs, strict=True)]
        figures = (median(ours), median(theirs), median(each), min(each), max(each), len(each))
        return self._row(measure, unit, peer, figures, note)

    def left_out(self, peer: str, reason: str) -> Row:
        """A line for a peer that was not measured."""
        return self._row("", "", (peer, ""), (NAN, NAN, NAN, NAN, NAN, 0), reason)

    def _row(self, measure, unit, peer, figures, note) -> Row:
        return Row(
            self.benchmark, self.task, measure, unit, *peer, *figures, self.n, self.items,
            self.script, note,
        )  # fmt: skip


def version_of(distribution: str) -> str:
    """The name and version of an installed package; of the interpreter for "python"."""
    if distribution == "python":
        return f"python {platform.python_version()}"
    return f"{distribution} {metadata.version(distribution)}"


def show(rows: Sequence[Row], file: Path | None = None) -> None:
    """Print the rows as a table, and write them to ``file`` as JSON where one is given."""
    heading = ""
    for row in rows:
        peer = f"{row.peer} ({row.version})" if row.version else row.peer
        if heading != (heading := f"{row.task}, {row.n:,} {row.items}: {peer}"):
            print(heading)
        if row.is_left_out:
            print(f"    left out: {row.note}", flush=True)
            continue
        print(
            f"    {row.measure:<16}{row.theirs:10.4g} to ours {row.ours:10.4g} {row.unit}: ratio "
            f"{row.ratio:.2f} ({row.ratio_min:.2f} to {row.ratio_max:.2f}, {row.rounds} rounds)",
            flush=True,
        )
    if file is not None:
        file.write_text(json.dumps([asdict(row) for row in rows]))


def verdict(what: str, got: float, limit: float, *, most: bool = True) -> bool:
    """Print a figure beside its limit; whether it is within."""
    good = got <= limit if most else got >= limit
    sign = "at most" if most else "at least"
    print(f"  {what:<46} {got:6.3f}   {sign} {limit:g}: {'met' if good else 'MISSED'}", flush=True)
    return good


def draw_jpegs(folder: Path, n: int, width: int, height: int, *, quality: int = 90) -> Path:
    """``n`` smooth colour pictures with a little noise, as JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(n):
        small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(small).resize((width, height), Image.BICUBIC), int)
        noisy = picture + rng.integers(-12, 13, picture.shape)
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{number:05d}.jpg", quality=quality)
    return folder


def curved_rows(n: int, features: int, intrinsic: int) -> np.ndarray:
    """Rows (n, features) on a smooth curved set of ``intrinsic`` dimensions, float32."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((n, intrinsic))
    waves = np.sin(Z @ rng.standard_normal((intrinsic, 64)) / 2 + rng.random(64) * 6)
    return (waves @ rng.standard_normal((64, features)) / 8).astype(np.float32)


@contextmanager
def work_folder() -> Iterator[Path]:
    """A temporary folder, in BENCH_DIR where that is set."""
    folder = Path(tempfile.mkdtemp(prefix="repviz-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def parser(text: str | None) -> argparse.ArgumentParser:
    """A parser of arguments that says what the benchmark is."""
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def table_parser(text: str | None, *, times: int) -> argparse.ArgumentParser:
    """The same for a benchmark that returns rows; ``times`` is the default number of rounds."""
    options = parser(text)
    options.add_argument("--rounds", type=int, default=times)
    options.add_argument("--json", type=Path, help="file for the rows, as scripts/bench/all reads")
    return options
