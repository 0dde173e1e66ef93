#!/usr/bin/env python3
"""Dimensions of data about which something is known: reports/dimensions-of-known-data/.

    .venv/bin/python scripts/known_data.py --data FOLDER
    .venv/bin/python scripts/known_data.py --net MODULE:ATTRIBUTE --objects SOURCE --layers NAMES

FOLDER holds faces_isomap_32x32.npz (698 rendered faces), digits_mnist_20k.npz
and faces_yaleb_96x84.npz; the AT&T faces come with the package. ``--net`` names a network with
trained weights, ``--objects`` images to show it, ``--layers`` those to measure, with commas; three
draws of random weights stand beside. A CSV each, numbers only; what the literature says stands in
the README beside them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import repviz

DRAWS = 3  # of random weights: one may be unlike another
OUT = Path(__file__).resolve().parents[1] / "reports/dimensions-of-known-data"


def measured(name: str, subset: str, X: np.ndarray, groups: np.ndarray | None = None) -> dict:
    """One row of the table."""
    graph = repviz.neighbors(X, k=min(72, len(X) - 1))
    two = repviz.dimension(graph, groups=groups)
    gride = repviz.dimension(graph, method="gride", groups=groups)
    danco = repviz.dimension(graph, method="danco", groups=groups)
    pope = repviz.dimension(graph, method="mle", k=20, pope2021=True)
    curve = repviz.scale_curve(graph)
    return {
        "data": name,
        "subset": subset,
        "n": len(X),
        "features": X.shape[1],
        "twonn": two.value,
        "twonn_low": two.low,
        "twonn_high": two.high,
        "twonn_calibrated": two.calibrated,
        "twonn_calibrated_low": two.calibrated_low,
        "twonn_calibrated_high": two.calibrated_high,
        "gride_m4": gride.value,
        "gride_m4_low": gride.low,
        "gride_m4_high": gride.high,
        "gride_m4_calibrated": gride.calibrated,
        "gride_m4_calibrated_low": gride.calibrated_low,
        "gride_m4_calibrated_high": gride.calibrated_high,
        "danco": danco.value,
        "danco_low": danco.low,
        "danco_high": danco.high,
        "mle_k20_pope2021": pope.value,
        "plateau": curve.dimension,
        "plateau_low": curve.low,
        "plateau_high": curve.high,
        "pca_90": repviz.dimension(graph, method="pca-90").value,
        "participation": repviz.dimension(graph, method="participation").calibrated,
        "warnings": " ".join(dict.fromkeys((*two.warnings, *curve.warnings))),
    }


def pictures(data: Path) -> list[dict]:
    """Rendered faces, digits, faces under many lights, faces of forty people."""
    rows = []
    faces = np.load(data / "faces_isomap_32x32.npz")["images"]
    rows.append(measured("Isomap faces", "all", faces.reshape(len(faces), -1)))
    digits = np.load(data / "digits_mnist_20k.npz")
    X = digits["images"].reshape(len(digits["images"]), -1).astype(np.float32)
    for digit in range(10):
        rows.append(measured("MNIST", f"digit {digit}", X[digits["labels"] == digit]))
    rows.append(measured("MNIST", "all", X))
    yale = np.load(data / "faces_yaleb_96x84.npz")
    X = yale["images"].reshape(len(yale["images"]), -1).astype(np.float32)
    people = yale["subject"]
    rows.append(measured("Extended Yale B", "all", X, groups=people))
    alone = [measured("", "", X[people == one]) for one in np.unique(people)]
    middle = pd.DataFrame(alone).drop(columns=["data", "subset", "warnings"]).median()
    subset = f"one person, lights vary (median of {len(alone)})"
    rows.append({"data": "Extended Yale B", "subset": subset, **middle, "warnings": ""})
    orl = repviz.open_images("orl", size=64, grey=True)
    rows.append(measured("AT&T faces", "all", orl.matrix(), groups=orl.labels))
    return rows


def layers(net: str, objects: str, names: list[str] | None) -> list[dict]:
    """Every layer of a network, with its trained weights and with draws of random ones."""
    rows = []
    images = repviz.open_images(objects)
    trained = repviz.open_model(net, weights="default")
    states = {"trained": trained}
    for seed in range(DRAWS):
        states[f"random weights, seed {seed}"] = repviz.open_model(net, weights="random", seed=seed)
    for state, model in states.items():
        with tempfile.TemporaryDirectory() as folder:
            acts = repviz.extract(model, images, layers=names, out=folder, reduce="mean")
            for layer in acts.layers:
                X = np.asarray(acts[layer])
                scores = repviz.pca(X).scores  # all distances, in n - 1 dimensions
                row = measured(net.partition(":")[2], f"{layer}, {state}", scores)
                rows.append({**row, "features": X.shape[1]})
                print(rows[-1]["subset"], flush=True)
    return rows


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--net")
    parser.add_argument("--objects")
    parser.add_argument("--layers", type=lambda text: text.split(","))
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[], list[dict]]] = {}
    if options.data:
        parts["pictures"] = lambda: pictures(options.data)
    if options.net:
        parts["layers"] = lambda: layers(options.net, options.objects, options.layers)
    for name, make in parts.items():
        table = pd.DataFrame(make())
        table.to_csv(options.out / f"{name}.csv", index=False, float_format="%.4g")
        print(table.drop(columns="warnings").to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
