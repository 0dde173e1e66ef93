"""What a sweep found, in sentences with the numbers first; each number stands in a table of it."""

from __future__ import annotations

from typing import Any

from repviz.bottleneck.engines import ENGINES
from repviz.study_folder import Study


def sweep_findings(study: Study, k: int | None = None) -> list[str]:
    """Each autoencoder's error against PCA's at ``k`` numbers, and its range over all sizes.

    ``k`` is chosen before the results are seen; the middle size where it is not given.
    """
    table = study.result("sweep")
    sizes = sorted(table["bottleneck"].unique())
    k = k or sizes[len(sizes) // 2]
    sentences, labels = [], study.nouns.labels
    named = [name for name in table["engine"].unique() if not name.startswith("pca")]
    for name in reversed(named):
        of = table[table["engine"] == name]
        if not (of["bottleneck"] == k).any():
            continue
        row: Any = of[of["bottleneck"] == k].iloc[0]
        title = ENGINES[name].title if name in ENGINES else f"the engine {name}"
        own = sorted(of["bottleneck"])
        span = (
            f"; over the sizes from {own[0]} to {own[-1]} the ratio runs from "
            f"{of['ratio'].min():.2f} to {of['ratio'].max():.2f}"
        )
        groups = f" of {row.groups_test} {labels} not trained on" if row.split == "label" else ""
        sentences.append(
            f"{_ratio(row)} times PCA's squared error is left by {title} with {k} numbers "
            f"an image{span if len(own) > 1 else ''} ({row.n_test} test images{groups})."
        )
    return sentences


def _ratio(row: Any) -> str:
    if row.ratio_low != row.ratio_low:  # NaN: one label in the test says nothing about others
        return f"{row.ratio:.2f} [no interval]"
    return f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"
