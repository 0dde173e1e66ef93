"""An estimator of one's own is one file and one line: all contracts then run over it."""

import numpy as np
import pytest
import test_manifold_dimension as contracts

import repviz
from repviz.errors import InputError, UnknownName
from repviz.manifold.dimension import ESTIMATORS, Estimator, dimension
from repviz.manifold.dimension.estimators import mle, participation

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


# ---- without a file: a function, or an entry that is in no table


def wide_mle(graph, *, k: int = 20):
    return mle.estimate(graph, k=k)


def test_a_function_is_an_estimator():
    X = contracts.ball(0, 300, 3)
    assert dimension(X, method=wide_mle) == dimension(X, method="mle", k=20)
    assert dimension(X, method=wide_mle, k=5) == dimension(X, method="mle", k=5)
    by_label = repviz.dimension_by_label(X, np.repeat(["a", "b"], 150), method=wide_mle)
    assert by_label["b"] == dimension(X[150:], method="mle", k=20)


def test_an_entry_in_no_table_may_read_the_rows():
    own = Estimator("own", "", participation.estimate, reads="matrix")
    X = contracts.ball(0, 300, 3)
    assert dimension(X, method=own) == dimension(X, method="participation")


@pytest.mark.parametrize(
    ("method", "options", "error", "sentence"),
    [
        (
            lambda graph: 3.0,
            {},
            InputError,
            "dimension: the estimator '<lambda>' must return a Dimension, got 3.0. See "
            "repviz.manifold.dimension.record.",
        ),
        (
            wide_mle,
            {"m": 2},
            UnknownName,
            "dimension: no option of 'wide_mle' is called 'm'. Known: k.",
        ),
    ],
)
def test_messages(method, options, error, sentence):
    with pytest.raises(error) as caught:
        dimension(contracts.ball(0, 100, 3), method=method, **options)
    assert str(caught.value) == sentence
