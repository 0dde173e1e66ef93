"""The two studies that are compared, and in what they were run differently."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, text
from repviz.report.html import join, tag
from repviz.report.parts import Column, field, table
from repviz.report.private import without_folders
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "compared_studies": "side study title images n n_shared paired_by key",
    "option_differences": "option value_a value_b",
}
# What is compared is told apart by these alone; versions and machines stand in the provenance.
SEEDS = ("seed", "seeds")


def render(study: Study) -> Content | None:
    """The two studies, and each option, image and version in which they differ."""
    studies = study.result("compared_studies", TABLES["compared_studies"])
    different = study.result("option_differences", TABLES["option_differences"])
    columns = (
        field("", "side", text),
        field("study", "study", text),
        field("title", "title", text),
        Column("images", lambda row: without_folders(text(row["images"])), numeric=False),
        field("number", "n", count),
        field("in both", "n_shared", count),
    )
    parts = [table(studies, columns, label="The two studies")]
    if len(different):
        sides = [
            Column("A", lambda row: _short(row["value_a"]), numeric=False),
            Column("B", lambda row: _short(row["value_b"]), numeric=False),
        ]
        parts += [
            tag("h3", "What differs"),
            table(different, (field("", "option", text), *sides), label="Options that differ"),
        ]
    rows = records(studies)
    return Content(
        join(parts),
        reading=_pairing(rows[0]),
        limits=_not_concluded([row["option"] for row in records(different)]),
        title=_headline(rows, len(different)),
    )


def _headline(rows: list[dict[str, Any]], different: int) -> str:
    a = rows[0]
    same = "the same images" if a["paired_by"] == "content" else "other images"
    if a["paired_by"] == "id":
        same = "other pixels of the same source"
    differ = {0: "nothing else differs", 1: "one entry of their manifests differs"}
    rest = differ.get(different, f"{count(different)} entries of their manifests differ")
    return f"A and B are of {same}; {rest}"


def _pairing(row: dict[str, Any]) -> str:
    n = count(row["n_shared"])
    return {
        "content": f"Both are of the same {n} images, pixel for pixel, and are compared image by "
        "image where each image's outcome is stored.",
        "id": f"{n} images have the same name in the same source, though not the same pixels "
        "(another size, or colour); they are paired by that name.",
        "nothing": "They share no image: nothing is paired, and each number stands beside the "
        "other with its own interval.",
    }[str(row["paired_by"])]


def _not_concluded(options: list[str]) -> str:
    """The limits of the comparison, given what differs."""
    sentences = []
    real = [name for name in options if not name.startswith(("version: ", "images: "))]
    chosen = [name for name in real if name not in (*SEEDS, "images_key", "labels_key")]
    if any(name in ("images_key", "images") for name in real):
        sentences.append(
            "The images differ, and of the options none: a difference may be due to the images."
            if not [name for name in chosen if name != "images"]
            else "The images and the options differ: no difference is due to one of them alone."
        )
    elif len(chosen) > 1:
        sentences.append(
            f"{count(len(chosen))} options differ at once: no difference is due to one alone."
        )
    if any(name in SEEDS for name in real):
        sentences.append(
            "The seeds differ, and with them splits and trainings: each study is one draw of both."
        )
    else:
        sentences.append("One seed each: how much another would change is not known.")
    if any(name.startswith("version: ") for name in options):
        sentences.append("The versions of packages differ, which may change last digits and more.")
    return " ".join(sentences)


def _short(value: Any) -> str:
    """A value of an option, hashes and long lists cut."""
    written = without_folders(text(value))
    return written if len(written) <= 48 else f"{written[:45]}..."


SECTION = Section(
    title="The two studies",
    short="Studies",
    stage="studies",
    needs=("results/compared_studies.csv", "results/option_differences.csv"),
    tables=TABLES,
    render=render,
)
