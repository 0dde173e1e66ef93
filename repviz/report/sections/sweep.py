"""How few numbers can hold an image: error against the size of the bottleneck."""

from __future__ import annotations

from repviz.number_format import count, plain, text
from repviz.report.html import join
from repviz.report.parts import chart, field, interval, key, numbers_of, unseen_images
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "sweep": (
        "engine bottleneck n_train n_test groups_test mse mse_low mse_high psnr ssim ratio "
        "ratio_low ratio_high ratio_augmented pca_equivalent seeds split"
    ),
}

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
    field("SSIM", "ssim", plain),
    field("error / PCA’s", "ratio", plain),
    interval("95 % interval", "ratio_low", "ratio_high", plain),
    field("error / augmented PCA’s", "ratio_augmented", plain),
    field("PCA needs", "pca_equivalent", plain),
    field("n test", "n_test", count),
    field("seeds", "seeds", count),
)


def render(study: Study) -> Content | None:
    """The rate-distortion figure and its table."""
    table = study.result("sweep", TABLES["sweep"])
    if table.empty:
        return None
    first = records(table)[0]
    drawn = (
        f"their {study.nouns.labels}" if first["groups_test"] < first["n_test"] else "those images"
    )
    seeds = int(table["seeds"].max())
    how = f"leaving out one of {drawn} at a time"
    if seeds > 1:
        how = f"drawing {drawn}, and the {seeds} trainings, again"
    caption = f"Error on {unseen_images(study)}; bands are 95 % intervals from {how}."
    keys = [key(*KEYS.get(engine, ("ink", engine))) for engine in table["engine"].unique()]
    alt = "Reconstruction error against bottleneck size, and its ratio to the error of PCA."
    body = join(
        [
            chart("sweep", table, caption=caption, alt=alt, keys=keys),
            numbers_of("results/sweep.csv", table, _COLUMNS),
        ]
    )
    trained = (
        "once, with one seed, for a short and fixed time, so another training may end lower or "
        "higher than the band"
        if seeds == 1
        else f"with {seeds} seeds, for a short and fixed time: longer trainings may end lower"
    )
    return Content(
        body,
        reading="Each image is squeezed into as many numbers as the bottleneck has, and drawn "
        "again from them alone. First: the error that remains, lower is better. Then: each "
        "autoencoder’s error as a multiple of that of PCA, the best linear code, with as many "
        "numbers; below 1 it is ahead. In the table, “PCA needs” is how many components PCA needs "
        "for the same error, and SSIM is the structural similarity (1 where nothing is lost). What "
        "each training cost is listed in the study’s manifest.json.",
        limits="The error counts grey levels, not similarity to the eye: a blurred image "
        "scores well. The "
        f"autoencoders were trained {trained}; their recipe was chosen on the ORL collection. A "
        "curve like this has no elbow of its own, so it names no right size.",
    )


SECTION = Section(
    title="Reconstruction error by bottleneck size",
    short="Reconstruction error",
    stage="sweep",
    needs=("results/sweep.csv",),
    tables=TABLES,
    render=render,
)
