"""repviz.sklearn: the promises of scikit-learn's interface, and the numbers of repviz behind it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator
from torch import nn

import repviz
from repviz.errors import UnknownName
from repviz.manifold.dimension import ESTIMATORS
from repviz.models.model import Preprocessing
from repviz.sklearn import ActivationTransformer, IntrinsicDimension

# Why a check of scikit-learn's is expected to fail; everything else passes.
EXEMPT: dict[str, str] = {}


@pytest.fixture(scope="module", name="network")
def small_network():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 5))
    return repviz.open_model(module, preprocessing=Preprocessing((8, 8), 1, (0.0,), (1.0,)))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)


# ---- truth


def test_the_dimension_is_that_of_the_function():
    X = np.random.default_rng(1).standard_normal((300, 4)) @ np.eye(4, 9)
    fitted = IntrinsicDimension().fit(X)
    expected = repviz.dimension(X)
    assert fitted.dimension_ == expected.calibrated
    assert fitted.interval_ == (expected.calibrated_low, expected.calibrated_high)
    assert fitted.interval_[0] < 4 < fitted.interval_[1]
    assert fitted.n_features_in_ == 9


def test_activations_are_those_of_a_hook(network, pictures):
    transformer = ActivationTransformer(network, layer="3").fit(pictures)
    x = torch.from_numpy(pictures[:, None].astype(np.float32) / 255)
    with torch.no_grad():
        expected = network.module(x).numpy()
    np.testing.assert_allclose(transformer.transform(pictures), expected, atol=1e-5)
    assert transformer.get_feature_names_out().tolist() == [f"3_{i}" for i in range(5)]


# ---- contracts


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks_generator(IntrinsicDimension(), expected_failed_checks=EXEMPT)),
)
def test_the_dimension_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_the_transformer_declares_that_it_takes_pictures():
    """check_estimator feeds matrices; it leaves out who declares to take none, and says so."""
    with pytest.warns(Warning, match="ActivationTransformer which requires input"):
        check_estimator(ActivationTransformer())


def test_the_transformer_keeps_what_check_estimator_would_have_asked(network, pictures):
    transformer = ActivationTransformer(network, layer="1", reduce="mean")
    with pytest.raises(NotFittedError):
        transformer.get_feature_names_out()
    unfitted = transformer.transform(pictures)
    before = transformer.get_params()
    assert transformer.fit(pictures) is transformer
    assert transformer.get_params() == before
    once, again = transformer.transform(pictures), transformer.fit_transform(pictures)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(once, unfitted)
    np.testing.assert_allclose(transformer.transform(pictures[::-1])[::-1], once, atol=1e-6)
    assert clone(transformer).set_params(layer="3").layer == "3"


def test_it_stands_in_a_pipeline(network, pictures):
    labels = np.arange(12) % 3
    nearest = KNeighborsClassifier(n_neighbors=1)
    pipeline = make_pipeline(ActivationTransformer(network, layer="3"), nearest)
    assert pipeline.fit(pictures, labels).score(pictures, labels) == 1


@pytest.mark.parametrize("method", ESTIMATORS)
def test_every_method_is_an_option(method):
    X = np.random.default_rng(2).standard_normal((120, 3))
    (settings,) = ParameterGrid({"method": [method]})
    assert 1 < clone(IntrinsicDimension()).set_params(**settings).fit(X).dimension_ < 6


# ---- messages


def test_an_option_that_a_method_lacks_is_named():
    with pytest.raises(UnknownName) as error:
        IntrinsicDimension(options={"neighbours": 3}).fit(np.eye(20))
    assert str(error.value) == (
        "dimension: no option of 'twonn' is called 'neighbours'. Known: fit, discard."
    )
