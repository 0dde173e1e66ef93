"""Whether a training had converged: what its learning curve shows, and where that is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from table_dictionary import undocumented

import repviz
from repviz.bottleneck.convergence import convergence_warning, late_fall
from repviz.bottleneck.engines import Codec
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import InputError, Mismatch
from repviz.training.settings import ConvolutionalOptions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def faces():
    images = repviz.open_images("drawn-faces:60", size=16, grey=True, seed=0)
    return replace(images, labels=None)


def conv(**options):
    return SweepSetup(convolutional=ConvolutionalOptions(**options))


def swept(faces, out, **options):
    """A sweep of the convolutional autoencoder at two sizes."""
    options = {"bottlenecks": [2, 8], "engines": ["conv"], **options}
    return repviz.sweep(faces, out=out, **options)


@pytest.fixture(scope="module")
def short(faces, tmp_path_factory):
    out = tmp_path_factory.mktemp("convergence") / "s"
    return swept(faces, out, setup=conv(epochs=2), seed=[0, 1])


def curve(errors, *, seed=0, is_relative=False):
    """A history with ten steps per epoch."""
    epoch = np.arange(len(errors))
    return pd.DataFrame(
        {"step": 10 * epoch, "validation_mse": errors, "is_relative": is_relative, "seed": seed}
    )


# truth


@pytest.mark.parametrize(
    ("errors", "relative", "of_all", "converged"),
    [
        pytest.param([8, 4, 2, 1, 0.5], 0.75, 0.2, False, id="halved in each quarter"),
        pytest.param([8, 4, 2, 2, 2], 0, 0, True, id="flat in the second half"),
        pytest.param([8, 4, 2, 1.99, 1.98], 0.01, 0.02 / 6.02, True, id="nearly flat"),
        pytest.param([8, 7.97, 7.94, 7.91, 7.88], 0.06 / 7.94, 0.5, False, id="hardly begun"),
        pytest.param([8, 1, 4, 3, 2], 0, 0, True, id="falling again after overfitting"),
        pytest.param([8, 4, 2, 2, 2, 1, 1.5, 1, 1.2], 0.5, 1 / 7, False, id="to the best of it"),
        pytest.param([8, 6], 0.25, 1, False, id="one epoch"),
        pytest.param([8], 0, 0, True, id="no training"),
    ],
)
def test_the_late_fall_of_known_curves(errors, relative, of_all, converged):
    fall = late_fall(curve(errors))
    assert (fall.relative, fall.of_all) == pytest.approx((relative, of_all))
    assert fall.converged == converged


def test_a_curve_of_changing_sizes_says_nothing():
    assert np.isnan(late_fall(curve([8, 4, 2, 1, 0.5], is_relative=True)).relative)
    assert convergence_warning(curve([8, 4, 2, 1, 0.5], is_relative=True)) == ""


def test_the_least_converged_training_of_several_seeds_decides():
    curves = pd.concat([curve([8, 4, 2, 2, 2]), curve([8, 4, 2, 1, 1], seed=1)])
    assert convergence_warning(curves) == (
        "not converged: over the second half of its 40 steps the validation error still fell by "
        "50.0 % (14 % of its whole fall), so a longer training may end lower."
    )


def test_two_epochs_have_not_converged_and_table_finding_and_report_say_so(short):
    table = short.table[short.table["engine"] == "conv"]
    assert table["warnings"].str.startswith("not converged: over the second half of its ").all()
    assert (short.table[short.table["is_baseline"]]["warnings"] == "").all()
    assert short.result("findings")["sentence"].iloc[-1] == (
        "Not converged: the plain convolutional autoencoder with 2 and 8 numbers per image. Its "
        "validation error was still falling when the training ended, so its error there may be "
        "that of a short training, not the limit of the network."
    )
    page = short.report.read_text(encoding="utf-8")
    assert "2 of 2 trainings had not converged" in page
    assert "not converged: over the second half" in page


def test_the_curves_are_those_of_every_training(short):
    table = short.result("learning_curves")
    assert undocumented(short.folder) == []
    assert table.groupby(["engine", "bottleneck", "seed"])["epoch"].apply(list).to_dict() == {
        ("conv", k, seed): [0, 1, 2] for k in (2, 8) for seed in (0, 1)
    }
    assert table.groupby(["bottleneck", "seed"])["selected"].sum().tolist() == [1, 1, 1, 1]
    at_start = table[table["epoch"] == 0]
    assert at_start["train_mse"].isna().all()
    # Every training starts at the mean image, whatever its weights and its code.
    assert at_start["validation_mse"].nunique() == 1


def test_a_long_training_on_few_images_has_converged(tmp_path):
    digits = repviz.open_images("digits", limit=80)
    made = swept(digits, tmp_path / "s", bottlenecks=[1, 2], setup=conv(epochs=400))
    assert made.table["warnings"].eq("").all()
    assert not made.result("findings")["sentence"].str.contains("Not converged").any()


def test_depth_and_width_are_those_of_the_network(faces, tmp_path):
    made = swept(faces, tmp_path / "s", setup=conv(depth=1, width=3, epochs=1))
    # By hand: 4x4 kernels, 1 to 3 maps, halved once to 8x8, a code of k, and back.
    expected = {k: (16 * 3 + 3) + (192 * k + k) + (k * 192 + 192) + (3 * 16 + 1) for k in (2, 8)}
    table = made.table[made.table["engine"] == "conv"]
    assert dict(zip(table["bottleneck"], table["parameters"], strict=True)) == expected


# messages


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 0}, "depth must be a whole number from 1 to 8, got 0."),
        ({"width": 2.5}, "width must be a whole number from 1 to 1024, got 2.5."),
        ({"epochs": -1}, "epochs must be a whole number from 1 to 100000, got -1."),
    ],
)
def test_messages_of_options(options, sentence):
    with pytest.raises(InputError) as caught:
        ConvolutionalOptions(**options)
    assert str(caught.value) == f"ConvolutionalOptions: {sentence}"


def test_options_without_a_convolutional_engine_are_refused(faces, tmp_path):
    with pytest.raises(InputError) as caught:
        swept(
            faces,
            tmp_path / "s",
            engines=["linear-start"],
            setup=conv(depth=2, epochs=3),
        )
    assert str(caught.value) == (
        "sweep: depth and epochs are those of convolutional engines (conv, denoising, variational, "
        "nested), got pca, pca-all and linear-start. Add one to engines, or leave them out."
    )


def test_another_length_of_training_is_another_sweep(faces, short):
    with pytest.raises(Mismatch, match="convolutional"):
        swept(faces, short.folder, seed=[0, 1])


def test_a_history_of_ones_own_engine_has_all_columns(faces, tmp_path):
    def mine(context, k):
        return Codec(lambda X: X[:, :k], lambda Z: np.zeros((len(Z), 256)), history=curve([2, 1]))

    with pytest.raises(InputError) as caught:
        swept(faces, tmp_path / "s", engines=[mine])
    assert str(caught.value) == (
        "engine 'mine': the history of its codec must have the columns epoch, step, train_mse, "
        "validation_mse, is_relative, selected, got none called epoch."
    )
