"""The study ``bottleneck``: how small can the code be, and what does PCA do with the same size?

Every size is a stage of its own, so a killed sweep goes on where it was. All engines see the same
training images (mirrored), choose with the same validation images and are judged on the same test
images; every reconstruction is clipped to the pixel range before its error is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, intervals, provenance
from repviz.errors import InputError
from repviz.images import opened
from repviz.images.collection import Images
from repviz.models.checkpoints import save_checkpoint
from repviz.report.page import write_report
from repviz.studies.engines import ENGINES, Task
from repviz.studies.findings import sweep_findings
from repviz.studies.folder import Draft, Study, begin
from repviz.studies.partition import Partition, partition

BOTTLENECKS = (2, 4, 8, 16, 32, 64)


class Sweep(Study):
    """A finished sweep."""

    @property
    def table(self) -> pd.DataFrame:
        """A row an engine and size: test error with its interval, and its ratio to PCA's."""
        return self.result("sweep")


def sweep(
    images: Images | str,
    *,
    bottlenecks: Iterable[int] | int | None = None,
    out: str | Path,
    engines: Iterable[str] | str = ("pca", "conv", "linear-start"),
    size: int | None = None,
    split: str | None = None,
    seed: int = 0,
) -> Sweep:
    """A folder with the reconstruction error of each engine at each bottleneck size, and a report.

    Parameters
    ----------
    images : Images or str
        Squares of one size, or the name of a source (then give ``size``).
    bottlenecks : iterable of int, optional
        Sizes of the code, each at least 1 and below twice the number of training images and the
        number of pixels; those of 2, 4, 8, 16, 32 and 64 that fit if left out.
    out : path
        The study folder. A killed sweep is taken up again; other parameters are refused.
    engines : iterable of str
        Names in ``ENGINES``. "pca" is always among them: it is the baseline.
    size : int, optional
        Pixels a side that the images are brought to; as they were opened if left out.
    split : {"label", "image"}, optional
        Whether a label (a person) may lie on two sides; see :func:`repviz.studies.partition`.
    seed : int
        Of the split and the training.

    Returns
    -------
    Sweep
        ``.table`` is a DataFrame, ``.report`` the HTML file.

    Raises
    ------
    InputError
        A size or an engine that cannot be; images of several sizes; too few images.
    Mismatch
        ``out`` holds a sweep with other parameters.
    """
    images = opened(images)
    images = images if size is None else images.at(size=size)
    asked = [checks.known("sweep", "engine", name, ENGINES) for name in checks.several(engines)]
    engines = list(dict.fromkeys(["pca", *asked]))
    parts = partition(images, by=split, seed=seed)
    sizes = usable_sizes(bottlenecks, parts, images[0].size)
    usable_shape(images[0].shape)
    parameters = {
        "images": images.name,
        "size": images.size,
        "grey": images.grey,
        "bottlenecks": sizes,
        "engines": engines,
        "split": parts.by,
        "seed": seed,
    }
    # Decoded before anything is written: a bad image ends it here.
    task = Task(images.matrix(), parts, images[0].shape, seed, images.key)
    with begin(
        out,
        study="bottleneck",
        title=f"How small a code do {images.name} images need?",
        parameters=parameters,
        images=describe(images),
    ) as study:
        study.stage("images", lambda draft: write_images(draft, images, parts))
        sweep_stages(study, task, sizes, engines)
        study.stage(
            "findings",
            lambda draft: write_findings(draft, {"sweep": sweep_findings(study)}),
        )
    write_report(out)
    return Sweep(Path(out))


def usable_sizes(
    bottlenecks: Iterable[int] | int | None, parts: Partition, pixels: int
) -> list[int]:
    """The sizes in ascending order, each once: the default ones that fit, or those asked for."""
    # The mirrored twins are counted: k components need more than k rows once the mean is taken off.
    most = min(2 * len(parts.train) - 1, pixels)
    if bottlenecks is None:
        return [k for k in BOTTLENECKS if k <= most]
    sizes = sorted(
        {checks.whole("sweep", "a bottleneck", k, low=1) for k in checks.several(bottlenecks)}
    )
    if not sizes:
        raise InputError("sweep: at least one bottleneck size is needed, got none. Write 2,8,32.")
    if sizes[-1] > most:
        raise InputError(
            f"sweep: a bottleneck must be at most {most} here ({len(parts.train)} training images, "
            f"mirrored, {pixels} values each), got {sizes[-1]}. Leave it out or give more images."
        )
    return sizes


def usable_shape(shape: tuple[int, ...]) -> None:
    """Refuse images that the convolutional autoencoders cannot halve three times."""
    _, height, width = shape
    if height != width or height % 8 or not 16 <= height <= 512:
        raise InputError(
            f"sweep: images must be squares whose side is a multiple of 8 from 16 to 512, got "
            f"{width}x{height}. Open them with size=64, for example."
        )


def describe(images: Images) -> dict[str, Any]:
    """What the manifest says of the images."""
    channels, height, width = images[0].shape
    return {
        "name": images.name,
        "credit": images.credit,
        "key": images.key,
        "labels_key": provenance.key([] if images.labels is None else images.labels.tolist()),
        "n": len(images),
        "labels": len(images.classes),
        "size": [height, width],
        "grey": channels == 1,
    }


