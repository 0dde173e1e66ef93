"""The stage "paths" of a study: from noise to a face, between two faces, and who accepts what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from repviz.facespace.calibration import CalibratedJudges
from repviz.facespace.known import Known
from repviz.facespace.paths import draw_pairs, find_paths, judge_midpoints, judge_paths
from repviz.nouns import Nouns
from repviz.number_format import count
from repviz.studies.random_images import as_pictures
from repviz.study_folder import Draft

TITLES = {
    "noise": "From noise to {one}",
    "pixels": "Between two {images}, in pixels",
    "code": "Between two {images}, in the code",
    "graph": "Between two {images}, through known {images}",
}
KINDS = {
    "ends": "The held-out {images} themselves",
    "pixels": "Halfway between two, in pixels",
    "decoded": "Decoded codes of the {images} themselves",
    "code": "Halfway between two, in the code",
}


def why_no_paths(held_out: Known, nouns: Nouns) -> str:
    """Why no two held-out images can be the ends of a path, as a clause; empty if two can."""
    if len(np.unique(held_out.groups)) > 1:
        return ""
    return (
        f"the {count(len(held_out.faces))} held-out {nouns.images} are of one {nouns.unit}, and a "
        f"path leads from one {nouns.unit} to another"
    )


def paths_stage(
    draft: Draft,
    *,
    known: Known,
    rows: np.ndarray,
    held_out: Known,
    test_rows: np.ndarray,
    judges: CalibratedJudges,
    nouns: Nouns,
    seed: int,
) -> None:
    """Write down four paths and the midpoints of pairs: paths.csv, path_midpoints.csv.

    The two ends are the first of the pairs of held-out images that ``seed`` draws; the midpoints
    are those of all these pairs.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    known : Known
        The known images.
    rows : ndarray of int, shape (n,)
        Their rows of images.csv.
    held_out : Known
        Images of others, with codes.
    test_rows : ndarray of int, shape (h,)
        Their rows of images.csv.
    judges : CalibratedJudges
        Calibrated with ``known``.
    nouns : Nouns
        What the images show.
    seed : int
        Seed of the pairs and of the noise.
    """
    pairs = draw_pairs(held_out.groups, seed=seed)
    both = pairs.rows[0]
    codes = None if held_out.codes is None else held_out.codes[both]
    ends = replace(held_out.rows(both), codes=codes)
    paths = find_paths(known, ends, seed=seed)
    table = judge_paths(paths, known, judges)
    places = np.concatenate([rows, test_rows[both]])
    image_rows = [int(places[row]) if row >= 0 else "" for row in table.pop("known_row")]
    low, high = judges.limits("distance")
    titles = {judge.name: nouns.fill(judge.title) for judge in judges.judges}
    table.insert(1, "title", [nouns.fill(TITLES[name]) for name in table["path"]])
    draft.table(
        "paths",
        table.assign(
            nearest_row=rows[table["nearest_row"]],
            image_row=image_rows,
            refused_by_title=table["refused_by"].map(titles).fillna(""),
            from_row=int(places[-2]),
            to_row=int(places[-1]),
            joint_limit=judges.joint_limit,
            distance_limit_low=max(low, 0.0),
            distance_limit_high=high,
            n_known=len(rows),
            seed=seed,
        ),
    )
    images = np.concatenate([path.images for path in paths])
    draft.array("paths", as_pictures(images, known.side))
    shares: Any = judge_midpoints(known, held_out, judges, pairs)
    shares.insert(1, "title", [nouns.fill(KINDS[kind]) for kind in shares["kind"]])
    people_known = held_out.people is not None
    draft.table("path_midpoints", shares.assign(people_known=people_known, seed=seed))
