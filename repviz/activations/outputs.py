"""The tensors in what a layer returns: one, or several in tuples, dicts and dataclasses.

Each has a path: ``"[1][0]"`` is the first entry of the second, ``"[last_hidden_state]"`` a key or a
field. The path of an output that is a tensor itself is empty.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch import Tensor

from repviz import checks
from repviz.errors import InputError

WHO = "capture"
MOST_NAMED = 10  # tensors that a message lists


def tensors(output: Any) -> dict[str, Tensor]:
    """Path to tensor, for every tensor in ``output``; what holds no tensor is left out."""
    if isinstance(output, Tensor):
        return {"": output}
    return {
        f"[{key}]{path}": value
        for key, inside in _entries(output).items()
        for path, value in tensors(inside).items()
    }


def tensor_at(layer: str, path: str, output: Any) -> tuple[str, Tensor]:
    """The path and the tensor that ``layer`` names: at ``path``, or the only one there is.

    Parameters
    ----------
    layer : str
        The layer without the path, as the user wrote it, for messages.
    path : str
        Where the tensor lies, ``"[1][0]"``; empty where none was given.
    output : object
        What the layer returned.

    Raises
    ------
    InputError
        No path was given and there are several tensors or none, or one where there is a tensor.
    UnknownName
        There is no tensor at ``path``.
    """
    found = tensors(output)
    if path and path not in found and list(found) == [""]:
        raise InputError(
            f"{WHO}: layer '{layer}{path}' must be one of several outputs, and '{layer}' returns "
            f"one tensor. Name it '{layer}'."
        )
    if path:
        checks.one_of(WHO, f"output of layer '{layer}'", path, found)
        return path, found[path]
    if len(found) == 1:
        return next(iter(found.items()))
    if not found:
        raise InputError(
            f"{WHO}: layer '{layer}' must return a tensor, got {type(output).__name__}. Choose a "
            "layer inside it."
        )
    names = [f"'{layer}{one}'" for one in list(found)[:MOST_NAMED]]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    raise InputError(
        f"{WHO}: layer '{layer}' must return one tensor, got {len(found)} in a "
        f"{type(output).__name__}. Name one of them: {', '.join(names)}{more}."
    )


def replace_tensor(output: Any, path: str, value: Tensor) -> Any:
    """A copy of ``output`` in which ``value`` stands at ``path``."""
    if not path:
        return value
    first, _, rest = path[1:-1].partition("][")
    key = next(one for one in _entries(output) if str(one) == first)
    inside = replace_tensor(_entries(output)[key], f"[{rest}]" if rest else "", value)
    if isinstance(output, Mapping):
        changed: Any = copy.copy(output)
        changed[key] = inside
        return changed
    if is_dataclass(output):
        return replace(output, **{str(key): inside})  # type: ignore[type-var]
    if hasattr(output, "_fields"):
        return output._replace(**{str(key): inside})
    return type(output)(inside if place == key else one for place, one in enumerate(output))


def _entries(output: Any) -> dict[Any, Any]:
    """The entries of a container by key, field or index; empty for what is no container."""
    if isinstance(output, Mapping):
        return dict(output)
    if is_dataclass(output) and not isinstance(output, type):
        return {one.name: getattr(output, one.name) for one in fields(output)}
    if hasattr(output, "_fields"):  # a named tuple
        return dict(zip(output._fields, output, strict=True))
    return dict(enumerate(output)) if isinstance(output, tuple | list) else {}
