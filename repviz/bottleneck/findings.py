"""What a sweep found, one sentence per engine and criterion; each number is in its tables."""

from __future__ import annotations

from typing import Any

from repviz.number_format import missing, percent, plain
from repviz.study_folder import Study, records


def sweep_findings(study: Study, k: int | None = None) -> list[str]:
    """Each engine's error against PCA's at ``k`` numbers, and its range over all sizes.

    ``k`` is fixed before the results are seen; it is the middle size if left out.
    """
    table = study.result("sweep")
    sizes = sorted(table["bottleneck"].unique())
    k = k or sizes[len(sizes) // 2]
    labels, sentences = study.nouns.labels, []
    compared = table[~table["is_baseline"]]
    if compared.empty:
        return [_alone(table[table["bottleneck"] == k].iloc[0])]
    for name in reversed(compared["engine"].unique()):
        rows = compared[compared["engine"] == name]
        if not (rows["bottleneck"] == k).any():
            continue
        row: Any = rows[rows["bottleneck"] == k].iloc[0]
        groups = f" of {row.groups_test} {labels} not trained on" if row.split == "label" else ""
        sentences.append(
            f"With {k} numbers per image {row.title} leaves {_beside_pca(row)}; "
            f"{row.n_test} test images{groups}{_over_sizes(rows)}."
        )
    return sentences


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
    """What one row of choices.csv says: the size, its interval, and whether a test confirms it."""
    rule = f"by the criterion “{row['title']}”, losses up to {percent(row['margin'])} allowed"
    if missing(row["observed"]):
        return f"No size of the sweep is enough {rule}"
    interval = ""
    if not missing(row["low"]):
        low, high = (_size(row[name]) for name in ("low", "high"))
        interval = f" (95 % interval {low} to {high})"
    if not missing(row["size"]):
        tested = f"the test confirms {row['size']:.0f}"
    else:
        tested = f"no test confirms it: {row['undecided'] or 'the loss may be larger'}"
    return f"{row['observed']:.0f} numbers per image{interval} are enough {rule}; {tested}"


def _size(value: float) -> str:
    return "beyond the sweep" if value == float("inf") else f"{value:.0f}"


def _alone(row: Any) -> str:
    """What the baseline leaves, where nothing was set beside it."""
    known = row.mse_low == row.mse_low
    interval = f"95 % CI {plain(row.mse_low)} to {plain(row.mse_high)}; " if known else ""
    return (
        f"With {row.bottleneck} numbers per image {row.title} leaves a mean squared error of "
        f"{plain(row.mse)} ({interval}{row.n_test} test images)."
    )


def _beside_pca(row: Any) -> str:
    """The error beside PCA's, chosen by the interval of their ratio."""
    times = f"{row.ratio:.2f} times PCA's squared error"
    if row.ratio_low != row.ratio_low:  # NaN: one label in the test says nothing about others
        return f"{times}, with no interval"
    if row.ratio_low <= 1 <= row.ratio_high:
        interval = f"{row.ratio_low:.2f} to {row.ratio_high:.2f}"
        return f"{times} (95 % CI {interval}): no difference is shown"
    low, high = sorted(abs(1 - ratio) for ratio in (row.ratio_low, row.ratio_high))
    return (
        f"{percent(abs(1 - row.ratio), 0)} {'less' if row.ratio < 1 else 'more'} squared error "
        f"than PCA (95 % CI {percent(low, 0)} to {percent(high, 0)})"
    )


def _over_sizes(rows: Any) -> str:
    if len(rows) < 2:
        return ""
    sizes = sorted(rows["bottleneck"])
    least, most = rows["ratio"].min(), rows["ratio"].max()
    return f". From {sizes[0]} to {sizes[-1]} numbers the ratio runs from {least:.2f} to {most:.2f}"
