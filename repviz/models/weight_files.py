"""State dicts that other programs wrote, in torch's format or in safetensors.

Nothing is unpickled but tensors and plain containers, so a file from a stranger cannot run code.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from repviz.errors import Damaged, Mismatch

WRAPPED = (
    "state_dict",
    "model",
    "model_state_dict",
)  # keys under which training scripts put the weights
SHOWN = 3


def is_state_file(path: str | Path) -> bool:
    """Whether ``path`` is a weight file that repviz did not write, by its header."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(2) in (b"PK", b"\x80\x02"):  # torch's two formats
            return True
    try:
        with safe_open(path, framework="pt") as file:
            return "repviz" not in (file.metadata() or {})
    except SafetensorError:
        return False


def load_state_file(module: nn.Module, path: str | Path) -> None:
    """Load the weights in ``path`` into ``module``, every one of them.

    Parameters
    ----------
    module : torch.nn.Module
        The network that the weights belong to.
    path : str or Path
        A state dict, or a dict that holds one under ``state_dict``, ``model`` or
        ``model_state_dict``; the prefix ``module.`` of ``DataParallel`` is taken off.

    Raises
    ------
    Damaged
        The file is truncated, or holds something other than tensors.
    Mismatch
        The weights are of another network; the message names the first that do not fit.
    """
    state = _read(path)
    own = module.state_dict()
    faults = [f"'{name}' is missing" for name in own if name not in state]
    faults += [f"'{name}' is not in the network" for name in state if name not in own]
    faults += [
        f"'{name}' is {tuple(value.shape)} where the network has {tuple(own[name].shape)}"
        for name, value in state.items()
        if name in own and own[name].shape != value.shape
    ]
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise Mismatch(
            f"{path}: the weights must be those of this network, and {', '.join(faults[:SHOWN])}"
            f"{more}. Open the network that they belong to, with the same number of classes."
        )
    module.load_state_dict(state)


def _read(path: str | Path) -> dict[str, Tensor]:
    try:
        if str(path).endswith(".safetensors"):
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (
        *(OSError, RuntimeError, ValueError, EOFError),
        *(pickle.UnpicklingError, SafetensorError, BadZipFile),
    ) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise Damaged(
            f"{path}: this file is not a complete state dict of tensors ({reason}). Write it with "
            "torch.save(net.state_dict(), ...), or copy it again from where it came."
        ) from error
    for key in WRAPPED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise Damaged(
            f"{path}: this file must hold a state dict of tensors, got {type(found).__name__}. "
            "Write it with torch.save(net.state_dict(), ...)."
        )
    return {name.removeprefix("module."): value for name, value in found.items()}
