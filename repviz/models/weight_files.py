"""State dicts that other programs wrote, in torch's format or in safetensors.

Nothing is unpickled but tensors and plain containers, so a file from a stranger cannot run code.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from repviz.errors import Damaged, Mismatch
from repviz.models.checkpoints import CARD, FORMAT

WRAPPED = (
    "state_dict",
    "model",
    "model_state_dict",
)  # keys under which training scripts put the weights
PREFIXES = ("_orig_mod.", "module.")  # of torch.compile and of DataParallel
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
            metadata = file.metadata() or {}
    except SafetensorError:
        return False
    # By key or by value, so that no one damaged byte makes a checkpoint pass for a foreign file.
    return CARD not in metadata and not any(FORMAT in value for value in metadata.values())


def load_state_file(module: nn.Module, path: str | Path) -> None:
    """Load the weights in ``path`` into ``module``, every one of them.

    Parameters
    ----------
    module : torch.nn.Module
        The network that the weights belong to.
    path : str or Path
        A state dict, or a dict that holds one under ``state_dict``, ``model`` or
        ``model_state_dict``. The prefixes ``module.`` of ``DataParallel`` and ``_orig_mod.`` of
        ``torch.compile`` are taken off where every name has them and the network's have not.
        ``num_batches_tracked`` may lack, and of tied weights all names but one.

    Raises
    ------
    Damaged
        The file is truncated, or holds something other than tensors.
    Mismatch
        The weights are of another network; the message names the first that do not fit.
    """
    own = module.state_dict()
    state = _without_prefix(_read(path), own)
    state |= _implied(module, own, state)
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
            f"{path}: the weights must fit this network, but {', '.join(faults[:SHOWN])}{more}. "
            "Open the network that they belong to, with the same number of classes."
        )
    module.load_state_dict(state)


def _read(path: str | Path) -> dict[str, Tensor]:
    try:
        if str(path).endswith(".safetensors"):
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler raises any exception for a damaged file
        reason = str(error).split("\n")[0].rstrip(".")
        if isinstance(error, pickle.UnpicklingError):  # torch's own message advises to run the code
            reason = "it contains Python objects other than tensors, and loading those can run code"
        raise Damaged(
            f"{path}: this file is not a complete state dict of tensors ({reason}). Write it with "
            "torch.save(net.state_dict(), ...), or copy it again from its source."
        ) from error
    for key in WRAPPED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise Damaged(
            f"{path}: this file must contain a state dict of tensors, got {type(found).__name__}. "
            "Write it with torch.save(net.state_dict(), ...)."
        )
    return {str(name): value for name, value in found.items()}


def _without_prefix(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` without the prefixes of wrappers, as long as they are on every name but ours."""
    for prefix in (*PREFIXES, *PREFIXES):  # one wrapper within the other, in either order
        if not state.keys() <= own.keys() and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _implied(
    module: nn.Module, own: dict[str, Tensor], state: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The entries that may be missing: tied weights, and the batch counts of batch norm."""
    implied: dict[str, Tensor] = {}
    place = {name: (value.data_ptr(), value.shape) for name, value in own.items()}
    saved = {place[name]: state[name] for name in state if name in own and own[name].numel()}
    for name, value in own.items():
        if name in state:
            continue
        if value.numel() and place[name] in saved:
            implied[name] = saved[place[name]]
        elif name.rpartition(".")[2] == "num_batches_tracked":
            implied[name] = value
    return implied
