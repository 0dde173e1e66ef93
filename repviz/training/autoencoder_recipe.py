"""How an autoencoder is trained: from PCA where it can, and never kept below where it started."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from repviz import checks
from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.autoencoder import ConvAutoencoder, reconstruct
from repviz.models.model import Model
from repviz.principal import pca
from repviz.training import loop
from repviz.training.augmenting import jittered
from repviz.training.feeding import Feed
from repviz.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

STARTS = {
    "pca": "the best linear autoencoder, with convolutions beside it that begin at zero",
    "random": "random weights, the mean image as the first output",
}
EPOCHS, BATCH = 24, 32
RATE, LINEAR_RATE = 1e-3, 1e-4
SETTINGS = Settings(epochs=EPOCHS, batch=BATCH, rate=RATE, decay=0.0, start="given")


def fit_autoencoder(
    train_pixels: np.ndarray,
    validation_pixels: np.ndarray,
    *,
    shape: tuple[int, int, int],
    bottleneck: int,
    start: str = "pca",
    epochs: int | None = None,
    mirror: bool = True,
    seed: int = 0,
) -> tuple[Model, pd.DataFrame]:
    """An autoencoder with a code of ``bottleneck`` numbers, and the history of its training.

    The epoch with the smallest validation error is kept, the start included: from PCA it never
    ends above PCA's error on the validation images.

    Parameters
    ----------
    train_pixels, validation_pixels : ndarray, shape (n, d), float32
        Images as rows, in [0, 1], d = channels * height * width.
    shape : (int, int, int)
        Channels (1 or 3), height and width in pixels; a square whose side is a multiple of 8.
    bottleneck : int
        Numbers in a code, at least 1.
    start : {"pca", "random"}
        A key of :data:`STARTS`.
    epochs : int, optional
        Passes over the images, at least 0; in each an image is shifted, and mirrored or not.
    mirror : bool
        Whether PCA and the training see the mirror image of each image too.
    seed : int
        Of the weights, the order and the shifts, at least 0.

    Returns
    -------
    model : Model
        In evaluation mode, with the weights of the epoch that was kept.
    history : DataFrame
        A row an epoch, from 0 (the start): ``epoch``; ``train_mse``, ``validation_mse`` (mean
        squared error in grey levels of [0, 1]; training's is over the shifted images of that
        epoch, and NaN in epoch 0); ``learning_rate``; ``kept``, true in one row.

    Raises
    ------
    InputError
        The arrays, the shape or a number is not what it must be.
    UnknownName
        No such start.
    """
    who = "fit_autoencoder"
    checks.known(who, "start", start, STARTS)
    train_pixels = checks.matrix(who, train_pixels)
    validation_pixels = checks.matrix(who, validation_pixels, rows=1)
    channels, height, width = shape
    d = channels * height * width
    if height != width or train_pixels.shape[1] != d or validation_pixels.shape[1] != d:
        raise InputError(
            f"{who}: shape must be (channels, side, side) of rows with channels * side * side "
            f"numbers, got {tuple(shape)} for rows of {train_pixels.shape[1]} and "
            f"{validation_pixels.shape[1]}. Resize the images to squares."
        )
    epochs = EPOCHS if epochs is None else checks.whole(who, "epochs", epochs, low=0)
    model = open_model(
        "autoencoder",
        seed=seed,
        bottleneck=bottleneck,
        size=height,
        channels=channels,
        linear=start == "pca",
    )
    return _fitted(model, train_pixels, validation_pixels, epochs, BATCH, mirror, seed)


def train_on_pixels(
    model: Model,
    images: Images,
    parts: tuple[np.ndarray, np.ndarray],
    *,
    settings: Settings,
    seed: int,
    keep: None = None,
) -> tuple[Model, pd.DataFrame]:
    """A copy of ``model`` trained to reconstruct ``images``; see :func:`repviz.train`."""
    made_for = model.preprocessing
    fitting = images.at(size=made_for.size, grey=made_for.channels == 1)
    first, second = (fitting.matrix(rows) for rows in parts)
    return _fitted(
        replace(model, module=copy.deepcopy(model.module)),
        *(first, second),
        epochs=settings.epochs,
        batch=settings.batch,
        mirror=True,
        seed=seed,
    )


def mirrored(pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """``pixels`` (n, d) and below them their mirror images: (2n, d)."""
    pictures = np.asarray(pixels).reshape(-1, *shape)
    return np.concatenate([pictures, pictures[..., ::-1]]).reshape(2 * len(pictures), -1)


def _fitted(
    model: Model,
    pixels: np.ndarray,
    validation: np.ndarray,
    epochs: int,
    batch: int,
    mirror: bool,
    seed: int,
) -> tuple[Model, pd.DataFrame]:
    import pandas as pd

    module = model.module
    if not isinstance(module, ConvAutoencoder):
        raise InputError(
            f"train: the model must be an autoencoder of repviz, got {type(module).__name__}."
        )
    shape = (module.channels, module.size, module.size)
    _start(module, mirrored(pixels, shape) if mirror else pixels)
    best = _Best(module, validation)
    shown = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)).view(-1, *shape)

    def make(rows: Tensor, part: slice, random: torch.Generator) -> tuple[Tensor, Tensor]:
        x = jittered(shown[rows], mirror=mirror, generator=random)[part]
        return x, x

    optimizer = torch.optim.AdamW(_groups(module), lr=RATE, weight_decay=0.0)
    feed = Feed(len(shown), batch, seed, make, f"autoencoder, {module.bottleneck} numbers")
    loop.run(
        module,
        feed,
        loss=functional.mse_loss,
        optimizer=optimizer,
        pace=loop.Pace(epochs, feed.steps),
        after_epoch=best.look,
    )
    module.load_state_dict(best.state)
    history = pd.DataFrame(best.history)
    history["kept"] = history["epoch"] == best.epoch
    trained = f"trained: {epochs} x {len(pixels)} images (seed {seed})"
    return replace(model, weights=trained), history


class _Best:
    """Looks at a module after each epoch and keeps the state with the least validation error."""

    def __init__(self, module: ConvAutoencoder, validation: np.ndarray) -> None:
        self.module, self.validation = module, validation
        self.history: list[dict[str, float]] = []
        self.epoch, self.least = 0, float("inf")
        self.state: dict[str, Tensor] = {}
        self.look(loop.Epoch(0, float("nan"), 0.0))

    def look(self, epoch: loop.Epoch) -> loop.Row:
        left = reconstruct(self.module, self.validation) - self.validation
        mse = float(np.mean(np.square(left, dtype=np.float64)))
        self.history.append(
            {
                "epoch": epoch.number,
                "train_mse": epoch.loss,
                "validation_mse": mse,
                "learning_rate": epoch.learning_rate,
            }
        )
        if mse < self.least:
            self.epoch, self.least = epoch.number, mse
            self.state = {name: value.clone() for name, value in self.module.state_dict().items()}
        return self.history[-1]


def _start(module: ConvAutoencoder, pixels: np.ndarray) -> None:
    if module.project is None:
        module.start_at_mean(pixels.mean(axis=0, dtype=np.float64))
        return
    fitted = pca(pixels, components=min(module.bottleneck, len(pixels) - 1, pixels.shape[1]))
    variance = fitted.explained_variance
    kept = variance > variance[0] * 1e-10
    module.start_at_pca(fitted.mean, fitted.components[kept], np.sqrt(variance[kept]))


def _groups(module: ConvAutoencoder) -> list[dict[str, object]]:
    """The linear path is already where it is best for the images as they are: it moves slowly."""
    linear = [part for part in (module.project, module.restore) if part is not None]
    slow = [value for part in linear for value in part.parameters()]
    slow_ones = {id(value) for value in slow}
    fast = [value for value in module.parameters() if id(value) not in slow_ones]
    groups: list[dict[str, object]] = [{"params": fast, "lr": RATE}]
    return [*groups, {"params": slow, "lr": LINEAR_RATE}] if slow else groups
