"""Input errors: each is one sentence that names the culprit and the cure."""

import numpy as np
import pytest

from repviz import checks, errors


def test_values_that_pass_come_back_as_they_are():
    X = np.ones((3, 2), dtype=np.float32)
    assert checks.matrix("who", X) is X
    assert checks.one_of("who", "model", "alexnet", ["alexnet"]) == "alexnet"
    assert checks.real("who", "share", 1, low=0, high=1) == 1.0


@pytest.mark.parametrize("value", [3, np.int64(3), 3.0])
def test_whole_numbers_of_any_type_pass(value):
    assert checks.integer("who", "k", value, low=1) == 3
    assert type(checks.integer("who", "k", value, low=1)) is int


@pytest.mark.parametrize("value", [0, 2.5, True, "3", None, float("nan"), float("inf")])
def test_what_is_no_whole_number_in_range_is_refused(value):
    with pytest.raises(errors.InputError) as caught:
        checks.integer("neighbors", "k", value, low=1, high=9)
    assert str(caught.value) == (f"neighbors: k must be a whole number from 1 to 9, got {value!r}.")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "x", None])
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(errors.InputError) as caught:
        checks.real("split", "the share", value, low=0, high=1)
    assert str(caught.value) == (f"split: the share must be a number from 0 to 1, got {value!r}.")


def test_other_numbers_become_floats():
    assert checks.matrix("who", [[1, 2], [3, 4]]).dtype == np.float64
    assert checks.matrix("who", np.ones((2, 2), np.float16)).dtype == np.float32


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(errors.UnknownName) as caught:
        checks.one_of("open_model", "model", "alexnett", ["alexnet", "autoencoder"])
    assert str(caught.value) == (
        "open_model: no model is called 'alexnett'. Did you mean 'alexnet'? "
        "Known: alexnet, autoencoder."
    )


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        (
            np.ones(3),
            "pca: X must be a matrix of shape (n, d), got shape (3,). "
            "Give one row per image: X.reshape(len(X), -1).",
        ),
        (
            np.array([["a", "b"], ["c", "d"]]),
            "pca: X must hold real numbers, got <U1. Convert it first.",
        ),
        (
            np.ones((1, 3)),
            "pca: X must have at least 2 rows, got 1. Use more images.",
        ),
        (np.ones((3, 0)), "pca: X must have at least 1 columns, got 0."),
        (
            np.array([[1.0, 2.0], [np.nan, 1.0], [np.nan, 1.0]]),
            "pca: every value of X must be finite, got NaN in row 1 (2 of 3 rows). "
            "Leave those rows out: X[np.isfinite(X).all(axis=1)].",
        ),
        (
            np.array([[1.0, 2.0], [3.0, np.inf]]),
            "pca: every value of X must be finite, got an infinity in row 1 (1 of 2 rows). "
            "Leave those rows out: X[np.isfinite(X).all(axis=1)].",
        ),
    ],
)
def test_a_matrix_that_is_none_is_refused(X, sentence):
    with pytest.raises(errors.InputError) as caught:
        checks.matrix("pca", X)
    assert str(caught.value) == sentence


def test_the_tree_is_the_one_its_docstring_draws():
    drawn = errors.__doc__
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, Exception):
            assert issubclass(error, errors.RepvizError)
            assert name in drawn
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.UnknownName, LookupError)


@pytest.mark.parametrize("value", ["1", b"1", "nan", [0.5], None, 1j])
def test_text_is_no_number(value):
    with pytest.raises(errors.InputError) as caught:
        checks.real("f", "x", value, low=0, high=1)
    assert str(caught.value) == (f"f: x must be a number from 0 to 1, got {checks.shown(value)}.")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (2.0, 2),
        (np.float32(0.5), 0.5),
        (np.array([16.0, 8.0]), [16, 8]),
        ((np.int64(16), 8), (16, 8)),
        (np.False_, False),
        ("conv", "conv"),
        (None, None),
    ],
)
def test_plain_values_are_pythons_own(value, plain):
    got = checks.plain(value)
    assert (got, type(got)) == (plain, type(plain))


@pytest.mark.parametrize(("value", "sides"), [(16, (16, 16)), ([8, 16], (8, 16)), (9.0, (9, 9))])
def test_a_size_is_a_square_or_height_and_width(value, sides):
    assert checks.size("f", value, low=8, high=64) == sides


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ((8, 8, 8), "f: size must be one number or (height, width), got (8, 8, 8)."),
        ((8, 7), "f: size must be a whole number from 8 to 64, got 7."),
        ("8", "f: size must be a whole number from 8 to 64, got '8'."),
    ],
)
def test_another_size_is_refused(value, sentence):
    with pytest.raises(errors.InputError) as caught:
        checks.size("f", value, low=8, high=64)
    assert str(caught.value) == sentence


def test_a_sentence_that_quotes_control_characters_escapes_them():
    error = errors.InputError("read: 'a\x00b\x1b[2J\n' is no type. Use float32.")
    assert str(error) == r"read: 'a\x00b\x1b[2J\n' is no type. Use float32."
