"""A few held-out images of a study: which they are, and their nearest training images."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from report_pages import changed
from study_folder import build, reseal

from repviz.report.sections import get_section
from repviz.studies.shown_images import nearest_images, shown_rows
from repviz.study_folder import open_study

IMAGES = pd.DataFrame(
    {
        "row": range(6),
        "id": [f"i{row}" for row in range(6)],
        "label": ["a", "a", "b", "a", "b", "a"],
        "identity_split": ["held-out", "train", "train", "train", "train", "held-out"],
    }
)


# ---- truth --------------------------------------------------------------------------------------


def test_shown_images_are_of_different_labels_and_follow_from_the_seed():
    labels, rows = np.repeat(list("abcde"), 4), np.arange(1, 20, 2)
    drawn = [shown_rows(labels, rows, seed=seed) for seed in range(40)]
    for seed, own in enumerate(drawn):
        assert set(own) <= set(rows)
        assert len(set(labels[own])) == len(own) == 3
        assert own.tolist() == shown_rows(labels, rows, seed=seed).tolist()
    assert set(np.concatenate(drawn)) == set(rows)


def test_two_labels_give_two_images_and_none_gives_three():
    assert len(shown_rows(np.array(["a", "b"] * 5), np.arange(10), seed=0)) == 2
    assert len(shown_rows(None, np.arange(10), seed=0)) == 3


def test_the_nearest_are_training_images_in_the_order_of_the_graph():
    points = pd.DataFrame(
        {"representation": ["p"] * 5 + ["q"] * 3, "row": [0, 1, 2, 3, 4, 3, 0, 5]}
    )
    neighbors = np.full((2, 5, 4), -1)
    neighbors[0, 0] = [5, 2, 1, 3]  # 5 is held out
    neighbors[1, 1] = [5, 3, -1, -1]  # 0 stands second among the rows of q
    found = nearest_images(IMAGES, points, neighbors, np.array([0]))
    assert found.to_dict("list") == {
        "image": [0] * 4,
        "row": [0] * 4,
        "id": ["i0"] * 4,
        "label": ["a"] * 4,
        "representation": ["p", "p", "p", "q"],
        "rank": [1, 2, 3, 1],
        "neighbor_row": [2, 1, 3, 3],
        "neighbor_id": ["i2", "i1", "i3", "i3"],
        "same_label": [False, True, True, True],
    }


def section(folder: Path) -> str:
    content = get_section("feature_maps").render(open_study(folder))
    assert content is not None
    return str(content.body)


def test_each_nearest_image_is_a_part_of_the_sheet_with_a_mark_and_a_word(tmp_path):
    body = section(build(tmp_path / "s"))
    shown = re.findall(r'aria-label="(\d: .*?)".*?href="#thumbnails".*?<text.*?>(.)</text>', body)
    expected = [
        ("1: image/1, the same person", "✓"),
        ("2: image/2, the same person", "✓"),
        ("3: image/3, another person", "✕"),
    ]
    assert shown == 3 * expected  # the pixels, fc7 trained, fc7 untrained
    pixels, head = body.index("<b>pixels</b>"), body.rindex("the trained network")
    assert pixels < head < body.index("<b>fc7</b>")  # pixels belong to no network


def test_the_caption_says_whose_channels_are_shown(tmp_path):
    study = build(tmp_path / "s")
    same = "of the trained network, strongest first, tower by tower, and the same channels before"
    numbers = [7, 3, 9, 8]
    body = section(changed(study, tmp_path / "a", "feature_maps", channel=numbers * 2))
    assert f"the channels with the largest activation in each layer {same} training. Below" in body
    assert body.count("<small>tower 2, channels 9, 8</small>") == 2
    body = section(changed(study, tmp_path / "b", "feature_maps", channel=numbers + numbers[::-1]))
    assert "in each layer of each network, strongest first, tower by tower. Below" in body


# ---- edges --------------------------------------------------------------------------------------


def test_fewer_training_images_among_the_nearest_are_fewer_rows():
    points = pd.DataFrame({"representation": "p", "row": [0]})
    found = nearest_images(IMAGES, points, np.array([[[5, 4]]]), np.array([0]))
    assert found["neighbor_row"].tolist() == [4]
    none = nearest_images(IMAGES, points, np.array([[[5, -1]]]), np.array([0]))
    assert none.empty
    assert list(none) == list(found)


def test_without_thumbnails_the_nearest_are_named(tmp_path):
    folder = build(tmp_path / "s")
    (folder / "arrays" / "thumbnails.npy").unlink()
    reseal(folder)
    body = section(folder)
    assert "#thumbnails" not in body
    assert "<td>✓ image/1 ✓ image/2 ✕ image/3 </td>" in body


def test_without_nearest_images_the_maps_stand_alone(tmp_path):
    study = build(tmp_path / "s")
    shutil.copytree(study, tmp_path / "t")
    (tmp_path / "t" / "results" / "nearest_images.csv").unlink()
    reseal(tmp_path / "t")
    body = section(tmp_path / "t")
    assert "maps" in body
    assert "Nearest training images" not in body
