"""An estimator of one's own is one file and one line: all contracts then run over it."""

import numpy as np
import pytest
import test_manifold_dimension as contracts

import repviz
from repviz.manifold.dimension import ESTIMATORS, Estimator, dimension

FILE = '''
"""The median of the maximum-likelihood dimension around each row."""

from dataclasses import replace

import numpy as np

from repviz.manifold.dimension.estimators import mle


def estimate(graph, *, share: float = 0.5):
    found = mle.estimate(graph)
    ratio = float(np.nanquantile(found.local, share)) / found.value
    fields = ("value", "low", "high", "calibrated", "calibrated_low", "calibrated_high")
    scaled = {name: getattr(found, name) * ratio for name in fields}
    return replace(found, method="median-mle", **scaled)
'''


@pytest.fixture
def name(tmp_path, monkeypatch):
    (tmp_path / "toy_estimator.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    entry = Estimator("median-mle", "local: median over rows", "toy_estimator:estimate")
    monkeypatch.setitem(ESTIMATORS, "median-mle", entry)
    return "median-mle"


def test_it_is_listed_and_takes_its_options(name):
    assert repviz.catalog("estimators")["estimators"][name] == "local: median over rows"
    X = contracts.ball(0, 300, 3)
    assert dimension(X, method=name, share=0.6).value > dimension(X, method=name).value


def test_the_contracts_hold(name):
    contracts.test_every_estimator_keeps_the_contract(name)
    contracts.test_again_is_the_same_to_the_bit_and_a_graph_serves_as_well(name)


@pytest.mark.parametrize("change", ["offset", "scale", "turn", "zeros", "order"])
def test_the_laws_hold(name, change):
    contracts.test_what_must_not_matter(name, change)


@pytest.mark.parametrize("X", [np.ones((50, 3)), np.eye(5)], ids=["all the same", "five rows"])
def test_it_refuses_what_it_cannot_answer(name, X):
    contracts.test_every_estimator_refuses_what_it_cannot_answer(name, X)
