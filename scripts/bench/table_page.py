"""The page of reports/benchmarks: the machine, a sentence and a table per benchmark."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from measuring import Row

TITLES = {
    "extraction": "Extraction",
    "decoding": "Reading image files",
    "dimension": "Neighbours and intrinsic dimension",
    "manifold": "From rows to a map",
    "pca": "PCA of a stored layer",
    "sweep": "A sweep of bottleneck sizes",
    "report": "Pages of points",
    "lrn": "Local response normalisation",
    "training": "Training",
}
EXTRACTION = "JPEG files to nine stored layers of AlexNet"
# The lines of the README's table: task, peer, measure (:attr:`measuring.Row.key`).
HIGHLIGHTS = (
    (EXTRACTION, "bare forward pass", "processor time"),
    (EXTRACTION, "hook loop with a DataLoader", "processor time"),
    (EXTRACTION, "TorchLens", "processor time"),
    (EXTRACTION, "thingsvision", "processor time"),
    ("exact graph of 100 neighbours, 512 features", "faiss IndexFlatL2", "processor time"),
    ("TwoNN from rows of 512 features", "torchid on the CPU", "processor time"),
    ("a graph and seven estimators of dimension", "scikit-dimension", "processor time"),
    (
        "graph, five dimensions, UMAP and its trustworthiness, 256 features",
        "scikit-dimension, umap-learn and scikit-learn",
        "processor time",
    ),
    (
        "100 principal components of a stored layer, and the scores",
        "scikit-learn IncrementalPCA",
        "processor time",
    ),
    (
        "autoencoders of three sizes, trained and tested",
        "a plain torch loop per size",
        "processor time",
    ),
    ("a map of points in a page", "plotly", "processor time to open"),
    (
        "response normalisation forth and back, channels last",
        "torch local_response_norm",
        "processor time",
    ),
)
OURS = ("repviz-toolkit", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "faiss-cpu")


def machine(load_before: float, load_after: float, minutes: float) -> dict[str, Any]:
    """What the figures depend on; no host, user or path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "memory_gib": round(memory, 1),
        "gpu": "none used",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load_before": round(load_before, 2),
        "load_after": round(load_after, 2),
        "minutes": round(minutes, 1),
        "versions": {name: metadata.version(name) for name in OURS},
    }


def processor() -> str:
    """The model of the processor."""
    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def page(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """The page, in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    parts = [
        "# Benchmarks beside other packages",
        f"`scripts/bench/all` wrote this page in {about['minutes']:.0f} minutes, on "
        f"{about['cores']} cores ({about['processor']}) with {about['memory_gib']:.0f} GiB, no "
        f"GPU, {about['system']}, Python {about['python']}; load average {about['load_before']} "
        f"before and {about['load_after']} after. {versions}.",
        "A ratio is the peer's figure divided by ours: **above 1 repviz takes less**, below 1 the "
        "peer does. Both sides took turns in the same rounds; the ratio is the median over the "
        "rounds, and in brackets stand its smallest and largest value. Processor time (of all "
        "threads and child processes) is the steadier measure where other work shares the "
        "machine. Peers are configured as their documentation recommends. Other machines and sizes "
        "give other ratios; each script has options for them. All figures: "
        "[benchmarks.csv](benchmarks.csv), [machine.json](machine.json).",
    ]
    for name, title in TITLES.items():
        own = [row for row in rows if row.benchmark == name]
        if own:
            parts += [f"## {title}", *(section(own))]
    return "\n\n".join(parts) + "\n"


def section(rows: Sequence[Row]) -> list[str]:
    """A sentence and a table for each task, then the peers that were left out."""
    parts = []
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        measured = [row for row in own if not row.is_left_out]
        link = f"[{own[0].script}](../../scripts/bench/{own[0].script})"
        parts.append(f"{sentence(measured)} Measured by {link}.")
        lines = [
            "| peer | measure | ours | peer's | ratio | rounds | n |",
            "|---|---|--:|--:|--:|--:|--:|",
        ]
        for row in measured:
            unit = f" {row.unit}" if row.unit else ""
            remark = f"; {row.note}" if row.note else ""
            lines.append(
                f"| {row.peer} ({row.version}{remark}) | {row.measure} | {figure(row.ours)}{unit} "
                f"| {figure(row.theirs)}{unit} | {ratio_text(row)} | {row.rounds} | {row.n:,} "
                f"{row.items} |"
            )
        parts.append("\n".join(lines))
        parts += [f"Left out: {row.peer}: {row.note}." for row in own if row.is_left_out]
    return parts


def ratio_text(row: Row) -> str:
    """A ratio and its spread, as the README prints it too."""
    return f"{number(row.ratio)} ({number(row.ratio_min)} to {number(row.ratio_max)})"


def number(value: float) -> str:
    """Two decimals below 10, one below 100, above that three digits."""
    if value < 100:
        return f"{value:.{2 if value < 10 else 1}f}"
    return f"{float(f'{value:.3g}'):,.0f}"


def figure(value: float) -> str:
    """Three digits, without an exponent above 1,000."""
    return f"{value:.3g}" if value < 1000 else number(value)


def sentence(rows: Sequence[Row]) -> str:
    """The processor time of each peer as a multiple of ours, in words."""
    if not rows:
        return "No peer was measured."
    measure = next(row.measure for row in rows if row.measure.startswith("processor time"))
    parts = [
        f"{row.peer} about the same as ours"
        if row.ratio_min <= 1 <= row.ratio_max
        else f"{row.peer} {number(row.ratio)} times ours"
        for row in rows
        if row.measure == measure
    ]
    task = rows[0].task
    return f"**{task[:1].upper()}{task[1:]}.** {measure.capitalize()}: {'; '.join(parts)}."


def summary(rows: Sequence[Row], root: str = "") -> str:
    """The table of the README: one line per entry of :data:`HIGHLIGHTS`."""
    lines = ["| task | n | peer | what | ratio | script |", "|---|--:|---|---|--:|---|"]
    for row in (row for key in HIGHLIGHTS for row in rows if row.key == key):
        name = row.script.removesuffix(".py")
        lines.append(
            f"| {row.task} | {row.n:,} {row.items} | {row.peer} ({row.version}) | {row.measure} | "
            f"{ratio_text(row)} | [{name}]({root}scripts/bench/{row.script}) |"
        )
    return "\n".join(lines)
