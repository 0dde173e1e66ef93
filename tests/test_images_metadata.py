"""A CSV beside the images, and folders of colour photographs with a few grey ones."""

import numpy as np
import pytest
import torch
from PIL import Image

import repviz
from repviz import progress
from repviz.errors import InputError, UnknownName
from repviz.images import images_from, open_images
from repviz.images.metadata import add_metadata, read_metadata


@pytest.fixture
def said(monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr(progress, "say", lines.append)
    return lines


@pytest.fixture
def photos(tmp_path):
    """Three files: "x/a.png", "y/b.png" and "y/c.png"."""
    for name in ("x/a.png", "y/b.png", "y/c.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def table(photos, text: str):
    path = photos.parent / "meta.csv"
    path.write_text(text)
    return path


def test_numbers_stay_numbers_and_categories_become_indicators(photos):
    path = table(
        photos, "file,age,sex,wears\nc.png,100,f,hat;glasses\na.png,1,m,\nb.png,10.5,f,hat\n"
    )
    images = open_images(f"folder:{photos}", metadata=path)
    assert {name: values.tolist() for name, values in images.factors.items()} == {
        "age": [1, 10.5, 100],
        "sex=f": [0, 1, 1],
        "sex=m": [1, 0, 0],
        "wears=glasses": [0, 0, 1],
        "wears=hat": [0, 1, 1],
    }
    assert images.labels.tolist() == ["x", "y", "y"]


@pytest.mark.parametrize("names", ["x/a.png y/b.png y/c.png", "a.png b.png c.png", "a b c"])
def test_keys_may_leave_out_folder_and_ending(photos, names):
    rows = "".join(f"{age},{name}\n" for age, name in enumerate(names.split()))
    images = open_images(
        f"folder:{photos}", metadata=table(photos, f"age,file\n{rows}"), key="file"
    )
    assert images.factors["age"].tolist() == [0, 1, 2]


def test_a_file_name_in_two_folders_is_no_key(tmp_path):
    for name in ("anna/01.png", "ben/01.png", "ben/02.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9).save(tmp_path / "photos" / name)
    photos = tmp_path / "photos"
    path = table(photos, "file,age\n01.png,3\n02.png,4\n")
    with pytest.raises(InputError) as caught:
        open_images(f"folder:{photos}", metadata=path)
    assert str(caught.value) == (
        f"open_images: each key of {path} must match one image, got '01.png', which may be "
        "anna/01.png, ben/01.png (2). Write the path within the folder, as in 'anna/01.png'."
    )
    # The path within the folder is a key for these, the name alone for the one that is unique.
    path = table(photos, "file,age\n02.png,4\nben/01,5\nanna/01.png,3\n")
    images = open_images(f"folder:{photos}", metadata=path)
    assert images.ids == ("anna/01.png", "ben/01.png", "ben/02.png")
    assert images.factors["age"].tolist() == [3, 5, 4]


@pytest.mark.parametrize(
    ("cells", "factors"),
    [
        (["old", "", "7"], {"a=7": [0, 0, 1], "a=old": [1, 0, 0]}),  # half are numbers: categories
        (["1", "1;2", "2"], {"a=1": [1, 1, 0], "a=2": [0, 1, 1]}),  # several of one image: codes
        (["", "", "red"], {"a=red": [0, 0, 1]}),  # an empty cell is of no category
        (["", "", ""], {}),
    ],
)
def test_a_column_that_is_not_of_numbers_is_of_categories(photos, cells, factors):
    path = table(
        photos, "file,a\n" + "".join(f"{f},{c}\n" for f, c in zip("abc", cells, strict=True))
    )
    found = open_images(f"folder:{photos}", metadata=path).factors
    assert {name: values.tolist() for name, values in found.items()} == factors


def test_of_many_numbers_the_cells_that_are_none_are_named(tmp_path):
    path = tmp_path / "meta.csv"
    bad = {3: "NA", 700: "nan", 900: "inf"}
    rows = "".join(f"digit {row},{bad.get(row, row)}\n" for row in range(1797))
    path.write_text(f"id,age\n{rows}")
    with pytest.raises(InputError) as caught:
        open_images("digits", metadata=path)
    assert str(caught.value) == (
        f"open_images: column 'age' of {path} must hold numbers, as most of its cells do, got 'NA' "
        "for digit 3, 'nan' for digit 700, 'inf' for digit 900 (3). Give their numbers, or leave "
        "the column out."
    )


def test_one_row_is_of_one_image(tmp_path):
    images = images_from(np.zeros((2, 8, 8), np.uint8), ids=["a.png", "x/a.png"])
    path = table(tmp_path / "photos", "file,age\na.png,3\n")
    with pytest.raises(InputError) as caught:
        add_metadata(images, path)
    assert str(caught.value) == (
        f"open_images: every image must have a row in {path}, got none for x/a.png (1) of 2 "
        "images. Add the rows, or leave the images out."
    )


def test_a_column_becomes_the_labels_as_text(photos):
    path = table(photos, "file,age,name\na,7,Al\nb,8,Bo\nc,9,Bo\n")
    images = open_images(f"folder:{photos}", metadata=path, label="name")
    assert images.labels.tolist() == ["Al", "Bo", "Bo"]
    assert list(images.factors) == ["age"]


def test_a_subset_keeps_its_own_rows(tmp_path):
    path = tmp_path / "meta.csv"
    path.write_text("id,row\n" + "".join(f"digit {row},{row}\n" for row in range(1797)))
    images = open_images("digits", metadata=path, limit=20)
    assert [f"digit {row:.0f}" for row in images.factors["row"]] == list(images.ids)
    assert len(images) == 20


def test_rows_of_no_image_are_named(photos, said):
    path = table(photos, "file,age\na,7\nb,8\nc,9\nd,1\ne,2\n")
    assert open_images(f"folder:{photos}", metadata=path).factors["age"].tolist() == [7, 8, 9]
    assert said == [f"{path}: no image matches d, e (2) of 5 rows."]


def test_columns_of_names_are_left_out_which_is_said(tmp_path, said):
    path = tmp_path / "meta.csv"
    rows = "".join(f"digit {row},n{row},p{row // 9}\n" for row in range(1797))
    path.write_text(f"id,name,person\n{rows}")
    assert open_images("digits", metadata=path).factors == {}
    assert said == [
        f"{path}: columns of more than 50 different values are left out: 'name', 'person'; "
        "--group takes one of them."
    ]


def test_a_column_becomes_the_groups_and_stays_with_the_images(tmp_path, said):
    path = tmp_path / "meta.csv"
    rows = "".join(f"digit {row},{row // 9}\n" for row in range(1797))
    path.write_text(f"id,person\n{rows}")
    images = open_images("digits", metadata=repviz.Metadata(path, group="person"), limit=90)
    person = [str(int(name.split()[1]) // 9) for name in images.ids]
    assert images.groups.tolist() == person
    assert (images.factors, said) == ({}, [])
    assert images.take([5, 2]).at(size=16).groups.tolist() == [person[5], person[2]]
    both, (_, second) = repviz.concatenate(images, images)
    assert both.groups[second].tolist() == person
    assert images.nouns.units == both.nouns.units == "groups"


def test_extracted_rows_keep_their_groups(photos):
    path = table(photos, "file,who\na,Al\nb,Bo\nc,Bo\n")
    images = open_images(f"folder:{photos}", metadata=repviz.Metadata(path, group="who"))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    images = images.at(size=8, grey=True)
    network = repviz.open_model(model, size=8, channels=1)
    acts = repviz.extract(network, images, photos.parent / "acts", layers=["1"])
    assert acts.rows["group"].tolist() == acts.groups.tolist() == ["Al", "Bo", "Bo"]


def test_pictures_in_memory_take_groups():
    images = images_from(np.zeros((3, 8, 8), np.uint8), groups=[7, 7, 8])
    assert images.groups.tolist() == ["7", "7", "8"]
    with pytest.raises(InputError) as caught:
        images_from(np.zeros((3, 8, 8), np.uint8), groups=[7, None, 8])
    assert str(caught.value) == (
        "images_from: either every image or no image must have a group, got None for image 1 (1 "
        "of 3 images). Leave those images out, or group them."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,who\na,Al\nb,Bo\nc,Cy\n",
            "column 'who' of {}: groups must be fewer than the images and at least 2, got 3 of 3 "
            "images. Leave the groups out, or choose others.",
        ),
        (
            "file,who\na,Al\nb,Al\nc,Al\n",
            "column 'who' of {}: groups must be fewer than the images and at least 2, got 1 of 3 "
            "images. Leave the groups out, or choose others.",
        ),
        (
            "file,who\na,Al\nb,\nc,Al\n",
            "column 'who' of {} must have a value for every image, got none for y/b.png (1). Fill "
            "it, or leave the column out.",
        ),
    ],
)
def test_messages_of_groups(photos, text, message):
    path = table(photos, text)
    with pytest.raises(InputError) as caught:
        open_images(f"folder:{photos}", metadata=repviz.Metadata(path, group="who"))
    assert str(caught.value) == f"open_images: {message.format(path)}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,age\na,7\n",
            "every image must have a row in {}, got none for y/b.png, y/c.png (2) of 3 images. "
            "Add the rows, or leave the images out.",
        ),
        (
            "file,age\na,7\nb,\nc,9\n",
            "column 'age' of {} must have a value for every image, got none for y/b.png (1). Fill "
            "it, or leave the column out.",
        ),
        (
            "file,age\na,7\nb,NA\nc,9\n",
            "column 'age' of {} must hold numbers, as most of its cells do, got 'NA' for y/b.png "
            "(1). Give their numbers, or leave the column out.",
        ),
        ("file,age\na,7\na,8\n", "the keys of {} must be distinct, got 'a' twice."),
        ("file,age\na,7\nb\n", "every row of {} must have 2 values, got 1 in row 3."),
        (
            "file,age,age\n",
            "the columns of {} must have distinct names, got ['file', 'age', 'age'].",
        ),
        ("", "{} must have a header, got an empty file."),
        (
            "file;age\na;7\n",
            "the values of {} must be separated by commas, got the single column 'file;age'. Save "
            "it with commas.",
        ),
    ],
)
def test_messages(photos, text, message):
    path = table(photos, text)
    with pytest.raises(InputError) as caught:
        open_images(f"folder:{photos}", metadata=path)
    assert str(caught.value) == f"open_images: {message.format(path)}"


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        pytest.param(
            lambda photos: {"metadata": table(photos, "file,age\na,7\nb,8\nc,9\n"), "key": "fil"},
            UnknownName,
            "open_images: no column of {metadata} is called 'fil'. Did you mean 'file'? Known: "
            "file, age.",
            id="unknown key",
        ),
        pytest.param(
            lambda photos: {"metadata": photos},
            InputError,
            "open_images: metadata must be the path of a file, got a folder at {metadata}.",
            id="folder as metadata",
        ),
        pytest.param(
            lambda photos: {"key": "file"},
            InputError,
            "open_images: key must come with metadata, got key='file' alone. Leave it out, or "
            "give metadata.",
            id="key without metadata",
        ),
    ],
)
def test_messages_of_names(photos, options, error, sentence):
    options = options(photos)
    with pytest.raises(error) as caught:
        open_images(f"folder:{photos}", **options)
    assert str(caught.value) == sentence.format(**options)


