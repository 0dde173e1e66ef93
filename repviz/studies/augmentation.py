"""The contact sheet of a recipe: its augmentations of some images as one picture."""

from __future__ import annotations

from pathlib import Path

from repviz import checks
from repviz.figures import pictures
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.locking import reserved
from repviz.models.model import Model
from repviz.models.opening import as_model
from repviz.training.contact_sheet import contact_sheet
from repviz.training.settings import Settings


def plot_augmentation(
    model: Model,
    images: Images,
    recipe: Settings,
    *,
    out: str | Path,
    seed: int = 0,
    overwrite: bool = False,
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
        Seed of the changes.
    overwrite : bool
        Whether the file ``out`` may be replaced.

    Raises
    ------
    StoreError
        ``out`` already exists, or cannot be written.
    """
    who, hint = "plot_augmentation", "See repviz.training.Settings."
    model, images = as_model(who, model), as_images(images)
    checks.instance(who, "recipe", recipe, Settings, hint=hint)
    path = checks.path(who, "out", out)
    overwrite = checks.flag(who, "overwrite", overwrite)
    with reserved(path, overwrite=overwrite):
        names, sheet = contact_sheet(model, images, recipe, seed=checks.seed(who, seed))
        return pictures.save_png(pictures.contact(names, sheet), path)
