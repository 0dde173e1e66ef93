"""Reading layers while a network works, with hooks that leave no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from repviz import checks
from repviz.errors import InputError


class _Enough(Exception):
    """No error: every layer asked for has been read, and the pass may end."""


class Capture:
    """Reads the outputs of some layers of ``module`` at each pass, within a ``with`` block.

    ::

        with Capture(net, ["conv1", "features.*"]) as capture:
            outputs = capture(x)  # {"conv1": (b, 96, 55, 55), ...}

    A layer whose output the next operation changes in place is read before that happens. The first
    pass goes through to the end; later ones stop after the deepest layer asked for. A layer that
    works several times in a pass is read the last time.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        Names as in ``module.named_modules()``, or globs (``"features.*"``).

    Raises
    ------
    UnknownName
        A name or a glob that fits no layer; the message lists them all.
    """

    def __init__(self, module: nn.Module, layers: Iterable[str]) -> None:
        self.module = module
        self.layers = matching(module, layers)
        self._handles: list[Any] = []
        self._outputs: dict[str, Tensor] = {}
        self._calls = 0  # of the layers asked for, in this pass
        self._last_call = 0  # the number of such calls in a whole pass, once one is over
        self._seen: dict[str, tuple[Tensor, int]] = {}  # outputs of the first pass, as they came
        self._changed: set[str] = set(self.layers)  # in place, afterwards; all until it is known

    def __enter__(self) -> Capture:
        parts = dict(self.module.named_modules())
        self._handles = [
            parts[name].register_forward_hook(self._hook(name)) for name in self.layers
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """The output (b, ...) of each layer for the input ``x``, without gradients.

        Raises
        ------
        InputError
            A layer did no work, or gives something else than a tensor.
        """
        self._outputs, self._calls = {}, 0
        with torch.no_grad():
            try:
                self.module(x)
            except _Enough:
                return self._ordered()
        if not self._last_call:
            # torch counts the changes in place of each tensor, also those through a view.
            self._changed = {name for name, (y, count) in self._seen.items() if y._version > count}
            self._last_call, self._seen = self._calls, {}
        return self._ordered()

    def _ordered(self) -> dict[str, Tensor]:
        for name in self.layers:
            if name not in self._outputs:
                raise InputError(
                    f"capture: layer '{name}' must take part in the forward pass, and it did not. "
                    "Leave it out."
                )
        return {name: self._outputs[name] for name in self.layers}

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple | list) and output else output
            if not isinstance(value, Tensor):
                raise InputError(
                    f"capture: layer '{name}' must give a tensor, got {type(output).__name__}. "
                    "Ask for one of the layers inside it."
                )
            self._calls += 1
            deepest = self._calls == self._last_call
            if not self._last_call:
                self._seen[name] = value, value._version
            self._outputs[name] = value.clone() if name in self._changed else value
            if deepest:
                raise _Enough

        return hook


def matching(module: nn.Module, layers: Iterable[str]) -> tuple[str, ...]:
    """The names of the layers that ``layers`` (names or globs) mean, each once.

    Raises
    ------
    UnknownName
        A name or a glob that fits no layer; the message lists them all.
    """
    names = [name for name, _ in module.named_modules() if name]
    found: dict[str, None] = {}
    for asked in layers:
        hits = [name for name in names if fnmatchcase(name, asked)]
        for name in hits or [checks.known("capture", "layer", asked, names)]:
            found[name] = None
    if not found:
        raise InputError(
            f"capture: at least one layer must be asked for, got none. Known: {', '.join(names)}."
        )
    return tuple(found)
