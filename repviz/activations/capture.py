"""Reading layer outputs during a forward pass, with hooks that are removed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from repviz import checks
from repviz.activations.outputs import tensor_at, tensors
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
    call, ``"relu:2"`` its second. Compiled networks are run uncompiled. Of a layer that returns
    several tensors, in tuples, dicts or dataclasses, one is named: ``"lstm[0]"``, ``"lstm[1][0]"``,
    ``"encoder[last_hidden_state]"``; a glob or a type reads each. ``"[logits]"`` is an output of
    the network itself. The first four passes are complete; if every layer was called
    exactly once in each, later passes stop after the deepest layer.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        Names as in ``module.named_modules()``, with a call or an output where one is meant; globs
        (``"features.*"``) or types (``"type:Conv2d"``). A layer that only a glob or a type matches
        and that is not called in the first pass, or returns no tensor, is left out from then on;
        see :attr:`late`.
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
        self._several: set[str] = set()  # layers of a glob that return several tensors
        self._changed: set[str] = set(self.layers)  # changed in place later; all layers until known

    def __enter__(self) -> Capture:
        parts = dict(self.module.named_modules(remove_duplicate=False))
        if any(isinstance(part, torch.jit.ScriptModule) for part in parts.values()):
            raise InputError(
                "capture: the network must be a torch.nn.Module whose layers can be read, got "
                "TorchScript. Pass the original network."
            )
        for name in self.layers:
            address = parse_address(name, parts)
            hook = self._hook(name, address)
            self._handles[name] = parts[address.module].register_forward_hook(hook)
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
            A named layer was not called, returned no tensor, or several of which none is named.
        UnknownName
            The output that was named is not there.
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
            if name not in self._several:
                record_late = partial(self._record_late, name)
                self._handles[name] = modules[name].register_forward_hook(record_late)
        self.layers = tuple(name for name in self.layers if name not in dropped)
        self.calls, self._first_outputs = {name: self._counts[name] for name in self.layers}, {}

    def _record_late(self, name: str, part: nn.Module, inputs: Any, output: Any) -> None:
        if tensors(output) and not self._paused:
            self.late.add(name)

    def _ordered(self) -> dict[str, Any]:
        for name in self.layers:
            if name not in self._outputs:
                raise InputError(
                    f"capture: layer '{name}' must run in the forward pass, and it did not. Leave "
                    "it out."
                )
        return {name: self._outputs[name] for name in self.layers}

    def _hook(self, name: str, address: Address) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if self._paused or name in self._several:
                return
            if name not in self._named and not address.path and not self._passes:
                found = tensors(output)
                if len(found) > 1:
                    self._read_each(name, list(found), part, inputs, output)
                if len(found) != 1:
                    return
            _, value = tensor_at(address.layer, address.path, output)
            self._counts[name] += 1
            if address.call is not None and self._counts[name] != address.call:
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

    def _read_each(
        self, name: str, paths: list[str], part: nn.Module, inputs: Any, output: Any
    ) -> None:
        """From now on read each tensor of ``output`` of a layer that a glob or a type matched."""
        self._several.add(name)
        place = self.layers.index(name) + 1
        each = {f"{name}{path}": Address(name, None, path) for path in paths}
        self.layers = (*self.layers[:place], *each, *self.layers[place:])
        self._counts |= dict.fromkeys(each, 0)
        self._changed |= set(each)
        for one, address in each.items():
            hook = self._hook(one, address)
            self._handles[one] = part.register_forward_hook(hook)
            hook(part, inputs, output)  # the hooks of this call are those from before it


def fits(name: str, pattern: str) -> bool:
    """Whether ``pattern`` is this name, or a glob that it matches.

    A name may contain brackets, which mean a choice of characters in a glob.
    """
    return name == pattern or fnmatchcase(name, pattern)


def _uncompiled(module: nn.Module) -> AbstractContextManager[Any]:
    """Within the block compiled modules run eagerly: compiled code ignores hooks added later."""
    compiled = any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    # Setting a stance loads the compiler, which takes seconds.
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


class Address(NamedTuple):
    """A parsed layer address: the module, the call and the path within its output.

    Attributes
    ----------
    module : str
        Name of the module; "" is the network itself.
    call : int or None
        Which of its calls in a pass is read: 2 of ``"relu:2"``; None is the last.
    path : str
        Which tensor of its output: ``"[0]"`` of ``"lstm[0]"``; "" where there is one.
    """

    module: str
    call: int | None = None
    path: str = ""

    @property
    def layer(self) -> str:
        """The layer without the path."""
        return self.module if self.call is None else f"{self.module}:{self.call}"


def parse_address(layer: str, names: Container[str]) -> Address:
    """The module, call and output that ``"relu:2"`` or ``"lstm[0]"`` names.

    Parameters
    ----------
    layer : str
        As :class:`Capture` takes it.
    names : container of str
        The names of the modules, "" included.
    """
    head, path = layer, ""
    while head not in names and head.endswith("]") and "[" in head:
        head, _, last = head.rpartition("[")
        path = f"[{last}{path}"
    module, _, call = head.rpartition(":")
    if head in names and (head or path):
        return Address(head, None, path)
    if module and module in names and call.isdecimal() and int(call) > 0:
        return Address(module, int(call), path)
    return Address(layer)


def matching(module: nn.Module, layers: Iterable[str]) -> tuple[str, ...]:
    """The names of the layers that ``layers`` (names, globs or types) select, each once.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    layers : iterable of str
        ``"conv1"``; ``"features.*"``; ``"type:Conv2d"``, the name of a class of torch or of yours;
        ``"relu:1"``, the first call of a layer that works several times; ``"lstm[0]"``, one of
        several tensors that a layer returns; ``"[0]"``, one that the network itself returns.

    Raises
    ------
    UnknownName
        A name, a glob or a type that matches no layer; the message lists them all.
    InputError
        No layer is given.
    """
    # With a module that has several names, each of them can be given.
    named = module.named_modules(remove_duplicate=False)
    names = dict(named)
    parts = {name: part for name, part in names.items() if name}
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
        elif parse_address(selector, names) != Address(selector):
            matches = [selector]  # one call, or one output
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
