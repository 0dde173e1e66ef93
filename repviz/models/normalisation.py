"""AlexNet's local response normalisation, at a fraction of what torch's costs on a CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

ROWS = 4096  # pixels at a time where the device has no kernel of ours


class LocalResponseNorm(nn.Module):
    """Divides each value by what its neighbours in the channels amount to, at the same pixel.

    ``y[i] = x[i] / (k + alpha * sum of x[j]**2 over the n channels j around i) ** beta``

    Krizhevsky et al. (2012), section 3.3, as printed: the sum is not divided by n. torch's
    ``local_response_norm`` divides it, as the code of 2012 and Caffe did: ``divide=True``.

    On a CPU a pixel's channels are read once, worked on in the nearest cache and written once;
    elsewhere the sum over neighbouring channels is a product with a banded matrix. Either way the
    backward pass computes the norm again instead of keeping it. Half precision is normalised in
    float32 and handed on as it came.

    Parameters
    ----------
    n : int
        Neighbouring channels in the sum, itself included; odd.
    alpha, beta, k : float
        The constants of the formula.
    divide : bool
        Whether alpha is divided by n.
    """

    def __init__(
        self,
        *,
        n: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        divide: bool = False,
    ) -> None:
        super().__init__()
        self.n, self.alpha, self.beta, self.k, self.divide = n, alpha, beta, k, divide

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (b, c, h, w), normalised, in channels_last order."""
        alpha = self.alpha / self.n if self.divide else self.alpha
        return _normalise(x, self.n, alpha, self.k, self.beta)

    def extra_repr(self) -> str:
        """The constants, as ``print`` shows them."""
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}, divide={self.divide}"


@torch.compiler.disable  # the CPU's kernel is compiled already, and not by torch
def _normalise(x: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
    normalised: Tensor = _Normalise.apply(x, n, alpha, k, beta)
    return normalised


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
        a = _pixels_by_channels(x)
        ctx.save_for_backward(a)
        ctx.constants, ctx.shape = (n, alpha, k, beta), x.shape
        forward = _forward_here if a.device.type == "cpu" else _forward_banded
        return _like_image(forward(_wide(a), *ctx.constants).to(a.dtype), x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (a,) = ctx.saved_tensors
        backward = _backward_here if a.device.type == "cpu" else _backward_banded
        out = backward(_wide(a), _wide(_pixels_by_channels(gradient)), *ctx.constants)
        return _like_image(out.to(a.dtype), ctx.shape), None, None, None, None


def _wide(a: Tensor) -> Tensor:
    return a if a.dtype in (torch.float32, torch.float64) else a.float()


def _pixels_by_channels(x: Tensor) -> Tensor:
    return x.detach().permute(0, 2, 3, 1).contiguous().view(-1, x.shape[1])


def _like_image(flat: Tensor, shape: torch.Size) -> Tensor:
    batch, channels, height, width = shape
    return flat.view(batch, height, width, channels).permute(0, 3, 1, 2)


# On the CPU. dL/dx = g s^-beta - 2 alpha beta x * sum over the neighbours of (g x s^(-beta - 1)).


def _forward_here(a: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
    out = torch.empty_like(a)
    kind = a.numpy().dtype.type
    _shared(_kernels()[0], (a, out), n, kind(alpha), kind(k), kind(beta))
    return out


def _backward_here(a: Tensor, g: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
    out = torch.empty_like(a)
    kind = a.numpy().dtype.type
    _shared(_kernels()[1], (a, g, out), n, kind(alpha), kind(k), kind(beta))
    return out


def _shared(kernel: Any, arrays: tuple[Tensor, ...], *constants: Any) -> None:
    """Run ``kernel`` on as many parts of the rows as torch may use threads."""
    threads = torch.get_num_threads()
    parts = list(zip(*(array.tensor_split(threads) for array in arrays), strict=True))
    if threads == 1:
        kernel(*(array.numpy() for array in parts[0]), *constants)
        return
    pool = _pool(threads)
    for done in [
        pool.submit(kernel, *(array.numpy() for array in part), *constants) for part in parts
    ]:
        done.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="lrn")


@cache
def _kernels() -> tuple[Any, Any]:
    """Forward and backward over rows of channels, compiled for this processor when first used."""
    import numba
    import numpy as np

    # Not nnan and ninf: a loss that is no number any more must stay visible.
    compiled = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})

    @compiled
    def norms(row, padded, s, n, alpha, k):  # type: ignore[no-untyped-def]
        """s[i] = k + alpha * the sum of the squares around i; padded has zeros on both sides."""
        half, c = n // 2, len(row)
        for i in range(c):
            padded[half + i] = row[i] * row[i]
            s[i] = padded[i] * 0
        for d in range(n):
            for i in range(c):
                s[i] += padded[i + d]
        for i in range(c):
            s[i] = k + alpha * s[i]

    @compiled
    def forward(a, out, n, alpha, k, beta):  # type: ignore[no-untyped-def]
        c = a.shape[1]
        padded, s = np.zeros(c + n, a.dtype), np.empty(c, a.dtype)
        for p in range(len(a)):
            row, y = a[p], out[p]
            norms(row, padded, s, n, alpha, k)
            if beta == 0.75:  # s^-3/4 = sqrt(1/s) sqrt(sqrt(1/s)), and roots are vectorised
                for i in range(c):
                    root = np.sqrt(1 / s[i])
                    y[i] = row[i] * root * np.sqrt(root)
            else:
                for i in range(c):
                    y[i] = row[i] * s[i] ** -beta

    @compiled
    def backward(a, g, out, n, alpha, k, beta):  # type: ignore[no-untyped-def]
        half, c = n // 2, a.shape[1]
        padded, s = np.zeros(c + n, a.dtype), np.empty(c, a.dtype)
        inner, t = np.zeros(c + n, a.dtype), np.empty(c, a.dtype)
        for p in range(len(a)):
            row, gradient, y = a[p], g[p], out[p]
            norms(row, padded, s, n, alpha, k)
            for i in range(c):
                if beta == 0.75:
                    root = np.sqrt(1 / s[i])
                    y[i] = gradient[i] * root * np.sqrt(root)
                else:
                    y[i] = gradient[i] * s[i] ** -beta
            for i in range(c):
                inner[half + i] = y[i] * row[i] / s[i]
                t[i] = inner[i] * 0
            for d in range(n):
                for i in range(c):
                    t[i] += inner[i + d]
            factor = 2 * alpha * beta
            for i in range(c):
                y[i] -= factor * row[i] * t[i]

    return forward, backward


# On other devices.


def _forward_banded(a: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
    band, out = _band(a, n) * alpha, torch.empty_like(a)
    for here, y in zip(a.split(ROWS), out.split(ROWS), strict=True):
        torch.mul(here, torch.addmm(a.new_full((1,), k), here * here, band).pow_(-beta), out=y)
    return out


def _backward_banded(a: Tensor, g: Tensor, n: int, alpha: float, k: float, beta: float) -> Tensor:
    band, out = _band(a, n) * alpha, torch.empty_like(a)
    for here, gradient, y in zip(a.split(ROWS), g.split(ROWS), out.split(ROWS), strict=True):
        s = torch.addmm(a.new_full((1,), k), here * here, band)
        torch.mul(gradient, s.pow(-beta), out=y)
        y.addcmul_((y * here).div_(s) @ band, here, value=-2 * beta)
    return out


def _band(a: Tensor, n: int) -> Tensor:
    channel = torch.arange(a.shape[1], device=a.device)
    return ((channel[:, None] - channel[None, :]).abs() <= n // 2).to(a.dtype)
