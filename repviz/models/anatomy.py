"""The layers of a network: shapes, parameters, neurons, multiply-adds and memory."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from repviz.models.model import Model, evaluating, named_failure

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "layer",
    "kind",
    "kernel",
    "stride",
    "padding",
    "input",
    "output",
    "formula",
    "towers",
    "parameters_formula",
    "parameters",
    "neurons",
    "multiply_adds",
    "activation_bytes",
    "share_parameters",
    "share_neurons",
    "share_multiply_adds",
    "share_activation_bytes",
]
SHARED = ["parameters", "neurons", "multiply_adds", "activation_bytes"]
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def anatomy(model: Model) -> pd.DataFrame:
    """One row per layer: its shape and formula, its cost, and its share of the totals.

    Measured with one grey image.

    Parameters
    ----------
    model : Model
        Any model.

    Returns
    -------
    DataFrame
        In the order in which the layers are called; layers that are not called come last.

        ``layer``, ``kind`` : its name, and its class in torch
        ``kernel``, ``stride``, ``padding`` : "11x11"; empty where there is none
        ``input``, ``output`` : their shapes for one image, "3x227x227" and "96x55x55"
        ``formula`` : how the side of the output follows, "(227 + 2*0 - 11) / 4 + 1 = 55"
        ``towers`` : which of its maps are connected to which inputs, where not all are:
        "0-127 see 0-47, 128-255 see 48-95"
        ``parameters_formula`` : how the parameters of a convolution or fully connected layer are
        counted, "96*3*11*11 + 96": outputs, inputs per output, kernel, biases
        ``parameters`` : number of learned parameters of the layer itself (the "unknowns");
        weights that several layers share count at the first of them
        ``neurons`` : outputs of a convolution or fully connected layer; 0 elsewhere, since
        normalisation, pooling and rectification only transform those neurons
        ``multiply_adds`` : of convolutions, fully connected and attention layers, for one image,
        without biases; a layer that is used twice counts twice
        ``activation_bytes`` : size of its output for one image in float32; training stores most
        of them until the backward pass
        ``share_parameters``, ``share_neurons``, ``share_multiply_adds``,
        ``share_activation_bytes`` : of the totals, in [0, 1]

        The totals are in ``df.attrs``, under the names of those four columns.
    """
    import pandas as pd

    from repviz.models.opening import as_model

    model = as_model("anatomy", model)
    module = model.module
    layers = _layers(module)
    seen = _one_pass(model, layers)
    order = [*seen, *(name for name in layers if name not in seen)]
    counted: set[int] = set()
    table = pd.DataFrame([_row(name, layers[name], seen.get(name), counted) for name in order])
    for column in SHARED:
        total = int(table[column].sum())
        table[f"share_{column}"] = table[column] / total if total else 0.0
        table.attrs[column] = total
    return table[COLUMNS]


def first_filters(model: Model) -> np.ndarray | None:
    """The weights of the first convolution, float32 (maps, 1 or 3, h, w); None if there is none."""
    first = next((part for part in model.module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.weight.shape[1] not in (1, 3):
        return None
    return np.ascontiguousarray(first.weight.detach().cpu().float().numpy())


def towers(model: Model) -> int:
    """The number of towers of the first convolution's maps: the groups of the second."""
    convolutions = [part for part in model.module.modules() if isinstance(part, nn.Conv2d)]
    groups = int(convolutions[1].groups) if len(convolutions) > 1 else 1
    return groups if 1 < groups <= 4 else 1


def _layers(module: nn.Module) -> dict[str, nn.Module]:
    """The modules without children or with parameters of their own; attention counts as one."""
    found, inside = {}, set()
    for name, part in module.named_modules():
        if isinstance(part, nn.MultiheadAttention):
            inside.update(part.modules())
        elif part in inside:
            continue
        if not any(part.children()) or any(True for _ in part.parameters(recurse=False)):
            found[name] = part
    return found


class _Pass:
    """Input and output of one layer in the pass of one image."""

    def __init__(self) -> None:
        self.inputs: tuple[int, ...] = ()
        self.output: tuple[int, ...] = ()
        self.neurons = 0
        self.multiply_adds = 0


