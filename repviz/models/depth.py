"""The default choice of layers: evenly spaced over the depth of a network."""

from __future__ import annotations

from torch import nn

ENOUGH, MOST = 6, 10  # layers below which a network is looked into, and layers that are taken
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# What follows another layer and says little that this one does not.
ATTACHED = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten, nn.ReLU, nn.GELU, nn.SiLU)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def layers_over_depth(module: nn.Module, *, most: int = MOST) -> tuple[str, ...]:
    """Names of at most ``most`` layers, evenly spaced in the order of ``module``'s definition.

    The children of the network, without activation functions, dropout and normalisation. Of fewer
    than six, containers are replaced by what they hold, and then the child with most parameters,
    until there are six or nothing is left to look into.

    Parameters
    ----------
    module : torch.nn.Module
        Any network; the order in which it registers its parts is taken for that of its depth.
    most : int
        How many layers at most; the first and the last are always among them.
    """
    parts = list(module.named_children())
    while len(_standing(parts)) < ENOUGH:
        deeper = [place for place, (_, part) in enumerate(parts) if _holds(part)]
        if not deeper:
            break
        containers = [place for place in deeper if type(parts[place][1]) in CONTAINERS]
        if not containers:
            containers = [max(deeper, key=lambda place: _parameters(parts[place][1]))]
        parts = [
            inner
            for place, (name, part) in enumerate(parts)
            for inner in (_inside(name, part) if place in containers else [(name, part)])
        ]
    names = [name for name, _ in _standing(parts)]
    if len(names) <= most:
        return tuple(names)
    return tuple(names[round(step * (len(names) - 1) / (most - 1))] for step in range(most))


def _standing(parts: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    return [
        (name, part)
        for name, part in parts
        if not isinstance(part, (*ATTACHED, *NORMS))
        and type(part) not in (nn.ModuleList, nn.ModuleDict)  # which are never called
    ]


def _holds(part: nn.Module) -> bool:
    return next(part.children(), None) is not None


def _inside(name: str, part: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(f"{name}.{inner}", child) for inner, child in part.named_children()]


def _parameters(part: nn.Module) -> int:
    return sum(values.numel() for values in part.parameters())
