"""The contact sheet of a recipe: what training will see, as one picture."""

from __future__ import annotations

from pathlib import Path

from repviz.figures import pictures
from repviz.images.collection import Images
from repviz.models.model import Model
from repviz.training.contact_sheet import contact_sheet
from repviz.training.settings import Settings


def plot_augmentation(
    model: Model, images: Images, recipe: Settings, *, out: str | Path, seed: int = 0
) -> Path:
    """The path of a PNG with each change of a recipe alone, and all of them together.

    Parameters
    ----------
    model : Model
        Whose input the images become.
    images : Images
        Eight of them are shown.
    recipe : Settings
        What training would use.
    out : path
        The PNG to write.
    seed : int
        Of the changes.
    """
    names, sheet = contact_sheet(model, images, recipe, seed=seed)
    return pictures.save_png(pictures.contact(names, sheet), Path(out))
