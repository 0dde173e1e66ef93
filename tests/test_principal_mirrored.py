"""Principal components of images and their mirror images, read copy by copy."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.decomposition import PCA

from repviz.principal.mirrored import fit_mirrored_pca


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("n", [3, 40])
def test_components_of_several_copies_are_those_of_all_rows(mirror, n):
    shape = (2, 3, 5)
    copies = [np.random.default_rng(i).normal(size=(n, 30)).astype(np.float32) for i in range(4)]
    rows = np.concatenate(copies)
    if mirror:
        rows = np.concatenate([rows, rows.reshape(-1, *shape)[..., ::-1].reshape(-1, 30)])
    reference = PCA(6).fit(rows.astype(np.float64))
    fitted = fit_mirrored_pca(copies, shape, 6, mirror=mirror)
    np.testing.assert_allclose(fitted.mean, reference.mean_, atol=1e-6)
    variance = reference.explained_variance_ * (len(rows) - 1) / len(rows)
    np.testing.assert_allclose(fitted.spread**2, variance, rtol=1e-4)
    alike = np.abs(np.sum(fitted.basis * reference.components_, axis=1))
    np.testing.assert_allclose(alike, 1, atol=1e-3)


def test_one_copy_at_a_time_is_in_memory():
    n, d, n_copies = 4000, 64, 20

    class Copies:
        def __iter__(self):
            return (np.random.default_rng(i).random((n, d), np.float32) for i in range(n_copies))

    tracemalloc.start()
    fit_mirrored_pca(Copies(), (1, 8, 8), 4, mirror=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n * d * 4  # bytes: 20 copies would take 20
