"""A small study folder, made up but of the right form, for tests of what reads one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from repviz import durable, intervals, provenance
from repviz.bottleneck.code_contents import ORIGINAL
from repviz.bottleneck.engines import ENGINES
from repviz.nouns import FACES

SIZES = (2, 4, 8)
PICKS = ("best", "best", "median", "median", "worst", "worst")
LAYERS = ("pool1", "pool2", "pool5", "fc6", "fc7")
RUNGS = (
    ("uniform-pixels", "ladder", "Every pixel any grey", 0.42, 0),
    ("pixelwise-gaussian", "ladder", "Each pixel as bright as in faces", 0.28, 0),
    ("full-covariance-gaussian", "ladder", "Gaussian with the covariance of faces", 0.15, 3),
    ("decoded-codes", "ladder", "Random codes, decoded", 0.10, 41),
    ("mean-face-plus-noise", "control", "The mean face under noise", 0.12, 0),
    ("held-out", "held-out", "Held-out faces", 0.08, 95),
)
JUDGES = ("nearest-face", "face-space", "together")


def drawn(people: int, each: int, side: int, seed: int = 0) -> np.ndarray:
    """Smooth grey blobs, alike within a person: (people * each, side, side) uint8."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    faces = []
    for _ in range(people):
        base = generator.normal(size=4)
        for _ in range(each):
            a, b, c, d = base + 0.25 * generator.normal(size=4)
            face = (
                140
                + 60 * np.cos(4 * x + a) * np.cos(5 * y + b)
                + 30 * np.sin(9 * x * c + 7 * y * d)
            )
            faces.append(face)
    return np.clip(np.array(faces), 0, 255).astype(np.uint8)


def build(
    folder: Path,
    *,
    faces: np.ndarray | None = None,
    labels: list[str] | None = None,
    ids: list[str] | None = None,
    sizes: tuple[int, ...] = SIZES,
    skipped: dict[str, str] | None = None,
    seed: int = 0,
) -> Path:
    """Write the study folder ``folder``; stages named in ``skipped`` leave no files.

    ``labels=[]`` makes a study without labels.
    """
    generator = np.random.default_rng(seed)
    faces = drawn(5, 4, 24) if faces is None else faces
    n = len(faces)
    if labels is None:
        labels = [f"p{i // 4}" for i in range(n)]
    ids = [f"image/{i}" for i in range(n)] if ids is None else ids
    skipped = skipped or {}
    (folder / "results").mkdir(parents=True)
    (folder / "arrays").mkdir()
    writers = {
        "findings": lambda: _findings(folder),
        "images": lambda: _images(folder, faces, labels, ids),
        "sweep": lambda: _sweep(folder, faces, labels, ids, sizes),
        "traversals": lambda: _traversals(folder, faces, ids),
        "criteria": lambda: _criteria(folder, sizes),
        "code_probes": lambda: _code_probes(folder, sizes),
        "training": lambda: _training(folder, n),
        "anatomy": lambda: _anatomy(folder),
        "evaluation": lambda: _evaluation(folder),
        "filters": lambda: _filters(folder),
        "top_images": lambda: _top_images(folder, faces, ids),
        "manifold": lambda: _manifold(folder, faces, labels, sizes, generator),
        "profile": lambda: _profile(folder, n),
        "invariance": lambda: _invariance(folder, n),
        "similarity": lambda: _similarity(folder, n),
        "ladder": lambda: _ladder(folder, faces, generator),
    }
    for stage, write in writers.items():
        if stage not in skipped:
            write()
    _manifest(folder, faces, labels, sizes, skipped)
    return folder