def write_images(draft: Draft, images: Images, parts: Partition, **columns: np.ndarray) -> None:
    """Keep the list of images with the part that each is in, and their pixels for the report."""
    table = {
        "row": np.arange(len(images)),
        "id": images.ids,
        "label": "" if images.labels is None else images.labels,
        "sweep_split": parts.names(),
        **columns,
    }
    draft.table("images", pd.DataFrame(table))
    pixels = images.pixels()
    draft.array("thumbnails", pixels[:, 0] if pixels.shape[1] == 1 else pixels)


def sweep_stages(study: Study, task: Task, sizes: list[int], engines: list[str]) -> None:
    """One stage a size, then one that gathers them into results/sweep.csv."""
    for k in sizes:
        study.stage(f"sweep {k}", partial(_one_size, task=task, k=k, engines=engines))
    study.stage("sweep", lambda draft: _gather(draft, study, task, sizes, engines))


def _one_size(draft: Draft, task: Task, k: int, engines: list[str]) -> None:
    test = task.X[task.parts.test]
    errors = np.empty((len(engines), len(test)))
    shown = np.empty((len(engines), len(test), *task.shape), dtype=np.uint8)
    parameters = []
    for e, engine in enumerate(engines):
        coder = ENGINES[engine].fit(task, k)
        output = np.clip(coder.decode(coder.encode(test)), 0, 1)
        errors[e] = np.square(output - test, dtype=np.float64).mean(axis=1)
        shown[e] = np.rint(output * 255).reshape(shown[e].shape)
        parameters.append(coder.parameters)
        if coder.model is not None:
            path = draft.path(f"models/{engine}-{k}.safetensors")
            how = {"engine": engine, "bottleneck": k, "seed": task.seed}
            save_checkpoint(coder.model, path, recipe=how, images_key=task.key)
    draft.array(f"sweep_{k}_errors", errors)
    draft.array(f"sweep_{k}_images", shown)
    draft.array(f"sweep_{k}_parameters", np.array(parameters))


def _gather(draft: Draft, study: Study, task: Task, sizes: list[int], engines: list[str]) -> None:
    test = task.parts.test
    groups = task.parts.groups[test]
    rows, images = [], []
    for k in sizes:
        errors = study.array(f"sweep_{k}_errors")  # (engines, n_test)
        parameters = study.array(f"sweep_{k}_parameters")
        baseline = errors[engines.index("pca")]
        for engine, own, count in zip(engines, errors, parameters, strict=True):
            rows.append(
                {
                    "engine": engine,
                    "bottleneck": k,
                    "n_train": len(task.parts.train),
                    "n_test": len(test),
                    "groups_test": len(np.unique(groups)),
                    **_compared(own, baseline, groups),
                    "parameters": int(count),
                    "split": task.parts.by,
                    "seed": task.seed,
                }
            )
            each = {"engine": engine, "bottleneck": k, "row": test, "mse": own}
            images.append(pd.DataFrame(each))
    draft.table("sweep", pd.DataFrame(rows))
    draft.table("sweep_images", pd.concat(images))
    _panels(draft, study, task, sizes, engines)


def _compared(own: np.ndarray, baseline: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Mean error and its ratio to the baseline's, with intervals over groups (of logarithms)."""
    both = np.maximum(np.stack([own, baseline], axis=1), 1e-12)  # (n_test, 2)
    mse, pca_mse = both.mean(axis=0)
    low, high = intervals.jackknife(both, groups, lambda m: np.log(m[..., 0]))
    below, above = intervals.jackknife(both, groups, lambda m: np.log(m[..., 0] / m[..., 1]))
    return {
        "mse": float(mse),
        "mse_low": float(np.exp(low)),
        "mse_high": float(np.exp(high)),
        "psnr": float(-10 * np.log10(mse)),
        "ratio": float(mse / pca_mse),
        "ratio_low": float(np.exp(below)),
        "ratio_high": float(np.exp(above)),
    }


def _panels(draft: Draft, study: Study, task: Task, sizes: list[int], engines: list[str]) -> None:
    """The test images that the report shows: best, middle and worst by error, not by hand."""
    test = task.parts.test
    judge = engines[-1]
    error = np.mean([study.array(f"sweep_{k}_errors")[engines.index(judge)] for k in sizes], axis=0)
    order = np.argsort(error, kind="stable")
    middle = len(order) // 2
    picks = {"best": order[:2], "median": order[middle - 1 : middle + 1], "worst": order[-2:]}
    positions = np.concatenate(list(picks.values()))
    originals = np.rint(task.X[test[positions]] * 255).astype(np.uint8)
    panels = [originals.reshape(-1, *task.shape)]
    named = [("original", 0)]
    for engine in engines:
        for k in sizes:
            panels.append(study.array(f"sweep_{k}_images")[engines.index(engine), positions])
            named.append((engine, k))
    stack = np.stack(panels)  # (panels, positions, c, h, w)
    draft.array("reconstructions", stack[:, :, 0] if task.shape[0] == 1 else stack)
    table = pd.DataFrame(named, columns=["engine", "bottleneck"])
    draft.table("reconstruction_panels", table.rename_axis("panel").reset_index())
    images = study.result("images").set_index("row").loc[test[positions], ["id", "label"]]
    images = images.reset_index().rename_axis("position").reset_index()
    images["pick"] = [pick for pick, rows in picks.items() for _ in rows]
    draft.table("reconstruction_images", images)


def write_findings(draft: Draft, sentences: dict[str, list[str]]) -> None:
    """Keep results/findings.csv: the sentences with the section that each belongs to."""
    rows = [(section, sentence) for section, many in sentences.items() for sentence in many]
    table = pd.DataFrame(rows, columns=["section", "sentence"])
    draft.table("findings", table.rename_axis("order").reset_index())
