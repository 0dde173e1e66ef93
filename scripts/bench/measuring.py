"""What the benchmarks share: processor and wall seconds of a call, pictures to read, medians."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds (of all threads) and wall seconds that ``work`` takes."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    cpu, wall = used(), time.perf_counter()
    work()
    return used() - cpu, time.perf_counter() - wall


def rounds(arms: dict[str, Callable[[], object]], times: int) -> dict[str, list[tuple]]:
    """Every arm once in each round, so that what disturbs the machine disturbs all of them."""
    found: dict[str, list[tuple]] = {name: [] for name in arms}
    for _ in range(times):
        for name, work in arms.items():
            found[name].append(seconds(work))
    return found


def ratios(found: dict[str, list[tuple]], name: str, base: str) -> tuple[float, float]:
    """Medians over the rounds of the ratios to ``base``: processor, wall."""
    pairs = list(zip(found[name], found[base], strict=True))
    return median(a[0] / b[0] for a, b in pairs), median(a[1] / b[1] for a, b in pairs)


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


def parser(text: str | None) -> argparse.ArgumentParser:
    """A parser of arguments that says what the benchmark is."""
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
