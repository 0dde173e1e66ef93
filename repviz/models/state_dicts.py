"""Weights that ``torch.save`` wrote, such as torchvision's, read without running what is in them.

Such a file is a zip archive with a pickle in it, and a pickle can run code. With ``weights_only``
torch reads tensors and plain containers, and refuses everything else.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from repviz.errors import Damaged, Mismatch


def is_one(path: str | Path) -> bool:
    """Whether the file ``path`` begins as ``torch.save``'s files do."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError:
        return False
    return start[:2] in (b"PK", b"\x80\x02")


def load(path: str | Path, module: nn.Module) -> None:
    """Put the weights in ``path`` into ``module``.

    Raises
    ------
    Damaged
        The file is cut short, or holds other things than named tensors.
    Mismatch
        Its names or shapes are not those of the module.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:120]
        raise Damaged(
            f"{path}: the file must be a whole state dict of tensors, and torch says '{reason}'. "
            "Copy it again from where it came; what runs code is not read."
        ) from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise Damaged(
            f"{path}: the file must hold a state dict, names to tensors, got "
            f"{type(found).__name__}. Save model.state_dict()."
        )
    if different := _differences(found, module.state_dict()):
        raise Mismatch(
            f"{path}: the weights must be those of the model that is opened, got {different[0]} "
            f"({len(different)} differences). Open the model that they are of; "
            "with other classes, give classes=."
        )
    module.load_state_dict(found)


def _differences(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    missing = [f"no '{name}'" for name in wanted if name not in found]
    strange = [f"a strange '{name}'" for name in found if name not in wanted]
    shapes = [
        f"'{name}' of shape {tuple(found[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    return missing + strange + shapes