def _manifest(
    folder: Path,
    faces: np.ndarray,
    labels: list[str],
    sizes: tuple[int, ...],
    skipped: dict[str, str],
) -> None:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    manifest = {
        "format": "repviz study",
        "version": 2,
        "study": "faces",
        "title": f"What {len(faces)} images of orl look like from inside",
        "lede": "How far is a random point from the set that faces form?",
        "parameters": {"images": "orl", "size": 64, "bottlenecks": list(sizes), "seed": 0},
        "key": "4c1f" * 16,
        "command": "repviz study faces --images orl --size 64 --seed 0 --out reports/faces",
        "versions": {"python": "3.11.2", "repviz-toolkit": "0.1.0", "torch": "2.14.0"},
        "machine": {"system": "Linux x86_64", "processors": 2},
        "images": {
            "name": "orl",
            "credit": "AT&T Laboratories Cambridge.",
            "key": "9ab3" * 16,
            "n": len(faces),
            "labels": len(set(labels)) or None,
            "size": list(faces.shape[-2:]),
            "grey": faces.ndim == 3,
            "nouns": FACES.as_json(),
        },
        "skipped": skipped,
        "stages": {
            "sweep": {
                "seconds": 41.2,
                "finished": "2025-01-01T12:00:00Z",
                "files": dict.fromkeys(names, ""),
            },
            **{
                f"conv {k}, seed 0": {
                    "about": {"engine": "conv", "bottleneck": k, "seed": 0, "fit": True},
                    "seconds": 9.0,
                    "cpu_seconds": 17.0 + k,
                    "peak_memory_mb": 800,
                    "finished": "2025-01-01T12:00:00Z",
                    "files": {},
                }
                for k in sizes
            },
        },
    }
    durable.write_record(folder / "manifest.json", manifest)
    reseal(folder)


def reseal(folder: Path, **entries: object) -> None:
    """Give the manifest the hashes of the files as they are now, and other ``entries``."""
    manifest = durable.read_record(folder / "manifest.json") | entries
    for stage in manifest["stages"].values():
        stage["files"] = {
            file: provenance.file_sha256(folder / file)
            for file in stage["files"]
            if (folder / file).exists()
        }
    durable.write_record(folder / "manifest.json", manifest)


def _write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    pd.DataFrame(rows).to_csv(folder / "results" / f"{name}.csv", index=False)


def _findings(folder: Path) -> None:
    sentences = [
        (
            "sweep",
            "At 32 numbers an image, the autoencoder's error on new people is 0.93 (0.90 to 0.96) "
            "times that of PCA, n = 60 images of 6 people.",
        ),
        (
            "training",
            "The network names 85.0 % (77.5 to 90.3 %) of 120 held-out images; chance is 2.5 %.",
        ),
        (
            "identity",
            "In trained fc7 the nearest other image shows the same person for 97.5 % of 400 "
            "images; with random weights for 91.2 %.",
        ),
        (
            "dimension",
            "400 images with 4,096 pixels each have an intrinsic dimension of 7.9 (7.0 to 8.8).",
        ),
        ("ladder", "0 of 10,000 images of uniform noise are accepted as faces: at most 0.03 %."),
    ]
    _write(
        folder,
        "findings",
        [
            {"order": i, "section": section, "sentence": sentence}
            for i, (section, sentence) in enumerate(sentences)
        ],
    )


