"""Checkpoints: trained weights in a safetensors file, described by a card in its header.

The card is JSON: model, options, classes, preprocessing, what the weights were trained on, and
their hash. Nothing is unpickled, so a file from a stranger cannot run code. An unfinished training
is saved in the same format: the optimizer's tensors lie beside the weights, under a prefix.
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
TRAINING_PREFIX = "training/"  # prefix of the names of an unfinished training's own tensors


def save_checkpoint(
    model: Model,
    path: str | Path,
    *,
    recipe: dict[str, Any] | None = None,
    images_key: str = "",
    training: dict[str, Any] | None = None,
    tensors: dict[str, Tensor] | None = None,
) -> Path:
    """Write ``model`` to ``path``, all or nothing; returns the path.

    Parameters
    ----------
    model : Model
        The model to save.
    path : str or Path
        The file; ``.safetensors`` is the usual suffix.
    recipe : dict, optional
        How it was trained, as JSON values.
    images_key : str
        The key of the images it was trained on.
    training : dict, optional
        The state of an unfinished training, as JSON values.
    tensors : dict of str to Tensor, optional
        The tensors of an unfinished training besides the weights.

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
    tensors_out = dict(model.module.state_dict())
    tensors_out |= {f"{TRAINING_PREFIX}{name}": value for name, value in (tensors or {}).items()}
    # Contiguous tensors on the CPU, none a view of another.
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors_out.items()}
    with durable.replacing(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # as of any other file; safetensors' files are private
        try:
            save_file(contiguous, temporary, metadata={"repviz": json.dumps(card)})
        except SafetensorError as error:
            raise StoreError(
                f"{path}: the checkpoint cannot be written, the system says '{error}'. Free some "
                "space and run again: what was saved before is still there."
            ) from error
        temporary.chmod(mode)
    return path


def read_card(path: str | Path) -> dict[str, Any]:
    """The card of the checkpoint ``path``; the weights are not read.

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
            f"{path}: this file is not a complete safetensors file ({error}). Train "
            "again, or copy it again from where it came."
        ) from error
    if card.get("format") != FORMAT or card.get("version") != VERSION:
        raise Damaged(
            f"{path}: this safetensors file holds no {FORMAT} of version {VERSION}. Give a file "
            "that repviz wrote."
        )
    return card


def open_checkpoint(path: str | Path) -> Model:
    """The model saved in ``path``, in evaluation mode.

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
        preprocessing=Preprocessing.from_card(card["preprocessing"]),
        weights=card["weights"],
        classes=None if card["classes"] is None else tuple(card["classes"]),
        recipe=card["recipe"] | {"images": card["images"]},
    )


def load_training(path: str | Path, module: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """State and tensors of the training in ``path``; its weights are loaded into ``module``.

    Raises
    ------
    Unavailable, Damaged
        As :func:`open_checkpoint`.
    """
    card = read_card(path)
    _read_weights(path, card, module)
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(TRAINING_PREFIX)]  # noqa: SIM118
        tensors = {name.removeprefix(TRAINING_PREFIX): file.get_tensor(name) for name in names}
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
            names = [name for name in file.keys() if not name.startswith(TRAINING_PREFIX)]  # noqa: SIM118
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