def _one_pass(model: Model, layers: dict[str, nn.Module]) -> dict[str, _Pass]:
    seen: dict[str, _Pass] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def hook(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            taken = inputs[0] if inputs else None
            given = output[0] if isinstance(output, tuple) else output
            if not isinstance(taken, Tensor) or not isinstance(given, Tensor):
                return
            record = seen.setdefault(name, _Pass())
            record.inputs, record.output = tuple(taken.shape[1:]), tuple(given.shape[1:])
            record.multiply_adds += _multiply_adds(part, record)
            if isinstance(part, (*CONVOLUTIONS, *TRANSPOSED, nn.Linear)):
                record.neurons += prod(record.output)

        return hook

    handles = []
    with named_failure("anatomy", model):
        for name, part in layers.items():
            handles.append(part.register_forward_hook(watch(name)))
    try:
        with evaluating(model.module), named_failure("anatomy", model):
            preprocessing = model.preprocessing
            device = next((p.device for p in model.module.parameters()), torch.device("cpu"))
            pixels = torch.full(
                (1, preprocessing.channels, *preprocessing.size), 128, dtype=torch.uint8
            )
            model.module(preprocessing(pixels.to(device)))
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _multiply_adds(part: nn.Module, record: _Pass) -> int:
    if isinstance(part, CONVOLUTIONS):
        return prod(record.output) * prod(part.kernel_size) * (part.in_channels // part.groups)
    if isinstance(part, TRANSPOSED):
        return prod(record.inputs) * prod(part.kernel_size) * (part.out_channels // part.groups)
    if isinstance(part, nn.Linear):
        return prod(record.output) * part.in_features
    if isinstance(part, nn.MultiheadAttention):
        # Four maps of each token, then every token against every token, twice (self-attention).
        tokens, width = record.inputs[-2:]
        return 4 * tokens * width**2 + 2 * tokens**2 * width
    return 0


def _row(name: str, part: nn.Module, record: _Pass | None, counted: set[int]) -> dict[str, Any]:
    kernel, stride, padding = (_sides(part, key) for key in ("kernel_size", "stride", "padding"))
    # Attention's output map is a child that is never called by itself.
    recurse = isinstance(part, nn.MultiheadAttention)
    parameters = [p for p in part.parameters(recurse=recurse) if id(p) not in counted]
    counted.update(id(p) for p in parameters)
    return {
        "layer": name or "(itself)",
        "kind": type(part).__name__,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "input": "x".join(map(str, record.inputs)) if record else "",
        "output": "x".join(map(str, record.output)) if record else "",
        "formula": _formula(part, record) if record else "",
        "towers": _towers(part),
        "parameters_formula": _parameters_formula(part) if parameters else "",
        "parameters": sum(p.numel() for p in parameters),
        "neurons": record.neurons if record else 0,
        "multiply_adds": record.multiply_adds if record else 0,
        "activation_bytes": 4 * prod(record.output) if record else 0,
    }


def _parameters_formula(part: nn.Module) -> str:
    """Outputs, inputs per output, kernel and biases of a layer as a sum; "" of other layers."""
    if isinstance(part, nn.Linear):
        factors = [part.out_features, part.in_features]
    elif isinstance(part, CONVOLUTIONS):
        factors = [part.out_channels, part.in_channels // part.groups, *part.kernel_size]
    else:
        return ""
    biases = f" + {factors[0]}" if part.bias is not None else ""
    return "*".join(map(str, factors)) + biases


def _towers(part: nn.Module) -> str:
    groups = getattr(part, "groups", 1)
    if not isinstance(part, (*CONVOLUTIONS, *TRANSPOSED)) or groups == 1:
        return ""
    out, into = part.out_channels // groups, part.in_channels // groups
    if groups > 4:
        return f"{groups} groups: {out} of its maps see {into} of its inputs"
    return ", ".join(
        f"{tower * out}-{(tower + 1) * out - 1} see {tower * into}-{(tower + 1) * into - 1}"
        for tower in range(groups)
    )


def _sides(part: nn.Module, key: str) -> str:
    value = getattr(part, key, "")
    if isinstance(value, tuple):
        return (
            "x".join(map(str, value))
            if key == "kernel_size" or len(set(value)) > 1
            else str(value[0])
        )
    if key == "kernel_size" and isinstance(value, int):
        return f"{value}x{value}"
    return str(value)


def _formula(part: nn.Module, record: _Pass) -> str:
    if isinstance(part, nn.Linear):
        return f"{part.in_features} inputs"
    if not isinstance(part, (*CONVOLUTIONS, *TRANSPOSED, *POOLS)) or len(record.output) < 2:
        return ""
    kernel, stride, padding = (
        value[-1] if isinstance(value, tuple) else value
        for value in (part.kernel_size, part.stride, part.padding)
    )
    before, after = record.inputs[-1], record.output[-1]
    if isinstance(padding, str):
        return f"{before}, padded to keep {after}"
    if isinstance(part, TRANSPOSED):
        return f"({before} - 1) * {stride} - 2*{padding} + {kernel} = {after}"
    dilation = getattr(part, "dilation", 1)
    reach = (dilation[-1] if isinstance(dilation, tuple) else dilation) * (kernel - 1) + 1
    exact = (before + 2 * padding - reach) % stride == 0
    rounded = (
        "" if exact else ", rounded up" if getattr(part, "ceil_mode", False) else ", rounded down"
    )
    return f"({before} + 2*{padding} - {reach}) / {stride} + 1 = {after}{rounded}"
