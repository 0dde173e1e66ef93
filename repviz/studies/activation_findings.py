"""The findings of the study ``activations``, in sentences with the numbers first."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, percent, points_with_interval
from repviz.studies.layer_findings import change
from repviz.studies.representations import quoted_dimension
from repviz.study_folder import Study, records


def activation_findings(study: Study) -> dict[str, list[str]]:
    """Sentences by the section that shows them.

    Parameters
    ----------
    study : Study
        With its tables.
    """
    profile = study.result("profile")
    sentences = {"profile": [_dimension(rows) for _, rows in profile.groupby("model", sort=False)]}
    if "linear" in profile and profile["linear"].notna().any():
        readable = profile[profile["linear"].notna()]
        sentences["profile"] += [
            _probe(rows, study.nouns.label) for _, rows in readable.groupby("model", sort=False)
        ]
        sentences["profile"] += _differences(readable, study.result("probe_differences"))
    shared = records(study.result("shared_images"))
    if shared:
        sentences["stores"] = [_shared(row, study.nouns.images) for row in shared]
    if "similarity" in study.manifest["stages"]:
        sentences["similarity"] = _similarity(study.result("similarity").dropna(subset=["cka"]))
    return sentences


def _dimension(rows: Any) -> str:
    """From the first layer of a store to the last."""
    first, last = rows.iloc[0], rows.iloc[-1]
    ends = [f"{quoted_dimension(one)} in {one.layer}" for one in (first, last)]
    span = f"goes from {ends[0]} to {ends[1]}{change(first, last)}"
    if len(rows) == 1:
        span = f"is {ends[0]}"
    return (
        f"The intrinsic dimension (TwoNN, calibrated) {span} of {first.model} ({first.n:,} rows; "
        "95 % intervals of sampling and model error)."
    )


def _probe(rows: Any, label: str) -> str:
    best: Any = rows.loc[rows["linear"].idxmax()]
    share = f"{percent(best.linear)} [{percent(best.linear_low)}, {percent(best.linear_high)}]"
    return (
        f"{share} of held-out rows are assigned the right {label} by a linear probe of "
        f"{best.layer} of {best.model}, its best layer by this measure; with shuffled labels it is "
        f"{percent(best.linear_shuffled)}."
    )


def _differences(profile: Any, differences: Any) -> list[str]:
    """The deepest layer that two stores have in common, compared image by image."""
    models = dict(zip(profile["representation"], profile["model"], strict=True))
    found: dict[tuple[str, str], Any] = {}
    for row in records(differences):
        a, b = models[row["representation_a"]], models[row["representation_b"]]
        if a != b:
            found[a, b] = row
    return [_difference(row) for row in found.values()]


def _difference(row: dict[str, Any]) -> str:
    gain = points_with_interval(row["difference"], row["low"], row["high"])
    a, b = row["representation_a"], row["representation_b"]
    if row["low"] > 0:
        verdict = f"the linear probe is better in {a} than in {b}"
    elif row["high"] < 0:
        verdict = f"the linear probe is worse in {a} than in {b}"
    else:
        verdict = f"no difference of the linear probe between {a} and {b} is shown"
    return f"Paired by image, {verdict} ({gain}; {count(row['n'])} images)."


def _shared(row: dict[str, Any], images: str) -> str:
    a, b = row["store_a"], row["store_b"]
    if not row["n_shared"]:
        return (
            f"{a} and {b} share no {images}: nothing here compares them image by image, and a "
            f"difference between their numbers may be due to the {images}."
        )
    how = "content" if row["paired_by"] == "content" else "id, since one was imported"
    return (
        f"{a} and {b} share {count(row['n_shared'])} {images} (of {count(row['n_a'])} and "
        f"{count(row['n_b'])} measured), paired by {how}."
    )


def _similarity(table: Any) -> list[str]:
    """The two representations that are most alike, and the two that are least."""
    pairs = table[table["representation_a"] != table["representation_b"]]
    if pairs.empty:
        return []
    most, least = pairs.loc[pairs["cka"].idxmax()], pairs.loc[pairs["cka"].idxmin()]
    words = [
        f"{row.cka:.2f} for {row.representation_a} and {row.representation_b}"
        + ("" if row.cka > row.null else ", no more than with shuffled images")
        for row in ([most] if len(pairs) == 1 else [most, least])
    ]
    return [
        f"The similarity (debiased CKA) of two representations is {' and '.join(words)}"
        f"{'' if len(pairs) == 1 else ', the most and the least alike'} ({most.n} images)."
    ]
