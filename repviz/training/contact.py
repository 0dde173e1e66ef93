"""What a recipe's changes look like, before anything is trained on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torchvision.transforms.v2.functional import center_crop

from repviz.errors import InputError
from repviz.training.augmenting import Augmenter, palette
from repviz.training.feeding import torch_stream

if TYPE_CHECKING:
    from repviz.images.collection import Images
    from repviz.models.model import Model
    from repviz.training.settings import Settings


def contact_sheet(
    model: Model, images: Images, settings: Settings, *, columns: int = 8, seed: int = 0
) -> tuple[list[str], np.ndarray]:
    """Some images as they are, under each change of the recipe alone, and under all together.

    Parameters
    ----------
    model : Model
        Whose input they are to become.
    images : Images
        At least one; spread evenly, ``columns`` of them are shown.
    settings : Settings
        The recipe.
    columns : int
        Images, at least 1.
    seed : int
        Of the changes.

    Returns
    -------
    names : list of str
        What each row shows: "as it is", "crop=0.128", ..., "all together".
    sheet : ndarray, uint8, shape (rows, columns, c, h, w)
        The pictures, in the size that the network is given.
    """
    if not settings.augment:
        raise InputError(
            "train: the recipe must change the images, got no augmentation. Name some: "
            "augment='crop,flip'."
        )
    channels, size = model.preprocessing.channels, model.preprocessing.size
    whole = Augmenter(settings.augment, size)
    shown = np.unique(np.linspace(0, len(images) - 1, columns).round().astype(int))
    pixels = images.at(size=whole.side, grey=channels == 1).pixels(shown)
    whole = replace(whole, palette=palette(pixels) if channels == 3 else None)
    names = ["as it is"]
    rows = [center_crop(torch.from_numpy(pixels), list(size))]
    alone = [replace(whole, amounts={name: amount}) for name, amount in whole.amounts.items()]
    for augmenter in [*alone, whole] if len(alone) > 1 else alone:
        (name, amount), *more = augmenter.amounts.items()
        names.append("all together" if more else f"{name}={amount:.3g}")
        drawn = augmenter.draw(len(shown), torch_stream(seed, "contact", names[-1]))
        rows.append(center_crop(augmenter.change(torch.from_numpy(pixels), drawn), list(size)))
    return names, torch.stack(rows).numpy()
