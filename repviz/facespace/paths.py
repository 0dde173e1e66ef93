"""Paths from noise to a face and between two faces, with the verdict of the judges on each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.facespace.calibration import NO_LIMIT, CalibratedJudges
from repviz.facespace.judges.nearest_face import nearest
from repviz.facespace.known import Known
from repviz.facespace.panel import share_over_groups
from repviz.manifold.neighbors import neighbors
from repviz.streams import stream

if TYPE_CHECKING:
    import pandas as pd

STEPS = 12  # of a path that is not a walk through known faces
NEIGHBORS = (5, 10, 20, 40)  # of the graph: the first that joins the two ends
PAIRS = 100  # whose midpoints are judged, at most
MADE = -1  # the row of an image that is neither known nor an end


@dataclass(frozen=True, eq=False)
class Path:
    """A sequence of images from one image to another.

    Attributes
    ----------
    name : str
        "noise", "pixels", "code" or "graph".
    images : ndarray of float32, shape (m, d)
        One per step, both ends included, in [0, 1].
    positions : ndarray, shape (m,)
        How far along the path each step is, from 0 to 1: the weight of the second end in a
        mixture, the share of the length in a walk.
    rows : ndarray of int, shape (m,)
        Which known face each step is, from 0 to n - 1; n and n + 1 for the two ends, -1 for an
        image that was made.
    k : int
        Neighbours per image of the graph that was walked; 0 where there was none.
    """

    name: str
    images: np.ndarray = field(repr=False)
    positions: np.ndarray = field(repr=False)
    rows: np.ndarray = field(repr=False)
    k: int = 0

    @property
    def length(self) -> float:
        """The root mean square differences from step to step, added up; at least 0."""
        return float(_rms(np.diff(self.images, axis=0)).sum())

    @property
    def straight_length(self) -> float:
        """The root mean square difference of first and last step, in [0, 1]."""
        return float(_rms(self.images[-1:] - self.images[:1])[0])


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images of two people each; no person is in pairs of two groups.

    Attributes
    ----------
    rows : ndarray of int, shape (p, 2)
        The two images.
    groups : ndarray of int, shape (p,)
        The pair of people, from 0: pairs of different groups are independent draws.
    """

    rows: np.ndarray
    groups: np.ndarray


