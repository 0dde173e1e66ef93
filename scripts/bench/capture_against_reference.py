#!/usr/bin/env python
"""Every captured layer against a net without in-place operations, for torchvision's classifiers.

    scripts/bench/capture_against_reference.py                 # nine families, about two minutes
    scripts/bench/capture_against_reference.py resnet50 ...    # these
    scripts/bench/capture_against_reference.py all             # every classifier of torchvision

The reference is the same net with every module's ``inplace`` switched off and torch's functional
in-place activations replaced, read with hooks that clone. A peer is read beside ours: torchvision's
own feature extractor. Ends with 1 if a layer of ours differs.
"""

from __future__ import annotations

import sys
import time
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from repviz.activations.capture import Capture

NETS = [
    *("alexnet", "vgg16", "resnet18", "densenet121", "squeezenet1_0", "mobilenet_v3_small"),
    *("googlenet", "vit_b_16", "swin_t"),
]
OUT_OF_PLACE = ["relu", "relu6", "hardswish", "hardsigmoid", "silu", "leaky_relu", "elu", "dropout"]


def net(name: str) -> nn.Module:
    """The net with cheap random weights: what is compared does not depend on them."""
    with torch.device("meta"):
        extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        module = models.get_model(name, weights=None, **extra)
    module = module.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for value in [*module.parameters(), *module.buffers()]:
        if value.is_floating_point():
            scale = (2 / max(value[0].numel(), 1)) ** 0.5 if value.ndim > 1 else 0.1
            value.data.normal_(0, scale, generator=generator)
        else:
            value.zero_()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.fill_(1)
            part.weight.data.abs_().add_(0.5)
    rebuilt = models.get_model(name, weights=None, **extra) if has_index_buffers(module) else None
    if rebuilt is not None:  # Swin's tables of places are computed, not learned
        computed = dict(rebuilt.named_buffers())
        for key, value in module.named_buffers():
            if not value.is_floating_point():
                value.copy_(computed[key])
    return module


def has_index_buffers(module: nn.Module) -> bool:
    """Whether it looks values up at places that are computed when it is built."""
    return any("index" in name for name, _ in module.named_buffers())


def reference(module: nn.Module, layers: list[str], x: Tensor) -> dict[str, Tensor]:
    """What hooks read that clone, while nothing works in place."""
    found: dict[str, Tensor] = {}
    parts, handles = dict(module.named_modules()), []
    switched = [part for part in module.modules() if getattr(part, "inplace", False)]
    for part in switched:
        part.inplace = False
    for layer in layers:

        def hook(_: nn.Module, __: object, y: object, layer: str = layer) -> None:
            y = y[0] if isinstance(y, tuple) else y
            if isinstance(y, Tensor):
                found[layer] = y.clone()

        handles.append(parts[layer].register_forward_hook(hook))
    patches = []
    for function in OUT_OF_PLACE:
        original = getattr(functional, function)

        def plain(*args: object, _original: object = original, **options: object) -> Tensor:
            options.pop("inplace", None)
            return _original(*args, **options)

        patches.append(patch.object(functional, function, plain))
    with torch.no_grad():
        for one in patches:
            one.start()
        try:
            module(x)
        finally:
            for one in patches:
                one.stop()
            for handle in handles:
                handle.remove()
            for part in switched:
                part.inplace = True
    return found


def theirs(module: nn.Module, layers: list[str], x: Tensor) -> dict[str, Tensor]:
    """Torchvision's own extractor, which reads a layer after the next has changed it in place."""
    names = set(get_graph_node_names(module)[1])
    with torch.no_grad():
        return create_feature_extractor(module, [n for n in layers if n in names])(x)


def wrong(got: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """The layers that differ in any bit."""
    return [name for name in got if name in expected and not torch.equal(got[name], expected[name])]


def main(names: list[str]) -> int:
    """Print a row a net; 1 if a layer of ours differs, else 0."""
    if names == ["all"]:
        names = list(models.list_models(models))
    failed = 0
    print(
        f"{'net':<20} {'layers':>6} {'changed in place':>16} {'ours wrong':>10} torchvision wrong"
    )
    for name in names or NETS:
        start = time.perf_counter()
        module = net(name)
        side = 299 if name == "inception_v3" else 224
        x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
        layers = [layer for layer, _ in module.named_modules() if layer]
        expected = reference(module, layers, x)
        with Capture(module, ["*"]) as capture:
            first, second = capture(x), capture(x)
        missing = [layer for layer in expected if layer not in first]
        bad = sorted({*wrong(first, expected), *wrong(second, expected), *missing})
        failed += bool(bad)
        try:
            peer = f"{len(wrong(theirs(module, layers, x), expected))}"
        except Exception as error:  # its tracing does not take every net
            peer = f"- ({type(error).__name__})"
        seconds = time.perf_counter() - start
        print(
            f"{name:<20} {len(first):>6} {len(capture.changed):>16} {len(bad):>10} {peer:<8}"
            f" {seconds:5.1f} s  {' '.join(bad[:3])}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
