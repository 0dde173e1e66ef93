"""What a sweep found, in sentences with the numbers first; each number stands in a table of it."""

from __future__ import annotations

from typing import Any

from repviz.number_format import plain
from repviz.study_folder import Study


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
        own = sorted(rows["bottleneck"])
        span = (
            f"; over the sizes from {own[0]} to {own[-1]} the ratio runs from "
            f"{rows['ratio'].min():.2f} to {rows['ratio'].max():.2f}"
        )
        groups = f" of {row.groups_test} {labels} not trained on" if row.split == "label" else ""
        sentences.append(
            f"{_ratio(row)} times PCA's squared error is left by {row.title} with {k} numbers "
            f"per image{span if len(own) > 1 else ''} ({row.n_test} test images{groups})."
        )
    return sentences


def _alone(row: Any) -> str:
    """What the baseline leaves, where nothing was set beside it."""
    known = row.mse_low == row.mse_low
    interval = f" [{plain(row.mse_low)}, {plain(row.mse_high)}]" if known else " [no interval]"
    return (
        f"{plain(row.mse)}{interval} is the mean squared error that {row.title} leaves with "
        f"{row.bottleneck} numbers per image ({row.n_test} test images)."
    )


def _ratio(row: Any) -> str:
    if row.ratio_low != row.ratio_low:  # NaN: one label in the test says nothing about others
        return f"{row.ratio:.2f} [no interval]"
    return f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"
