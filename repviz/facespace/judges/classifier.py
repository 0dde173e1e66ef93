"""A linear classifier on oriented gradients: known faces against the kinds of non-faces."""

from __future__ import annotations

import numpy as np

from repviz.facespace.judges import Statistics
from repviz.facespace.known import Known
from repviz.facespace.negatives import NEGATIVES
from repviz.facespace.oriented_gradients import oriented_gradients
from repviz.streams import stream

EACH = 200  # images of each kind of negatives
EACH_CLOSE = 600  # of the kinds that only turn or move a face: they are the most like one
PENALTY = 3.0


def fit(known: Known, seed: int, *, leave_out: tuple[str, ...] = ()) -> Statistics:
    """The negative decision value of the classifier, larger for non-faces: (m, 1).

    Ridge regression of +1 (face) and -1 on oriented gradients, both classes weighted alike. The
    negatives are all of :data:`~repviz.facespace.negatives.NEGATIVES` that apply, made from the
    known faces and from photographs of which the panel of negatives uses none. Rungs that are made
    to look like faces (the Gaussian ones, mixtures, decoded codes) are not among them: whether
    those are faces is the question.

    Parameters
    ----------
    known : Known
        The faces.
    seed : int
        Seed of the negatives.
    leave_out : tuple of str
        Kinds of negatives that it is not trained on, to measure how it fares on new kinds.
    """
    from sklearn.linear_model import RidgeClassifier

    side = known.side
    kinds = [
        kind
        for kind in NEGATIVES.values()
        if kind.trains and (known.oriented or not kind.faces_only) and kind.name not in leave_out
    ]
    others = [
        kind.draw(
            known,
            stream(seed, "classifier judge", kind.name),
            EACH_CLOSE if kind.faces_only else EACH,
        )
        for kind in kinds
    ]
    faces = known.faces
    if known.oriented:  # a mirrored face is a face
        mirrored = faces.reshape(-1, side, side)[:, :, ::-1].reshape(faces.shape)
        faces = np.concatenate([faces, mirrored])
    rows = np.concatenate([faces, *others])
    truth = np.arange(len(rows)) < len(faces)
    model = RidgeClassifier(alpha=PENALTY, class_weight="balanced", solver="cholesky")
    model.fit(oriented_gradients(rows, side), truth)
    return lambda X: -model.decision_function(oriented_gradients(X, side))[:, None]
