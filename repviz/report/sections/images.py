"""One image of each label, where the images come from, and how they were split."""

from __future__ import annotations

import numpy as np

from repviz.number_format import count
from repviz.report.html import Markup, join, tag
from repviz.report.parts import enlarged, figure, unseen_images
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "images": "row id label",
    "sweep": (
        "engine bottleneck n_train n_test groups_test mse mse_low mse_high psnr ssim ratio "
        "ratio_low ratio_high pca_equivalent n_seeds split_by"
    ),
    "training": (
        "epoch train_loss train_accuracy held_out_accuracy held_out_low held_out_high chance "
        "n_train n_held_out learning_rate"
    ),
}

SHOWN = 40  # pictures in the contact sheet, at most
_ACROSS = 10


def render(study: Study) -> Content | None:
    """A contact sheet and the splits."""
    table, about = study.result("images", TABLES["images"]), study.manifest["images"]
    labelled = table["label"].nunique() > 1
    first = table.drop_duplicates("label") if labelled else table
    rows = first["row"].to_numpy()[:SHOWN]
    sheet = _contact_sheet(study.array("thumbnails")[rows])
    which = f"first image of each {study.nouns.label}" if labelled else "first images"
    caption = f"The {which}, {count(len(rows))} of {count(about['n'])}. {about['credit']}"
    if larger := enlarged(study):
        caption += f" Each is stored with {larger}: its pixels are not independent."
    picture = image(sheet, alt=f"{len(rows)} of the images", class_="sheet")
    return Content(
        join([figure(picture, caption), _splits(study)]),
        reading=_held_out(study),
        limits="This is one collection with its own light, poses and choice of subjects. What "
        "holds for it need not hold for others.",
    )


def _contact_sheet(pixels: np.ndarray) -> np.ndarray:
    """Pictures (m, ..., h, w) in rows of ten, as one picture; the last row is filled with white."""
    missing = -len(pixels) % min(_ACROSS, len(pixels))
    blank = np.full((missing, *pixels.shape[1:]), 255, dtype=pixels.dtype)
    pixels = np.concatenate([pixels, blank])
    strips = [
        np.concatenate(list(pixels[i : i + _ACROSS]), axis=-1)
        for i in range(0, len(pixels), _ACROSS)
    ]
    return np.concatenate(strips, axis=-2)


def _held_out(study: Study) -> str:
    """Which images the scores are computed on, in sentences."""
    labels = study.nouns.labels
    sentences = ["Every score uses held-out images."]
    if study.has("results/sweep.csv"):
        which = f"images of {study.nouns.units}"
        if not study.nouns.grouped:
            which = f"images, and where there are enough {labels} on {labels},"
        sentences.append(f"Compression is tested on {which} that were not in training.")
    if study.has("results/training.csv"):
        sentences.append(f"Classification is tested on further images of the same {labels}.")
    return " ".join(sentences)


def _splits(study: Study) -> Markup | None:
    lines = []
    if study.has("results/sweep.csv"):
        row = records(study.result("sweep", TABLES["sweep"]))[0]
        lines.append(
            tag(
                "li",
                tag("strong", "Compression: "),
                f"{count(row['n_train'])} training images, {unseen_images(study)}; others decide "
                "when training stops.",
            )
        )
    if study.has("results/training.csv"):
        row = records(study.result("training", TABLES["training"]))[-1]
        lines.append(
            tag(
                "li",
                tag("strong", "Classification: "),
                f"{count(row['n_train'])} training images, {count(row['n_held_out'])} held-out "
                f"images of the same {study.nouns.labels}.",
            )
        )
    return tag("ul", lines) if lines else None


SECTION = Section(
    title="Images and splits",
    short="Images",
    stage="images",
    needs=(
        "results/images.csv",
        "arrays/thumbnails.npy",
    ),
    tables=TABLES,
    render=render,
)
