"""Figures draw what stands in the table, and nothing else."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from study_folder import build

from repviz import figures
from repviz.errors import InputError, UnknownName
from repviz.study_folder import Study, open_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(build(tmp_path_factory.mktemp("figures") / "study"))


def table_of(kind: str, study: Study) -> pd.DataFrame:
    if kind in ("dimension", "identity"):
        return study.result("layers")
    if kind == "spectrum":
        columns = ["representation", "model", "weights", "layer"]
        return study.result("spectrum").merge(study.result("layers")[columns])
    if kind == "random_map":
        return study.result("random_map").assign(kind="random, refused")
    table = study.result(kind)
    return table[table["parameters"] > 0] if kind == "anatomy" else table


# ---- truth -------------------------------------------------------------------------------------


def test_the_curves_of_a_sweep_are_the_rows_of_the_table(study: Study) -> None:
    table = study.result("sweep")
    left, right = figures.draw("sweep", table).axes
    for axes, quantity, engines in ((left, "mse", 3), (right, "ratio", 2)):
        drawn = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) > 2]
        assert len(drawn) == engines
        for line in drawn:
            sizes, values = line.T
            rows = table[np.isclose(table[quantity], values[0])]
            one = table[table["engine"] == rows["engine"].iloc[0]]
            np.testing.assert_array_equal(sizes, one["bottleneck"])
            np.testing.assert_array_equal(values, one[quantity])


def test_a_dot_stands_at_its_value_and_its_line_spans_the_interval(study: Study) -> None:
    table = study.result("layers")
    (axes,) = figures.draw("dimension", table).axes
    dots = {line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"}
    spans = {tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2}
    (crosses,) = [line.get_xdata() for line in axes.lines if line.get_marker() == "x"]
    calibrated = "dimension_calibrated"
    assert dots == set(table[calibrated])
    assert spans == set(zip(table[f"{calibrated}_low"], table[f"{calibrated}_high"], strict=True))
    np.testing.assert_array_equal(crosses, table["dimension"])


def test_the_longest_bars_of_anatomy_are_conv2_and_fc6(study: Study) -> None:
    table = table_of("anatomy", study)
    left, right = figures.draw("anatomy", table).axes
    layers = list(table["layer"])
    assert layers[int(np.argmax([bar.get_width() for bar in left.patches]))] == "fc6"
    assert layers[int(np.argmax([bar.get_width() for bar in right.patches]))] == "conv2"


def test_the_ladder_shades_the_distances_that_are_accepted(study: Study) -> None:
    table = study.result("ladder")
    (axes,) = figures.draw("ladder", table).axes
    (band,) = axes.patches
    assert band.get_x() == table["distance_limit_low"].iloc[0]
    assert band.get_x() + band.get_width() == pytest.approx(table["distance_limit_high"].iloc[0])


def test_every_judge_has_a_panel_with_its_rates(study: Study) -> None:
    table = study.result("ladder_judges")
    panels = figures.draw("ladder_judges", table).axes
    assert [panel.get_title(loc="left") for panel in panels] == [
        "nearest face",
        "face space",
        "joint",
    ]
    rates = [line.get_xdata()[0] for line in panels[2].lines if line.get_marker() == "o"]
    assert rates == list(table[table["judge"] == "joint"]["accepted_share"])


def test_capacities_stand_at_their_rates_and_unresolved_ones_nowhere(study: Study) -> None:
    table = study.result("capacity").sort_values("false_accept_rate")
    (axes,) = figures.draw("capacity", table).axes
    even, nominal, intrinsic, published = (line.get_xydata().T for line in axes.lines)
    np.testing.assert_array_equal(even[0], table["false_accept_rate"])
    np.testing.assert_array_equal(even[1], table["log10_even"])
    np.testing.assert_array_equal(nominal[1], table["log10_capacity"])
    np.testing.assert_array_equal(intrinsic[1], table["log10_intrinsic"])
    np.testing.assert_array_equal(published[1], table["log10_stylegan3"])
    assert np.isnan(nominal[1]).tolist() == [True, False, False]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1 %", "1 %", "10 %"]


def test_every_layer_of_an_invariance_panel_is_named_where_the_names_fit() -> None:
    layers = ["pool1", "pool2", "pool5", "fc6", "fc7"]
    table = pd.DataFrame({"layer": layers, "depth": range(1, 6), "relative_displacement": 0.5})
    table = table.assign(change="mirror", title="mirrored", weights="trained")
    table = table.assign(relative_displacement_low=0.4, relative_displacement_high=0.6)
    for width, expected in ((720, layers), (360, ["pool1", "fc7"])):
        figure = figures.draw("invariance", table, width=width)
        labels = [one.get_text() for one in figure.axes[0].get_xticklabels()]
        assert labels == expected
        assert figure.get_supylabel() == "relative displacement"


# ---- laws --------------------------------------------------------------------------------------


def test_trained_and_untrained_share_a_row_and_are_told_apart_by_filling(study: Study) -> None:
    table = study.result("layers")
    (axes,) = figures.draw("identity", table).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["pixels", "code 8", "pool1", "pool2", "pool5", "fc6", "fc7"]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    fc7 = [dot for dot in dots if round(dot.get_ydata()[0]) == labels.index("fc7")]
    assert len(fc7) == 2
    assert fc7[0].get_markerfacecolor() != fc7[1].get_markerfacecolor()


def test_random_weights_alone_are_called_untrained(study: Study) -> None:
    table = study.result("layers")
    (axes,) = figures.draw("dimension", table[table["weights"] != "trained"]).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[1:] == [f"untrained {name}" for name in ("pool1", "pool2", "pool5", "fc6", "fc7")]


def test_drawing_leaves_the_users_settings_alone(study: Study) -> None:
    before = dict(matplotlib.rcParams)
    figures.draw("training", study.result("training"))
    assert dict(matplotlib.rcParams) == before


# ---- contract over the family --------------------------------------------------------------------


@pytest.mark.parametrize("kind", figures.FIGURES)
@pytest.mark.parametrize("width", [346, 720])
def test_every_kind_draws_its_table_at_both_widths(kind: str, width: float, study: Study) -> None:
    figure = figures.draw(kind, table_of(kind, study), width=width)
    assert figure.get_figwidth() * 72 == pytest.approx(width)
    assert any(axes.has_data() for axes in figure.axes)


@pytest.mark.parametrize("kind", figures.FIGURES)
def test_every_kind_refuses_a_table_without_rows_or_columns(kind: str, study: Study) -> None:
    table = table_of(kind, study)
    with pytest.raises(
        InputError, match=f"the table of a {kind} figure must have at least one row, got none"
    ):
        figures.draw(kind, table.iloc[:0])
    with pytest.raises(InputError, match=f"the table of a {kind} figure must have the columns"):
        figures.draw(kind, pd.DataFrame({"unrelated": [1]}))


# ---- messages ------------------------------------------------------------------------------------


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName) as caught:
        figures.draw("swep", pd.DataFrame())
    assert str(caught.value) == (
        "figures.draw: no figure is called 'swep'. Did you mean 'sweep'? "
        "Known: sweep, learning_curves, code_probes, anatomy, training, confusion, spectrum, "
        "dimension, identity, profile, factors, invariance, similarity, comparison, ladder, "
        "paths, random_map, ladder_judges, rarity, capacity."
    )


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError) as caught:
        figures.draw("ladder", pd.DataFrame({"order": [0], "kind": ["ladder"], "title": ["x"]}))
    assert str(caught.value) == (
        "figures.draw: the table of a ladder figure must have the columns order, kind, title, "
        "distance_limit_low, got no distance_limit_low."
    )
