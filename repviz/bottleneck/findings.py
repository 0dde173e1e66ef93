"""The findings of a sweep, one sentence per engine and criterion; each number is in its tables."""

from __future__ import annotations

from math import inf
from typing import Any

import pandas as pd

from repviz.nouns import Nouns
from repviz.number_format import listed, missing, percent, plain
from repviz.study_folder import Study, records


def sweep_findings(study: Study, k: int | None = None) -> list[str]:
    """Each engine's error against the best PCA's at ``k`` numbers, and its range over all sizes.

    ``k`` is fixed before the results are seen; it is the middle size if left out.
    """
    table = study.result("sweep")
    sizes = sorted(table["bottleneck"].unique())
    k = k or sizes[len(sizes) // 2]
    sentences = []
    compared = table[~table["is_baseline"]]
    if compared.empty:
        return [_alone(table[table["bottleneck"] == k].sort_values("mse").iloc[0])]
    for name in reversed(compared["engine"].unique()):
        rows = compared[compared["engine"] == name]
        if not (rows["bottleneck"] == k).any():
            continue
        row: Any = rows[rows["bottleneck"] == k].iloc[0]
        if missing(row.ratio):
            sentences.append(
                f"No ratio is given for {row.engine_title} with {k} numbers per image: "
                f"{row.left_out}."
            )
            continue
        groups = f" of {row.groups_test} {study.nouns.units} not trained on"
        sentences.append(
            f"With {k} numbers per image {row.engine_title} leaves {_beside_pca(row)}; "
            f"{row.n_test} test images{groups if row.split_by != 'image' else ''}"
            f"{'' if missing(row.ratio_low) else f'; {covers(row, study.nouns)}'}"
            f"{_over_sizes(rows)}."
        )
    return sentences + _not_converged(compared)


def found_size_findings(study: Study) -> list[str]:
    """One sentence per engine that finds a size: that size, and what others need for its error."""
    if not study.has("results/found_sizes.csv"):
        return []
    table = study.result("found_sizes")
    return [found_size_sentence(rows) for _, rows in table.groupby("engine", sort=False)]


def found_size_sentence(rows: pd.DataFrame) -> str:
    """The rows of found_sizes.csv of one engine as a sentence: its size, and what others need."""
    first: Any = rows.iloc[0]
    own = rows.drop_duplicates("seed")
    needed = [
        f"{title} needs {_over_seeds(each['needed'])}"
        for title, each in rows.groupby("compared_title", sort=False)
    ]
    others = f" For the same test error {listed(needed)}." if needed else ""
    title = first.engine_title[0].upper() + first.engine_title[1:]
    return (
        f"{title} keeps {_over_seeds(own['size'])} of {first.longest} numbers: {first.rule}."
        f"{others} Another tolerance, or a longer training, may find another size."
    )


def _over_seeds(sizes: pd.Series) -> str:
    """One size, or the median of those of several trainings with their range."""
    sizes = sizes.fillna(inf)
    middle, low, high = (
        "more than its longest code" if size == inf else f"{size:.0f}"
        for size in (sizes.quantile(0.5, interpolation="lower"), sizes.min(), sizes.max())
    )
    if len(sizes) == 1:
        return middle
    if low == high:
        return f"{middle} (in each of {len(sizes)} trainings)"
    return f"{middle} ({low} to {high} over {len(sizes)} trainings)"


def _not_converged(compared: Any) -> list[str]:
    """Which trainings had not converged, one sentence per engine."""
    sentences = []
    for _, rows in compared[compared["warnings"] != ""].groupby("engine", sort=False):
        sizes = listed([str(size) for size in sorted(rows["bottleneck"])])
        sentences.append(
            f"Not converged: {rows['engine_title'].iloc[0]} with {sizes} numbers per image. Its "
            "validation error was still falling when the training ended, so its error there may "
            "be that of a short training, not the limit of the network."
        )
    return sentences


def covers(row: Any, nouns: Nouns) -> str:
    """What the interval of a row of sweep.csv includes, and what it does not."""
    by_image = row.split_by == "image" and row.groups_test == row.n_test
    new = f"new {nouns.images if by_image else nouns.units}"
    if row.n_splits > 1:
        return (
            f"the interval is over {row.n_splits} splits, each with trainings of its own, and {new}"
        )
    if row.n_seeds > 1:
        return f"the interval is over {row.n_seeds} trainings and {new}, not over other splits"
    return f"the interval is over {new}, not over other trainings or splits"


def choice_findings(study: Study, engine: str = "linear-start") -> list[str]:
    """The smallest code by each criterion that could be applied to ``engine``'s reconstructions."""
    if not study.has("results/choices.csv"):
        return []
    table = study.result("choices")
    return [
        f"{choice_sentence(row)} ({row['n_test']:.0f} test images)."
        for row in records(table[(table["left_out"] == "") & (table["engine"] == engine)])
    ]


def choice_sentence(row: dict[str, Any]) -> str:
    """One row of choices.csv as a sentence: size, interval, and whether the test confirms it."""
    rule = f"by the criterion “{row['title']}”, a loss below {percent(row['margin'])} allowed"
    if missing(row["observed"]):
        return f"No size of the sweep is enough {rule}"
    interval = ""
    if not missing(row["low"]):
        low, high = (_size(row[name]) for name in ("low", "high"))
        interval = f" (95 % interval {low} to {high})"
    if not missing(row["size"]):
        tested = f"the test confirms {row['size']:.0f}"
    else:
        tested = f"not confirmed: {row['undecided'] or 'the loss may be larger'}"
    return f"{row['observed']:.0f} numbers per image{interval} are enough {rule}; {tested}"


def _size(value: float) -> str:
    return "beyond the sweep" if value == float("inf") else f"{value:.0f}"


def _alone(row: Any) -> str:
    """The error of the baseline as a sentence, where no other engine was fitted."""
    known = row.mse_low == row.mse_low
    interval = f"95 % CI {plain(row.mse_low)} to {plain(row.mse_high)}; " if known else ""
    return (
        f"With {row.bottleneck} numbers per image {row.engine_title} leaves a mean squared error "
        f"of {plain(row.mse)} ({interval}{row.n_test} test images)."
    )


def _beside_pca(row: Any) -> str:
    """The error compared with the best PCA's, worded by the interval of their ratio."""
    times = f"{row.ratio:.2f} times the squared error of {row.baseline_title}"
    if row.ratio_low != row.ratio_low:  # NaN: one label in the test says nothing about others
        return f"{times}, with no interval"
    if row.ratio_low <= 1 <= row.ratio_high:
        interval = f"{row.ratio_low:.2f} to {row.ratio_high:.2f}"
        return f"{times} (95 % CI {interval}): no difference is shown"
    low, high = sorted(abs(1 - ratio) for ratio in (row.ratio_low, row.ratio_high))
    return (
        f"{percent(abs(1 - row.ratio), 0)} {'less' if row.ratio < 1 else 'more'} squared error "
        f"than {row.baseline_title} (95 % CI {percent(low, 0)} to {percent(high, 0)})"
    )


def _over_sizes(rows: Any) -> str:
    rows = rows[rows["ratio"].notna()]
    if len(rows) < 2:
        return ""
    sizes = sorted(rows["bottleneck"])
    least, most = rows["ratio"].min(), rows["ratio"].max()
    return (
        f". From {sizes[0]} to {sizes[-1]} numbers per image the ratio of the two errors lies "
        f"between {least:.2f} and {most:.2f}"
    )
