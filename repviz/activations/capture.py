"""Reading layer outputs during a forward pass, with hooks that are removed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from repviz import checks
from repviz.errors import InputError

BY_TYPE = "type:"  # "type:Conv2d" means every convolution
FULL_PASSES = 4  # complete passes before one may stop early


class _StopForward(Exception):
    """Not an error: every layer has been read, and the pass can stop."""


class Capture:
    """Reads the outputs of some layers of ``module`` at each pass, within a ``with`` block.

    ::

        with Capture(net, ["conv1", "features.*"]) as capture:
            outputs = capture(x)  # {"conv1": (b, 96, 55, 55), ...}

    A layer whose output the next operation changes in place is read before that happens. A layer
    that is called several times in a pass is read at its last call; ``"relu:1"`` reads its first
    call, ``"relu:2"`` its second. Compiled networks are run uncompiled. Of an output of several
    tensors, the first is read. The first four passes are complete; if every layer was called
    exactly once in each, later passes stop after the deepest layer.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        Names as in ``module.named_modules()``, globs (``"features.*"``) or types
        (``"type:Conv2d"``). A layer that only a glob or a type matches and that is not called in
        the first pass, or returns no tensor, is left out from then on; see :attr:`late`.
    keep : callable, optional
        Reduces an output, ``keep(name, output)``, during the pass, so that a copy into a buffer or
        a mean needs no copy of the output first. Its result must not share memory with the output.
        By default the output itself is returned.

    Attributes
    ----------
    calls : dict of str to int
        Number of calls of each layer in the first pass.
    late : set of str
        Layers that were left out after the first pass and called in a later one, such as experts
        that only some images reach.

    Raises
    ------
    UnknownName
        A name, a glob or a type that matches no layer; the message lists them all.
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
        self._named = set(layers)  # these must be called; layers that a glob matches may be unused
        self._handles: dict[str, Any] = {}
        self.calls: dict[str, int] = {}
        self.late: set[str] = set()
        self._outputs: dict[str, Any] = {}
        self._counts: dict[str, int] = {}  # calls of each layer in this pass
        self._passes = 0  # complete ones
        self._repeated: set[str] = set()  # layers called several times in some pass
        self._last: dict[str, Tensor] = {}  # their latest output in this pass
        self._first_outputs: dict[
            str, tuple[Tensor, int]
        ] = {}  # outputs of the first pass and their versions
        self._paused = False
        self._changed: set[str] = set(self.layers)  # changed in place later; all layers until known

    def __enter__(self) -> Capture:
        parts = dict(self.module.named_modules(remove_duplicate=False))
        if any(isinstance(part, torch.jit.ScriptModule) for part in parts.values()):
            raise InputError(
                "capture: the network must be a torch.nn.Module whose layers can be read, got "
                "TorchScript. Pass the original network."
            )
        for name in self.layers:
            module, call = module_and_call(name, parts)
            self._handles[name] = parts[module].register_forward_hook(self._hook(name, call))
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
        """The output (b, ...) of each layer for ``x``, as ``keep`` reduces it, without gradients.

        Raises
        ------
        InputError
            A named layer was not called, or returned something other than a tensor.
        """
        self._outputs, self._last = {}, {}
        self._counts = dict.fromkeys(self.layers, 0)
        with torch.no_grad(), _uncompiled(self.module):
            try:
                self.module(x)
            except _StopForward:
                return self._ordered()
        if not self._passes:
            self._inspect_first_pass()
        self._passes += 1
        self._repeated |= {name for name, count in self._counts.items() if count > 1}
        for name, value in self._last.items():
            self._outputs[name] = value if self.keep is None else self.keep(name, value)
        return self._ordered()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within the block the network can run without being read."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    @property
    def changed(self) -> frozenset[str]:
        """The layers whose output is later changed in place (known after one pass)."""
        return frozenset(self._changed)

    def _inspect_first_pass(self) -> None:
        """Find which layers are called, how often, and whose output is changed in place."""
        # torch counts the changes in place of each tensor, also those through a view.
        self._changed = {
            name for name, (y, count) in self._first_outputs.items() if y._version > count
        }
        idle = [name for name in self.layers if name not in self._outputs]
        dropped = [n for n in idle if n not in self._named] if len(idle) < len(self.layers) else []
        modules = dict(self.module.named_modules(remove_duplicate=False))
        for name in dropped:
            self._handles[name].remove()
            record_late = partial(self._record_late, name)
            self._handles[name] = modules[name].register_forward_hook(record_late)
        self.layers = tuple(name for name in self.layers if name not in dropped)
        self.calls, self._first_outputs = {name: self._counts[name] for name in self.layers}, {}

    def _record_late(self, name: str, part: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(_first(output), Tensor) and not self._paused:
            self.late.add(name)

    def _ordered(self) -> dict[str, Any]:
        for name in self.layers:
            if name not in self._outputs:
                raise InputError(
                    f"capture: layer '{name}' must run in the forward pass, and it did not. Leave "
                    "it out."
                )
        return {name: self._outputs[name] for name in self.layers}

    def _hook(self, name: str, call: int | None) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if self._paused:
                return
            value = _first(output)
            if not isinstance(value, Tensor):
                if name not in self._named and not self._passes:
                    return
                raise InputError(
                    f"capture: layer '{name}' must return a tensor, got {type(output).__name__}. "
                    "Choose a layer inside it."
                )
            self._counts[name] += 1
            if call is not None and self._counts[name] != call:
                return
            if not self._passes:
                self._first_outputs[name] = value, value._version
            if name in self._repeated:
                self._last[name] = value.clone()  # called again, perhaps with another shape
                return
            if self.keep is not None:
                self._outputs[name] = self.keep(name, value)
            else:
                self._outputs[name] = value.clone() if name in self._changed else value
            can_stop = self._passes >= FULL_PASSES and not self._repeated
            if can_stop and len(self._outputs) == len(self.layers):
                raise _StopForward

        return hook


def _first(output: Any) -> Any:
    if isinstance(output, Mapping):
        return next(iter(output.values()), None)
    return output[0] if isinstance(output, tuple | list) and output else output


def fits(name: str, pattern: str) -> bool:
    """Whether ``pattern`` is this name, or a glob that it matches.

    A name may contain brackets, which mean a choice of characters in a glob.
    """
    return name == pattern or fnmatchcase(name, pattern)


def _uncompiled(module: nn.Module) -> AbstractContextManager[Any]:
    """Within the block compiled parts run as written: what was compiled calls no later hook."""
    compiled = any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    # torch < 2.6 has no such switch; asking for it loads the compiler, which takes seconds.
    stance = getattr(torch.compiler, "set_stance", None) if compiled else None
    return nullcontext() if stance is None else stance("force_eager")


def module_and_call(layer: str, names: Container[str]) -> tuple[str, int | None]:
    """The module that a layer is, and which of its calls is read: 2 of ``"relu:2"``, or None.

    Parameters
    ----------
    layer : str
        As :class:`Capture` takes it.
    names : container of str
        The names of the modules.
    """
    module, _, call = layer.rpartition(":")
    if layer not in names and module in names and call.isdecimal() and int(call) > 0:
        return module, int(call)
    return layer, None


def matching(module: nn.Module, layers: Iterable[str]) -> tuple[str, ...]:
    """The names of the layers that ``layers`` (names, globs or types) select, each once.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        ``"conv1"``; ``"features.*"``; ``"type:Conv2d"``, the name of a class of torch or of yours;
        ``"relu:1"``, the first call of a layer that works several times.

    Raises
    ------
    UnknownName
        A name, a glob or a type that matches no layer; the message lists them all.
    InputError
        No layer is given.
    """
    # With a module that has several names, each of them can be given.
    named = module.named_modules(remove_duplicate=False)
    parts = {name: part for name, part in named if name}
    if not parts:
        raise InputError(
            f"capture: the network must have layers with names, got a {type(module).__name__} "
            "without any. Wrap it in an nn.Sequential."
        )
    found: dict[str, None] = {}
    for selector in layers:
        checks.text("capture", "a layer", selector)
        if selector.startswith(BY_TYPE):
            matches = _of_type(parts, selector.removeprefix(BY_TYPE))
        elif module_and_call(selector, parts)[1] is not None:
            matches = [selector]
        else:
            matches = [name for name in parts if fits(name, selector)]
        for name in matches or [checks.one_of("capture", "layer", selector, parts)]:
            found[name] = None
    if not found:
        raise InputError(
            f"capture: at least one layer must be given, got none. Known: {', '.join(parts)}."
        )
    return tuple(found)


def _of_type(parts: dict[str, nn.Module], class_name: str) -> list[str]:
    """The layers of the class ``class_name`` or of one derived from it."""
    classes = {name: [c.__name__ for c in type(part).__mro__] for name, part in parts.items()}
    matches = [name for name, above in classes.items() if class_name in above]
    if not matches:
        checks.one_of(
            "capture", "type of layer", class_name, sorted({c[0] for c in classes.values()})
        )
    return matches
