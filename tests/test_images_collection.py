import hashlib

import numpy as np
import pytest
from PIL import Image

from repviz import progress
from repviz.bottleneck.data import describe_images, load_data
from repviz.errors import ImageError, InputError
from repviz.images import Images, as_images, open_images
from repviz.images.collection import Arrays
from repviz.images.concatenation import concatenate
from repviz.images.perturbations import perturb
from repviz.nouns import FACES, Nouns, nouns_of

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 3, 12, 10), dtype=np.uint8)


def make(pixels: np.ndarray = PIXELS, labels: list[str] | None = None) -> Images:
    n = len(pixels)
    return Images(
        name="made",
        ids=tuple(f"i{row}" for row in range(n)),
        labels=None if labels is None else np.array(labels),
        factors={"pan": np.linspace(0, 1, n)},
        credit="<nobody>",
        _store=Arrays(pixels, "made"),
        _index=np.arange(n),
    )


@pytest.fixture
def mixed(tmp_path):
    """Two sizes, grey and colour, and a file that is no image."""
    Image.new("RGB", (20, 16), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("L", (16, 20), 7).save(tmp_path / "b.png")
    Image.new("L", (20, 16), 9).save(tmp_path / "c.png")
    (tmp_path / "d.png").write_text("not an image")
    return open_images(f"folder:{tmp_path}")


# truth


def test_images_come_back_as_they_are():
    images = make()
    assert len(images) == 7
    np.testing.assert_array_equal(images.pixels(), PIXELS)
    np.testing.assert_array_equal(images[2], PIXELS[2])
    np.testing.assert_array_equal(images[-1], PIXELS[-1])
    np.testing.assert_array_equal(np.stack(list(images)), PIXELS)


def test_the_matrix_is_the_pixels_over_255():
    matrix = make().matrix()
    assert matrix.shape == (7, 3 * 12 * 10)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, PIXELS.reshape(7, -1) / 255, atol=1e-7)


def test_a_files_hash_is_the_sha256_of_its_bytes(mixed, tmp_path):
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(tmp_path.iterdir())]
    assert list(mixed.hashes()) == digests


def test_a_set_is_described_in_one_line():
    images = make(labels=list("abcabca"))
    assert repr(images) == "<images 'made': 7, 3 labels>"
    small = images.at(size=(12, 8), grey=True)
    assert repr(small) == "<images 'made': 7, 12x8 pixels, grey, 3 labels>"


def test_labels_as_classes_and_codes():
    images = make(labels=["b", "a", "c", "a", "b", "a", "a"])
    assert images.classes == ("a", "b", "c")
    assert images.label_indices.tolist() == [1, 0, 2, 0, 1, 0, 0]
    assert images.label_indices.dtype == np.int64


def test_without_labels_there_are_no_classes():
    assert make().classes == ()


# laws


BIRDS = Nouns("bird", "birds", "species", "species")


def test_the_nouns_stay_with_the_images_whatever_becomes_of_them():
    images = make().with_nouns(BIRDS)
    assert images.take([1]).nouns == images.at(size=9).nouns == BIRDS
    assert perturb(images, "mirror").nouns == BIRDS
    assert concatenate(images, images)[0].nouns == BIRDS
    assert concatenate(images, make())[0].nouns == Nouns("image", "images", "label", "labels")


def test_one_and_several_of_a_kind_are_named_with_the_right_article():
    assert (FACES.one, FACES.several) == ("a face", "faces")
    assert Nouns("owl", "owls").one == "an owl"
    assert (Nouns().one, Nouns().several) == ("an image like these", "images like these")


def test_a_manifest_keeps_the_nouns():
    images = make().with_nouns(BIRDS)
    assert nouns_of({"images": describe_images(images)}) == BIRDS
    assert nouns_of({"images": describe_images(load_data(images))}) == BIRDS


