"""The contact sheet of a recipe: what training will see, as one picture."""

from __future__ import annotations

from pathlib import Path

from repviz.figures import pictures
from repviz.images.collection import Images
from repviz.models.model import Model
from repviz.training.contact_sheet import contact_sheet
from repviz.training.settings import Settings


def draw_augmentation(
    model: Model, images: Images, settings: Settings, *, out: str | Path, seed: int = 0
) -> Path:
    """The path of a PNG with each change of a recipe alone, and all of them together.

    Parameters
    ----------
    model : Model
        Whose input the images become.
    images : Images
        Eight of them are shown.
    settings : Settings
        The recipe.
    out : path
        The checkpoint that training would write; the picture stands beside it, as ``.png``.
    seed : int
        Of the changes.
    """
    names, sheet = contact_sheet(model, images, settings, seed=seed)
    return pictures.save_png(pictures.contact(names, sheet), Path(out).with_suffix(".png"))
