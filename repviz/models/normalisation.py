"""AlexNet's local response normalisation, several times faster than torch's on a CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

ROWS = 2**18  # pixels per block on devices without a compiled kernel: some 100 MB each
SMALL = 2**15  # values up to which one thread is as fast


class LocalResponseNorm(nn.Module):
    """Divides each value by the activity of its neighbouring channels at the same pixel.

    ``y[i] = x[i] / (k + alpha * sum of x[j]**2 over the n channels j around i) ** beta``

    Krizhevsky et al. (2012), section 3.3, as printed: the sum is not divided by n. torch's
    ``local_response_norm`` divides it, as the code of 2012 and Caffe did: ``divide=True``.

    On a CPU compiled kernels are used (:mod:`repviz.models.normalisation_kernels`); elsewhere
    the sum over neighbouring channels is a product with a banded matrix. Either way the
    backward pass recomputes the norm instead of storing it. Half precision is normalised in
    float32 and converted back.

    Parameters
    ----------
    n : int
        Neighbouring channels in the sum, itself included; odd.
    alpha, beta, k : float
        The constants of the formula.
    divide : bool
        Whether alpha is divided by n.
    towers : int
        Equal parts of the channels, each normalised by itself.
    """

    def __init__(
        self,
        *,
        n: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        divide: bool = False,
        towers: int = 1,
    ) -> None:
        super().__init__()
        self.n, self.alpha, self.beta, self.k, self.divide = n, alpha, beta, k, divide
        self.towers = towers

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (b, c, h, w), normalised, in the same memory format."""
        alpha = self.alpha / self.n if self.divide else self.alpha
        if self.towers == 1:
            return _normalise(x, self.n, alpha, self.k, self.beta)
        order = torch.channels_last if channels_last(x) else torch.contiguous_format
        parts = (part.contiguous(memory_format=order) for part in x.chunk(self.towers, dim=1))
        return torch.cat([_normalise(part, self.n, alpha, self.k, self.beta) for part in parts], 1)

    def extra_repr(self) -> str:
        """The constants, as ``print`` shows them."""
        constants = f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
        return f"{constants}, divide={self.divide}, towers={self.towers}"


@torch.compiler.disable  # the CPU's kernel is already compiled, and not by torch
def _normalise(x: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
    normalised: Tensor = _Normalise.apply(x, n, alpha, k, beta)
    return normalised


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
        last = channels_last(x)
        flat = _flat(x.detach(), last)
        ctx.save_for_backward(flat)
        ctx.constants, ctx.shape = (n, alpha, k, beta, last), x.shape
        forward = _forward_here if flat.device.type == "cpu" else _forward_banded
        return _image(forward(_wide(flat), *ctx.constants).to(x.dtype), x.shape, last)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (flat,) = ctx.saved_tensors
        backward = _backward_here if flat.device.type == "cpu" else _backward_banded
        last = ctx.constants[-1]
        g = _flat(gradient.detach(), last)
        out = backward(_wide(flat), _wide(g), *ctx.constants).to(flat.dtype)
        return _image(out, ctx.shape, last), None, None, None, None


def channels_last(x: Tensor) -> bool:
    """Whether the channels of a pixel lie side by side in memory."""
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def _wide(flat: Tensor) -> Tensor:
    return flat if flat.dtype in (torch.float32, torch.float64) else flat.float()


def _flat(x: Tensor, last: bool) -> Tensor:
    """``x`` (b, c, h, w) as (b h w, c), or as (b, c, h w), a view where its order allows it."""
    if last:
        return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    return x.contiguous().flatten(2)


def _image(flat: Tensor, shape: torch.Size, last: bool) -> Tensor:
    batch, channels, height, width = shape
    if last:
        return flat.view(batch, height, width, channels).permute(0, 3, 1, 2)
    return flat.view(shape)


def _forward_here(x: Tensor, n: int, alpha: float, k: float, beta: float, last: bool) -> Tensor:
    from repviz.models.normalisation_kernels import kernels

    out = torch.empty_like(x)
    _shared(kernels(n, beta, last)[0], (x, out), alpha, k)
    return out


def _backward_here(
    x: Tensor, g: Tensor, n: int, alpha: float, k: float, beta: float, last: bool
) -> Tensor:
    from repviz.models.normalisation_kernels import kernels

    out = torch.empty_like(x)
    _shared(kernels(n, beta, last)[1], (x, g, out), alpha, k)
    return out


def _shared(kernel: Any, tensors: tuple[Tensor, ...], *constants: float) -> None:
    """Run ``kernel`` on parts of the first axis, on as many threads as torch may use."""
    arrays = [tensor.numpy() for tensor in tensors]
    given = [arrays[0].dtype.type(constant) for constant in constants]
    threads, n = torch.get_num_threads(), len(arrays[0])
    if threads == 1 or arrays[0].size < SMALL:
        kernel(*arrays, *given)
        return
    parts = min(n, 4 * threads)  # so that a thread that is held up does not hold up the others
    ends = [n * part // parts for part in range(parts + 1)]
    running = [
        _pool(threads).submit(kernel, *(array[start:end] for array in arrays), *given)
        for start, end in pairwise(ends)
    ]
    for part in running:
        part.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="lrn")


# On other devices.


def _forward_banded(x: Tensor, n: int, alpha: float, k: float, beta: float, last: bool) -> Tensor:
    a = x if last else x.transpose(1, 2).reshape(-1, x.shape[1])
    band, out = _band(a, n) * alpha, torch.empty_like(a)
    for here, y in zip(a.split(ROWS), out.split(ROWS), strict=True):
        torch.mul(here, torch.addmm(a.new_full((1,), k), here * here, band).pow_(-beta), out=y)
    return out if last else out.view(len(x), -1, x.shape[1]).transpose(1, 2).contiguous()


def _backward_banded(
    x: Tensor, g: Tensor, n: int, alpha: float, k: float, beta: float, last: bool
) -> Tensor:
    a, g = (v if last else v.transpose(1, 2).reshape(-1, v.shape[1]) for v in (x, g))
    band, out = _band(a, n) * alpha, torch.empty_like(a)
    for here, gradient, y in zip(a.split(ROWS), g.split(ROWS), out.split(ROWS), strict=True):
        s = torch.addmm(a.new_full((1,), k), here * here, band)
        torch.mul(gradient, s.pow(-beta), out=y)
        y.addcmul_((y * here).div_(s) @ band, here, value=-2 * beta)
    return out if last else out.view(len(x), -1, x.shape[1]).transpose(1, 2).contiguous()


def _band(a: Tensor, n: int) -> Tensor:
    channel = torch.arange(a.shape[1], device=a.device)
    return ((channel[:, None] - channel[None, :]).abs() <= n // 2).to(a.dtype)
