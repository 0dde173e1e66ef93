"""What the study ``layers`` found, in sentences with the numbers first."""

from __future__ import annotations

from typing import Any

from repviz.number_format import percent
from repviz.study_folder import Study


def layer_findings(study: Study) -> dict[str, list[str]]:
    """Sentences by the section that shows them; layers that could not be measured are left out."""
    profile = study.result("profile")
    invariance = study.result("invariance").dropna(subset=["relative_displacement"])
    sentences = {"profile": [_dimension_finding(profile)]}
    if "knn" in profile and (profile["weights"] != "none").any():
        sentences["profile"].append(_probe_finding(profile, study.result("probe_differences")))
    if not invariance.empty:
        sentences["invariance"] = [_invariance_finding(invariance)]
    if "similarity" in study.manifest["stages"]:
        similarity = study.result("similarity").dropna(subset=["cka"])
        sentences["similarity"] = _similarity_findings(similarity)
    return sentences


def _dimension_finding(table: Any) -> str:
    spans = []
    for state in ("trained", "untrained"):
        rows = table[table["weights"] == state]
        if not rows.empty:
            first, last = rows.iloc[0], rows.iloc[-1]
            spans.append(
                f"from {_dimension(first)} in {first.layer} to {_dimension(last)} in {last.layer} "
                f"in the {state} network"
            )
    pixels: Any = table.iloc[0]
    layers = f"goes {', and '.join(spans)}; that of the pixels " if spans else "of the pixels "
    return (
        f"The intrinsic dimension (TwoNN, calibrated) {layers}is {_dimension(pixels)} "
        f"({pixels.n:,} images; 95 % intervals of sampling and model error)."
    )


def _dimension(row: Any) -> str:
    low, high = row.dimension_calibrated_low, row.dimension_calibrated_high
    return f"{row.dimension_calibrated:.1f} [{low:.1f}, {high:.1f}]"


def _probe_finding(table: Any, differences: Any) -> str:
    trained = table[table["weights"] == "trained"]
    rows = trained if not trained.empty else table[table["weights"] == "untrained"]
    best: Any = rows.loc[rows["linear"].idxmax()]
    same = table[(table["layer"] == best.layer) & (table["weights"] == "untrained")]
    control = ""
    if best.weights == "trained" and not same.empty:
        other: Any = same.iloc[0]
        pairs = differences.set_index(["representation_a", "representation_b"])
        control = f", {_share(other, 'linear')} from the same layer untrained"
        control += _difference(pairs.loc[(best.representation, other.representation)])
    return (
        f"{_share(best, 'linear')} of held-out images are classified correctly by a linear probe "
        f"of {best.representation}{control}; with shuffled labels it is "
        f"{percent(best.linear_shuffled)}."
    )


def _difference(row: Any) -> str:
    """What a paired difference shows of a benefit of training."""
    points = f"{100 * row.difference:+.1f} points [{100 * row.low:+.1f}, {100 * row.high:+.1f}]"
    shown = "" if row.low > 0 else ", so no benefit of training is shown"
    return f" (a difference of {points}, paired by image{shown})"


def _invariance_finding(table: Any) -> str:
    last = table[table["depth"] == table["depth"].max()]
    rows = last[last["weights"] == last["weights"].iloc[0]]
    most: Any = rows.loc[rows["relative_displacement"].idxmax()]
    least: Any = rows.loc[rows["relative_displacement"].idxmin()]
    return (
        f"{most.layer} of the {most.weights} network moves most when an image is {most.title}, by "
        f"{_displacement(most)} times the distance between two images, and least when it is "
        f"{least.title}, by {_displacement(least)} ({most.n} images)."
    )


def _similarity_findings(table: Any) -> list[str]:
    """The similarity of the deepest layer to its untrained self."""
    pairs = table[
        [
            one.removeprefix("trained ") == other.removeprefix("untrained ")
            for one, other in zip(table["representation_a"], table["representation_b"], strict=True)
        ]
    ]
    if pairs.empty:
        return []
    row: Any = pairs.iloc[-1]
    layer = row.representation_a.removeprefix("trained ")
    return [
        f"{row.cka:.2f} is the similarity (debiased CKA) of the trained {layer} and the untrained "
        f"one; shuffled images stay below {row.null:.2f} ({row.n} images)."
    ]


def _share(row: Any, name: str) -> str:
    return f"{percent(row[name])} [{percent(row[f'{name}_low'])}, {percent(row[f'{name}_high'])}]"


def _displacement(row: Any) -> str:
    low, high = row.relative_displacement_low, row.relative_displacement_high
    return f"{row.relative_displacement:.2f} [{low:.2f}, {high:.2f}]"
