"""A contact sheet of a recipe's augmentations, drawn before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torchvision.transforms.v2.functional import center_crop

from repviz.errors import InputError
from repviz.training.augmentation import Augmenter, principal_colours
from repviz.training.batches import torch_stream

if TYPE_CHECKING:
    from repviz.images.collection import Images
    from repviz.models.model import Model
    from repviz.training.settings import Settings


def contact_sheet(
    model: Model, images: Images, settings: Settings, *, columns: int = 8, seed: int = 0
) -> tuple[list[str], np.ndarray]:
    """Some images unchanged, under each augmentation of the recipe single, and under all together.

    Parameters
    ----------
    model : Model
        The model whose input they are to become.
    images : Images
        At least one; ``columns`` of them, evenly spaced, are shown.
    settings : Settings
        The recipe.
    columns : int
        Number of images, at least 1.
    seed : int
        Seed of the augmentation.

    Returns
    -------
    names : list of str
        What each row shows: "unchanged", "crop=0.128", ..., "all together".
    sheet : ndarray, uint8, shape (rows, columns, c, h, w)
        The images, at the size of the network's input.
    """
    if not settings.augment:
        raise InputError(
            "train: there must be augmentations to show, got none. For example: "
            "augment='crop,flip'."
        )
    channels, size = model.preprocessing.channels, model.preprocessing.size
    every = Augmenter(settings.augment, size)
    shown = np.unique(np.linspace(0, len(images) - 1, columns).round().astype(int))
    pixels = images.at(size=every.input_size, grey=channels == 1).pixels(shown)
    every = replace(every, colour_axes=principal_colours(pixels) if channels == 3 else None)
    names = ["unchanged"]
    rows = [center_crop(torch.from_numpy(pixels), list(size))]
    single = [replace(every, amounts={name: amount}) for name, amount in every.amounts.items()]
    for augmenter in [*single, every] if len(single) > 1 else single:
        (name, amount), *more = augmenter.amounts.items()
        names.append("all together" if more else f"{name}={amount:.3g}")
        drawn = augmenter.draw(len(shown), torch_stream(seed, "contact", names[-1]))
        rows.append(center_crop(augmenter.change(torch.from_numpy(pixels), drawn), list(size)))
    return names, torch.stack(rows).numpy()