def _images(folder: Path, faces: np.ndarray, labels: list[str], ids: list[str]) -> None:
    np.save(folder / "arrays" / "thumbnails.npy", faces)
    splits = ("train", "train", "train", "validation", "test")
    _write(
        folder,
        "images",
        [
            {
                "row": i,
                "id": ids[i],
                "label": labels[i] if labels else "",
                "sweep_split": splits[i * 5 // len(ids)],
                "identity_split": "held-out" if i % 10 > 6 else "train",
            }
            for i in range(len(ids))
        ],
    )


def _sweep(
    folder: Path, faces: np.ndarray, labels: list[str], ids: list[str], sizes: tuple[int, ...]
) -> None:
    n, test = len(faces), range(len(faces) * 4 // 5, len(faces))
    X = faces.reshape(n, -1) / 255
    mean = X[: n * 4 // 5].mean(axis=0)
    _, _, axes = np.linalg.svd(X[: n * 4 // 5] - mean, full_matrices=False)
    rows, per_image, panels, pictures = [], [], [("original", 0)], [X[test]]
    baselines = []
    for engine, gain in (("pca", 0.0), ("conv", -0.3), ("linear-start", 0.06)):
        for size in sizes:
            kept = axes[:size]
            back = mean + (X[test] - mean) @ kept.T @ kept
            back = back + gain * (X[test] - back)
            errors = ((back - X[test]) ** 2).mean(axis=1)
            mse, ratio = errors.mean(), (1 - gain) ** 2
            rows.append(
                {
                    **ENGINES[engine].columns,
                    "bottleneck": size,
                    "n_train": n * 4 // 5,
                    "n_test": len(test),
                    "groups_test": len({labels[i] for i in test} if labels else test),
                    "split": "label" if labels else "image",
                    "mse": mse,
                    "mse_low": mse * 0.85,
                    "mse_high": mse * 1.18,
                    "psnr": -10 * np.log10(mse),
                    "ssim": 1 - 5 * mse,
                    "pca_equivalent": size / ratio,
                    "seeds": 1,
                    "ratio": ratio,
                    "ratio_low": ratio - 0.03 * bool(gain),
                    "ratio_high": ratio + 0.03 * bool(gain),
                }
            )
            baselines.append(
                {
                    "engine": engine,
                    "short": ENGINES[engine].short,
                    "bottleneck": size,
                    "baseline": "pca-augmented",
                    "baseline_title": "PCA on shifted images",
                    "ratio": ratio + 0.01,
                    "ratio_low": ratio - 0.02,
                    "ratio_high": ratio + 0.04,
                    "n_test": len(test),
                }
            )
            per_image += [
                {"engine": engine, "bottleneck": size, "row": row, "mse": error}
                for row, error in zip(test, errors, strict=True)
            ]
            panels.append((engine, size))
            pictures.append(back)
    _write(folder, "sweep", rows)
    _write(folder, "baselines", baselines)
    _write(folder, "sweep_images", per_image)
    named = [
        {"panel": i, "engine": e, "short": e, "bottleneck": k} for i, (e, k) in enumerate(panels)
    ]
    _write(folder, "reconstruction_panels", named)
    order = np.argsort([row["mse"] for row in per_image[-len(test) :]])
    middle = len(order) // 2
    picked = np.concatenate([order[:2], order[middle - 1 : middle + 1], order[-2:]])
    shown = [
        {"position": i, "row": test[at], "id": ids[test[at]], "pick": pick}
        for i, (at, pick) in enumerate(zip(picked, PICKS, strict=True))
    ]
    _write(folder, "reconstruction_images", shown)
    pixels = (np.stack(pictures)[:, picked].clip(0, 1) * 255).astype(np.uint8)
    shape = (len(panels), len(picked), *faces.shape[1:])
    np.save(folder / "arrays" / "reconstructions.npy", pixels.reshape(shape))


def _traversals(folder: Path, faces: np.ndarray, ids: list[str]) -> None:
    named = {"engine": "linear-start", "title": "the autoencoder", "bottleneck": 8}
    share = "variance_share"
    directions = [
        {"direction": i + 1, **named, share: 0.4 / (i + 1), "reach": 2.0, "factor": "", "r": ""}
        for i in range(2)
    ]
    _write(folder, "traversals", [{**row, "n_test": 12} for row in directions])
    _write(
        folder,
        "interpolation",
        [
            {
                **named,
                "space": space,
                "weight": weight,
                "nearest_distance": 0.1,
                "n_train": 20,
                "from": ids[0],
                "to": ids[1],
            }
            for space in ("pixels", "codes")
            for weight in (0.0, 0.5, 1.0)
        ],
    )
    shape = (2, 3, *faces.shape[1:])
    np.save(folder / "arrays" / "traversals.npy", faces[:6].reshape(shape))
    np.save(folder / "arrays" / "interpolation.npy", faces[:6].reshape(shape))


def _criteria(folder: Path, sizes: tuple[int, ...]) -> None:
    named = {"criterion": "psnr:25", "title": "a PSNR of at least 25 dB"}
    named |= {"engine": "pca", "short": "PCA"}
    seen = [
        {
            "bottleneck": k,
            "original": 1.0,
            "reconstructed": 1 - 1 / k,
            "loss": 1 / k,
            "loss_high": 1.4 / k,
        }
        for k in sizes
    ]
    _write(folder, "criteria", [{**named, **row, "n_test": 60} for row in seen])
    found = {"size": sizes[-1], "low": float(sizes[0]), "high": np.inf, "margin": 0.05}
    found |= {"undecided": "", "observed": sizes[-1], "groups_test": 6}
    lacking = {"criterion": "factors", "left_out": "no factors are known of the images"}
    _write(folder, "choices", [{**named, **found, "n_test": 60, "left_out": ""}, lacking])
    bend = {"low": 8.0, "high": 32.0, "ranges": 3, "with_knee": 2, "stable": False}
    _write(folder, "knee", [{"engine": "pca", "short": "PCA", "sizes": len(sizes), **bend}])
    errors = {"mse": 0.011, "per_size_mse": 0.01, "gap": 0.1, "gap_low": 0.05, "gap_high": 0.15}
    engines = {"engine": "prefix", "short": "prefix", "per_size_short": "from PCA"}
    _write(folder, "audit", [{**engines, "bottleneck": sizes[0], **errors, "n_test": 60}])


def _code_probes(folder: Path, sizes: tuple[int, ...]) -> None:
    probes, dimensions = [], []
    facts = ("engine", "title", "short", "role")
    for engine, k in [(ORIGINAL, 0), *((ENGINES["linear-start"].columns, k) for k in sizes)]:
        named = {name: engine[name] for name in facts} | {"bottleneck": k}
        for probe in ("same label nearest", "light"):
            score = 0.9 if not k else k / (k + 4)
            interval = {"low": score - 0.1, "high": score + 0.1, "n": 60, "chance": 0.1}
            probes.append({**named, "probe": probe, "score": score, **interval})
        value = {"dimension": 5.0, "low": 4.5, "high": 5.6, "n": 400, "groups": 40, "warnings": ""}
        calibrated = {"calibrated": 5.4, "calibrated_low": 4.9, "calibrated_high": 6.1}
        dimensions.append({**named, **value, **calibrated})
    _write(folder, "code_probes", probes)
    _write(folder, "code_dimension", dimensions)


def _training(folder: Path, n: int) -> None:
    rows = []
    for epoch in range(1, 13):
        held_out = 0.86 / (1 + np.exp(-(epoch - 6) / 1.5))
        rows.append(
            {
                "epoch": epoch,
                "train_loss": 3.7 * np.exp(-epoch / 4),
                "train_accuracy": min(1.0, held_out * 1.14),
                "held_out_accuracy": held_out,
                "held_out_low": held_out * 0.9,
                "held_out_high": min(1, held_out * 1.08),
                "chance": 0.025,
                "n_train": n * 7 // 10,
                "n_held_out": n - n * 7 // 10,
                "learning_rate": 0.01,
            }
        )
    _write(folder, "training", rows)


def _anatomy(folder: Path) -> None:
    layers = [
        ("conv1", "Conv2d", "11x11", 34_944, 105_415_200, "96x55x55"),
        ("relu1", "ReLU", "", 0, 0, "96x55x55"),
        ("conv2", "Conv2d", "5x5", 307_456, 223_948_800, "256x27x27"),
        ("conv3", "Conv2d", "3x3", 885_120, 149_520_384, "384x13x13"),
        ("conv4", "Conv2d", "3x3", 663_936, 112_140_288, "384x13x13"),
        ("conv5", "Conv2d", "3x3", 442_624, 74_760_192, "256x13x13"),
        ("fc6", "Linear", "", 37_752_832, 37_748_736, "4096"),
        ("fc7", "Linear", "", 16_781_312, 16_777_216, "4096"),
        ("fc8", "Linear", "", 4_097_000, 4_096_000, "1000"),
    ]
    _write(
        folder,
        "anatomy",
        [
            {
                "layer": layer,
                "kind": kind,
                "kernel": kernel,
                "stride": "4" if layer == "conv1" else "",
                "padding": "",
                "output": output,
                "formula": "(227 - 11) / 4 + 1 = 55" if layer == "conv1" else "",
                "parameters": parameters,
                "neurons": int(np.prod([int(s) for s in output.split("x")])),
                "multiply_adds": work,
                "share_parameters": parameters / 60_965_224,
                "share_multiply_adds": work / 724_406_816,
            }
            for layer, kind, kernel, parameters, work, output in layers
        ],
    )


def _evaluation(folder: Path) -> None:
    rows = []
    for views, right in (("centre", 101), ("ten", 104)):
        low, high = intervals.share(right, 120)
        row = {"model": "1: alexnet", "views": views, "accuracy": right / 120, "low": low}
        rows.append({**row, "high": high, "n_correct": right, "n": 120, "chance": 0.025})
    _write(folder, "evaluation", rows)


def _filters(folder: Path) -> None:
    weights = np.random.default_rng(1).normal(size=(16, 3, 5, 5)).astype(np.float32)
    np.save(folder / "arrays" / "filters.npy", weights)
    spans = [{"tower": t + 1, "first": 8 * t, "last": 8 * t + 7} for t in range(2)]
    _write(folder, "filters", spans)


def _top_images(folder: Path, faces: np.ndarray, ids: list[str]) -> None:
    rows: list[dict[str, object]] = []
    for layer, tower in (("conv1", 1), ("fc7", 0)):
        for unit in (0, 5):
            for rank in (1, 2, 3):
                at = {"layer": layer, "unit": unit, "tower": tower, "rank": rank, "row": rank}
                more = {"id": ids[rank], "label": "a", "value": 4.0 - rank, "n": len(faces)}
                rows.append({"panel": len(rows), **at, **more})
    _write(folder, "top_images", rows)
    shown = faces[[int(str(row["row"])) for row in rows]]
    np.save(folder / "arrays" / "top_images.npy", shown)


def _manifold(
    folder: Path,
    faces: np.ndarray,
    labels: list[str],
    sizes: tuple[int, ...],
    generator: np.random.Generator,
) -> None:
    n = len(faces)
    names = [("pixels", "pixels", "none", "pixels", faces[0].size)]
    names += [(f"code {size}", "autoencoder", "trained", "code", size) for size in sizes[-1:]]
    names += [
        (f"{words} {layer}", "alexnet", weights, layer, d)
        for words, weights in (("untrained", "untrained"), ("trained", "trained"))
        for layer, d in zip(LAYERS, (69_984, 43_264, 9_216, 4_096, 4_096), strict=True)
    ]
    codes = np.unique(labels, return_inverse=True)[1] if labels else np.zeros(n, dtype=int)
    centres = generator.normal(size=(codes.max() + 1, 2))
    rows, spectrum, points = [], [], []
    for place, (name, model, weights, layer, d) in enumerate(names):
        spread = 0.75 - 0.06 * place
        same = 0.9 + 0.008 * place if labels else np.nan
        value = 8.2 + 1.4 * np.sin(place)
        rows.append(
            {
                "representation": name,
                "model": model,
                "weights": weights,
                "layer": layer,
                "n": n,
                "groups": len(set(labels)) or n,
                "d": d,
                "dimension": value,
                "dimension_low": value - 0.9,
                "dimension_high": value + 0.9,
                "dimension_calibrated": value * 1.09,
                "dimension_calibrated_low": value * 1.09 - 1,
                "dimension_calibrated_high": value * 1.09 + 1,
                "participation_ratio": 12.4 + place,
                "components_90": 60 + 9 * place,
                "nearest_same": same,
                "nearest_low": same - 0.03,
                "nearest_high": same + 0.02,
                "nearest_n": n if labels else np.nan,
                "nearest_chance": 9 / 399 if labels else np.nan,
                "trustworthiness": 0.91 + 0.007 * place,
                "trustworthiness_k": 15,
                "dimension_warnings": "4 of 400 rows have a duplicate: they are left out."
                if place == 0
                else "",
            }
        )
        ratio = np.arange(1, min(n, 120)) ** -(0.9 + 0.1 * place)
        ratio /= ratio.sum() * 1.02
        spectrum += [
            {"representation": name, "component": i + 1, "ratio": r, "cumulative": c}
            for i, (r, c) in enumerate(zip(ratio, ratio.cumsum(), strict=True))
        ]
        xy = centres[codes] * (1.4 + 0.2 * place) + spread * generator.normal(size=(n, 2))
        points += [
            {"representation": name, "row": i, "x": x, "y": y} for i, (x, y) in enumerate(xy)
        ]
    _write(folder, "layers", rows)
    _write(folder, "spectrum", spectrum)
    shape = 1, *faces.shape[-2:]
    np.save(folder / "arrays" / "components.npy", generator.normal(size=(4, *shape)))
    shares, null = (0.4, 0.2, 0.05, 0.04), (0.1, 0.08, 0.06, 0.03)
    _write(
        folder,
        "components",
        [
            {"component": i + 1, "ratio": ratio, "null": above, "n": n, "repeats": 19}
            for i, (ratio, above) in enumerate(zip(shares, null, strict=True))
        ],
    )
    _write(folder, "map", points)


def _profile(folder: Path, n: int) -> None:
    rows, factors = [], []
    for weights, words in (("none", ""), ("untrained", "untrained "), ("trained", "trained ")):
        for depth, layer in enumerate(("pixels", *LAYERS)):
            if (weights == "none") != (layer == "pixels"):
                continue
            value = 9.5 - depth if weights == "trained" else 9.5 + 0.3 * depth
            read = 0.3 + 0.1 * depth if weights == "trained" else 0.3
            named = {
                "representation": f"{words}{layer}",
                "weights": weights,
                "layer": layer,
                "depth": depth,
                "n": n,
            }
            rows.append(
                {
                    **named,
                    "dimension": value * 0.9,
                    "dimension_calibrated": value,
                    "dimension_calibrated_low": value * 0.9,
                    "dimension_calibrated_high": value * 1.1,
                    "plateau": value,
                    "plateau_low": value * 0.9,
                    "plateau_high": value * 1.1,
                    "plateau_from": 2,
                    "plateau_to": 16,
                    "danco": value * 1.02,
                    "danco_calibrated_low": value,
                    "danco_calibrated_high": value * 1.04,
                    "gaussian_calibrated": value * 1.9,
                    "gaussian_calibrated_low": value * 1.8,
                    "gaussian_calibrated_high": value * 2.0,
                    "knn": read,
                    "knn_low": read - 0.05,
                    "knn_high": read + 0.05,
                    "linear": read,
                    "linear_low": read - 0.05,
                    "linear_high": read + 0.05,
                    "linear_shuffled": 0.1,
                    "chance": 0.1,
                }
            )
            r2 = 0.98 - 0.1 * depth
            factors.append(
                {**named, "factor": "turn", "r2": r2, "r2_low": r2 - 0.02, "r2_high": r2 + 0.01}
            )
    _write(folder, "profile", rows)
    _write(folder, "factors", factors)


def _invariance(folder: Path, n: int) -> None:
    rows = [
        {
            "change": change,
            "title": title,
            "weights": weights,
            "layer": layer,
            "depth": depth,
            "relative_displacement": 0.8 - 0.1 * depth,
            "relative_displacement_low": 0.75 - 0.1 * depth,
            "relative_displacement_high": 0.85 - 0.1 * depth,
            "top1_retrieval": 0.9,
            "n": n,
        }
        for change, title in (("mirror", "mirrored"), ("light", "lit 1.3 times as brightly"))
        for weights in ("trained", "untrained")
        for depth, layer in enumerate(LAYERS)
    ]
    _write(folder, "invariance", rows)


def _similarity(folder: Path, n: int) -> None:
    names = ["pixels", *(f"trained {layer}" for layer in LAYERS)]
    rows = [
        {
            "one": one,
            "other": other,
            "cka": 1 - 0.18 * (j - i),
            "null": 0.15,
            "p": 0.01,
            "n": n,
        }
        for i, one in enumerate(names)
        for j, other in enumerate(names)
        if j >= i
    ]
    _write(folder, "similarity", rows)


def _ladder(folder: Path, faces: np.ndarray, generator: np.random.Generator) -> None:
    rows, verdicts, samples = [], [], []
    for order, (rung, kind, title, distance, accepted) in enumerate(RUNGS):
        n = 100 if kind == "held-out" else 10_000
        accepted = accepted if n == 100 else accepted * 50
        low, high = intervals.share(accepted, n)
        head = {"rung": rung, "order": order, "kind": kind, "title": title}
        counts = {"n": n, "accepted": accepted, "rate": accepted / n, "low": low, "high": high}
        rows.append(
            {
                **head,
                **counts,
                "only_refused_by": "face-space" if rung == "pixelwise-gaussian" else "",
                "log10_bound": -1274.0 if rung == "uniform-pixels" else np.nan,
                "distance_q05": distance * 0.9,
                "distance_median": distance,
                "distance_q95": distance * 1.15,
                "accept_low": 0.052,
                "accept_high": 0.118,
                "level": 0.95,
                "calibration_n": 60,
                "calibration_people": 20,
                "seed": 0,
            }
        )
        verdicts += [{**head, "judge": who, "judge_title": who, **counts} for who in JUDGES]
        samples += [
            {
                "rung": rung,
                "sample": i,
                "accepted": accepted > 0 and i < 6,
                "nearest": i,
                "distance": distance,
            }
            for i in range(12)
        ]
    _write(folder, "ladder", rows)
    _write(folder, "ladder_judges", verdicts)
    _write(folder, "ladder_samples", samples)
    about = {"in_force": True, "level": 0.95, "n": 60, "people": 20, "blind_to": "anything else"}
    band = {"statistic": "distance", "accept_low": 0.06, "accept_high": 0.11}
    _write(folder, "judges", [{"judge": w, "judge_title": w, **band, **about} for w in JUDGES[:2]])
    low, high = intervals.share(3, 200)
    wrong = {"n": 200, "accepted": 3, "rate": 0.015, "low": low, "high": high, "auc": 0.99}
    kinds = (("upside-down", "Upside down", True), ("patches", "Patches without faces", False))
    _write(
        folder,
        "negatives",
        [
            {"kind": k, "title": t, "trained_on": on, "judge": w, "judge_title": w, **wrong}
            for k, t, on in kinds
            for w in JUDGES
        ],
    )
    X = faces.reshape(len(faces), -1) / 255.0
    mean, spread = X.mean(axis=0), X.std(axis=0)
    _, values, axes = np.linalg.svd(X - mean, full_matrices=False)
    scores = generator.normal(size=(12, len(values))) * values / np.sqrt(len(X))
    pictures = [
        generator.uniform(size=(12, X.shape[1])),
        mean + spread * generator.normal(size=(12, X.shape[1])),
        mean + scores @ axes,
        mean + scores[:, :12] @ axes[:12],
        mean + 0.05 * generator.normal(size=(12, X.shape[1])),
        X[-12:],
    ]
    pixels = (np.stack(pictures).clip(0, 1) * 255).astype(np.uint8)
    pixels = pixels.reshape(len(pictures), 12, *faces.shape[1:])
    np.save(folder / "arrays" / "ladder.npy", pixels)
    np.save(folder / "arrays" / "ladder_nearest.npy", pixels)
    np.save(folder / "arrays" / "wrongly_accepted.npy", pixels[4, :3])