def draw_pairs(people: np.ndarray, *, most: int = PAIRS, seed: int = 0) -> Pairs:
    """Pairs of images of different people, in random order.

    People are paired at random, each at most once. Of two people the images, in random order, are
    paired one by one; of more than ``most`` pairs every two people have one before any has two.

    Parameters
    ----------
    people : ndarray, shape (h,)
        Whom each image shows.
    most : int
        Pairs, at most.
    seed : int
        Seed of the draws, from 0 to 2^32 - 1.

    Raises
    ------
    InputError
        Fewer than two people.
    """
    names, person = np.unique(people, return_inverse=True)
    most = checks.integer("draw_pairs", "most", most, low=1)
    if len(names) < 2:
        raise InputError(
            f"draw_pairs: people must be at least two, got {len(names)}. Use images of more people."
        )
    rng = stream(checks.seed("draw_pairs", seed), "paths", "pairs")
    couples = rng.permutation(len(names))[: len(names) // 2 * 2].reshape(-1, 2)[:most]
    rows, groups = [], []
    turns: list[int] = []
    for group, couple in enumerate(couples):
        one, other = (rng.permutation(np.flatnonzero(person == who)) for who in couple)
        shown = min(len(one), len(other))
        rows += list(zip(one[:shown], other[:shown], strict=True))
        groups += [group] * shown
        turns += range(shown)
    kept = np.sort(np.argsort(turns, kind="stable")[:most])
    return Pairs(np.array(rows)[kept], np.array(groups)[kept])


def find_paths(known: Known, ends: Known, *, steps: int = STEPS, seed: int = 0) -> list[Path]:
    """Up to four paths: from noise to the first end, and between the ends in three ways.

    "noise" is the straight line from an image of independent uniform pixels to the first end,
    "pixels" that between the ends, "code" the straight line between their codes, decoded: its ends
    are the decoded codes, not the images. "graph" is the shortest path through the graph of the
    known faces and the two ends, in which two images are joined where either is among the k nearest
    of the other, k being the first of 5, 10, 20 and 40 that joins the ends. All of its steps are
    real images, and its length is an estimate of the distance along the set of faces.

    Parameters
    ----------
    known : Known
        The known faces.
    ends : Known
        Two faces that are not known, with their codes. Without codes, or without ``decode`` of
        ``known``, there is no "code". Without a way through the graph there is no "graph".
    steps : int
        Images of each straight line, ends included, at least 2.
    seed : int
        Seed of the noise, from 0 to 2^32 - 1.

    Raises
    ------
    InputError
        There are not two ends, or their d is another.

    References
    ----------
    Tenenbaum, de Silva & Langford 2000, Science 290, on shortest paths through neighbour graphs.
    """
    n, d = known.faces.shape
    steps = checks.integer("find_paths", "steps", steps, low=2)
    seed = checks.seed("find_paths", seed)
    if ends.faces.shape != (2, d):
        raise InputError(
            f"find_paths: ends must be two images of {d} pixels, got shape {ends.faces.shape}. "
            "Pass two rows of the known faces' size."
        )
    noise = stream(seed, "paths", "noise").random((1, d), dtype=np.float32)
    made = np.full(steps, MADE)
    to_end, between = made.copy(), made.copy()
    to_end[-1], between[[0, -1]] = n, (n, n + 1)
    found = [
        _straight("noise", np.concatenate([noise, ends.faces[:1]]), to_end),
        _straight("pixels", ends.faces, between),
    ]
    if ends.codes is not None and known.decode is not None:
        mixed = _straight("code", ends.codes, made)
        images = np.clip(known.decode(mixed.images), 0, 1).astype(np.float32)
        found.append(Path("code", images, mixed.positions, made))
    walk = _walk(np.concatenate([known.faces, ends.faces]).astype(np.float32, copy=False))
    return found if walk is None else [*found, walk]


def _straight(name: str, ends: np.ndarray, rows: np.ndarray) -> Path:
    """Mixtures of two rows; reversed, they are the mixtures of the reversed rows bit for bit."""
    positions = np.arange(len(rows)) / (len(rows) - 1)
    mixed = positions[::-1, None] * ends[0] + positions[:, None] * ends[1]
    return Path(name, mixed.astype(np.float32), positions, rows)


def _walk(X: np.ndarray) -> Path | None:
    """The shortest path between the last two rows, or None where no graph joins them."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    n = len(X)
    graph = neighbors(X, k=min(max(NEIGHBORS), n - 1))
    # Equal images are joined: a weight of 0 would be no edge.
    weights = np.maximum(graph.distances, np.finfo(float).tiny)
    for k in sorted({min(k, graph.k) for k in NEIGHBORS}):
        places = graph.indices[:, :k].ravel(), np.arange(0, n * k + 1, k)
        edges = csr_array((weights[:, :k].ravel(), *places), shape=(n, n))
        lengths, before = dijkstra(edges, directed=False, indices=n - 2, return_predecessors=True)
        if np.isfinite(lengths[-1]):
            rows = [n - 1]
            while rows[-1] != n - 2:
                rows.append(int(before[rows[-1]]))
            rows = rows[::-1]
            positions = lengths[rows] / max(lengths[-1], np.finfo(float).tiny)
            return Path("graph", X[rows], positions, np.array(rows), k)
    return None


def judge_paths(paths: list[Path], known: Known, judges: CalibratedJudges) -> pd.DataFrame:
    """The verdict and scores of the judges on every step.

    A known face has the distance 0 to itself, and judges that know it refuse it as too near. So a
    step that is one is judged as an unseen face is: its scores are those by the judges of its
    calibration fold, fitted without a fifth of the people, its own among them. Its distance here
    is that to the nearest face of any other person, which is no part of the verdict. The ends are
    not known, and judged as they are.

    Parameters
    ----------
    paths : list of Path
        From :func:`find_paths`.
    known : Known
        The same known faces.
    judges : CalibratedJudges
        Calibrated with them.

    Returns
    -------
    DataFrame
        One row per step: path, step (from 0), position, known_row (as in ``Path.rows``), accepted
        (by all judges together), joint_score (the largest score of any of these, infinite where one
        says a plain "no"), refused_by (the judge that gives it, "" where the step is accepted),
        nearest_row (of ``known``), distance (root mean square grey level, in [0, 1]), length and
        straight_length (of the path), k.

    Raises
    ------
    InputError
        The judges were calibrated with another number of faces.
    """
    import pandas as pd

    if judges.n != len(known.faces):
        raise InputError(
            f"judge_paths: judges must be calibrated with the {len(known.faces)} known faces, got "
            f"judges of {judges.n}. Pass what calibrate(known) gives."
        )
    return pd.concat([_judged(path, known, judges) for path in paths], ignore_index=True)


def _judged(path: Path, known: Known, judges: CalibratedJudges) -> pd.DataFrame:
    import pandas as pd

    is_known = (path.rows != MADE) & (path.rows < len(known.faces))
    scores = np.empty((len(path.rows), len(judges.judges)))
    scores[is_known] = judges.out_of_fold[path.rows[is_known]]
    rows, distances = nearest(path.images, known.faces)
    for step in np.flatnonzero(is_known):
        others = np.flatnonzero(known.groups != known.groups[path.rows[step]])
        place, distance = nearest(path.images[[step]], known.faces[others])
        rows[step], distances[step] = others[place[0]], distance[0]
    if not is_known.all():
        scores[~is_known] = judges.judge(path.images[~is_known])
    accepted, worst = judges.accepts(scores)[:, -1], judges.worst(scores)
    return pd.DataFrame(
        {
            "path": path.name,
            "step": np.arange(len(path.rows)),
            "position": path.positions,
            "known_row": path.rows,
            "accepted": accepted,
            "joint_score": np.where(worst < NO_LIMIT, worst, np.inf),
            "refused_by": _refusing(judges, scores, accepted),
            "nearest_row": rows,
            "distance": distances,
            "length": path.length,
            "straight_length": path.straight_length,
            "k": path.k,
        }
    )


def _refusing(judges: CalibratedJudges, scores: np.ndarray, accepted: np.ndarray) -> list[str]:
    """The judge with the largest score of the joint verdict; "" where that accepts."""
    used = judges.used
    return [
        "" if fine else judges.judges[used[int(np.argmax(own[used]))]].name
        for own, fine in zip(scores, accepted, strict=True)
    ]


def judge_midpoints(
    known: Known, held_out: Known, judges: CalibratedJudges, pairs: Pairs
) -> pd.DataFrame:
    """The share of the images halfway between two faces that all judges together accept.

    Parameters
    ----------
    known : Known
        The known faces.
    held_out : Known
        Faces of other people, with their codes where midpoints of codes are judged too.
    judges : CalibratedJudges
        Calibrated with ``known``.
    pairs : Pairs
        Pairs of rows of ``held_out``.

    Returns
    -------
    DataFrame
        One row per kind: "ends" (the faces themselves), "pixels" (half of each face), "decoded"
        (the code of each face, decoded: what decoding alone does), "code" (half of each code,
        decoded). Columns: kind, n (images), groups (pairs of people), accepted, accepted_share,
        accepted_share_low, accepted_share_high (95 %, over pairs of people), distance_median (to
        the nearest known face), and of "code" the difference of its share from that of "pixels",
        paired: difference, difference_low, difference_high; NaN where all pairs of people agree,
        which says nothing of its error, or where there is only one.
    """
    import pandas as pd

    one, other = pairs.rows.T
    both, twice = np.concatenate([one, other]), np.tile(pairs.groups, 2)
    kinds = [
        ("ends", held_out.faces[both], twice),
        ("pixels", (held_out.faces[one] + held_out.faces[other]) / 2, pairs.groups),
    ]
    if held_out.codes is not None and known.decode is not None:
        codes = held_out.codes
        halfway = ((codes[one] + codes[other]) / 2).astype(np.float32)
        kinds += [
            (kind, np.clip(known.decode(mixed), 0, 1).astype(np.float32), groups)
            for kind, mixed, groups in (
                ("decoded", codes[both], twice), ("code", halfway, pairs.groups)
            )
        ]  # fmt: skip
    hits: dict[str, np.ndarray] = {}
    table = []
    for kind, X, groups in kinds:
        hits[kind] = judges.accepts_jointly(X)
        table.append(
            {
                "kind": kind,
                **share_over_groups(hits[kind], groups),
                "distance_median": float(np.median(nearest(X, known.faces)[1])),
                **_difference(hits, kind, pairs),
            }
        )
    return pd.DataFrame(table)


def _difference(hits: dict[str, np.ndarray], kind: str, pairs: Pairs) -> dict[str, Any]:
    """The difference of the accepted shares of code and pixel midpoints, with its interval."""
    if kind != "code":
        return dict.fromkeys(("difference", "difference_low", "difference_high"), np.nan)
    found = intervals.paired_difference(hits["code"], hits["pixels"], pairs.groups)
    agree = found["high"] - found["low"] < 1e-9  # a spread of 0 over groups is no certainty
    return {
        "difference": found["difference"],
        "difference_low": np.nan if agree else max(found["low"], -1.0),
        "difference_high": np.nan if agree else min(found["high"], 1.0),
    }


def _rms(differences: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.square(differences, dtype=np.float64).mean(axis=1)))
