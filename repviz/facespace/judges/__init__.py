"""Judges of what counts as a face: :data:`JUDGES`, one contract.

A judge is fitted to known faces and then gives statistics of any image. It says nothing yet about
which values a face has: :mod:`repviz.facespace.calibration` learns that from faces of people whom
the judge has not seen, in the same way for every judge.

To add one, write a file with ``fit(known, seed) -> statistics`` and one line in :data:`JUDGES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.facespace.known import Known
from repviz.references import resolve

Statistics = Callable[[np.ndarray], np.ndarray]  # rows (m, d) to (m, s)


@dataclass(frozen=True)
class Judge:
    """One way to tell faces from other images.

    Attributes
    ----------
    name : str
        Its key in :data:`JUDGES`.
    title : str
        What the report calls it, with ``{image}`` and ``{images}`` for what the images show.
    fit : str or callable
        ``(known, seed) -> statistics``, or where it is; ``statistics(X)`` gives an ndarray of
        float, shape (m, s), of which row i depends on row i of X alone.
    statistics : tuple of str
        What the s numbers are.
    two_sided : bool
        Whether a value can be too small for a face as well as too large.
    blind_to : str
        What it cannot see, as a clause, with the same nouns.
    slow : bool
        Whether an image takes milliseconds, so that only part of many images is judged.
    faces_only : bool
        Whether it knows faces from elsewhere and means nothing for other images.
    """

    name: str
    title: str
    fit: str | Callable[[Known, int], Statistics]
    statistics: tuple[str, ...]
    blind_to: str
    two_sided: bool = True
    slow: bool = False
    faces_only: bool = False

    def fitted(self, known: Known, seed: int) -> Statistics:
        """The function that gives the statistics of images, fitted to ``known``."""
        fit = resolve(self.fit) if isinstance(self.fit, str) else self.fit
        statistics = fit(known, seed)

        def checked(X: np.ndarray) -> np.ndarray:
            values = np.asarray(statistics(X), dtype=np.float64)
            if values.shape != (len(X), len(self.statistics)) or np.isnan(values).any():
                raise InputError(
                    f"judge '{self.name}': statistics must be {len(self.statistics)} numbers per "
                    f"image, shape ({len(X)}, {len(self.statistics)}), got shape {values.shape}"
                    f"{' with NaN' if np.isnan(values).any() else ''}. Fix its function."
                )
            return values

        return checked


def user_judge(function: Callable[[np.ndarray], Any], *, name: str = "user") -> Judge:
    """A judge from any function that gives one number per image, judged on both sides.

    Parameters
    ----------
    function : callable
        Rows (m, d) in [0, 1] to m finite numbers: a distance, a score, a probability.
    name : str
        What the report calls it.
    """

    def column(X: np.ndarray) -> np.ndarray:
        values = np.asarray(function(X), dtype=float)
        return values[:, None] if values.ndim == 1 else values

    blind_to = "whatever its function does not measure"
    return Judge(name, name, lambda known, seed: column, (name,), blind_to)


_HOME = "repviz.facespace.judges"
_ALL = (
    Judge(
        "nearest-face",
        "Distance to the nearest known {image}",
        f"{_HOME}.nearest_face:fit",
        ("distance",),
        "structure: the same {image} shifted by a few pixels can be far, a blurred one near",
    ),
    Judge(
        "face-space",
        "Eigenface space: within and outside",
        f"{_HOME}.face_space:fit",
        ("within", "residual"),
        "the signs of the component scores: it accepts every combination of them",
    ),
    Judge(
        "autoencoder",
        "Autoencoder residual",
        f"{_HOME}.autoencoder:fit",
        ("autoencoder-residual",),
        "any image that it reconstructs well although it is no {image}",
    ),
    Judge(
        "classifier",
        "Classifier of edges: {images} against other images",
        f"{_HOME}.classifier:fit",
        ("non-face",),
        "overall brightness and sharpness, and kinds of image absent from its training",
        two_sided=False,
    ),
    Judge(
        "cascade",
        "scikit-image's frontal-face cascade",
        f"{_HOME}.cascade:fit",
        ("not-detected",),
        "noise on top of a face: the mean face plus noise passes",
        two_sided=False,
        slow=True,
        faces_only=True,
    ),
)
JUDGES: dict[str, Judge] = {judge.name: judge for judge in _ALL}


def get_judges(judges: Any, *, oriented: bool = True) -> list[Judge]:
    """Judges by name or as they are; all of :data:`JUDGES` that apply if None.

    Raises
    ------
    UnknownName
        No judge has this name.
    InputError
        The list is empty, or two have one name.
    """
    if judges is None:
        return [judge for judge in _ALL if oriented or not judge.faces_only]
    found = [
        judge
        if isinstance(judge, Judge)
        else user_judge(judge, name=getattr(judge, "__name__", "user"))
        if callable(judge)
        else JUDGES[checks.one_of("ladder", "judge", judge, JUDGES)]
        for judge in checks.as_list(judges)
    ]
    names = [judge.name for judge in found]
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"ladder: judges must be at least one, with different names, got {names}. Rename one."
        )
    return found
