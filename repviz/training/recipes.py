"""The family of recipes: :data:`RECIPES`, and the settings of each with some overridden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from repviz import checks
from repviz.references import resolve
from repviz.training.settings import Settings, parse_augmentations

if TYPE_CHECKING:
    import pandas as pd

    from repviz.models.model import Model


@dataclass(frozen=True)
class Recipe:
    """One entry of :data:`RECIPES`.

    Attributes
    ----------
    summary : str
        One line on what it does.
    function : str
        Reference to the function. It takes the model, the images and the rows of both parts,
        and by name ``settings``, ``seed`` and ``make_checkpointer``; it returns the trained copy
        and the table.
    by : str
        How :func:`repviz.split` divides the images: "image", or "label" where labels are known.
    task : str
        The task of the models it trains: "labels" or "pixels".
    default_settings : str
        Reference to its :class:`Settings`.
    resumes : bool
        Whether an interrupted training resumes when it is started again.
    """

    summary: str
    function: str
    by: str
    task: str
    default_settings: str
    resumes: bool

    @property
    def run(self) -> Callable[..., tuple[Model, pd.DataFrame]]:
        """The function itself."""
        function: Callable[..., Any] = resolve(self.function)
        return function

    @property
    def settings(self) -> Settings:
        """The settings where nothing is overridden."""
        settings: Settings = resolve(self.default_settings)
        return settings


RECIPES: dict[str, Recipe] = {
    "labels": Recipe(
        "classify labels from few images: data-dependent init, shifts, 6 epochs",
        "repviz.training.alexnet_recipe:train_on_labels",
        by="image",
        task="labels",
        default_settings="repviz.training.alexnet_recipe:FEW_IMAGES",
        resumes=True,
    ),
    "paper": Recipe(
        "classify the labels as printed in 2012, but for the weights: batch 128, at most 90 epochs",
        "repviz.training.alexnet_recipe:train_on_labels",
        by="image",
        task="labels",
        default_settings="repviz.training.alexnet_recipe:PAPER",
        resumes=True,
    ),
    "code2012": Recipe(
        "classify the labels as the code of 2012: as paper, biases twice as fast, without decay",
        "repviz.training.alexnet_recipe:train_on_labels",
        by="image",
        task="labels",
        default_settings="repviz.training.alexnet_recipe:CODE_2012",
        resumes=True,
    ),
    "pixels": Recipe(
        "reconstruct the images: starts at PCA where it can, keeps the best validation epoch",
        "repviz.training.autoencoder_recipe:train_on_pixels",
        by="label",
        task="pixels",
        default_settings="repviz.training.autoencoder_recipe:SETTINGS",
        resumes=False,
    ),
}


def recipe_settings(recipe: str, **overrides: Any) -> Settings:
    """The settings of a recipe, some of them overridden.

    Parameters
    ----------
    recipe : str
        A key of :data:`RECIPES`.
    **overrides
        Attributes of :class:`Settings` by name; ``augment`` may be text, as
        :func:`repviz.training.settings.parse_augmentations` reads it.
    """
    settings = RECIPES[checks.one_of("train", "recipe", recipe, RECIPES)].settings
    for name in overrides:
        checks.one_of("train", "setting", name, [entry.name for entry in fields(Settings)])
    if isinstance(overrides.get("augment"), str):
        overrides["augment"] = parse_augmentations(overrides["augment"])
    return replace(settings, **overrides)