def test_grey_pictures_are_grey_whatever_channels_they_are_read_with() -> None:
    grey = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
    coloured = np.stack([grey, grey, grey // 2], axis=1)
    for pixels, expected in ((grey, True), (coloured, False)):
        images = as_images(pixels)
        assert describe_images(images.at(grey=False))["grey"] is expected
        assert describe_images(load_data(images))["grey"] is expected


def test_the_rows_of_a_matrix_are_called_rows():
    manifest = {"images": describe_images(load_data(np.eye(9, dtype=np.float32)))}
    assert not {"size", "grey"} & set(manifest["images"])  # they have no pixels
    assert nouns_of(manifest) == Nouns("row", "rows", "label", "labels")


def test_taking_keeps_every_column_together():
    images = make(labels=list("abcabca"))
    part = images.take([5, 0, 5])
    assert part.ids == ("i5", "i0", "i5")
    assert part.labels.tolist() == ["c", "a", "c"]
    np.testing.assert_array_equal(part.factors["pan"], images.factors["pan"][[5, 0, 5]])
    np.testing.assert_array_equal(part.pixels(), PIXELS[[5, 0, 5]])
    assert part.hashes() == tuple(images.hashes()[row] for row in (5, 0, 5))


@pytest.mark.parametrize("rows", [[1, 3], slice(1, 4), np.arange(7) > 4, np.array([6, 0])])
def test_rows_are_chosen_as_numpy_chooses(rows):
    np.testing.assert_array_equal(make().pixels(rows), PIXELS[rows])
    np.testing.assert_array_equal(make().take(rows).pixels(), PIXELS[rows])


def test_batches_are_the_images_in_order():
    parts = list(make().batches(3))
    assert [rows.tolist() for rows, _ in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), PIXELS)


def test_at_changes_what_is_named_and_nothing_else():
    images = make().at(size=(16, 9), grey=True)
    assert (images.size, images.grey) == ((16, 9), True)
    assert images.pixels().shape == (7, 1, 16, 9)
    assert (images.at(grey=None).size, images.at(size=None).grey) == ((16, 9), True)
    np.testing.assert_array_equal(images.at(size=None, grey=None).pixels(), PIXELS)


def test_an_image_does_not_depend_on_its_neighbours():
    images = make().at(size=8, grey=True)
    np.testing.assert_array_equal(images.pixels()[4], images.pixels([4])[0])
    np.testing.assert_array_equal(images.pixels()[4], images[4])


def test_what_comes_out_is_the_callers_own():
    images = make()
    images[0][:] = 0
    images.pixels()[:] = 0
    assert images[0].flags.c_contiguous
    assert images[0].flags.writeable
    np.testing.assert_array_equal(images.pixels(), PIXELS)


def test_the_key_follows_the_pixels():
    images = make()
    changed = PIXELS.copy()
    changed[6, 2, 11, 9] ^= 1
    others = [
        make(changed),
        images.at(size=8),
        images.at(grey=True),
        images.take([1, 0, 2, 3, 4, 5, 6]),
        images.take(slice(6)),
        make(PIXELS.reshape(7, 3, 10, 12)),
    ]
    assert len({images.key, *(other.key for other in others)}) == 7
    assert make(PIXELS.copy()).key == images.key


def test_hashes_do_not_depend_on_how_images_are_decoded():
    assert make().at(size=8, grey=True).hashes() == make().hashes()


def test_progress_counts_every_image():
    counted = []

    class Counting:
        def task(self, label, total, unit):
            from contextlib import nullcontext

            counted.append([label, total, 0])

            def advance(done):
                counted[-1][2] += done

            return nullcontext(advance)

        def say(self, sentence):
            raise AssertionError(sentence)

    with progress.shown_by(Counting()):
        make().pixels()
        list(make().batches(3))
    assert counted == [["decode", 7, 7]]


# edges


def test_mixed_files_are_equal_once_size_and_grey_are_given(mixed):
    block = mixed.take(slice(3)).at(size=8, grey=True).pixels()
    assert block.shape == (3, 1, 8, 8)
    assert block[:, 0, 0, 0].tolist() == [76, 7, 9]  # 0.299 of 255 is 76


def test_statuses_name_the_bad_one_and_go_on(mixed, tmp_path):
    assert mixed.statuses() == [
        "ok",
        "ok",
        "ok",
        f"{tmp_path}/d.png: the file must contain an image, got something else. Leave it out.",
    ]


def test_the_html_table_is_escaped():
    table = make()._repr_html_()
    assert "&lt;nobody&gt;" in table
    assert "<nobody>" not in table
    assert 'alt="the first 7 images" src="data:image/png;base64,iVBOR' in table


def test_there_is_no_row_past_the_end():
    with pytest.raises(IndexError):
        make()[7]


# messages


def test_message_of_a_bad_file(mixed, tmp_path):
    with pytest.raises(ImageError) as caught:
        mixed.at(size=8, grey=True).pixels()
    assert str(caught.value) == (
        f"{tmp_path}/d.png: the file must contain an image, got something else. Leave it out."
    )


def test_message_of_a_file_that_has_gone(mixed, tmp_path):
    (tmp_path / "a.png").unlink()
    with pytest.raises(ImageError) as caught:
        mixed[0]
    assert str(caught.value) == (
        f"{tmp_path}/a.png: the file must be readable, got 'No such file or directory'. "
        "Restore it or leave it out."
    )


def test_message_of_mixed_sizes(mixed):
    with pytest.raises(InputError) as caught:
        mixed.pixels([0, 1])
    assert str(caught.value) == (
        f"images '{mixed.name}': all images must have the same size, got 20x16 (a.png) and 16x20 "
        "(b.png). Give size=, for example size=64."
    )


def test_message_of_grey_among_colour(mixed):
    with pytest.raises(InputError) as caught:
        mixed.at(size=8).matrix([0, 1])
    assert str(caught.value) == (
        f"images '{mixed.name}': images must be all grey or all colour, got colour (a.png) and "
        "grey (b.png). Give grey=True or grey=False."
    )


def test_message_of_no_rows():
    with pytest.raises(InputError) as caught:
        make().pixels([])
    assert str(caught.value) == "images 'made': at least one image must be requested, got 0."


def test_message_of_codes_without_labels():
    with pytest.raises(InputError) as caught:
        _ = make().label_indices
    assert str(caught.value) == "images 'made': labels are needed, got none."


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 0}, "at: size must be a whole number from 8 to 8192, got 0."),
        ({"size": (64, 9000)}, "at: size must be a whole number from 8 to 8192, got 9000."),
        ({"size": "64"}, "at: size must be a whole number from 8 to 8192, got '64'."),
        ({"size": (1, 2, 3)}, "at: size must be one number or (height, width), got (1, 2, 3)."),
        ({"grey": 1}, "at: grey must be True, False or None, got 1."),
    ],
)
def test_messages_of_wrong_options(options, sentence):
    with pytest.raises(InputError) as caught:
        make().at(**options)
    assert str(caught.value) == sentence
