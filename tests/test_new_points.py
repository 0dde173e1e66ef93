"""Rows that come later: they are placed as they would have been, by what was fitted before."""

from __future__ import annotations

import numpy as np
import pytest

from repviz import open_map, pca, save_map, umap_by_landmarks
from repviz.errors import Damaged, InputError, StoreError


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return (rng.standard_normal((260, 6)) @ rng.standard_normal((6, 30))).astype(np.float32)


@pytest.mark.parametrize("solver", ["exact", "streaming"])
def test_new_scores_are_those_along_the_same_components(rows, solver):
    fitted = pca(rows[:200], components=4, solver=solver)
    scores = fitted.transform(rows)
    np.testing.assert_allclose(scores[:200], fitted.scores, atol=1e-4)
    by_hand = (rows[200:] - rows[:200].mean(axis=0)) @ fitted.components.T
    np.testing.assert_allclose(scores[200:], by_hand, atol=1e-4)


@pytest.mark.slow
def test_a_map_that_was_saved_places_rows_as_before(rows, tmp_path):
    found = umap_by_landmarks(rows[:200], landmarks=80, seed=3)
    opened = open_map(save_map(found, tmp_path / "map.npz"))
    assert opened.embedding.tobytes() == found.embedding.tobytes()
    assert opened.landmarks.tolist() == found.landmarks.tolist()
    assert opened.transform(rows[200:]).tobytes() == found.transform(rows[200:]).tobytes()
    # Rows that were there before are placed where they were.
    others = np.setdiff1d(np.arange(200), found.landmarks)
    assert opened.transform(rows[others]).tobytes() == found.embedding[others].tobytes()


@pytest.mark.slow
def test_a_changed_byte_of_a_saved_map_is_found(rows, tmp_path):
    path = save_map(umap_by_landmarks(rows[:60], landmarks=30, seed=3), tmp_path / "map.npz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged, match=r"map\.npz: this file must hold a landmark map as it was"):
        open_map(path)
    path.write_text("no map")
    with pytest.raises(Damaged, match="Save the map again"):
        open_map(path)


@pytest.mark.slow
def test_a_file_that_exists_is_replaced_only_if_asked(rows, tmp_path):
    first, second = (umap_by_landmarks(rows[:60], landmarks=30, seed=seed) for seed in (3, 4))
    path = save_map(first, tmp_path / "map.npz")
    with pytest.raises(
        StoreError, match=r"map\.npz: this file already exists and would be overwritten"
    ):
        save_map(second, path)
    save_map(second, path, overwrite=True)
    assert open_map(path).landmarks.tolist() == second.landmarks.tolist()


def test_places_alone_are_no_map(tmp_path):
    with pytest.raises(InputError) as caught:
        save_map(np.zeros((3, 2)), tmp_path / "map.npz")
    assert str(caught.value) == (
        "save_map: found must be a LandmarkMap, got array([[0., 0.], [0., 0.], [0., 0.]]) "
        "(ndarray). repviz.umap_by_landmarks makes one."
    )
