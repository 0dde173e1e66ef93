"""Criteria: who says whether a reconstruction is still reasonable. :data:`CRITERIA` is the family.

A criterion is a function ``criterion(images, of)`` that gives each image a number, the larger the
better:
1 or 0 for a yes or no. ``images`` is (n, d); ``of`` is a :class:`Reference`. It is asked twice, of
the originals and of what is left of them, and what counts is what an image loses on the way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np

from repviz import checks, provenance
from repviz.errors import InputError

__all__ = ["CRITERIA", "Criterion", "Reference", "chosen"]


@dataclass(frozen=True, eq=False)
class Reference:
    """What a criterion may know.

    Attributes
    ----------
    originals : ndarray, shape (n, d)
        The images as they were; pixels in [0, 1].
    shape : (int, int, int)
        Channels, height and width, with d their product.
    labels : ndarray of str, shape (n,), or None
        Who or what each shows.
    factors : dict of str to ndarray, shape (n,)
        What is known about how each came about.
    known : ndarray, shape (m, d)
        The training images.
    known_labels, known_factors
        The same of them.
    """

    originals: np.ndarray = field(repr=False)
    shape: tuple[int, int, int]
    labels: np.ndarray | None = field(repr=False)
    factors: dict[str, np.ndarray] = field(repr=False)
    known: np.ndarray = field(repr=False)
    known_labels: np.ndarray | None = field(repr=False)
    known_factors: dict[str, np.ndarray] = field(repr=False)


Function = Callable[[np.ndarray, Reference], np.ndarray]


@dataclass(frozen=True)
class Criterion:
    """One entry of :data:`CRITERIA`, or a user's own function.

    Attributes
    ----------
    name : str
        As a user wrote it: "psnr:25".
    title : str
        What a sentence calls it: what is true of an image that it accepts.
    summary : str
        One line on how it criteria, for the list.
    make : callable
        From the argument behind the colon ("" without one) to the function.
    needs : {"labels", "factors", "pictures"} or ""
        What the images must have.
    own : callable, optional
        The user's function, where it is one.
    """

    name: str
    title: str
    summary: str
    make: Callable[[str], Function]
    needs: str = ""
    own: Function | None = None

    @property
    def identity(self) -> str:
        """What its answers depend on besides the images: its name, and a user's own source."""
        return self.name if self.own is None else f"{self.name} {provenance.source_key(self.own)}"

    def scores(self, images: np.ndarray, of: Reference) -> np.ndarray:
        """One finite number an image, shape (n,).

        Raises
        ------
        InputError
            The function gave something else.
        """
        _, _, argument = self.name.partition(":")
        given = self.make(argument)(images, of)
        try:
            found = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"criterion '{self.name}': it must give one number an image, got {error}."
            ) from error
        if found.shape != (len(images),):
            raise InputError(
                f"criterion '{self.name}': it must give one finite number an image, shape "
                f"({len(images)},), got shape {found.shape}."
            )
        if not np.isfinite(found).all():
            raise InputError(
                f"criterion '{self.name}': it must give one finite number an image, got "
                f"{int((~np.isfinite(found)).sum())} of {len(found)} that are NaN or infinite."
            )
        return found

    def lacks(self, of: Reference) -> str:
        """What the images lack for this criterion, in words; empty where nothing is lacking."""
        if self.needs == "labels" and (of.labels is None or len(np.unique(of.labels)) < 2):
            return "the images carry fewer than two labels"
        if self.needs == "factors" and not of.factors:
            return "no factors are known of the images"
        if self.needs == "pictures" and of.shape[:2] == (1, 1):
            return "the rows are no images"
        return ""


def _from(file: str) -> Callable[[str], Function]:
    def make(argument: str) -> Function:
        found: Function = import_module(f"{__name__}.{file}").criterion(argument)
        return found

    return make


_LINES = (
    Criterion(
        "psnr",
        "a PSNR of at least {argument} dB",
        "psnr:DB, whether the peak signal-to-noise ratio is at least DB decibels (25)",
        _from("psnr"),
        "pictures",
    ),
    Criterion(
        "ssim",
        "an SSIM of at least {argument}",
        "ssim:S, whether the structural similarity is at least S (0.8)",
        _from("ssim"),
        "pictures",
    ),
    Criterion(
        "person",
        "the nearest other image shows the same person",
        "whether the nearest other original shows the same label",
        _from("person"),
        "labels",
    ),
    Criterion(
        "decision",
        "a classifier decides as it did on the original",
        "whether a linear classifier of the training labels says what it says of the original",
        _from("decision"),
        "labels",
    ),
    Criterion(
        "face",
        "a face detector finds a face",
        "whether scikit-image's cascade of local binary patterns finds a frontal face",
        _from("face"),
        "pictures",
    ),
    Criterion(
        "factors",
        "the known factors can be read off",
        "the share of the factors' variance (R2) that a linear fit reads off the image",
        _from("factors"),
        "factors",
    ),
)
CRITERIA: dict[str, Criterion] = {criterion.name: criterion for criterion in _LINES}
DEFAULTS = {"psnr": "25", "ssim": "0.8"}


def chosen(given: str | Function | Criterion) -> Criterion:
    """The criterion that a user named ("psnr:25"), or that a function of the user's own is.

    Raises
    ------
    UnknownName
        No criterion has this name.
    InputError
        It is neither a name nor a function with a name.
    """
    if isinstance(given, Criterion):
        return given
    if isinstance(given, str):
        name, colon, argument = given.partition(":")
        of = CRITERIA[checks.one_of("sweep", "criterion", name, CRITERIA)]
        if colon and name not in DEFAULTS:
            raise InputError(
                f"criterion '{name}': it takes nothing after a colon, got '{argument}'."
            )
        argument = argument or DEFAULTS.get(name, "")
        if name in DEFAULTS:
            of.make(argument)  # what cannot be meant is refused before anything is trained
        named = f"{name}:{argument}" if argument else name
        return Criterion(named, of.title.format(argument=argument), of.summary, of.make, of.needs)
    name = getattr(given, "__name__", "")
    if not callable(given) or not name.isidentifier():
        raise InputError(
            f"sweep: a criterion must be a name or a function (images, of) with a name, got "
            f"{given!r}. "
            f"Known: {', '.join(CRITERIA)}."
        )
    words = inspect.getdoc(given) or ""
    title = words.splitlines()[0] if words else name.replace("_", " ")
    return Criterion(name, title, title, lambda argument: given, own=given)


def number(criterion: str, argument: str, *, low: float, high: float) -> float:
    """What stands behind the colon, as a number from ``low`` to ``high``."""
    try:
        value = float(argument)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InputError(
            f"criterion '{criterion}': a number from {low:g} to {high:g} must follow the colon, "
            f"got "
            f"'{argument}'. Write for example {criterion}:{DEFAULTS[criterion]}."
        )
    return value
