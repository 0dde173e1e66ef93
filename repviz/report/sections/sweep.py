"""How few numbers can hold an image: error against the size of the bottleneck."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, plain, text
from repviz.report.parts import chart, field, interval, key, numbers_of
from repviz.report.reading import StudyFiles, records
from repviz.report.sections import Content

KEYS = {
    "pca": ("third", "PCA on the same mirrored images"),
    "linear-start": ("first", "autoencoder that starts at PCA"),
    "conv": ("second", "plain convolutional autoencoder"),
    "pca-augmented": ("muted", "PCA on the shifted images too"),
    "prefix": ("ink", "one autoencoder for every size"),
}
_COLUMNS = (
    field("engine", "engine", text),
    field("size", "bottleneck", count),
    field("mean squared error", "mse", plain),
    interval("95 % interval", "mse_low", "mse_high", plain),
    field("PSNR, dB", "psnr", plain),
    field("error / PCA’s", "ratio", plain),
    interval("95 % interval", "ratio_low", "ratio_high", plain),
    field("n test", "n_test", count),
)


def render(study: StudyFiles) -> Content | None:
    """The rate-distortion figure and its table."""
    table = study.table("sweep")
    if table.empty:
        return None
    first = records(table)[0]
    drawn = {"label": "people" if study.who == "person" else "labels"}.get(first["split"], "images")
    caption = (
        f"Error on {count(first['n_test'])} test images {study.unseen}; bands are 95 % intervals "
        f"from leaving out one of those {drawn} at a time."
    )
    keys = [key(*KEYS.get(engine, ("ink", engine))) for engine in table["engine"].unique()]
    alt = "Reconstruction error against bottleneck size, and its ratio to the error of PCA."
    body = join(
        [
            chart("sweep", table, caption=caption, alt=alt, keys=keys),
            numbers_of("results/sweep.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Each image is squeezed into as many numbers as the bottleneck has, and drawn "
        "again from them alone. Left: the error that remains, lower is better. Right: each "
        "autoencoder’s error as a multiple of that of PCA, the best linear code, with as many "
        "numbers; below 1 it is ahead.",
        limits="The error counts grey levels, not likeness: a blurred face scores well. The "
        "autoencoders were trained once, with one seed, for a short and fixed time, so another "
        "training may end lower or higher than the band; their recipe was worked out on the AT&T "
        "faces. A curve like this has no elbow of its own, so it names no right size.",
    )
