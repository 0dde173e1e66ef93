"""The extent of a set of images in pixel space: local directions, and bounds on the volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.facespace import bounds
from repviz.facespace.known import pixels
from repviz.manifold.neighbors import neighbors
from repviz.streams import stream

if TYPE_CHECKING:
    import pandas as pd

NEIGHBORS = (8, 16, 32, 64)
EXPLAINED = 0.95  # of the local variance
LOOKED_AT = 200  # images around which directions are counted, at most
REPEATS = 20  # isotropic samples that directions are compared with
STEPS = 12  # distances at which the volume is bounded


def local_directions(
    X: Any,
    *,
    groups: Any = None,
    nearest: Sequence[int] = NEIGHBORS,
    seed: int = 0,
) -> pd.DataFrame:
    """The number of directions in which an image's nearest images vary, of all d of pixel space.

    Around each of up to 200 images the fewest principal components of its k nearest neighbours that
    explain 95 % of their variance. k neighbours differ in at most k - 1 directions, so that a count
    near that of isotropic points says how many neighbours there are, and nothing about the images.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image.
    groups : array_like, shape (n,), optional
        Whom each shows; without it each counts alone.
    nearest : sequence of int
        Numbers of neighbours k, at least 3; those that n does not allow are left out.
    seed : int
        Which images are looked at where there are more, and the isotropic points.

    Returns
    -------
    DataFrame
        One row per k: neighbors (k), directions, directions_low, directions_high (mean over images,
        95 % jackknife over groups), directions_most (the most that k neighbours can show, at most
        d), directions_isotropic (mean over 20 samples of k points of an isotropic Gaussian), share,
        share_low, share_high (of the d directions, in [0, 1]), d, n (images looked at), groups,
        seed.

    Raises
    ------
    InputError
        There are fewer than 4 rows, or none of ``nearest`` is below n.

    References
    ----------
    Fukunaga & Olsen 1971, IEEE Transactions on Computers C-20, who count the components above a
    share of the largest one; ours is a share of the variance.
    """
    import pandas as pd

    who = "local_directions"
    X = checks.matrix(who, X, rows=4)
    n, d = X.shape
    groups = np.arange(n) if groups is None else checks.labels(who, "groups", groups, n)
    seed = checks.seed(who, seed)
    wanted = [checks.integer(who, "nearest", k, low=3) for k in checks.as_list(nearest)]
    usable = [k for k in wanted if k < n]
    if not usable:
        raise InputError(
            f"{who}: nearest must contain a number below {n}, the number of rows, got at least "
            f"{min(wanted)}. Use more images or fewer neighbours."
        )
    graph = neighbors(X, k=max(usable))
    rows = stream(seed, who, "images").permutation(n)[:LOOKED_AT]
    rng = stream(seed, who, "isotropic")
    table = []
    for k in usable:
        counts = np.array([_directions(X[graph.indices[row, :k]]) for row in rows], dtype=float)
        low, high = intervals.jackknife(counts[:, None], groups[rows], lambda means: means[..., 0])
        blank = [_directions(rng.standard_normal((k, d))) for _ in range(REPEATS)]
        mean = float(counts.mean())
        ends = {"directions": mean, "directions_low": low, "directions_high": high}
        shares = {name.replace("directions", "share"): end / d for name, end in ends.items()}
        table.append(
            {"neighbors": k, **ends, "directions_most": min(k - 1, d)}
            | {"directions_isotropic": float(np.mean(blank)), **shares, "d": d, "n": len(rows)}
            | {"groups": len(np.unique(groups[rows])), "seed": seed}
        )
    return pd.DataFrame(table)


def _directions(points: np.ndarray) -> int:
    """The fewest principal components with 95 % of the variance; 0 where all points coincide."""
    if (points == points[0]).all():
        return 0
    centred = points - points.mean(axis=0, dtype=np.float64)
    gram = centred @ centred.T if len(points) < points.shape[1] else centred.T @ centred
    variances = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)
    return int(np.searchsorted(np.cumsum(variances), EXPLAINED * variances.sum()) + 1)


def near_volume(faces: Any, *, distance: float, steps: int = STEPS) -> pd.DataFrame:
    """Upper bounds of log10 of the share of all images that lie near a known one, by distance.

    The smaller of two bounds of the sum over known images of the volume of a ball: the ball's own
    (:func:`repviz.facespace.bounds.volume_near`), and Chernoff's of what of it lies in the cube of
    the pixels (:func:`repviz.facespace.bounds.uniform_near`).

    Parameters
    ----------
    faces : array_like, shape (n, d)
        Known images in [0, 1].
    distance : float
        The largest distance, root mean square grey level in (0, 1].
    steps : int
        Distances, evenly spaced from ``distance / steps`` on; at least 1.

    Returns
    -------
    DataFrame
        One row per distance: distance, log10_volume (at most 0), n, d.

    Raises
    ------
    InputError
        A matrix is not finite or not in [0, 1], or an argument is out of its range.
    """
    import pandas as pd

    who = "near_volume"
    faces = pixels(who, "faces", faces)
    n, d = faces.shape
    distance = checks.real(who, "distance", distance, low=1e-6, high=1)
    steps = checks.integer(who, "steps", steps, low=1, high=1000)
    distances = distance * np.arange(1, steps + 1) / steps
    volumes = [
        min(bounds.uniform_near(faces, float(r)), bounds.volume_near(n, d, float(r)))
        for r in distances
    ]
    return pd.DataFrame({"distance": distances, "log10_volume": volumes, "n": n, "d": d})
