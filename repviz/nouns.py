"""The nouns for a source's images and labels in reports: "faces of people", "digits"."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


def indefinite(noun: str) -> str:
    """The noun with its indefinite article: "a face", "an image"."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


@dataclass(frozen=True)
class Nouns:
    """Four nouns: "400 *faces* of 40 *people*"; "the nearest *image* shows the same *label*".

    Attributes
    ----------
    image, images : str
        What one image is called, and several.
    label, labels : str
        What one label names, and several.
    grouped : bool
        Whether the images have groups that labels do not tell.
    """

    image: str = "image"
    images: str = "images"
    label: str = "label"
    labels: str = "labels"
    grouped: bool = False

    @property
    def unit(self) -> str:
        """The noun for independent units where images are none: the group, else the label."""
        return "group" if self.grouped else self.label

    @property
    def units(self) -> str:
        """The plural of :attr:`unit`."""
        return "groups" if self.grouped else self.labels

    @property
    def one(self) -> str:
        """One of the kind: "a face"; "an image like these" where the kind has no name."""
        return indefinite(self.image) + self._kind

    @property
    def several(self) -> str:
        """Some of the kind: "faces"; "images like these" where the kind has no name."""
        return self.images + self._kind

    def fill(self, text: str) -> str:
        """``text`` with the nouns in place of ``{one}``, ``{image}`` and ``{images}``."""
        return text.format(one=self.one, image=self.image, images=self.images)

    @property
    def _kind(self) -> str:
        return " like these" if self.image == "image" else ""

    def as_json(self) -> dict[str, Any]:
        """The dict that a manifest stores under ``images.nouns``."""
        return {name: value for name, value in asdict(self).items() if value is not False}


FACES = Nouns("face", "faces", "person", "people")
IMAGES = Nouns()
ROWS = Nouns("row", "rows")
DIGITS = Nouns("digit", "digits", "numeral", "numerals")


def nouns_of(manifest: dict[str, Any]) -> Nouns:
    """The nouns in a study's manifest; "images" and "labels" where it has none."""
    return Nouns(**manifest.get("images", {}).get("nouns", {}))
