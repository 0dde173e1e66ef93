"""Criteria: when is a reconstruction good enough? :data:`CRITERIA` is the family.

A criterion is a function ``score(images, reference)`` that returns one number per image, larger is
better; 1 or 0 for a yes or no. ``images`` is (n, d), ``reference`` a
:class:`repviz.bottleneck.criteria.reference.Reference`. It scores the originals and their
reconstructions; what counts is the loss from one to the other. A criterion of repviz is a file with
``criterion(argument)``, which returns such a function, and a line in the table.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace

import numpy as np

from repviz import checks, provenance
from repviz.bottleneck.criteria.reference import Reference, Score
from repviz.errors import InputError
from repviz.references import resolve

__all__ = ["CRITERIA", "Criterion", "Reference", "Score", "argument_as_number", "get_criterion"]


@dataclass(frozen=True)
class Criterion:
    """One entry of :data:`CRITERIA`, or a user's own function.

    Attributes
    ----------
    family : str
        Its name without the argument: "psnr".
    statement : str
        What is true of an image that it accepts; ``{argument}`` stands for the argument.
    summary : str
        What it measures, in one line.
    function : str or callable
        ``"module:criterion"``, which takes the argument and returns the score function; or a
        user's score function itself.
    needs : {"labels", "factors", "images", ""}
        What the images must have.
    argument : str
        What follows the colon ("25" in "psnr:25"); in the table the default; "" where it takes
        none.
    """

    family: str
    statement: str
    summary: str
    function: str | Score
    needs: str = ""
    argument: str = ""

    @property
    def name(self) -> str:
        """As a user writes it: "psnr:25"."""
        return f"{self.family}:{self.argument}" if self.argument else self.family

    @property
    def title(self) -> str:
        """What holds for an image that it accepts, as a clause."""
        return self.statement.replace("{argument}", self.argument)

    @property
    def identity(self) -> str:
        """The name and, of a user's function, a hash of its source, as manifests record it."""
        if isinstance(self.function, str):
            return self.name
        return f"{self.name} {provenance.source_key(self.function)}"

    @property
    def score_function(self) -> Score:
        """The function ``(images, reference)``; an argument that is out of range is refused."""
        if not isinstance(self.function, str):
            return self.function
        function: Score = resolve(self.function)(self.argument)
        return function

    def scores(self, images: np.ndarray, reference: Reference) -> np.ndarray:
        """One finite number per image, shape (n,).

        Raises
        ------
        InputError
            The function returned something else.
        """
        returned = self.score_function(images, reference)
        try:
            scores = np.asarray(returned, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"criterion '{self.name}': it must return one number per image, got {error}."
            ) from error
        if scores.shape != (len(images),):
            raise InputError(
                f"criterion '{self.name}': it must return one number per image, shape "
                f"({len(images)},), got shape {scores.shape}."
            )
        if not np.isfinite(scores).all():
            raise InputError(
                f"criterion '{self.name}': it must return one finite number per image, got "
                f"{int((~np.isfinite(scores)).sum())} of {len(scores)} that are NaN or infinite."
            )
        return scores

    def missing(self, reference: Reference) -> str:
        """The reason why the criterion cannot be applied to these images; "" if it can."""
        labels = reference.labels
        if self.needs == "labels" and (labels is None or len(np.unique(labels)) < 2):
            return "the images have fewer than two labels"
        if self.needs == "factors" and not reference.factors:
            return "the images have no known factors"
        if self.needs == "factors" and not reference.varying_factors:
            return "the known factors do not vary among the training and the test images"
        if self.needs == "images" and reference.shape[:2] == (1, 1):
            return "the rows are not images"
        return ""


_HERE = "repviz.bottleneck.criteria"

_LINES = (
    Criterion(
        "psnr",
        "a PSNR of at least {argument} dB",
        "psnr:DB, whether the peak signal-to-noise ratio is at least DB decibels (25)",
        f"{_HERE}.psnr:criterion",
        "images",
        "25",
    ),
    Criterion(
        "ssim",
        "an SSIM of at least {argument}",
        "ssim:S, whether the structural similarity is at least S (0.8)",
        f"{_HERE}.ssim:criterion",
        "images",
        "0.8",
    ),
    Criterion(
        "same-label",
        "the nearest other image has the same label",
        "whether the nearest other original has the same label",
        f"{_HERE}.same_label:criterion",
        "labels",
    ),
    Criterion(
        "same-prediction",
        "a classifier decides as it did on the original",
        "whether a linear classifier of the training labels decides as on the original",
        f"{_HERE}.same_prediction:criterion",
        "labels",
    ),
    Criterion(
        "face",
        "a face detector finds a face",
        "whether scikit-image's cascade of local binary patterns finds a frontal face",
        f"{_HERE}.face:criterion",
        "images",
    ),
    Criterion(
        "factors",
        "the known factors can be read off",
        "the R2 of a linear fit of the known factors to the image",
        f"{_HERE}.factors:criterion",
        "factors",
    ),
)
CRITERIA: dict[str, Criterion] = {criterion.family: criterion for criterion in _LINES}


def get_criterion(criterion: str | Score | Criterion) -> Criterion:
    """The criterion of that name ("psnr:25"), or one that wraps a user's own function.

    Raises
    ------
    UnknownName
        No criterion has this name.
    InputError
        It is neither a name nor a function with a name, or its argument is out of range.
    """
    if isinstance(criterion, Criterion):
        return criterion
    if isinstance(criterion, str):
        family, colon, argument = criterion.partition(":")
        entry = CRITERIA[checks.one_of("sweep", "criterion", family, CRITERIA)]
        if colon and not entry.argument:
            raise InputError(
                f"criterion '{family}': it takes no argument after a colon, got '{argument}'."
            )
        entry = replace(entry, argument=argument or entry.argument)
        if entry.argument:
            _ = entry.score_function  # a bad argument is refused before anything is trained
        return entry
    name = getattr(criterion, "__name__", "")
    if not callable(criterion) or not name.isidentifier():
        raise InputError(
            f"sweep: a criterion must be a name or a named function (images, reference), got "
            f"{criterion!r}. Known: {', '.join(CRITERIA)}."
        )
    lines = (inspect.getdoc(criterion) or name.replace("_", " ")).splitlines()
    return Criterion(name, lines[0], lines[0], criterion)


def argument_as_number(family: str, argument: str, *, low: float, high: float) -> float:
    """The argument after the colon, as a number from ``low`` to ``high``."""
    try:
        value = float(argument)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InputError(
            f"criterion '{family}': a number from {low:g} to {high:g} must follow the colon, got "
            f"'{argument}'. For example, write {family}:{CRITERIA[family].argument}."
        )
    return value
