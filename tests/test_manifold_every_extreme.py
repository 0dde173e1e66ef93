"""Values beyond the powers that float64 holds, in every function that takes rows: an answer or one
sentence, never a NaN, never the end of the process.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pandas as pd
import pytest

import repviz
import repviz.manifold
import repviz.principal
from repviz.errors import InputError, Unavailable
from repviz.manifold.neighbors import Neighbors, neighbors

pytestmark = pytest.mark.slow

N = 90
X = np.random.default_rng(0).standard_normal((N, 5))
LABELS = np.arange(N) % 3
GRAPH = neighbors(X, k=20)


def with_value(value, row=7):
    return np.where((np.arange(N) == row)[:, None] & (np.arange(5) == 2), value, X)


# Rows by name, and whether they must be refused: None where either is right.
ROWS = {
    "tiny": (1e-310 * X, True),
    "smallest": (5e-324 * np.rint(4 * X), True),
    "small": (1e-200 * X, True),
    "large": (1e150 * X, True),
    "huge": (1e308 * np.clip(X, -1, 1), True),
    "one huge": (with_value(1e308), True),
    "one large": (with_value(1e150), True),
    "one infinite": (with_value(np.inf), True),
    "one NaN": (with_value(np.nan), True),
    "last NaN": (with_value(np.nan, N - 1), True),
    "constant": (np.ones((N, 5)), None),
    "zeros": (np.zeros((N, 5)), None),
    "one tiny": (with_value(1e-310), False),
    "one column": (X * (np.arange(5) == 1), None),
    "columns of many sizes": (X * [1e-60, 1e-30, 1, 1e30, 1e60], None),
    "rows of many sizes": (X * np.logspace(-60, 60, N)[:, None], None),
    "tiny float32": ((1e-40 * X).astype(np.float32), None),
    "huge float32": ((1e37 * X).astype(np.float32), None),
    "small but fine": (2.0**-200 * X, False),
    "large but fine": (2.0**200 * X, False),
    "pairs": (np.repeat(X[: N // 2], 2, axis=0), None),
}
# Each function of rows, by module and name, with the other arguments that it needs.
CALLS = {
    "manifold.dimension:dimension": lambda f, rows: f(rows),
    "manifold.dimension:dimension_by_label": lambda f, rows: f(rows, LABELS, method="mle", k=5),
    "manifold.dimension.curve:scale_curve": lambda f, rows: f(rows),
    "manifold.embedding:embed": lambda f, rows: f(rows, method="pca"),
    "manifold.embedding.landmarks:place_on_map": lambda f, rows: f(rows[:9], rows, X[:, :2]),
    "manifold.embedding.landmarks:umap_by_landmarks": lambda f, rows: f(rows, landmarks=60),
    "manifold.embedding.pacmap_map:pacmap": lambda f, rows: f(rows),
    "manifold.embedding.pca_map:principal": lambda f, rows: f(rows),
    "manifold.embedding.tsne_map:tsne": lambda f, rows: f(rows),
    "manifold.embedding.umap_map:umap": lambda f, rows: f(rows),
    "manifold.identity:nearest_identity": lambda f, rows: f(rows, LABELS),
    "manifold.invariance:invariance": lambda f, rows: f(rows, rows[::-1]),
    "manifold.neighbors:neighbors": lambda f, rows: f(rows, k=5),
    "manifold.neighbors:neighbors_between": lambda f, rows: f(X, rows, k=3),
    "manifold.probes:probe": lambda f, rows: f(rows, LABELS),
    "manifold.quality:quality": lambda f, rows: f(GRAPH, rows[:, 2:4]),
    "manifold.quality:trustworthiness": lambda f, rows: f(GRAPH, rows[:, 2:4]),
    "manifold.quality:local_trustworthiness": lambda f, rows: f(GRAPH, rows[:, 2:4]),
    "manifold.quality:continuity": lambda f, rows: f(GRAPH, rows[:, 2:4]),
    "manifold.similarity:similarity": lambda f, rows: f(rows, X),
    "manifold.similarity:minibatch_cka": lambda f, rows: f(rows, X, batch=30),
    "manifold.layer_similarity:layer_similarity": lambda f, rows: f(rows, X, permutations=19),
    "principal:pca": lambda f, rows: f(rows),
    "principal.parallel:parallel_analysis": lambda f, rows: f(rows, permutations=19),
    "principal.spectrum:spectrum": lambda f, rows: f(rows),
}
# The same functions with another way of working.
WAYS = {
    "streaming": ("principal:pca", lambda f, rows: f(rows, components=2, solver="streaming")),
    "cosine": ("manifold.neighbors:neighbors", lambda f, rows: f(rows, k=5, metric="cosine")),
    "approximate": (
        "manifold.neighbors:neighbors",
        lambda f, rows: f(rows, k=5, search="approximate"),
    ),
    "linear": ("manifold.probes:probe", lambda f, rows: f(rows, X[:, 0] > 0, method="linear")),
    "logistic": (
        "manifold.probes:probe",
        lambda f, rows: f(rows, X[:, 0] > 0, method="logistic"),
    ),
    "procrustes": (
        "manifold.similarity:similarity",
        lambda f, rows: f(rows, X, method="procrustes"),
    ),
    "quality of rows": (
        "manifold.quality:quality",
        lambda f, rows: f(neighbors(rows, k=20), X[:, :2]),
    ),
}
# What is given rows that another function has checked, or helps one of these.
INNER = {
    "manifold.similarity:prepare",
    *("manifold.neighbors:count_within", "manifold.neighbors:encode_groups"),
    *("manifold.probes:logistic", "manifold.probes:ridge"),
    *("manifold.stored_rows:readable_rows",),
    *("manifold.stored_rows:matching_rows", "principal.exact:exact_pca"),
    *("principal.exact:rows_gram", "principal.exact:columns_gram", "principal.record:project"),
    *("principal.streaming:streaming_pca",),
}
SLOW = ("umap", "tsne", "pacmap")


def functions():
    """The public functions of both packages that take rows or a graph of them."""
    found = {}
    for package in (repviz.manifold, repviz.principal):
        for entry in (package, *_modules(package)):
            name = entry.__name__.removeprefix("repviz.")
            for attribute, value in vars(entry).items():
                public = inspect.isfunction(value) and not attribute.startswith("_")
                if public and value.__module__ == entry.__name__:
                    parameters = inspect.signature(value).parameters
                    if {"X", "graph", "queries"} & set(parameters):
                        found[f"{name}:{attribute}"] = value
    return found


def _modules(package):
    for entry in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        inner = (".search", ".estimators", "kernels", ".dimension.")
        if not any(part in entry.name for part in inner) or entry.name.endswith(".curve"):
            yield importlib.import_module(entry.name)


FUNCTIONS = functions()


def numbers(value):
    """Every array and number of a result."""
    if dataclasses.is_dataclass(value) and not isinstance(value, Neighbors):
        for field in dataclasses.fields(value):
            # Around a row whose neighbours are all as far away, the dimension is infinite.
            if field.name != "local":
                yield from numbers(getattr(value, field.name))
    elif isinstance(value, Neighbors):
        yield from (value.indices, value.distances)
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers(one)
    elif isinstance(value, float | int | np.ndarray) and np.asarray(value).dtype.kind in "fiu":
        yield np.asarray(value)


def test_every_function_of_rows_is_among_these():
    assert FUNCTIONS.keys() - INNER == CALLS.keys()


def cases():
    for name, call in CALLS.items():
        slow = any(word in name for word in SLOW)
        yield pytest.param(name, call, id=name, marks=[pytest.mark.slow] if slow else [])
    for way, (name, call) in WAYS.items():
        yield pytest.param(name, call, id=way)


@pytest.mark.parametrize(("name", "call"), list(cases()))
def test_extreme_rows_give_an_answer_or_one_sentence(name, call):
    said = []
    for kind, (rows, refused) in ROWS.items():
        before = rows.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = call(FUNCTIONS[name], rows)
            except InputError as error:
                if refused is False or "\n" in str(error):
                    said.append(f"{kind}: refused, {error}")
                continue
            except Unavailable:
                pytest.skip("its package is not installed")
            finally:
                np.testing.assert_array_equal(rows, before)
        if refused:
            said.append(f"{kind}: accepted")
        # A quantity without a value is NaN by itself; rows, coordinates and distances are not.
        arrays = [values for values in numbers(result) if values.ndim]
        if any(np.isinf(values).any() for values in numbers(result)):
            said.append(f"{kind}: an infinity")
        if any(values.ndim > 1 and np.isnan(values).any() for values in arrays):
            said.append(f"{kind}: a NaN")
    assert said == []


def test_a_table_of_numbers_is_a_matrix_to_every_function():
    table = pd.DataFrame(X, columns=list("abcde"))
    assert repviz.minibatch_cka(X, table, batch=30) == repviz.minibatch_cka(X, X, batch=30)
    assert repviz.dimension(table).value == repviz.dimension(X).value