# colour photographs with a few grey ones


def mixed(folder, n_grey: int, n_colour: int) -> str:
    for row in range(n_grey):
        Image.new("L", (8, 8), 10 + row).save(folder / f"g{row}.png")
    for row in range(n_colour):
        Image.new("RGB", (8, 8), (1, 2, 3)).save(folder / f"c{row}.jpg")
    return f"folder:{folder}"


def test_a_few_grey_files_among_colour_are_colour_with_equal_channels(tmp_path, said):
    name = mixed(tmp_path, 1, 4)
    images = open_images(name)
    assert images.pixels().shape == (5, 3, 8, 8)
    np.testing.assert_array_equal(images[4], np.full((3, 8, 8), 10))
    assert said == [
        f"{name}: 1 of 5 images are grey and are read as colour, with three equal channels, like "
        "the others. Give grey=True to read all of them as grey."
    ]
    assert open_images(name, grey=True).pixels().shape == (5, 1, 8, 8)


@pytest.mark.parametrize(("n_grey", "n_colour"), [(3, 0), (0, 3), (3, 2)])
def test_other_folders_stay_as_they_are(tmp_path, said, n_grey, n_colour):
    assert open_images(mixed(tmp_path, n_grey, n_colour)).grey is None
    assert said == []


class Pairs:
    """A data set of pictures and targets without a list of its targets, as torch's are written."""

    def __init__(self, targets):
        self.targets_of = targets

    def __len__(self):
        return len(self.targets_of)

    def __getitem__(self, row):
        return np.full((8, 8), row, np.uint8), self.targets_of[row]


