"""Ablation: the output of a layer is replaced, to see what the later layers need it for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from repviz import checks
from repviz.activations.capture import Address, Capture, matching, parse_address
from repviz.activations.filling import device_of
from repviz.activations.fitted import input_batches, is_fitted, read_fitted, write_fitted
from repviz.activations.outputs import replace_tensor, tensor_at
from repviz.errors import InputError
from repviz.images.collection import Images
from repviz.models.model import Model

WHO = "extract"
ZERO, MEAN = "zero", "mean"
ABLATIONS: dict[str, str] = {
    ZERO: "every number of the layer's output becomes 0",
    MEAN: "every number of the layer's output becomes its mean over the images",
}
MEANS = "means"  # their kind among the fitted arrays


class Ablation:
    """Replaces the outputs of some layers at each forward pass, within a ``with`` block.

    Whatever reads a layer by a hook that is registered within the block reads the replaced output.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    ablate : mapping of str to str
        Layer names, globs or types to names in :data:`ABLATIONS`; the first that fits counts.

    Attributes
    ----------
    kinds : dict of str to str
        Layer name to a name in :data:`ABLATIONS`.
    means : dict of str to Tensor
        The mean output (1, ...) of each layer whose kind is "mean", as :func:`fit_means` finds it.
        Until it is known the layer's output becomes 0.

    Raises
    ------
    UnknownName
        A layer or a kind of ablation that there is not.
    InputError
        ``ablate`` is no mapping.
    """

    def __init__(self, module: nn.Module, ablate: Mapping[str, str]) -> None:
        self.module = module
        self.kinds: dict[str, str] = {}
        if not isinstance(ablate, Mapping):
            raise InputError(
                f"{WHO}: ablate must map layers to kinds of ablation, got {checks.shown(ablate)}. "
                "For example: ablate={'conv3': 'mean'}."
            )
        for selector, kind in ablate.items():
            checks.one_of(WHO, "ablation", kind, ABLATIONS)
            for layer in matching(module, [selector]):
                self.kinds.setdefault(layer, kind)
        self.means: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}  # calls of each layer in this pass
        self._handles: list[Any] = []
        self._paused = False

    @property
    def averaged(self) -> list[str]:
        """The names of the layers whose output is replaced by its mean."""
        return [layer for layer, kind in self.kinds.items() if kind == MEAN]

    def __enter__(self) -> Ablation:
        modules = dict(self.module.named_modules(remove_duplicate=False))
        if self.kinds:
            self._handles.append(self.module.register_forward_pre_hook(self._begin_pass))
        for layer in self.kinds:
            address = parse_address(layer, modules)
            hook = self._hook(layer, address)
            self._handles.append(modules[address.module].register_forward_hook(hook))
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

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within the block the network runs as it is."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def check(self, model: Model, capture: Capture) -> None:
        """Refuse layers that do not run; warn where no layer that is read changes.

        Raises
        ------
        InputError
            A layer does not run.
        """
        idle = [layer for layer in self.kinds if not self._counts.get(layer)]
        if idle:
            raise InputError(
                f"{WHO}: ablated layer '{idle[0]}' must run in the forward pass, and it did not. "
                "Leave it out."
            )
        if not self.kinds:
            return
        expected = model.preprocessing
        rng = torch.Generator().manual_seed(0)
        x = torch.rand((2, expected.channels, *expected.size), generator=rng).to(device_of(model))
        with self.paused():
            intact = capture(x)
        ablated = capture(x)
        if all(torch.equal(y, ablated[layer]) for layer, y in intact.items()):
            warnings.warn(
                f"{WHO}: ablating {', '.join(self.kinds)} changes none of the extracted layers: "
                f"{', '.join(intact)}. Extract a later layer.",
                stacklevel=3,
            )

    def _begin_pass(self, module: nn.Module, inputs: Any) -> None:
        self._counts = dict.fromkeys(self.kinds, 0)

    def _hook(self, layer: str, address: Address) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> Any:
            if self._paused:
                return None
            self._counts[layer] += 1
            if address.call is None and self._counts[layer] > 1:
                raise InputError(
                    f"{WHO}: ablated layer '{layer}' must run once in a forward pass, and it runs "
                    f"several times. Name the call: '{address.module}:1{address.path}' is the "
                    "first."
                )
            if address.call is not None and self._counts[layer] != address.call:
                return None
            path, value = tensor_at(address.layer, address.path, output)
            return replace_tensor(output, path, self._replacement(layer, value))

        return hook

    def _replacement(self, layer: str, value: Tensor) -> Tensor:
        mean = self.means.get(layer)
        if mean is None:
            return torch.zeros_like(value)
        if mean.shape[1:] != value.shape[1:]:
            raise InputError(
                f"{WHO}: ablated layer '{layer}' must have the same output shape for every image, "
                f"got {tuple(value.shape[1:])} where it had {tuple(mean.shape[1:])}. Leave it out."
            )
        # A copy: the next operation may change it in place.
        return mean.to(value.device, value.dtype).expand_as(value).clone()


def fit_means(
    path: Path,
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    ablation: Ablation,
) -> None:
    """Compute the mean output of each layer that is ablated to its mean, or read it from disk.

    It takes one pass over the images through the network as it is, with nothing ablated.
    Unreadable images are left out.
    """
    if not ablation.averaged:
        return
    if not is_fitted(path, MEANS):
        with capture.paused(), ablation.paused():
            means = _means(model, images, ablation.averaged, manifest["batch"])
        arrays = {layer: mean.float().numpy() for layer, mean in means.items()}
        write_fitted(path, MEANS, arrays)
    for layer in ablation.averaged:
        ablation.means[layer] = torch.from_numpy(read_fitted(path, MEANS, layer))


def _means(model: Model, images: Images, layers: list[str], batch: int) -> dict[str, Tensor]:
    """The mean (1, ...) over the readable images of each layer's output, in float64."""
    sums: dict[str, Tensor] = {}
    rows = 0
    with Capture(model.module, layers) as reader:
        for x, good in input_batches(images, model, batch, task="fit means"):
            for layer, y in reader(x).items():
                total = y[good].double().sum(0, keepdim=True).cpu()
                sums[layer] = sums[layer] + total if layer in sums else total
            rows += len(good)
    return {layer: total / max(rows, 1) for layer, total in sums.items()}
