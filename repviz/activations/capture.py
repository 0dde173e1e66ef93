"""Reading layers while a network works, with hooks that leave no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from repviz import checks
from repviz.errors import InputError

BY_TYPE = "type:"  # "type:Conv2d" asks for every convolution


class _StopForward(Exception):
    """No error: every layer asked for has been read, and the pass may end."""


class Capture:
    """Reads the outputs of some layers of ``module`` at each pass, within a ``with`` block.

    ::

        with Capture(net, ["conv1", "features.*"]) as capture:
            outputs = capture(x)  # {"conv1": (b, 96, 55, 55), ...}

    A layer whose output the next operation changes in place is read before that happens. The first
    pass goes through to the end; later ones stop after the deepest layer asked for. A layer that
    works several times in a pass is read the last time. Of an output of several tensors, the first
    is read.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        Names as in ``module.named_modules()``, globs (``"features.*"``) or types
        (``"type:Conv2d"``). A layer that only a glob or a type fits and that does not work in the
        first pass, or gives no tensor, is left out from then on.
    keep : callable, optional
        What is kept of an output: ``keep(name, output)``, called while the network works, so that
        a copy into a buffer or a mean costs no copy of the whole first. What it gives back must not
        share memory with the output. Left out, the output itself is kept.

    Raises
    ------
    UnknownName
        A name, a glob or a type that fits no layer; the message lists them all.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Iterable[str],
        *,
        keep: Callable[[str, Tensor], Any] | None = None,
    ) -> None:
        layers = list(layers)
        self.module, self.keep = module, keep
        self.layers = matching(module, layers)
        self._named = set(layers)  # these must work; what a glob fits may turn out idle
        self._handles: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._calls = 0  # of the layers asked for, in this pass
        self._last_call = 0  # the number of such calls in a whole pass, once one is over
        self._last: dict[str, int] = {}  # of each layer, its last call in a pass
        self._seen: dict[str, tuple[Tensor, int]] = {}  # outputs of the first pass, as they came
        self._changed: set[str] = set(self.layers)  # in place, afterwards; all until it is known

    def __enter__(self) -> Capture:
        parts = dict(self.module.named_modules())
        self._handles = {
            name: parts[name].register_forward_hook(self._hook(name)) for name in self.layers
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles.values():
            handle.remove()
        self._handles = {}

    def __call__(self, x: Tensor) -> dict[str, Any]:
        """What is kept of the output (b, ...) of each layer for the input ``x``, without gradients.

        Raises
        ------
        InputError
            A layer that was asked for by name did no work, or gives something else than a tensor.
        """
        self._outputs, self._calls = {}, 0
        with torch.no_grad():
            try:
                self.module(x)
            except _StopForward:
                return self._ordered()
        if not self._last_call:
            self._learn()
        return self._ordered()

    @property
    def changed(self) -> frozenset[str]:
        """The layers whose output is changed in place after it came (known after one pass)."""
        return frozenset(self._changed)

    def _learn(self) -> None:
        """What the first pass shows: who works, who is changed in place, which call is the last."""
        # torch counts the changes in place of each tensor, also those through a view.
        self._changed = {name for name, (y, count) in self._seen.items() if y._version > count}
        idle = [name for name in self.layers if name not in self._outputs]
        for name in idle:
            if name not in self._named and len(idle) < len(self.layers):
                self._handles.pop(name).remove()
        self.layers = tuple(name for name in self.layers if name in self._handles)
        self._last_call, self._seen = self._calls, {}

    def _ordered(self) -> dict[str, Any]:
        for name in self.layers:
            if name not in self._outputs:
                raise InputError(
                    f"capture: layer '{name}' must take part in the forward pass, and it did not. "
                    "Leave it out."
                )
        return {name: self._outputs[name] for name in self.layers}

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            value = _first(output)
            if not isinstance(value, Tensor):
                if name not in self._named and not self._last_call:
                    return
                raise InputError(
                    f"capture: layer '{name}' must give a tensor, got {type(output).__name__}. "
                    "Ask for one of the layers inside it."
                )
            self._calls += 1
            if not self._last_call:
                self._seen[name] = value, value._version
                self._last[name] = self._calls
            elif self._calls < self._last[name]:
                return  # it will work again, and maybe give another shape
            if self.keep is not None:
                self._outputs[name] = self.keep(name, value)
            else:
                self._outputs[name] = value.clone() if name in self._changed else value
            if self._calls == self._last_call:
                raise _StopForward

        return hook


def _first(output: Any) -> Any:
    if isinstance(output, Mapping):
        return next(iter(output.values()), None)
    return output[0] if isinstance(output, tuple | list) and output else output


def matching(module: nn.Module, layers: Iterable[str]) -> tuple[str, ...]:
    """The names of the layers that ``layers`` (names, globs or types) mean, each once.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        ``"conv1"``; ``"features.*"``; ``"type:Conv2d"``, the name of a class of torch or of yours.

    Raises
    ------
    UnknownName
        A name, a glob or a type that fits no layer; the message lists them all.
    InputError
        Nothing was asked for.
    """
    parts = {name: part for name, part in module.named_modules() if name}
    found: dict[str, None] = {}
    for asked in layers:
        if asked.startswith(BY_TYPE):
            hits = _of_type(parts, asked.removeprefix(BY_TYPE))
        else:
            hits = [name for name in parts if fnmatchcase(name, asked)]
        for name in hits or [checks.one_of("capture", "layer", asked, parts)]:
            found[name] = None
    if not found:
        raise InputError(
            f"capture: at least one layer must be asked for, got none. Known: {', '.join(parts)}."
        )
    return tuple(found)


def _of_type(parts: dict[str, nn.Module], wanted: str) -> list[str]:
    """The layers of the class ``wanted`` or of one derived from it."""
    classes = {name: [c.__name__ for c in type(part).__mro__] for name, part in parts.items()}
    hits = [name for name, above in classes.items() if wanted in above]
    if not hits:
        checks.one_of("capture", "type of layer", wanted, sorted({c[0] for c in classes.values()}))
    return hits
