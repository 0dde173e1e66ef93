"""TLE: the dimension from all distances among a row's k nearest neighbours.

Amsaleg, Chelly, Houle, Kawarabayashi, Radovanovic, Treeratanajaru 2019, "Intrinsic dimensionality
estimation within tight localities", SDM: the maximum likelihood estimate over the distances from
every neighbour, and from its mirror image through the row, to every other, each as seen from a ball
that touches the neighbourhood's edge. This is the variant with central measurements and reflections
(``idtlec.m`` of the authors). They average the rows' dimensions; by default we average the
inverses; and we drop measurements below 1e-8 of the radius, they those below 1e-4 in the units of
the data.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.result import gram_estimator

SMALL = 1e-8  # of the radius: measurements that are rounding and no more


def inverses(grams: np.ndarray) -> np.ndarray:
    """One over the dimension around each row (n,), from its neighbours' Gram matrix (n, k, k).

    The letters are the paper's: v the distance between neighbours i and j, z that from i's mirror
    image, r the radius; s and t are v and z as measured inside the ball.
    """
    k = grams.shape[1]
    squared = np.einsum("nii->ni", grams)  # (n, k) squared distances, the farthest is r^2
    r2 = squared.max(axis=1)[:, None, None]
    r = np.sqrt(r2)
    i2, j2 = squared[:, :, None], squared[:, None, :]
    v2 = (i2 + j2 - 2 * grams).clip(0)
    z2 = (i2 + j2 + 2 * grams).clip(0)
    room = r2 - i2  # (n, k, 1) how far inside the ball neighbour i lies
    edge = room <= SMALL * r2
    room = np.where(edge, 1, room)

    def within(far2: np.ndarray) -> np.ndarray:
        """The distance whose square is ``far2``, measured inside the ball."""
        lead = i2 + far2 - j2
        inner = r * (np.sqrt(lead**2 + 4 * far2 * room) - lead) / (2 * room)
        with np.errstate(divide="ignore", invalid="ignore"):
            at_edge = r * far2 / (r2 + far2 - j2)
        return np.where(edge, at_edge, inner)

    s, t = within(v2) / r, within(z2) / r
    off = ~np.eye(k, dtype=bool)
    kept = (s > SMALL) & (t > SMALL) & off
    logs = np.log(s, where=kept, out=np.zeros_like(s)) + np.log(t, where=kept, out=np.zeros_like(t))
    central = np.log(squared / r2[:, 0]).sum(axis=1)  # twice the logarithms of the distances
    dropped = k * (k - 1) - kept.sum(axis=(1, 2))
    return -(logs.sum(axis=(1, 2)) + central) / (2 * (k * k - dropped))


estimate = gram_estimator("tle", inverses)
