"""The report as a file: its numbers, its policy, and what it does with what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import HOSTILE, Page, changed, shown, written
from study_folder import build, reseal

from repviz import durable
from repviz import study_folder as reading
from repviz.bottleneck.data import describe_images, load_data
from repviz.images import open_images
from repviz.nouns import DIGITS, FACES, Nouns
from repviz.report.blocks import read_block
from repviz.report.html import join
from repviz.report.page import write_report
from repviz.report.parts import unseen_images
from repviz.report.sections import SECTIONS, get_section
from repviz.weight_kinds import benefit


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("page") / "study")


@pytest.fixture(scope="module")
def text(study: Path) -> str:
    return written(study)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


# ---- truth --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "table", "columns"),
    [
        ("sweep", "sweep", {1: "bottleneck", 2: "mse", 4: "psnr", 5: "ssim", 6: "ratio"}),
        ("sweep", "sweep", {9: "pca_equivalent", 10: "n_test"}),
        ("training", "training", {0: "epoch", 1: "train_loss", 5: "n_held_out"}),
        ("dimension", "layers", {2: "n", 3: "d", 4: "dimension_calibrated", 6: "dimension"}),
        ("spectrum", "layers", {4: "components_90", 5: "participation_ratio"}),
        ("ladder", "ladder", {1: "n", 2: "accepted", 5: "distance_median"}),
        ("anatomy", "anatomy", {7: "parameters", 10: "neurons", 11: "multiply_adds"}),
    ],
)
def test_every_number_of_a_table_is_the_number_of_the_file(
    section: str, table: str, columns: dict[int, str], study: Path, page: Page
) -> None:
    expected = pd.read_csv(study / "results" / f"{table}.csv")
    rows = [row for row in page.tables[section] if len(row) > max(columns)][-len(expected) :]
    for place, name in columns.items():
        printed = [float(row[place].replace(",", "")) for row in rows]
        np.testing.assert_allclose(printed, expected[name], rtol=0.00501)


def test_a_number_changed_in_the_file_changes_in_the_page(study: Path, tmp_path: Path) -> None:
    folder = changed(study, tmp_path / "s", "training", held_out_accuracy=0.12345)
    content = get_section("training").render(reading.open_study(folder))
    assert content is not None
    assert "12.3\N{NO-BREAK SPACE}%" in content.body


def test_none_of_n_is_written_with_its_limit(text: str) -> None:
    words = re.sub(r"<[^>]+>", " ", text).replace("\N{NO-BREAK SPACE}", " ")
    assert "0 of 10,000 accepted  at most 0.037 %" in words
    assert "95 of 100 accepted  95.0 % (88.7 % to 98.4 %)" in words


def test_the_first_screen_answers_with_numbers_intervals_and_links(text: str, page: Page) -> None:
    top = text[text.index('class="cards"') : text.index("<main")]
    words = re.sub(r"<[^>]+>", " ", top).replace("\N{NO-BREAK SPACE}", " ")
    assert "A random image is not a face: none of 10,000 images of independent random" in words
    assert "95 % CI 0 % to 0.037 %" in words
    assert (
        "After 12 epochs the network names 84 % of 6 new faces; it was trained on others" in words
    )
    assert "no benefit of training is shown" in words
    assert "no gain over the pixels is shown (+3.0 points [" in words
    links = re.findall(r'href="#(\w+)" class="more"', top)
    assert {"training", "identity", "dimension", "ladder"} <= set(links)
    assert set(links) <= set(shown(text))


def test_the_accuracy_stands_beside_what_pixels_reach_on_the_same_images(
    study: Path, tmp_path: Path
) -> None:
    claim = get_section("training").claim
    assert claim is not None
    folder = tmp_path / "same"
    shutil.copytree(study, folder)
    path = folder / "results" / "layers.csv"
    table = pd.read_csv(path, keep_default_na=False)
    n = pd.read_csv(folder / "results" / "training.csv")["n_held_out"].iloc[-1]
    pixels = table["representation"] == "pixels"
    table.loc[pixels, ["nearest_same", "nearest_same_n"]] = 0.95, n
    table.to_csv(path, index=False)
    reseal(folder)
    claimed = claim(reading.open_study(folder))
    assert claimed is not None
    assert " Without training, the nearest image in pixels is right for 95.0 %." in claimed.answer


def test_a_benefit_is_claimed_only_where_both_paired_differences_show_it(
    study: Path, tmp_path: Path
) -> None:
    claim = get_section("identity").claim
    assert claim is not None

    def answer(name: str, *intervals: tuple[float, float]) -> tuple[str, str]:
        folder = tmp_path / name
        shutil.copytree(study, folder)
        path = folder / "results" / "identity_differences.csv"
        table = pd.read_csv(path, keep_default_na=False)
        table[["low", "high"]] = intervals
        table.to_csv(path, index=False)
        reseal(folder)
        claimed = claim(reading.open_study(folder))
        assert claimed is not None
        return claimed.value, claimed.answer

    no_gain = "no gain over the pixels is shown (+3.0 points [−1.3, +9.7])"
    word, neither = answer("neither", (-0.05, 0.095), (-0.013, 0.097))
    assert word == "no benefit shown"
    assert neither.endswith(
        "of the same person: no benefit of training is shown in fc7 (+3.0 points [−5.0, +9.5]); "
        f"{no_gain}. Differences are paired by image."
    )
    word, half = answer("half", (0.005, 0.095), (-0.013, 0.097))
    assert word == "partly"
    assert f"training helps in fc7 (+3.0 points [+0.5, +9.5]); {no_gain}." in half
    word, less = answer("less", (0.005, 0.095), (-0.097, -0.013))
    assert word == "less than pixels"
    assert "the pixels do better (+3.0 points [−9.7, −1.3])." in less
    word, better = answer("better", (0.005, 0.095), (0.01, 0.09))
    assert word == "yes"
    assert "the gain over the pixels is +3.0 points [+1.0, +9.0]." in better
    word, worse = answer("worse", (-0.2, -0.1), (-0.1, 0.1))
    assert word == "no, worse"
    assert "of the same person: training makes it worse in fc7 (" in worse


def test_a_benefit_is_claimed_of_the_layers_that_show_it_alone() -> None:
    def verdict(**lows: float) -> tuple[str, str]:
        pairs = [(f"trained {layer}", f"untrained {layer}", low) for layer, low in lows.items()]
        pairs.append(("trained fc7", "pixels", -0.05))
        names = ("representation_a", "representation_b", "low")
        rows = [dict(zip(names, pair, strict=True)) for pair in pairs]
        return benefit([{**row, "difference": 0.04, "high": 0.06} for row in rows], "trained")

    gain, end = "+4.0 points [+1.0, +6.0]", "no gain over the pixels is shown (+4.0 points [−5.0,"
    helps = f"training helps in fc7 ({gain})"
    assert verdict(pool1=0, pool2=-0.1, fc7=0.01) == (
        "in fc7 only",
        f"{helps}; no gain is shown in an earlier layer; {end} +6.0])",
    )
    word, clause = verdict(pool1=0, pool2=0.02, fc7=0.01)
    assert (word, clause.partition("; ")[0]) == ("partly", f"{helps} and in pool2")
    word, clause = verdict(pool1=0.01, pool2=0.02, fc7=0.01)
    assert clause.startswith(f"{helps} and in every earlier layer; ")
    word, clause = verdict(pool1=0, pool2=0.02, fc7=0)
    assert word == "no benefit shown"
    assert clause.startswith("no benefit of training is shown in fc7 (+4.0 points [+0.0, +6.0]), ")
    assert ", but it helps in pool2; " in clause
    unknown = float("nan")
    word, clause = verdict(pool1=unknown, fc7=unknown)
    assert word == "no benefit shown"
    assert clause.startswith("no benefit of training is shown in fc7 (+4.0 points, without an ")
    assert benefit([], "trained")[0] == "cannot be told"


@pytest.mark.parametrize(
    ("low", "high", "interval"),
    [
        (4.0, 16.0, "4 to 16"),
        (8.0, float("inf"), "8 to ∞"),
        (8.0, 8.0, "8 to 8 of the sizes tried"),
    ],
)
def test_the_interval_of_a_size_says_where_only_the_sizes_tried_make_it_narrow(
    study: Path, tmp_path: Path, low: float, high: float, interval: str
) -> None:
    folder = changed(study, tmp_path / "s", "choices", observed=8, low=low, high=high)
    claim = get_section("criteria").claim
    assert claim is not None
    claimed = claim(reading.open_study(folder))
    assert claimed is not None
    assert claimed.interval == interval
    assert claimed.value.endswith("8 numbers")


@pytest.mark.parametrize(
    ("ratio", "value", "words"),
    [
        ((0.7, 0.6, 0.8), "30 % below PCA", "is 30 % below that of the best PCA"),
        ((1.2, 1.1, 1.3), "20 % above PCA", "(95 % CI 10 % to 30 %; "),
        ((0.9, 0.8, 1.1), "0.900", "is 0.900 times that of the best PCA (95 % CI 0.800 to 1.10; "),
        ((0.9, 0.8, 1.1), "0.900", "no difference is shown."),
    ],
)
def test_a_sweep_without_a_criterion_claims_what_its_interval_shows(
    study: Path, tmp_path: Path, ratio: tuple[float, float, float], value: str, words: str
) -> None:
    columns = dict(zip(("ratio", "ratio_low", "ratio_high"), ratio, strict=True))
    folder = changed(study, tmp_path / "s", "sweep", is_baseline=False, **columns)
    claim = get_section("sweep").claim
    assert claim is not None
    assert claim(reading.open_study(folder)) is None
    (folder / "results" / "choices.csv").unlink()
    claimed = claim(reading.open_study(folder))
    assert claimed is not None
    assert claimed.value.replace("\N{NO-BREAK SPACE}", " ") == value
    assert words in claimed.answer.replace("\N{NO-BREAK SPACE}", " ")
    size = get_section("criteria").claim
    assert size is not None
    asked = size(reading.open_study(folder))
    assert asked is not None
    assert asked.value == "not asked"
    assert asked.answer == (
        "No size can be named: no criterion says which reconstructions are acceptable."
    )


@pytest.mark.slow
def test_no_folder_of_the_machine_stands_in_a_report(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    shutil.copytree(study, folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["title"] = "What 4 images of /home/ada/orl look like"
    manifest["command"] = "repviz study faces --images /home/ada/orl --out /home/ada/out"
    manifest["parameters"]["images"] = manifest["images"]["name"] = "folder:/home/ada/orl"
    durable.write_record(path, manifest)
    text = written(folder)
    assert "/home" not in text
    assert "ada/" not in text
    assert "<h1>What 4 images of orl look like</h1>" in text
    assert "repviz study faces --images orl --out out" in text


def test_components_are_pictures_with_what_chance_makes_of_them(text: str) -> None:
    assert "The first 4 principal components of the pixels" in text
    assert "They explain 40.0 %, 20.0 %, 5.0 %, 4.0 % of the variance." in text.replace("\xa0", " ")
    assert "2 of them exceed the permutation null" in text


def test_findings_keep_their_words_and_point_to_their_section(study: Path, text: str) -> None:
    sentences = pd.read_csv(study / "results" / "findings.csv")["sentence"]
    plain = re.sub(r"<[^>]+>", "", text).replace("\N{NO-BREAK SPACE}", " ")
    for sentence in sentences:
        assert sentence.replace("'", "&#x27;") in plain
    assert '<a href="#ladder" class="more">' in text


def test_the_map_holds_the_points_of_the_table(study: Path, text: str) -> None:
    words, packed = (read_block(text, f"map-{name}") for name in ("words", "points"))
    assert words is not None
    assert packed is not None
    words = json.loads(words)
    table = pd.read_csv(study / "results" / "map.csv")
    planes = np.frombuffer(packed, np.uint8).reshape(2, -1).astype(float)
    points = (planes[0] + 256 * planes[1]).reshape(12, 2, -1)
    names = [view["name"] for view in words["representations"]]
    assert names[:4] == ["pixels", "code 8", "untrained pool1", "trained pool1"]
    for name, drawn in zip(names, points, strict=True):
        rows = table[table["representation"] == name]
        for axis, column in enumerate("xy"):
            assert np.corrcoef(drawn[axis], rows[column])[0, 1] > 0.999999


# ---- laws ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes_wherever_it_is_written(
    study: Path, text: str, tmp_path: Path
) -> None:
    path = write_report(study, out=tmp_path / "deep" / "r.html")
    assert path == tmp_path / "deep" / "r.html"
    assert path.read_text(encoding="utf-8") == text


def test_the_policy_names_exactly_the_scripts_and_the_style_of_the_page(page: Page) -> None:
    def hashes(parts: list[str]) -> set[str]:
        digests = [hashlib.sha256(part.encode()).digest() for part in parts]
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}

    metas = [attributes for tag, attributes in page.elements if tag == "meta"]
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    code = [
        script
        for script, attributes in zip(page.scripts, scripts, strict=True)
        if attributes.get("type") != "application/octet-stream"
    ]
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert set(rules["script-src"].split()) == hashes(code)
    assert set(rules["style-src"].split()) == hashes(page.styles)


def test_nothing_in_the_page_points_outside_of_it(page: Page) -> None:
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(
                ("#", "data:image/jpeg;base64,", "data:image/png;base64,")
            )


def test_no_element_has_a_style_or_a_handler(page: Page) -> None:
    names = {name for _, attributes in page.elements for name in attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]


def test_no_id_stands_twice(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_reference_within_the_page_finds_its_element(text: str, page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    places = [str(attributes.get("href")) for _, attributes in page.elements]
    drawn = {place[1:] for place in places if place.startswith("#")}
    clipped = set(re.findall(r"url\(#([^)]+)\)", text))
    assert drawn
    assert clipped
    assert drawn | clipped <= ids


def test_every_picture_says_what_it_shows(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.elements if tag == "img"]
    silent = [one for one in pictures if not one["alt"]]
    assert [one["id"] for one in silent] == ["decode-sheet"]  # hidden: scripts draw from it
    drawn = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert all(one.get("aria-label") for one in drawn if "hidden" not in one)
    assert [one.get("id") for tag, one in page.elements if tag == "image"].count("thumbnails") == 1


def test_headings_and_contents_name_the_same_sections(text: str, page: Page) -> None:
    contents = re.findall(r'<li><a href="#(\w+)">', text)
    assert shown(text) == contents == list(SECTIONS)
    titles = {name: get_section(name).title for name in SECTIONS}
    # A section that found something says so in its title.
    titles |= {
        "stores": "Both folders hold the same 20 faces",
        "compared_studies": "A and B are of the same images; one entry of their manifests differs",
        "comparison": "The studies differ in 2 of 3 comparisons",
        "criteria": "Smallest acceptable code: 8 numbers",
        "anatomy": "fc6 holds 62 % of the parameters, conv2 takes 31 % of the computation",
        "training": "84 % of held-out images are classified correctly (95 % CI "
        "80 % to 88 %; chance 2.5 %)",
        "confusion": "2 of 6 held-out faces (33.3 %) are classified wrongly (95 % CI 12.5 % to "
        "20.8 %)",
        "identity": "Nearest neighbours: no benefit of training is shown in fc7 (+3.0 points "
        "[−1.0, +7.0]); no gain over the pixels is shown (+3.0 points [−1.0, +7.0])",
        "dimension": "The faces vary in about 8.9 directions (95 % CI 8.5 to 8.9)",
        "spectrum": "90 % of the variance of the pixels takes 60 components",
        "ladder": "A random image is not a face: 0 of 10,000 accepted (95 % CI 0 % to 0.037 %)",
        "rarity": "All judges together accept uniform noise with a probability of about 10⁻¹³²⁴ "
        "(95 % CI 10⁻¹³²⁵ to 10⁻¹³²²)",
        "capacity": "At a false-accept rate of 1 % the code has room for at most 250 people (95 % "
        "CI 130 to 500) and matches 62.0 % of the pairs of one person",
        "paths": "Halfway between two faces 12 of 20 mixtures of pixels are accepted, 2 of 20 of "
        "codes (difference −50.0 points [−70.0, −30.0]); of faces merely decoded 8 of 40",
    }
    assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in page.headings] == [*titles.values()]


# ---- edges --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_labels_that_are_markup_stay_text(tmp_path: Path) -> None:
    labels = [HOSTILE if i < 10 else "NA" for i in range(20)]
    ids = [f"{HOSTILE}{i}" for i in range(20)]
    text = written(build(tmp_path / "s", labels=labels, ids=ids))
    assert "<img src=x" not in text
    assert Page(text).headings[-1] == get_section("provenance").title


@pytest.mark.slow
def test_a_skipped_stage_is_given_with_its_reason(tmp_path: Path) -> None:
    reason = "the images have no labels, and a classifier needs two"
    text = written(build(tmp_path / "s", labels=[], skipped={"training": reason}))
    assert f"<strong>Left out.</strong> {reason.capitalize()}." in text
    assert "training" in shown(text)


def test_sections_without_their_files_are_left_out(tmp_path: Path) -> None:
    folder = build(tmp_path / "s")
    shutil.rmtree(folder / "results")
    shutil.rmtree(folder / "arrays")
    assert shown(written(folder)) == ["provenance"]


def test_how_factors_are_read_is_not_told_where_they_were_left_out(text: str) -> None:
    assert "factors: left out, no factors are known of the images." in text
    assert "Factors are read off the pixels" not in text


def test_the_lede_is_the_one_that_the_study_wrote(text: str) -> None:
    assert '<p class="summary">How far is a random point from the set that faces form?</p>' in text


@pytest.mark.slow
def test_without_labels_nobody_is_named(tmp_path: Path) -> None:
    text = written(build(tmp_path / "s", labels=[]))
    assert "identity" not in shown(text)
    assert 'id="map-label"' not in text.split("<script>")[0]
    assert "4 test faces not in training" in text
    assert "people not in training" not in text


@pytest.mark.parametrize(
    ("nouns", "split", "words"),
    [
        (FACES, "label", "4 test faces of people not in training"),
        (DIGITS, "label", "4 test digits of numerals not in training"),
        (DIGITS, "image", "4 test digits not in training"),
    ],
)
def test_images_and_labels_have_the_nouns_of_their_source(
    nouns: Nouns, split: str, words: str, study: Path, tmp_path: Path
) -> None:
    opened = reading.open_study(changed(study, tmp_path / "s", "sweep", split_by=split))
    reseal(opened.folder, images=opened.manifest["images"] | {"nouns": nouns.as_json()})
    assert unseen_images(opened) == words


SPEAK_OF_FACES = ("findings", "ladder", "random_map", "provenance")  # in the made-up study's words


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in SPEAK_OF_FACES])
def test_no_section_calls_digits_people(name: str, study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "s")
    opened = reading.open_study(tmp_path / "s")
    reseal(opened.folder, images=opened.manifest["images"] | {"nouns": DIGITS.as_json()})
    content = get_section(name).render(opened)
    assert content is not None
    words = re.sub(r"<[^>]*>", " ", join([content.body, content.reading, content.limits]))
    assert not re.search(r"\b(person|people|faces?)\b", words)


@pytest.mark.parametrize(("groups", "words"), [(4, True), (8, False)])
def test_an_interval_counts_people_only_where_they_are_named(
    groups: int, words: bool, study: Path, tmp_path: Path
) -> None:
    folder = changed(study, tmp_path / "s", "ladder", calibration_n=8, calibration_groups=groups)
    content = get_section("ladder").render(reading.open_study(folder))
    assert content is not None
    by_people = (
        "The interval of the real images counts each person once. Those of the judges’ errors "
        "count images made from the faces of one person once."
    )
    by_image = "The intervals of the judges’ errors count images made from one face once."
    assert (by_people in str(content.limits)) == words
    assert (by_image in str(content.limits)) != words


def test_the_images_that_judges_know_are_drawn_from_those_that_are_not_tested_on(
    study: Path, tmp_path: Path
) -> None:
    split = reading.open_study(study).result("images")["sweep_split"]
    here = int((split != "test").sum())
    for known, drawn in ((here - 1, True), (here, False)):
        folder = changed(study, tmp_path / str(known), "ladder", calibration_n=known, n=3)
        content = get_section("ladder").render(reading.open_study(folder))
        assert content is not None
        assert (f" (drawn from {here} to bound the cost)" in content.body) == drawn
        assert ("to bound the cost" in content.body) == drawn


@pytest.mark.slow
def test_colour_images_are_shown(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (20, 16, 16), dtype=np.uint8)
    faces = np.stack([grey, grey // 2, grey // 3], axis=1)
    assert shown(written(build(tmp_path / "s", faces=faces))) == list(SECTIONS)


def test_a_sweep_says_with_how_many_seeds(study: Path, tmp_path: Path) -> None:
    once = get_section("sweep").render(reading.open_study(study))
    twice = get_section("sweep").render(
        reading.open_study(changed(study, tmp_path / "s", "sweep", n_seeds=2))
    )
    assert once is not None
    assert twice is not None
    assert "once, with one seed" in str(once.limits)
    assert "with 2 seeds" in str(twice.limits)
    assert "once" not in str(twice.limits)


def test_equal_warnings_are_shown_once(study: Path, tmp_path: Path) -> None:
    folder = changed(study, tmp_path / "s", "layers", dimension_warnings="Beware.")
    content = get_section("dimension").render(reading.open_study(folder))
    assert content is not None
    assert content.body.count("</b>Beware.</li>") == 1


def test_the_dimension_says_what_its_intervals_resample(study: Path, tmp_path: Path) -> None:
    def caption(**values: int) -> str:
        folder = changed(study, tmp_path / f"s{len(values)}", "layers", **values)
        content = get_section("dimension").render(reading.open_study(folder))
        assert content is not None
        return str(content.body)

    intervals = "with 95\xa0% intervals of sampling error, over {}, and model error together."
    assert intervals.format("5 people (all faces of a person together)") in caption()
    assert intervals.format("faces") in caption(groups=20)


def test_filters_that_kept_their_start_are_said_to_and_grey_pictures_teach_no_colour(
    study: Path, tmp_path: Path
) -> None:
    render, colours = get_section("filters").render, "coloured blobs respond to colour"

    def content(name: str, alike: float, *, grey: bool):
        folder = changed(study, tmp_path / name, "filters", control_correlation=alike)
        about = durable.read_record(folder / "manifest.json")["images"]
        reseal(folder, images=about | {"grey": grey})
        return render(reading.open_study(folder))

    kept = content("kept", 0.991, grey=True)
    assert kept.title == (
        "The first-layer filters have hardly changed in training: their median correlation with "
        "the untrained ones is 0.99"
    )
    assert colours not in kept.reading
    assert "only the sum of a filter’s three colours acts on them" in kept.reading
    assert "learns colour" not in kept.limits
    other = content("other", 0.4, grey=False)
    assert other.title == ""
    assert colours in other.reading
    assert "which of them learns colour" in other.limits


def test_a_layer_that_was_reduced_is_said_to_be_where_it_is_measured(study, tmp_path) -> None:
    folder = tmp_path / "reduced"
    shutil.copytree(study, folder)
    parameters = durable.read_record(folder / "manifest.json")["parameters"]
    reduce = {"pool1": "grid:6", "pool2": "grid:4", "pool5": "grid:4", "fc6": "none"}
    reseal(folder, parameters=parameters | {"reduce": reduce})
    words = (
        "Reduced before measuring: pool1 (averaged to a 6×6 grid); pool2 and pool5 (averaged to a "
        "4×4 grid)."
    )
    for name in ("identity", "profile", "spectrum", "similarity", "invariance", "map"):
        render = get_section(name).render
        assert words in str(render(reading.open_study(folder)).body), name
        assert "Reduced before" not in str(render(reading.open_study(study)).body)


def test_enlarged_images_are_said_to_be(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "enlarged"
    shutil.copytree(study, folder)
    about = durable.read_record(folder / "manifest.json")["images"]
    digits = describe_images(open_images("digits", limit=3).at(size=32))
    assert digits["enlarged_from"] == [8, 8]
    assert describe_images(load_data(open_images("digits", limit=3), size=32)) == digits
    assert "enlarged_from" not in describe_images(open_images("digits", limit=3))
    sizes = {name: digits[name] for name in ("size", "enlarged_from")}
    reseal(folder, images=about | sizes)
    text = written(folder).replace("\N{NO-BREAK SPACE}", " ")
    assert "grey images of 8×8 pixels, enlarged to 32×32" in text
    assert "Each is stored with 8×8 pixels, enlarged to 32×32: its pixels are not" in text


def test_the_anatomy_names_the_paper_where_its_parameters_are_those(study, tmp_path) -> None:
    render = get_section("anatomy").render
    table = reading.open_study(study).result("anatomy")
    table.loc[len(table) - 2 :, "parameters"] = [56_868_224 - table["parameters"][:-2].sum(), 40]
    folder = changed(study, tmp_path / "s", "anatomy", parameters=table["parameters"])
    said = (
        "It has 56,868,224 parameters below fc7 and, with the paper’s 1,000 classes, 60,965,224; "
        "here 56,868,264."
    )
    assert said in render(reading.open_study(folder)).reading
    assert "Krizhevsky" not in render(reading.open_study(study)).reading


def test_a_training_whose_loss_still_fell_is_not_converged(study: Path, tmp_path: Path) -> None:
    claim, render = get_section("training").claim, get_section("training").render
    table = pd.read_csv(study / "results" / "training.csv")
    falling, still = "%, from 2.19 to 1.83.", []
    for name, last in (("falling", 1.83), ("still", 2.1)):
        losses = [3.0] * (len(table) - 2) + [2.19, last]
        folder = changed(study, tmp_path / name, "training", train_loss=losses, train_accuracy=0.9)
        made = reading.open_study(folder)
        still.append(falling in claim(made).answer and falling in str(render(made).body))
    assert still == [True, False]


def test_a_layer_that_names_more_than_the_classifier_is_told(study: Path, tmp_path: Path) -> None:
    n = int(pd.read_csv(study / "results" / "training.csv")["n_held_out"].iloc[-1])
    for share, expected in ((0.975, True), (0.5, False)):
        columns = {"nearest_same": share, "nearest_same_n": n}
        folder = changed(study, tmp_path / f"{share}", "layers", **columns)
        body = str(get_section("training").render(reading.open_study(folder)).body)
        said = "The nearest training image in trained fc7 is right for 97.5\N{NO-BREAK SPACE}%"
        assert (said in body) is expected
