"""Trained weights in one file: safetensors, with a card in its header that says what they are.

The card is JSON: model, options, classes, preprocessing, what the weights were trained on, and
their hash. Nothing is unpickled, so a file from a stranger cannot run code. A training under way is
kept in the same form: its own tensors lie beside the weights, under another name, until it is over.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from repviz import durable, provenance
from repviz.errors import Damaged, Mismatch, StoreError, Unavailable
from repviz.models.building import build
from repviz.models.model import Model, Preprocessing, weights_hash

FORMAT, VERSION = "repviz checkpoint", 1
UNDER_WAY = "training/"  # what the names of a training's own tensors begin with


def save_checkpoint(
    model: Model,
    path: str | Path,
    *,
    recipe: dict[str, Any] | None = None,
    images_key: str = "",
    training: dict[str, Any] | None = None,
    tensors: dict[str, Tensor] | None = None,
) -> Path:
    """Write ``model`` to ``path``, all or nothing, and give back that path.

    Parameters
    ----------
    model : Model
        What to keep.
    path : str or Path
        Where; ``.safetensors`` is the usual ending.
    recipe : dict, optional
        How it was trained, as JSON values.
    images_key : str
        The key of the images it was trained on.
    training : dict, optional
        How far the training is, as JSON values.
    tensors : dict of str to Tensor, optional
        What a training that is not over needs besides the weights.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    path = Path(path)
    card = {
        "format": FORMAT,
        "version": VERSION,
        "model": model.name,
        "options": model.options,
        "classes": model.classes,
        "preprocessing": model.preprocessing.card(),
        "weights": model.weights,
        "weights_hash": weights_hash(model.module),
        "recipe": recipe or {},
        "images": images_key,
        "training": training or {},
        "versions": provenance.versions(),
    }
    kept = dict(model.module.state_dict())
    kept |= {f"{UNDER_WAY}{name}": value for name, value in (tensors or {}).items()}
    # A tensor that is no view of another, in the order of its axes, on the processor.
    whole = {name: value.detach().cpu().contiguous() for name, value in kept.items()}
    with durable.replacing(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # as for any other file; safetensors' own are private
        try:
            save_file(whole, temporary, metadata={"repviz": json.dumps(card)})
        except SafetensorError as error:
            raise StoreError(
                f"{path}: the checkpoint cannot be written, the system says '{error}'. Free some "
                "space and run again: what was kept before is still there."
            ) from error
        temporary.chmod(mode)
    return path


def read_card(path: str | Path) -> dict[str, Any]:
    """What the checkpoint ``path`` says of itself; the weights are not read.

    Raises
    ------
    Unavailable
        There is no such file.
    Damaged
        It is not a checkpoint, or is cut short.
    """
    if not Path(path).is_file():
        raise Unavailable(
            f"open_model: weights must be 'random', 'default' or the path of a checkpoint, and "
            f"there is no file '{path}'. Check the path."
        )
    try:
        with safe_open(path, framework="pt") as file:
            card: dict[str, Any] = json.loads((file.metadata() or {}).get("repviz", "{}"))
    except (SafetensorError, ValueError) as error:
        raise Damaged(
            f"{path}: this file is no whole safetensors file ({error}). Train again, or copy it "
            "again from where it came."
        ) from error
    if card.get("format") != FORMAT or card.get("version") != VERSION:
        raise Damaged(
            f"{path}: this safetensors file holds no {FORMAT} of version {VERSION}. Give a file "
            "that repviz wrote."
        )
    return card


def open_checkpoint(path: str | Path) -> Model:
    """The model in ``path``, as it was saved, in evaluation mode.

    Raises
    ------
    Unavailable
        There is no such file.
    Damaged
        It is not a checkpoint, is cut short, or its weights are not those that were saved.
    """
    card = read_card(path)
    model = build(card["model"], card["options"])
    _read_weights(path, card, model.module)
    return replace(
        model,
        preprocessing=Preprocessing.of_card(card["preprocessing"]),
        weights=card["weights"],
        classes=None if card["classes"] is None else tuple(card["classes"]),
        recipe=card["recipe"] | {"images": card["images"]},
    )


def load_training(path: str | Path, module: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """How far the training in ``path`` is, and its own tensors; its weights go into ``module``.

    Raises
    ------
    Unavailable, Damaged
        As :func:`open_checkpoint`.
    """
    card = read_card(path)
    _read_weights(path, card, module)
    with safe_open(path, framework="pt") as file:
        own = [name for name in file.keys() if name.startswith(UNDER_WAY)]  # noqa: SIM118
        tensors = {name.removeprefix(UNDER_WAY): file.get_tensor(name) for name in own}
    return card["training"], tensors


def must_be_of(path: str | Path, name: str, options: dict[str, Any]) -> None:
    """Raise Mismatch unless the checkpoint ``path`` is of the model ``name`` with ``options``."""
    card = read_card(path)
    here = {"model": name, **options}
    there = {"model": card["model"], **{key: card["options"].get(key) for key in options}}
    if different := provenance.differences(there, here):
        raise Mismatch(
            f"{path}: the checkpoint is of another model: {'; '.join(different)}. Open the model "
            "that it was made with; options left out are taken from it."
        )


def _read_weights(path: str | Path, card: dict[str, Any], module: nn.Module) -> None:
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if not name.startswith(UNDER_WAY)]  # noqa: SIM118
            module.load_state_dict({name: file.get_tensor(name) for name in names})
    except (SafetensorError, RuntimeError) as error:
        raise Damaged(
            f"{path}: the weights do not fit the model that the file says it is. Train again, or "
            "copy the file again from where it came."
        ) from error
    if weights_hash(module) != card["weights_hash"]:
        raise Damaged(
            f"{path}: the weights have changed since they were written. Train again, or copy the "
            "file again from where it came."
        )