@pytest.mark.parametrize(
    ("targets", "labels", "factors"),
    [
        ([3, 1, 3], ["3", "1", "3"], {}),
        (["b", "a", "b"], ["b", "a", "b"], {}),
        ([0.5, 100.0, 9.0], None, {"target": [0.5, 100.0, 9.0]}),
        ([np.float32(0.5), np.float32(2)], None, {"target": [0.5, 2.0]}),
        ([{"box": 1}, {"box": 2}], None, {}),
    ],
)
def test_pairs_keep_their_targets(targets, labels, factors):
    images = images_from(Pairs(targets))
    assert (None if images.labels is None else images.labels.tolist()) == labels
    assert {name: values.tolist() for name, values in images.factors.items()} == factors


def test_an_imported_matrix_takes_ids_labels_and_factors(tmp_path):
    path = tmp_path / "meta.csv"
    path.write_text("name,who,age,wears\nx,Al,100,hat;tie\ny,Bo,9,\nz,Al,10.5,tie\n")
    known = read_metadata(repviz.Metadata(path, group="who"), label="who")
    X = np.arange(6.0).reshape(3, 2)
    acts = repviz.import_matrix(X, tmp_path / "acts", **vars(known))
    rows = repviz.open_activations(tmp_path / "acts").rows
    assert rows["id"].tolist() == ["x", "y", "z"]
    assert acts.labels.tolist() == acts.groups.tolist() == ["Al", "Bo", "Al"]
    assert rows["factor_age"].tolist() == [100, 9, 10.5]
    assert rows["factor_wears=tie"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ({"age": [1, 2]}, "factor 'age' must have 3 entries, one per row, got 2."),
        (
            {"age": ["old", "new", "old"]},
            "factor 'age' must hold numbers, got 'could not convert string to float: 'old''. Pass "
            "texts as labels, or one factor of 0 and 1 per category.",
        ),
        ({"age": [[1], [2], [3]]}, "factor 'age' must hold one number per row, got shape (3, 1)."),
    ],
)
def test_messages_of_imported_factors(factors, sentence, tmp_path):
    with pytest.raises(InputError) as caught:
        repviz.import_matrix(np.ones((3, 2)), tmp_path / "acts", factors=factors)
    assert str(caught.value) == f"import_matrix: {sentence}"


def test_images_of_one_sub_folder_have_no_labels_which_is_said(tmp_path, said):
    (tmp_path / "all" / "images").mkdir(parents=True)
    for name in "ab":
        Image.new("L", (8, 8), 9).save(tmp_path / "all" / "images" / f"{name}.png")
    images = open_images(f"folder:{tmp_path / 'all'}")
    assert images.labels is None
    assert images.ids == ("images/a.png", "images/b.png")
    assert said == [
        f"folder:{tmp_path / 'all'}: all images are in one sub-folder, images, so they have no "
        "labels."
    ]
