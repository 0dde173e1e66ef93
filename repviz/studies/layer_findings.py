"""The findings of the study ``layers``, in sentences with the numbers first."""

from __future__ import annotations

from typing import Any

from repviz.number_format import is_lower_limit, percent, plain, points_with_interval
from repviz.studies.paired_studies import unpaired_ratio
from repviz.studies.representations import quoted_dimension
from repviz.study_folder import Study
from repviz.weight_kinds import STUDIED, WEIGHT_KINDS, studied_kind


def layer_findings(study: Study, *, weights: str, no_control: str) -> dict[str, list[str]]:
    """Sentences by the section that shows them; layers that could not be measured are left out.

    Parameters
    ----------
    study : Study
        With its tables.
    weights : str
        Where the weights of the network are from.
    no_control : str
        Why there is no untrained network beside it; "" where there is one.
    """
    profile = study.result("profile")
    invariance = study.result("invariance").dropna(subset=["relative_displacement"])
    sentences = {"profile": [_dimension_finding(profile)]}
    if "knn" in profile and (profile["weights"] != "none").any():
        sentences["profile"].append(_probe_finding(profile, study.result("probe_differences")))
    sentences["profile"] += _weights_findings(profile, weights, no_control)
    if not invariance.empty:
        sentences["invariance"] = [_invariance_finding(invariance)]
    if "similarity" in study.manifest["stages"]:
        similarity = study.result("similarity").dropna(subset=["cka"])
        sentences["similarity"] = _similarity_findings(similarity)
    return sentences


def _weights_findings(table: Any, weights: str, no_control: str) -> list[str]:
    kind = studied_kind(table["weights"])
    if kind == "untrained":
        return []
    sentences = []
    if kind == "given":
        sentences.append(
            f"The weights of the network: {weights}. repviz neither drew nor trained them, so what "
            "they add to the untrained control need not be due to training."
        )
    if no_control:
        sentences.append(f"{no_control[0].upper()}{no_control[1:]}.".replace(".).", ")."))
    return sentences


def change(first: Any, last: Any) -> str:
    """The second dimension as a multiple of the first, in brackets; "" where it has no interval.

    Also where one of the two is a lower limit, which has no multiple.

    The interval takes the two as independent. Both are of the same images, whose peculiarities
    they share, so that it is wide rather than narrow.
    """
    names = [f"dimension_calibrated{end}" for end in ("", "_low", "_high")]
    ends = [tuple(float(one[name]) for name in names) for one in (first, last)]
    limits = any(is_lower_limit(one["dimension_warnings"]) for one in (first, last))
    if limits or not all(value > 0 for one in ends for value in one):  # as NaN is not
        return ""
    ratio = unpaired_ratio(*ends)
    shown = "" if ratio.low > 1 or ratio.high < 1 else ": no change is shown"
    value, low, high = (plain(one, 2) for one in (ratio.value, ratio.low, ratio.high))
    return f" ({value} times [{low}, {high}]{shown})"


def _dimension_finding(table: Any) -> str:
    spans = []
    for kind in (*STUDIED, "untrained"):
        rows = table[table["weights"] == kind]
        if not rows.empty:
            first, last = rows.iloc[0], rows.iloc[-1]
            ends = [f"{quoted_dimension(one)} in {one.layer}" for one in (first, last)]
            network = f"{WEIGHT_KINDS[kind].network}{change(first, last)}"
            spans.append(f"from {ends[0]} to {ends[1]} in {network}")
    pixels: Any = table.iloc[0]
    layers = f"goes {', and '.join(spans)}; that of the pixels " if spans else "of the pixels "
    return (
        f"The intrinsic dimension (TwoNN, calibrated) {layers}is {quoted_dimension(pixels)} "
        f"({pixels.n:,} images; 95 % intervals of sampling and model error)."
    )


def _probe_finding(table: Any, differences: Any) -> str:
    kind = studied_kind(table["weights"])
    rows = table[table["weights"] == kind]
    best: Any = rows.loc[rows["linear"].idxmax()]
    same = table[(table["layer"] == best.layer) & (table["weights"] == "untrained")]
    control = ""
    if kind != "untrained" and not same.empty:
        other: Any = same.iloc[0]
        pairs = differences.set_index(["representation_a", "representation_b"])
        control = f", {_share(other, 'linear')} from the same layer untrained"
        pair = pairs.loc[(best.representation, other.representation)]
        control += _difference(pair, WEIGHT_KINDS[kind].cause)
    return (
        f"{_share(best, 'linear')} of held-out images are classified correctly by a linear probe "
        f"of {best.representation}{control}; with shuffled labels it is "
        f"{percent(best.linear_shuffled)}."
    )


def _difference(row: Any, cause: str) -> str:
    """A paired difference as a statement about the benefit of ``cause``, such as training."""
    if row.difference == row.low == row.high == 0:
        return f" (right and wrong on the same images, so no benefit of {cause} is shown)"
    gain = points_with_interval(row.difference, row.low, row.high)
    shown = "" if row.low > 0 else f", so no benefit of {cause} is shown"
    return f" (a difference of {gain}, paired by image{shown})"


def _invariance_finding(table: Any) -> str:
    last = table[table["depth"] == table["depth"].max()]
    rows = last[last["weights"] == last["weights"].iloc[0]]
    most: Any = rows.loc[rows["relative_displacement"].idxmax()]
    least: Any = rows.loc[rows["relative_displacement"].idxmin()]
    return (
        f"{most.layer} of {WEIGHT_KINDS[most.weights].network} moves most under the change "
        f"“{most.title}” of an image, by {_displacement(most)} times the distance between two "
        f"images, and least under “{least.title}”, by {_displacement(least)} ({most.n} images)."
    )


def _similarity_findings(table: Any) -> list[str]:
    """The similarity of the deepest layer to its untrained self."""
    named = [one.partition(" ") for one in table["representation_a"]]
    pairs = table[
        [
            kind in STUDIED and other == f"untrained {layer}"
            for (kind, _, layer), other in zip(named, table["representation_b"], strict=True)
        ]
    ]
    if pairs.empty:
        return []
    row: Any = pairs.iloc[-1]
    return [
        f"{row.cka:.2f} is the similarity (debiased CKA) of {row.representation_a} and "
        f"{row.representation_b}; shuffled images stay below {row.null:.2f} ({row.n} images)."
    ]


def _share(row: Any, name: str) -> str:
    return f"{percent(row[name])} [{percent(row[f'{name}_low'])}, {percent(row[f'{name}_high'])}]"


def _displacement(row: Any) -> str:
    low, high = row.relative_displacement_low, row.relative_displacement_high
    return f"{row.relative_displacement:.2f} [{low:.2f}, {high:.2f}]"
