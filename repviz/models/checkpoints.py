"""Checkpoints: trained weights in a safetensors file, described by a card in its header.

The card is JSON: model, options, classes, preprocessing, what the weights were trained on, and
their hash; a sum protects the card itself. An unfinished training is saved in the same format: the
optimizer's tensors lie beside the weights, under a prefix.

Nothing is unpickled, and a file may name no module of Python but those of :data:`MODELS`: a
checkpoint of your own network opens where you name that network on the call. So a file from a
stranger cannot run code.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from repviz import checks, durable, progress, provenance
from repviz.errors import Damaged, InputError, Mismatch, StoreError, Unavailable
from repviz.models.building import build
from repviz.models.in_memory import from_module
from repviz.models.model import Model, Preprocessing, tensors_sum, weights_hash
from repviz.models.registry import find_architecture

FORMAT, VERSION = "repviz checkpoint", 1
CARD = "repviz"  # key of the safetensors metadata; a second one would have no fixed order there
TRAINING_PREFIX = "training/"  # prefix of the names of an unfinished training's own tensors
FIELDS: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "options": dict,
    "classes": (list, type(None)),
    "preprocessing": dict,
    "weights": str,
    "weights_hash": str,
    "recipe": dict,
    "images": str,
    "training": dict,
}
INVALID = (ValueError, TypeError, RuntimeError, LookupError, OverflowError, MemoryError)


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
    own = {f"{TRAINING_PREFIX}{name}": value for name, value in (tensors or {}).items()}
    weights = model.module.state_dict()
    card = {
        "format": FORMAT,
        "version": VERSION,
        "model": model.name,
        "options": model.options,
        "classes": model.classes,
        "preprocessing": model.preprocessing.card(),
        "weights": model.weights,
        "weights_kind": model.weights_kind,
        "weights_hash": weights_hash(model.module),
        "sums": {"weights": tensors_sum(weights), "training": tensors_sum(own)},
        "recipe": recipe or {},
        "images": images_key,
        "training": training or {},
        "versions": provenance.versions(),
    }
    text = json.dumps(card)
    metadata = {CARD: f"{provenance.sha256(text.encode())}\n{text}"}
    # Contiguous tensors on the CPU, none a view of another.
    contiguous = _separate(weights | own)
    with durable.replacing(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # as of any other file; safetensors' files are private
        try:
            save_file(contiguous, temporary, metadata=metadata)
        except SafetensorError as error:
            raise StoreError(
                f"{path}: the checkpoint cannot be written ('{error}'). Free some space and run "
                "again: the previous checkpoint is intact."
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
        It is not a checkpoint, is cut short, or its card is not the one that was written.
    """
    if not Path(path).is_file():
        got = "is no file" if Path(path).exists() else "does not exist"
        raise Unavailable(
            "open_model: weights must be 'random', 'default' or the path of a checkpoint, got "
            f"'{path}', which {got}. Check the path."
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise Damaged(
            f"{path}: this file is not a complete safetensors file ({error}). Copy it again from "
            "its source, or train again."
        ) from error
    total, _, text = metadata.get(CARD, "").rpartition("\n")
    if total and total != provenance.sha256(text.encode()):
        raise Damaged(
            f"{path}: the metadata of this checkpoint has changed since it was written. Copy the "
            "file again from its source, or train again."
        )
    card = _parsed(path, text)
    if not total:
        progress.say(
            f"{path}: this checkpoint has no checksum of its metadata, so changes to it cannot be "
            "detected."
        )
    return card


def _parsed(path: str | Path, text: str) -> dict[str, Any]:
    """The card that ``text`` holds, every field of it of its type."""
    try:
        card: Any = json.loads(text)
    except (ValueError, RecursionError):
        card = None
    card = card if isinstance(card, dict) else {}
    if card.get("format") != FORMAT or card.get("version") != VERSION:
        raise Damaged(
            f"{path}: this safetensors file must contain a {FORMAT}, version {VERSION}, and does "
            "not. Choose a file that repviz wrote."
        )
    wrong = [name for name, kind in FIELDS.items() if not isinstance(card.get(name, ...), kind)]
    if wrong:
        raise Damaged(
            f"{path}: the checkpoint's metadata must have a valid field '{wrong[0]}', and has "
            "none. Choose a file that repviz wrote."
        )
    return card


def open_checkpoint(path: str | Path, *, model: str | nn.Module | None = None) -> Model:
    """The model saved in ``path``, in evaluation mode.

    Parameters
    ----------
    path : str or Path
        A file that :func:`repviz.train` or :func:`save_checkpoint` wrote.
    model : str or torch.nn.Module, optional
        The network that the weights belong to. It is needed for a network of your own
        (``"mypackage.nets:make_net"``, or a module, which is copied), because no code that a file
        names is ever imported.

    Raises
    ------
    Unavailable
        There is no such file.
    InputError
        The checkpoint is of a network of one's own, and ``model`` does not give it.
    Mismatch
        The checkpoint is of another model than ``model``.
    Damaged
        It is not a checkpoint, is cut short, or its weights are not those that were saved.
    """
    path = checks.path("open_checkpoint", "path", path)
    card = read_card(path)
    if isinstance(model, nn.Module):
        opened = from_module(
            copy.deepcopy(model).eval(),
            name=card["model"],
            preprocessing=_preprocessing(path, card),
        )
    else:
        _check_named(path, card, model)
        opened = _built(path, card)
    _read_weights(path, card, opened.module)
    return replace(
        opened,
        preprocessing=_preprocessing(path, card),
        weights=card["weights"],
        weights_kind=card.get("weights_kind", "trained"),
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
    own = _training_tensors(path)
    _check_sum(path, card, "training", own)
    return card["training"], {name.removeprefix(TRAINING_PREFIX): own[name] for name in own}


def verify_checkpoint(path: str | Path) -> None:
    """Raise Damaged unless card, weights and every other tensor are as they were written."""
    card = read_card(path)
    with safe_open(path, framework="pt") as file:
        if "\n" not in (file.metadata() or {})[CARD]:
            raise Damaged(
                f"{path}: this checkpoint has no checksum of its metadata, so it cannot be "
                "verified. Copy the file again from its source, or train again."
            )
        weights = {
            name: file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
            if not name.startswith(TRAINING_PREFIX)
        }
    _check_sum(path, card, "weights", weights)
    _check_sum(path, card, "training", _training_tensors(path))


def must_be_of(path: str | Path, name: str, options: dict[str, Any]) -> None:
    """Raise Mismatch unless the checkpoint ``path`` is of the model ``name`` with ``options``."""
    card = read_card(path)
    here = {"model": name, **options}
    there = {"model": card["model"], **{key: card["options"].get(key) for key in options}}
    if different := provenance.differences(there, here):
        raise Mismatch(
            f"{path}: this checkpoint belongs to another model: {'; '.join(different)}. Open the "
            "model that it was trained as; options left out are taken from the checkpoint."
        )


def _check_named(path: str | Path, card: dict[str, Any], model: str | None) -> None:
    """Raise unless the model is one of the project's own, or the one that the caller named."""
    if model is not None:
        must_be_of(path, model, {})
    elif find_architecture(card["model"])[0].imports_user_code:
        raise InputError(
            f"open_checkpoint: a checkpoint may not choose the code to run, and {path} names "
            f"'{card['model']}'. If that code is yours, pass model='{card['model']}'."
        )


def _built(path: str | Path, card: dict[str, Any]) -> Model:
    try:
        return build(card["model"], card["options"])
    except INVALID as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise Damaged(
            f"{path}: the checkpoint's metadata must describe a model that can be built, and does "
            f"not ({reason}). Choose a file that repviz wrote."
        ) from error


def _preprocessing(path: str | Path, card: dict[str, Any]) -> Preprocessing:
    try:
        return Preprocessing.from_card(card["preprocessing"])
    except INVALID as error:
        raise Damaged(
            f"{path}: the checkpoint's metadata must describe a preprocessing, and does not "
            f"({error}). Choose a file that repviz wrote."
        ) from error


def _training_tensors(path: str | Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(TRAINING_PREFIX)]  # noqa: SIM118
        return {name: file.get_tensor(name) for name in names}


def _separate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` contiguous on the CPU; tied weights, which share memory, each have a copy."""
    separate: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, value in tensors.items():
        tensor = value.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if place in places else tensor
        places.add(place)
    return separate


def _check_sum(path: str | Path, card: dict[str, Any], part: str, own: dict[str, Tensor]) -> None:
    sums = card.get("sums")
    if not isinstance(sums, dict) or tensors_sum(own) != sums.get(part):
        raise _changed(path)


def _read_weights(path: str | Path, card: dict[str, Any], module: nn.Module) -> None:
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if not name.startswith(TRAINING_PREFIX)]  # noqa: SIM118
            module.load_state_dict({name: file.get_tensor(name) for name in names})
    except (SafetensorError, RuntimeError) as error:
        raise Damaged(
            f"{path}: the weights do not fit the model that the file names. Copy the file again "
            "from its source, or train again."
        ) from error
    if weights_hash(module) != card["weights_hash"]:
        raise _changed(path)


def _changed(path: str | Path) -> Damaged:
    return Damaged(
        f"{path}: the weights have changed since they were written. Copy the file again from its "
        "source, or train again."
    )
