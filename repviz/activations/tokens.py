"""Which tokens of a vision transformer are patches of the image, and how they lie in it."""

from __future__ import annotations

from torch import nn

MOST_EXTRA = 16  # class and register tokens; more than any published network has


def patch_grid(module: nn.Module, size: tuple[int, int]) -> tuple[int, int] | None:
    """Rows and columns of the patches that a network cuts its input into; None where it does not.

    Patches are cut by the network's first convolution, whose step is as wide as its kernel, as in
    every vision transformer of torchvision and timm.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.
    size : (int, int)
        Height and width of its input.
    """
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.stride != first.kernel_size or first.stride == (1, 1):
        return None
    return size[0] // first.stride[0], size[1] // first.stride[1]


def extra_tokens(tokens: int, grid: tuple[int, int] | None) -> int | None:
    """How many class and register tokens stand before the patches, of ``tokens`` tokens in all.

    None where ``tokens`` are not those patches and a few more. Networks that were published put
    them first.
    """
    if grid is None:
        return None
    extra = tokens - grid[0] * grid[1]
    return extra if 0 <= extra <= MOST_EXTRA else None
