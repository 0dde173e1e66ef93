"""Evaluation of judges on images that are no faces: false-accept rates and AUC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import intervals
from repviz.facespace.calibration import JOINT, JOINT_TITLE, CalibratedJudges
from repviz.facespace.known import Known
from repviz.facespace.negatives import panel
from repviz.nouns import FACES, Nouns
from repviz.streams import stream

if TYPE_CHECKING:
    import pandas as pd

EACH, EACH_SLOW = 200, 50  # images of each kind, and of those for slow judges
SHOWN = 12


def judge_negatives(
    judges: CalibratedJudges, faces: Known, *, seed: int = 0, nouns: Nouns = FACES
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """The false-accept rate of every judge on every kind of negatives, and accepted examples.

    Parameters
    ----------
    judges : CalibratedJudges
        Who is judged.
    faces : Known
        Faces of people whom the judges have not seen: the negatives are made from them.
    seed : int
        Seed of the negatives.
    nouns : Nouns
        What the images show, for titles.

    Returns
    -------
    table : DataFrame
        One row per kind and judge: kind, title, in_classifier_training (whether the judge
        "classifier" was trained against this kind, made from other faces), judge, judge_title, n,
        groups (independent draws: the people from whose faces the images are made, else n),
        accepted, accepted_share, accepted_share_low, accepted_share_high (95 %, over groups, NaN
        where there is one; crops of one photograph count each), auc: the probability that a
        held-out face scores better than such an image, 0.5 for chance. The judge "joint" is all of
        them, slow ones too.
    verdicts : DataFrame
        One row per image and judge, for :func:`judge_errors`: judge, group (a number of the same
        person in all kinds; that of the image alone where it is made from no face), accepted.
    wrong : ndarray of float32, shape (m, d)
        Up to twelve images that all judges together accept, at most one per kind and turn.
    """
    import pandas as pd

    held_out = _scores(judges, faces.faces)
    names, person = np.unique(faces.groups, return_inverse=True)
    slow = {judge.name for judge in judges.judges if judge.slow}
    rows: list[dict[str, Any]] = []
    verdicts: list[pd.DataFrame] = []
    wrong: list[np.ndarray] = []
    for number, kind in enumerate(panel(faces)):
        images = kind.draw(faces, stream(seed, "panel", kind.name), EACH)
        sources = kind.sources(faces, stream(seed, "panel", kind.name), EACH)
        alone = len(names) + EACH * number + np.arange(EACH)
        groups = alone if sources is None else person[sources]
        scores = _scores(judges, images)
        for name, title, own, reference, threshold in _columns(judges, scores, held_out):
            asked = ~np.isnan(own)
            if name in slow:
                asked &= np.arange(len(own)) < EACH_SLOW  # the others were picked, not drawn
            accepted = own[asked] <= threshold
            verdicts.append(
                pd.DataFrame({"judge": name, "group": groups[asked], "accepted": accepted})
            )
            rows.append(
                {
                    "kind": kind.name,
                    "title": nouns.fill(kind.title),
                    "in_classifier_training": kind.trains,
                    "judge": name,
                    "judge_title": nouns.fill(title),
                    **share_over_groups(accepted, groups[asked]),
                    "auc": _auc(reference[~np.isnan(reference)], own[asked]),
                }
            )
        accepted_by_all = judges.worst(scores) <= judges.joint_limit
        wrong += [images[row] for row in np.flatnonzero(accepted_by_all)[:2]]
    shape = (0, faces.faces.shape[1])
    pictures = np.array(wrong[:SHOWN], np.float32).reshape(-1, shape[1])
    return pd.DataFrame(rows), pd.concat(verdicts, ignore_index=True), pictures


def judge_errors(negatives: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Each judge's errors over all kinds of negatives, from the result of :func:`judge_negatives`.

    One row per judge: judge, judge_title, n, groups (people, and images made from no face),
    accepted, accepted_share, accepted_share_low, accepted_share_high (95 %, over groups), auc (the
    mean over kinds). They are of this panel and its mixture of kinds. Of few people the interval
    is too narrow, since images made from no face count among its degrees of freedom.
    """
    import pandas as pd

    rows = []
    for (judge, title), own in negatives.groupby(["judge", "judge_title"], sort=False):
        each = verdicts[verdicts["judge"] == judge]
        share = share_over_groups(each["accepted"].to_numpy(), each["group"].to_numpy())
        rows.append({"judge": judge, "judge_title": title, **share, "auc": own["auc"].mean()})
    return pd.DataFrame(rows)


def share_over_groups(accepted: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """The share that is accepted, with its 95 % interval over groups, as table columns.

    Where each image is a group of its own the interval is over images.

    Parameters
    ----------
    accepted : ndarray of bool, shape (m,)
        Which images are accepted.
    groups : ndarray of int, shape (m,)
        The independent draw that each belongs to.
    """
    n, many = len(accepted), len(np.unique(groups))
    low, high = intervals.accuracy(accepted, None if many == n else groups)
    return {
        "n": n,
        "groups": many,
        "accepted": int(accepted.sum()),
        "accepted_share": float(accepted.mean()),
        "accepted_share_low": low,
        "accepted_share_high": high,
    }


def _scores(judges: CalibratedJudges, rows: np.ndarray) -> np.ndarray:
    """Scores of every judge (m, judges); NaN where a slow judge was not run.

    Slow judges see the first 50 images, and all that the others accept together.
    """
    scores = np.full((len(rows), len(judges.judges)), np.nan)
    for place, judge in enumerate(judges.judges):
        asked = np.arange(len(rows)) < (EACH_SLOW if judge.slow else len(rows))
        if judge.slow and place in judges.used:
            asked |= judges.worst(scores) <= judges.joint_limit
        scores[asked, place] = judges.scores(place, rows[asked])
    return scores


def _columns(judges: CalibratedJudges, scores: np.ndarray, held_out: np.ndarray) -> Any:
    for place, judge in enumerate(judges.judges):
        threshold = judges.bands[place].threshold
        yield judge.name, judge.title, scores[:, place], held_out[:, place], threshold
    worst = judges.worst(scores), judges.worst(held_out)
    yield JOINT, JOINT_TITLE, *worst, judges.joint_limit


def _auc(faces: np.ndarray, others: np.ndarray) -> float:
    """The share of pairs in which the face has the smaller score; ties count half."""
    below = faces[:, None] < others[None]
    return float(below.mean() + (faces[:, None] == others[None]).mean() / 2)
