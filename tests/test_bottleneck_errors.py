"""The errors of a sweep: distortions, what PCA needs for them, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from skimage.metrics import structural_similarity

from repviz import distortion, intervals
from repviz.bottleneck.pca_equivalent import PCACurve
from repviz.principal.mirrored import fit_mirrored_pca


def test_ssim_is_scikit_images():
    random = np.random.default_rng(0)
    a = random.random((3, 24, 20))
    b = np.clip(a + 0.2 * random.normal(size=a.shape), 0, 1)
    truth = [
        structural_similarity(
            x, y, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for x, y in zip(a, b, strict=True)
    ]
    own = distortion.ssim(b.reshape(3, -1), a.reshape(3, -1), (1, 24, 20))
    np.testing.assert_allclose(own, truth, atol=1e-6)


def test_psnr_of_a_known_error():
    X = np.zeros((1, 4))
    assert distortion.psnr(X + 0.1, X)[0] == pytest.approx(20)


def test_what_pca_needs_is_a_whole_number_and_its_own_size_for_its_own_error():
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(2, 60, 12)).astype(np.float32) * np.linspace(2, 0.1, 12)
    train, test = train.astype(np.float32), test.astype(np.float32)
    linear = fit_mirrored_pca([train], (1, 1, 12), 12, mirror=False)
    curve = PCACurve(linear, test, clip=False)
    for k in (1, 5, 11):
        reference = PCA(k).fit(train)
        output = reference.inverse_transform(reference.transform(test))
        assert curve.error(k) == pytest.approx(np.square(output - test).mean(), rel=1e-4)
        assert curve.needed(curve.error(k)) == k
        assert curve.needed((curve.error(k) + curve.error(k + 1)) / 2) == k + 1
    assert curve.needed(curve.error(0)) == 0
    assert np.isnan(curve.needed(0.5 * curve.error(curve.largest)))


def test_over_splits_the_interval_is_the_corrected_resampled_t():
    values = np.array([0.1, 0.3, 0.2, 0.4])
    low, high = intervals.over_splits(values, test_share=0.25)
    reach = stats.t.ppf(0.975, 3) * np.sqrt((1 / 4 + 0.25) * values.var(ddof=1))
    assert (low, high) == pytest.approx((0.25 - reach, 0.25 + reach))
    assert np.isnan(intervals.over_splits(values[:1], test_share=0.25)).all()


@pytest.mark.slow
def test_the_interval_over_splits_covers_the_difference_of_two_methods():
    """Two linear regressions, one of which lacks a feature; the truth is their mean difference."""
    rng = np.random.default_rng(0)

    def difference(rows, test, X, y):
        errors = []
        for d in (3, 2):
            fitted = np.linalg.lstsq(X[rows, :d], y[rows], rcond=None)[0]
            errors.append(np.square(y[test] - X[test, :d] @ fitted).mean())
        return np.log(errors[1] / errors[0])

    def drawn(n):
        X = rng.normal(size=(n, 3))
        return X, X @ [1, 1, 0.6] + rng.normal(size=n)

    X, y = drawn(200_000)  # many training sets of 40, each tested on as many rows as are left
    starts = range(0, 40_000, 40)
    rest = slice(100_000, 200_000)
    truth = np.mean([difference(slice(s, s + 40), rest, X, y) for s in starts])
    covered = 0
    for _ in range(200):
        X, y = drawn(50)
        orders = [rng.permutation(50) for _ in range(6)]
        values = np.array([difference(order[:40], order[40:], X, y) for order in orders])
        low, high = intervals.over_splits(values, test_share=0.25)
        covered += low <= truth <= high
    assert covered / 200 > 0.9


def test_drawing_rows_and_trainings_again_covers_a_mean():
    random = np.random.default_rng(0)
    values = random.normal(3, 1, (1, 400, 1))
    low, high = intervals.group_bootstrap(values, np.arange(400), lambda m: m[..., 0])
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.15)
