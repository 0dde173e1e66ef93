"""What every engine and every criterion keeps to, a member added from elsewhere included."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import repviz
from repviz import distortion, figures
from repviz.bottleneck.criteria import CRITERIA, Criterion, Reference
from repviz.bottleneck.engines import ENGINES, Engine, FitContext
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import InputError
from repviz.figures.theme import LIGHT, MARKERS, PALETTE
from repviz.training.data import TrainingData

LONGEST, EFFORT = 6, 0.002

ENGINE = '''
"""Random directions: the code is the projection onto k of them."""

import numpy as np


def fit(context, k, *, scale=1.0):
    rng = np.random.default_rng(context.seed)
    basis = np.linalg.qr(rng.normal(size=(context.train.shape[1], k)))[0]
    mean = context.train.mean(axis=0)
    return (lambda X: scale * (X - mean) @ basis), (lambda Z: mean + Z @ basis.T / scale)
'''

CRITERION = '''
"""Whether an image is as bright, pixel by pixel, as its original."""

import numpy as np


def criterion(argument):
    margin = float(argument)
    return lambda images, reference: np.abs(images - reference.originals).mean(axis=1) <= margin
'''


@cache
def training_data() -> TrainingData:
    X = repviz.open_images("drawn-faces:40", size=16, grey=True, seed=0).pixels()
    return TrainingData(X[:28], X[28:], shift=1 / 16, max_bottleneck=LONGEST)


def context(seed: int = 0) -> FitContext:
    return FitContext(training_data(), EFFORT, seed)


def errors(name: str, seed: int) -> np.ndarray:
    """Of the validation images, with a code of two numbers."""
    X = context().validation
    codec = ENGINES[name].fit(context(seed), 2)
    return distortion.squared_errors(codec.decode(codec.encode(X)), X)


@cache
def reference() -> Reference:
    """Two noisy copies of each of 20 faces, a label per face; the training images are one more."""
    faces = repviz.open_images("drawn-faces:20", size=32, grey=True, seed=0)
    X, names = faces.matrix(), np.array([f"face {row}" for row in range(20)])
    rng = np.random.default_rng(0)
    copies = [np.clip(X + 0.01 * rng.normal(size=X.shape), 0, 1) for _ in range(3)]
    return Reference(
        np.concatenate(copies[:2]).astype(np.float32),
        (1, 32, 32),
        np.tile(names, 2),
        {name: np.tile(values, 2) for name, values in faces.factors.items()},
        copies[2].astype(np.float32),
        names,
        faces.factors,
    )


def flat(X: np.ndarray) -> np.ndarray:
    """Blurred until one grey level is left."""
    return np.repeat(X.mean(axis=1, keepdims=True), X.shape[1], axis=1)


def noise(X: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).random(X.shape, dtype=np.float32)


LACKING = {
    "no labels": lambda r: replace(r, labels=None, train_labels=None),
    "one label": lambda r: replace(
        r, labels=np.repeat("a", len(r.labels)), train_labels=np.repeat("a", len(r.train_labels))
    ),
    "no factors": lambda r: replace(r, factors={}, train_factors={}),
    "constant factors": lambda r: replace(
        r, factors={"turn": np.zeros(40)}, train_factors={"turn": np.zeros(20)}
    ),
    "rows that are not images": lambda r: replace(r, shape=(1, 1, 1024)),
}


# ---- engines -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_says_what_it_is(name):
    engine = ENGINES[name]
    assert engine.name == name
    assert all(text.strip() for text in (engine.title, engine.label, engine.summary))
    assert engine.colour_role == "" or engine.colour_role in PALETTE.keys() & MARKERS.keys()
    assert engine.serves_all_sizes == bool(engine.per_size_engine)
    if engine.per_size_engine:
        assert not ENGINES[engine.per_size_engine].serves_all_sizes


def test_no_two_engines_look_alike():
    for column in ("title", "label", "colour_role"):
        values = [text for engine in ENGINES.values() if (text := getattr(engine, column))]
        assert len(set(values)) == len(values), column


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_gives_a_code_of_at_most_k_numbers_and_an_image_back(name):
    engine, X = ENGINES[name], context().validation
    codec = engine.fit(context(), LONGEST)
    sizes = range(1, LONGEST + 1) if engine.serves_all_sizes else [LONGEST]
    for k in sizes:
        served = codec_of(codec.model, k) if engine.serves_all_sizes else codec
        codes = np.asarray(served.encode(X))
        assert codes.shape[0] == len(X)
        assert 1 <= codes.shape[1] <= k
        output = np.asarray(served.decode(codes))
        assert output.shape == X.shape
        assert np.isfinite(codes).all()
        assert np.isfinite(output).all()
        np.testing.assert_allclose(served.encode(X[:1]), codes[:1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_an_engines_errors_depend_on_its_seed_at_most(name):
    other = 0 if ENGINES[name].is_random else 1
    assert np.array_equal(errors(name, 0), errors(name, other))


# ---- criteria ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_says_what_it_is(name):
    criterion = CRITERIA[name]
    assert criterion.family == name
    assert criterion.name.partition(":")[::2] == (name, criterion.argument)
    assert criterion.title.strip()
    assert "{" not in criterion.title
    assert criterion.summary.strip()


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("degraded", [flat, noise])
def test_every_criterion_prefers_the_originals(name, degraded):
    X = reference().originals
    before = CRITERIA[name].scores(X, reference())
    after = CRITERIA[name].scores(degraded(X), reference())
    assert before.shape == after.shape == (len(X),)
    assert before.mean() > after.mean()


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("lack", LACKING)
def test_every_criterion_scores_or_says_in_words_what_is_missing(name, lack):
    criterion, lacking = CRITERIA[name], LACKING[lack](reference())
    assert criterion.missing(reference()) == ""
    reason = criterion.missing(lacking)
    needs = {"labels": "label", "factors": "factors", "images": "images", "": "nothing"}
    assert bool(reason) == (needs[criterion.needs] in lack)
    if reason:
        assert needs[criterion.needs] in reason
    else:
        assert np.isfinite(criterion.scores(lacking.originals, lacking)).all()


# ---- a member from elsewhere ---------------------------------------------------------------------


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """An engine and a criterion, each one file of another package and one line of the table."""
    package = tmp_path / "elsewhere"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "toy_engine.py").write_text(ENGINE)
    (package / "toy_criterion.py").write_text(CRITERION)
    monkeypatch.syspath_prepend(tmp_path)
    engine = Engine(
        "toy", "random directions", "toy", "k random directions", "elsewhere.toy_engine:fit"
    )
    criterion = Criterion(
        "toy",
        "a mean difference of at most {argument}",
        "toy:M, whether the mean absolute difference is at most M (0.1)",
        "elsewhere.toy_criterion:criterion",
        argument="0.1",
    )
    monkeypatch.setitem(ENGINES, "toy", engine)
    monkeypatch.setitem(CRITERIA, "toy", criterion)


@pytest.mark.usefixtures("toys")
def test_the_contracts_hold_for_a_member_from_elsewhere():
    assert repviz.catalog("engines")["engines"]["toy"] == ENGINES["toy"].summary
    assert repviz.catalog("criteria")["criteria"]["toy"] == CRITERIA["toy"].summary
    test_every_engine_says_what_it_is("toy")
    test_no_two_engines_look_alike()
    test_every_engine_gives_a_code_of_at_most_k_numbers_and_an_image_back("toy")
    test_an_engines_errors_depend_on_its_seed_at_most("toy")
    test_every_criterion_says_what_it_is("toy")
    for degraded in (flat, noise):
        test_every_criterion_prefers_the_originals("toy", degraded)
    for lack in LACKING:
        test_every_criterion_scores_or_says_in_words_what_is_missing("toy", lack)


@pytest.mark.slow
@pytest.mark.usefixtures("toys")
def test_a_member_from_elsewhere_is_swept_and_drawn(tmp_path):
    faces = repviz.open_images("drawn-faces:60", size=16, grey=True, seed=0)
    study = repviz.sweep(
        faces,
        bottlenecks=[2, 4],
        engines=["toy"],
        criteria=["toy", "toy:0.2"],
        out=tmp_path / "s",
        setup=SweepSetup(split="image"),
    )
    table = study.table
    assert table["engine"].unique().tolist() == ["pca", "pca-all", "toy"]
    roles = table.groupby("engine")["colour_role"].unique().str[0]
    assert roles["toy"] not in {
        engine.colour_role for engine in ENGINES.values() if engine.colour_role
    }
    choices = study.result("choices").set_index(["criterion", "engine"])
    assert choices.loc[("toy:0.1", "toy"), "title"] == "a mean difference of at most 0.1"
    assert choices.loc[("toy:0.2", "toy"), "left_out"] == ""
    figure = figures.draw("sweep", table)
    looks = [(line.get_color(), line.get_marker()) for line in figure.axes[0].get_lines()]
    assert (LIGHT[roles["toy"]], MARKERS[roles["toy"]]) in looks
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 3
    page = study.report.read_text(encoding="utf-8")
    assert "random directions" in page
    assert "a mean difference of at most 0.1" in page


# ---- messages ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("toys")
def test_one_training_for_all_sizes_needs_a_model(tmp_path, monkeypatch):
    monkeypatch.setitem(ENGINES, "toy", replace(ENGINES["toy"], serves_all_sizes=True))
    with pytest.raises(InputError) as caught:
        repviz.sweep(
            np.random.default_rng(0).normal(size=(40, 8)),
            bottlenecks=[2],
            engines=["toy"],
            out=tmp_path / "s",
        )
    assert str(caught.value) == (
        "engine 'toy': an engine that serves all sizes must return a Codec whose model is a "
        "repviz autoencoder, got none. Set serves_all_sizes=False to fit it for each size."
    )


@pytest.mark.parametrize(
    ("name", "lack", "sentence"),
    [
        ("same-label", "no labels", "the images have fewer than two labels"),
        ("factors", "no factors", "the images have no known factors"),
        (
            "factors",
            "constant factors",
            "the known factors do not vary among the training and the test images",
        ),
        ("ssim", "rows that are not images", "the rows are not images"),
    ],
)
def test_what_is_missing_is_said_in_words(name, lack, sentence):
    assert CRITERIA[name].missing(LACKING[lack](reference())) == sentence
