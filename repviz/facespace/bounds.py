"""Analytic upper bounds of the probability that judges accept noise, too rare to sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from repviz.facespace.judges.face_space import deviations, leading_components
from repviz.facespace.known import Known
from repviz.facespace.splitting import LN10


def uniform_near(faces: np.ndarray, distance: float) -> float:
    """log10 of a bound on P(a uniform point of the cube lies within ``distance`` of some face).

    The sum over faces of Chernoff's bound for one ball. The point's pixels are independent, so
    P(|x - c|^2 <= R^2) <= exp(t R^2) prod_j E exp(-t (x_j - c_j)^2) for every t > 0, and for
    uniform pixels the expectation is a difference of error functions. It is a bound, not an
    estimate: the truth is smaller, by one to three in the exponent for 4096 pixels and a few
    hundred faces.

    Parameters
    ----------
    faces : ndarray, shape (n, d)
        In [0, 1].
    distance : float
        Root mean square grey level, in [0, 1].

    Returns
    -------
    float
        At most 0.
    """
    d = faces.shape[1]
    faces = faces.astype(np.float64)

    def log_bounds(rows: np.ndarray, t: float) -> np.ndarray:
        return t * d * distance**2 + uniform_log_mean(rows, t)

    t = _best(lambda t: float(log_bounds(faces[:1], t)[0]))
    return min(0.0, float(np.logaddexp.reduce(log_bounds(faces, t))) / LN10)


def uniform_log_mean(faces: np.ndarray, t: float) -> np.ndarray:
    """Logarithm of E exp(-t |x - face|^2) for a uniform x in the cube, of each face, shape (n,)."""
    from scipy.special import erf

    root = np.sqrt(t)
    mean = np.sqrt(np.pi) / (2 * root) * (erf(root * (1 - faces)) + erf(root * faces))
    return np.asarray(np.log(mean).sum(axis=1))


def face_space_volume(known: Known, within: float, residual: float) -> float:
    """log10 of the volume of the points whose face-space statistics are within the limits.

    An ellipsoid in the k leading components times a ball in the other d - k directions.

    Parameters
    ----------
    known : Known
        What the components are of.
    within : float
        Largest accepted root mean square of the k standardised scores.
    residual : float
        Largest accepted root mean square residual, in [0, 1].
    """
    deviation = deviations(leading_components(known))
    k, d = len(deviation), known.faces.shape[1]
    ellipsoid = _log_ball(k, within * np.sqrt(k)) + np.log(deviation).sum()
    return float(ellipsoid + _log_ball(d - k, residual * np.sqrt(d))) / LN10


def volume_near(count: int, d: int, distance: float) -> float:
    """log10 of the volume of ``count`` balls: a looser bound that depends on the radius alone.

    Parameters
    ----------
    count, d : int
        Known faces and pixels.
    distance : float
        Root mean square grey level: the radius is ``distance * sqrt(d)``.
    """
    return min(0.0, (_log_ball(d, distance * np.sqrt(d)) + np.log(count)) / LN10)


def _log_ball(d: int, radius: float) -> float:
    """The natural logarithm of the volume of a ball in d dimensions."""
    from scipy.special import gammaln

    return float(d / 2 * np.log(np.pi) - gammaln(d / 2 + 1) + d * np.log(radius))


def pixelwise_tilt(known: Known, residual: float) -> tuple[float, float]:
    """log10 of a bound on P(pixel-wise Gaussian noise has a residual as small as faces have).

    Chernoff's bound for a quadratic form: with S the variances of the pixels and W the leading
    components, E exp(-t r^2) = det(I + 2 t S (I - W W^T))^(-1/2). Before clipping to [0, 1]. It may
    exceed 0.

    Parameters
    ----------
    known : Known
        What the noise has its means and variances from, and the components.
    residual : float
        Largest accepted root mean square residual, in [0, 1].

    Returns
    -------
    bound, t : float
        The smallest bound, and the t that gives it.
    """
    d = known.faces.shape[1]
    axes = leading_components(known).components  # (k, d)

    def log_bound(t: float) -> float:
        scale = 1 + 2 * t * known.variance
        inner = np.eye(len(axes)) - (axes * (2 * t * known.variance / scale)) @ axes.T
        determinant = np.log(scale).sum() + np.linalg.slogdet(inner)[1]
        return float(t * d * residual**2 - determinant / 2)

    t = _best(log_bound)
    return log_bound(t) / LN10, t


def _best(bound: Callable[[float], float]) -> float:
    """The t that makes the bound smallest; every t gives a true bound."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda u: bound(float(np.exp(u))), bounds=(-5, 12), method="bounded")
    return float(np.exp(found.x))
