"""Paths from noise to a real image and between two, with what the judges say of each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.number_format import count, missing, percent, plain, points_with_interval, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import chart, field, interval, key, numbers_of, table
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "paths": (
        "path title step position accepted joint_score refused_by_title nearest_row distance "
        "length straight_length k image_row from_row to_row joint_limit distance_limit_low "
        "distance_limit_high n_known seed"
    ),
    "path_midpoints": (
        "kind title n groups people_known accepted accepted_share accepted_share_low "
        "accepted_share_high distance_median difference difference_low difference_high seed"
    ),
    "images": "row id",
}
_STEPS = (
    field("path", "title", text),
    field("step", "step", count),
    field("share of the way", "position", percent),
    field("distance", "distance", plain),
    field("largest refusal score", "joint_score", plain),
    field("accepted up to", "joint_limit", plain),
    field("refused by", "refused_by_title", text),
)
_SHARES = (
    field("images", "title", text),
    field("n", "n", count),
    field("independent", "groups", count),
    field("accepted", "accepted", count),
    field("share", "accepted_share", percent),
    interval("95 % interval", "accepted_share_low", "accepted_share_high", percent),
    field("median distance", "distance_median", plain),
)


def render(study: Study) -> Content | None:
    """The strips, their distances, and how often the image halfway between two is accepted."""
    steps = study.result("paths", TABLES["paths"])
    shares = study.result("path_midpoints", TABLES["path_midpoints"])
    if steps.empty or shares.empty:
        return None
    nouns, by_kind = study.nouns, {row["kind"]: row for row in records(shares)}
    shaded = ""
    if np.isfinite(steps["distance_limit_high"].iloc[0]):
        shaded = "; shaded: the distances that all judges together accept"
    halfway = (
        f"{_pairs(study, by_kind['pixels'])}, drawn at random among those that the judges have "
        "not seen. The strips show the first of these pairs."
    )
    body = join(
        [
            tag("ol", _strips(study, steps), class_="rungs"),
            tag("p", _facts(study, steps), class_="facts"),
            chart(
                "paths",
                steps,
                caption=f"Distance of each step to the nearest known {nouns.image}{shaded}.",
                alt=f"Distance to the nearest known {nouns.image}, step by step, for each path.",
                keys=[
                    key("first", "accepted by all judges together"),
                    key("second", "refused", form="cross"),
                ],
            ),
            numbers_of("results/paths.csv", steps, _STEPS),
            tag("h3", "Halfway between two"),
            tag("p", halfway),
            table(shares, _SHARES, label="Table of results/path_midpoints.csv"),
        ]
    )
    return Content(
        body, reading=_reading(study, by_kind), limits=_limits(study), title=_title(study, by_kind)
    )


def _strips(study: Study, steps: pd.DataFrame) -> list[Markup]:
    """One line per path: its name and length, and its images with their verdicts."""
    pictures = study.array("paths")
    ids = study.result("images", TABLES["images"]).set_index("row")["id"]
    return [
        tag(
            "li",
            tag("div", _words(records(own)), class_="words"),
            tag("div", _pictures(records(own), pictures[own.index], ids), class_="samples"),
        )
        for _, own in steps.groupby("path", sort=False)
    ]


def _words(own: list[dict[str, Any]]) -> Markup:
    accepted = sum(row["accepted"] for row in own)
    ratio = plain(_ratio(own[0]))
    return join(
        [
            tag("strong", own[0]["title"]),
            tag("span", f"{accepted} of {count(len(own))} steps accepted"),
            tag("span", f"{ratio} times the straight line") if ratio != "1.00" else None,
        ]
    )


def _ratio(row: dict[str, Any]) -> float:
    return row["length"] / row["straight_length"] if row["straight_length"] > 0 else 1.0


def _pictures(own: list[dict[str, Any]], pictures: np.ndarray, ids: pd.Series) -> list[Markup]:
    shown = []
    for row, picture in zip(own, pictures, strict=True):
        verdict = "accepted" if row["accepted"] else "refused"
        distance, name = plain(row["distance"], 2), _name(row, ids)
        alt = (
            f"{row['title']}, step {count(row['step'] + 1)} of {count(len(own))}{name and ': '}"
            f"{name}: {verdict}, {distance} from the nearest known, {ids[row['nearest_row']]}"
        )
        mark = "✓" if row["accepted"] else "✕"
        shown.append(
            tag(
                "figure",
                image(picture, alt=alt),
                tag("figcaption", f"{mark} {distance} {name}".strip()),
                class_="accepted" if row["accepted"] else None,
            )
        )
    return shown


def _name(row: dict[str, Any], ids: pd.Series) -> str:
    """The id of a step that is a real image; "" of one that was made."""
    return "" if missing(row["image_row"]) else text(ids[int(row["image_row"])])


def _facts(study: Study, steps: pd.DataFrame) -> str:
    nouns, first = study.nouns, records(steps)[0]
    graph = records(steps[steps["path"] == "graph"])
    left_out, other = f"{nouns.images}, these among them", f"other {nouns.image}"
    if _people_known(study):
        left_out = f"{nouns.units}, theirs among them"
        other = f"{nouns.image} of another {nouns.unit}"
    walk = (
        f"The walk takes the shortest way through the graph of {count(graph[0]['k'])} nearest "
        f"neighbours; all its steps are real {nouns.images}, and those that the judges know are "
        f"judged as if unseen: by judges fitted without a fifth of the {left_out}. The distance "
        f"under them is to the nearest {other}; these judges compare with the other four fifths "
        "alone."
        if graph
        else f"No walk through known {nouns.images} joins the two: in the graph of nearest "
        "neighbours they lie in different parts."
    )
    return (
        "Frames: solid and ✓ where all judges together accept, dashed and ✕ where they refuse. "
        f"Under each image its distance to the nearest of {count(first['n_known'])} known "
        f"{nouns.images} (RMS grey level), and its name where it is a real one. {walk}"
    )


def _people_known(study: Study) -> bool:
    shares = study.result("path_midpoints", TABLES["path_midpoints"])
    return bool(shares["people_known"].iloc[0])


def _pairs(study: Study, row: dict[str, Any]) -> str:
    """Of what the shares are: ``30 pairs of faces of 3 pairs of people``."""
    nouns = study.nouns
    of = f" of {count(row['groups'])} pairs of {nouns.units}" if row["people_known"] else ""
    return f"{count(row['n'])} pairs of {nouns.images}{of}"


def _reading(study: Study, by_kind: dict[str, dict[str, Any]]) -> str:
    nouns, pixels, ends = study.nouns, by_kind["pixels"], by_kind["ends"]
    words = (
        f"A mixture of pixels shows both {nouns.images} at once, like a double exposure; a mixture "
        f"of codes shows one {nouns.image}, as far as the code has straightened their set. How "
        f"much longer the walk is than the straight line says how far the set bends and how "
        f"sparsely it is known. Halfway {_of(pixels)} mixtures of pixels are accepted; of the "
        f"{nouns.images} themselves {_of(ends)}."
    )
    if "code" not in by_kind:
        return words
    return (
        f"{words} Of {nouns.images} that are decoded without mixing {_of(by_kind['decoded'])} are "
        f"accepted, of mixed codes {_of(by_kind['code'])}: only the difference of these two is due "
        f"to mixing. The ladder’s averages are of {nouns.images} that the judges know; these two "
        "are new to them."
    )


def _limits(study: Study) -> str:
    nouns = study.nouns
    return (
        f"Two {nouns.images} are an example, not a sample: the shares halfway are the measurement. "
        f"Their intervals count each pair{f' of {nouns.units}' if _people_known(study) else ''} as "
        f"one draw. The judges tell {nouns.images} from other images; they were not made to find "
        "a double exposure, so “accepted” does not mean that a viewer would see one "
        f"{nouns.image}. Distances in pixels are short between images that look nothing alike."
    )


def _title(study: Study, by_kind: dict[str, dict[str, Any]]) -> str:
    pixels, images = by_kind["pixels"], study.nouns.images
    claim = f"Halfway between two {images} {_of(pixels)} mixtures of pixels are accepted"
    if "code" not in by_kind:
        return claim
    code, decoded = by_kind["code"], by_kind["decoded"]
    return (
        f"{claim}, {_of(code)} of codes ({_difference(code)}); of {images} merely decoded "
        f"{_of(decoded)}"
    )


def _difference(code: dict[str, Any]) -> str:
    bounds = code["difference_low"], code["difference_high"]
    if missing(bounds[0]):
        return "no interval can be given for the difference"
    is_shown = bounds[0] * bounds[1] > 0
    words = "difference" if is_shown else "no difference is shown:"
    return f"{words} {points_with_interval(code['difference'], *bounds)}"


def _of(row: dict[str, Any]) -> str:
    return f"{count(row['accepted'])} of {count(row['n'])}"


SECTION = Section(
    title="Paths from noise to a real image, and between two",
    short="Paths",
    stage="paths",
    needs=(
        "results/paths.csv",
        "results/path_midpoints.csv",
        "results/images.csv",
        "arrays/paths.npy",
    ),
    tables=TABLES,
    render=render,
)
