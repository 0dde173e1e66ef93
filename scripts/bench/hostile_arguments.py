"""Hostile values by kind of argument, and a valid call of each public function and command."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

LONG = "n" * 300
RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((80, 5))
LABELS = np.arange(80) % 4
PAIRS = [[1, 2], np.array([1, 2])]

# Values that no argument of a kind may have, and values that it may have or not.
WRONG: dict[str, list[Any]] = {
    "whole": [
        *(-1, 2.5, float("nan"), float("inf"), "3", "x\x1b[2J", {}, object(), True),
        *(-(10**30), 10**30, 1j, b"3", np.True_, 10**9, *PAIRS),
    ],
    "seed": [-1, 2.5, float("nan"), "3", [[1]], {}, object(), True, 2**32, 10**30, 1j],
    "real": ["x", [], {}, object(), float("nan"), float("inf"), -5, 1j, b"1", 10**400],
    "name": [
        *("", "no-such", "a" * 10_000, "a\0b", "../..", "\x1b[31m", 5, object(), b"pca", 1.5),
        *("os:abort", {}, float("nan"), "pca " * 50),
    ],
    "input": [
        *("/dev/zero", "/no/such", "a\0b", LONG, 5, None, object(), [], "/", b"x", "", 1.5),
        *("/proc/self/mem", "~nobody-here/x", "\udcff", {}),
    ],
    "output": ["/dev/null/x", "a\0b", LONG, 5, object(), [], b"x", "/proc/x", 1.5, {}, "precious"],
    "matrix": [
        *(None, 5, "x", [], [[]], [[1, 2], [3]], object(), {}, ROWS + 1j, ROWS.astype(str)),
        *(np.full((80, 5), np.nan), np.full((80, 5), np.inf), 1e-310 * ROWS, 1e300 * ROWS),
        *(1e150 * ROWS, 1e-200 * ROWS, np.ma.masked_greater(ROWS, 1), ROWS[:0], ROWS[:, :0]),
        *(ROWS[:1], ROWS[None], ROWS[0], ROWS.astype("datetime64[s]"), {1, 2}, b"x"),
        *(np.zeros((80, 5), [("a", int)]), (row for row in ROWS), np.full((80, 5), object())),
    ],
    "labels": [
        *(LABELS[:-1], [np.nan] * 80, np.ma.masked_equal(LABELS, 1), 5, object(), {}, "x"),
        *(LABELS[:, None], [None] * 80, [[1]] * 79),
    ],
    "flag": ["x", 5, [], object()],
    "object": [5, "x", object(), [], {}, b"x", 1.5, ROWS],
}
EITHER: dict[str, list[Any]] = {
    "whole": [0, 1, 2, 3.0, np.int64(3), np.float32(2), 79, 80, 81, None],
    "seed": [0, 7, 2**32 - 1, np.uint8(3), 3.0],
    "real": [0, 1, 0.5, 1e-310, True, np.float32(0.25), None],
    "name": [None, [], ["pca"], ("a", "b")],
    "input": [],
    "output": ["", None, "new/deep/folder", "\udcff", "\x1b[2J"],
    "matrix": [
        *(ROWS.astype(np.float16), ROWS > 0, ROWS.tolist(), np.ones((80, 5)), ROWS[:3], ROWS[:7]),
        *(np.repeat(ROWS[:8], 10, axis=0), np.eye(80), 1e60 * ROWS, 1e-60 * ROWS),
        *(ROWS[::-1, ::-1], np.asfortranarray(ROWS), (1000 * ROWS).astype(np.int64), "sparse"),
        *("tensor", "gradient", "bfloat16", "sparse tensor", "meta", "frame", ROWS.astype(">f8")),
    ],
    "labels": [None, np.zeros(80), np.arange(80), [f"\x1b{i}" for i in LABELS], LABELS.tolist()],
    "flag": [True, False, None, np.True_],
    "object": [None],
}


def special(value: Any) -> Any:
    """The matrices that need a library."""
    import pandas as pd
    import scipy.sparse
    import torch

    makers: dict[str, Callable[[], Any]] = {
        "sparse": lambda: scipy.sparse.csr_matrix(ROWS),
        "tensor": lambda: torch.tensor(ROWS),
        "gradient": lambda: torch.tensor(ROWS, requires_grad=True),
        "bfloat16": lambda: torch.tensor(ROWS).bfloat16(),
        "sparse tensor": lambda: torch.tensor(ROWS).to_sparse(),
        "meta": lambda: torch.empty((80, 5), device="meta"),
        "frame": lambda: pd.DataFrame(ROWS, columns=list("abcde")),
    }
    return makers[value]() if isinstance(value, str) and value in makers else value


@cache
def made(what: str) -> Any:
    """A valid argument that is an object of repviz's, made once in each process."""
    import repviz
    from repviz.training import RECIPES

    makers: dict[str, Callable[[], Any]] = {
        "images": lambda: repviz.open_images("array:valid/images.npz"),
        "model": lambda: repviz.open_model("autoencoder", size=16, bottleneck=2),
        "classifier": lambda: repviz.open_model("alexnet", classes=2),
        "acts": lambda: repviz.open_activations("valid/store"),
        "study": lambda: repviz.open_study("valid/study"),
        "compiled umap": lambda: repviz.umap(ROWS, densmap=True),
        "graph": lambda: repviz.neighbors(ROWS, k=50),
        "settings": lambda: RECIPES["pixels"].settings,
    }
    return makers[what]()


# Function -> argument: (kind, valid value). A value "@x" is made by `made`; "#out" is a new path.
Arguments = dict[str, tuple[str, Any]]
MATRIX, SEED = ("matrix", ROWS), ("seed", 0)
CALLS: dict[str, Arguments] = {
    "open_images": {
        **{"name": ("name", "array:valid/images.npz"), "size": ("whole", 16)},
        **{"limit": ("whole", 5), "label": ("name", "labels"), "seed": SEED},
        **{"metadata": ("input", None), "grey": ("flag", None)},
    },
    "images_from": {
        "items": ("object", list(ROWS.reshape(4, 10, 10) % 1)),
        "ids": ("labels", None),
    },
    "cache_images": {"images": ("object", "@images"), "folder": ("output", "#out")},
    "split": {
        **{"images": ("object", "@images"), "fractions": ("matrix", (0.5, 0.5))},
        **{"by": ("name", "image"), "seed": SEED},
    },
    "concatenate": {"first": ("object", "@images"), "second": ("object", "@images")},
    "open_model": {
        **{"model": ("name", "autoencoder"), "weights": ("name", "random"), "seed": SEED},
        **{"size": ("whole", 16), "bottleneck": ("whole", 2)},
    },
    "open_checkpoint": {"path": ("input", "valid/model.safetensors"), "model": ("name", None)},
    "anatomy": {"model": ("object", "@model")},
    "layers": {"model": ("object", "@model")},
    "train": {
        **{"model": ("object", "@model"), "images": ("object", "@images"), "epochs": ("whole", 1)},
        **{"out": ("output", "#out"), "held_out": ("real", 0.3), "batch": ("whole", 8)},
        **{"seed": SEED, "recipe": ("name", "pixels"), "overwrite": ("flag", False)},
    },
    "evaluate": {"models": ("object", "@classifier"), "images": ("object", "@images")},
    "extract": {
        **{"model": ("object", "@model"), "images": ("object", "@images"), "seed": SEED},
        **{"layers": ("name", None), "out": ("output", "#out"), "batch": ("whole", 8)},
        **{"reduce": ("name", "none"), "dtype": ("name", "float32"), "strict": ("flag", False)},
        "ablate": ("object", {}),
    },
    "open_activations": {"path": ("input", "valid/store")},
    "import_matrix": {
        **{"X": ("matrix", ROWS), "out": ("output", "#out"), "layer": ("name", "a")},
        **{"ids": ("labels", None), "labels": ("labels", LABELS)},
    },
    "export": {
        **{"acts": ("object", "@acts"), "layer": ("name", "matrix"), "out": ("output", "#out")},
        "format": ("name", "npy"),
    },
    "neighbors": {
        **{"X": MATRIX, "k": ("whole", 10), "metric": ("name", "euclidean"), "seed": SEED},
        **{"search": ("name", "exact"), "device": ("name", None), "cache": ("output", None)},
    },
    "dimension": {"X": MATRIX, "method": ("name", "twonn"), "groups": ("labels", None)},
    "dimension_by_label": {"X": MATRIX, "labels": ("labels", LABELS), "method": ("name", "mle")},
    "scale_curve": {"X": MATRIX, "groups": ("labels", None)},
    "pca": {"X": MATRIX, "components": ("whole", 2), "solver": ("name", "auto"), "seed": SEED},
    "parallel_analysis": {
        **{"X": MATRIX, "components": ("whole", 2), "permutations": ("whole", 19)},
        **{"quantile": ("real", 0.95), "seed": SEED},
    },
    "umap": {
        **{"graph": MATRIX, "components": ("whole", 2), "neighbors": ("whole", 10)},
        **{"min_dist": ("real", 0.1), "labels": ("labels", None), "densmap": ("flag", False)},
        **{"seed": SEED, "init": ("matrix", ROWS[:, :2])},
    },
    "umap_by_landmarks": {
        **{"X": MATRIX, "landmarks": ("whole", 60), "components": ("whole", 2)},
        **{"neighbors": ("whole", 10), "min_dist": ("real", 0.1), "seed": SEED},
    },
    "embed": {"graph": MATRIX, "method": ("name", "pca")},
    "quality": {
        **{"graph": ("object", "@graph"), "embedding": ("matrix", ROWS[:, :2])},
        **{"k": ("whole", 10), "labels": ("labels", None), "seed": SEED},
    },
    "similarity": {
        **{"X": MATRIX, "Y": MATRIX, "method": ("name", "cka"), "permutations": ("whole", 19)},
        **{"k": ("whole", 10), "seed": SEED},
    },
    "layer_similarity": {
        **{"X": MATRIX, "Y": MATRIX, "method": ("name", "cka"), "permutations": ("whole", 19)},
        **{"k": ("whole", 10), "seed": SEED},
    },
    "minibatch_cka": {
        **{"X": MATRIX, "Y": MATRIX, "batch": ("whole", 20), "epochs": ("whole", 1), "seed": SEED}
    },
    "probe": {
        **{"X": MATRIX, "target": ("labels", LABELS), "method": ("name", "knn"), "seed": SEED},
        **{"folds": ("whole", 5), "k": ("whole", 5), "groups": ("labels", None)},
    },
    "invariance": {"X": MATRIX, "X_perturbed": ("matrix", ROWS + 0.1), "groups": ("labels", None)},
    "plot_augmentation": {
        **{"model": ("object", "@model"), "images": ("object", "@images"), "seed": SEED},
        **{"recipe": ("object", "@settings"), "out": ("output", "#out")},
    },
    "sweep": {
        **{"images": ("object", ROWS), "bottlenecks": ("whole", 2), "out": ("output", "#out")},
        **{"engines": ("name", "pca"), "criteria": ("name", ()), "seed": SEED},
        "setup": ("object", None),
    },
    "choose_bottleneck": {
        **{"sweep": ("object", "@study"), "criterion": ("name", "psnr:20"), "seed": SEED},
        **{"engine": ("name", "linear-start"), "margin": ("real", 0.05), "level": ("real", 0.95)},
    },
    "export_encoder": {
        **{"sweep": ("object", "@study"), "out": ("output", "#out"), "bottleneck": ("whole", 2)},
        **{"engine": ("name", "linear-start"), "format": ("name", "repviz")},
    },
    "study": {"name": ("name", "none"), "images": ("object", "@images"), "out": ("output", "#out")},
    "open_study": {"folder": ("input", "valid/study")},
    "write_report": {"study_folder": ("input", "valid/study"), "out": ("output", "#out")},
    "verify": {"path": ("input", "valid/study")},
    "catalog": {"family": ("name", None)},
}
# Values that are wrong in general and right here.
RIGHT = {
    ("export", "layer"): (),
    ("import_matrix", "layer"): WRONG["name"],
    ("import_matrix", "X"): WRONG["matrix"],
    ("import_matrix", "labels"): WRONG["labels"],
    ("import_matrix", "ids"): WRONG["labels"],
    ("images_from", "items"): WRONG["object"],
    ("images_from", "ids"): WRONG["labels"],
    ("sweep", "images"): [ROWS],
    ("split", "fractions"): WRONG["matrix"],
    ("open_images", "limit"): [10**9, 10**30],
    ("open_model", "size"): PAIRS,
    ("extract", "reduce"): [value for value in WRONG["name"] if value == {}],
    ("train", "batch"): [10**9],
    ("umap", "init"): [None],
    ("umap_by_landmarks", "landmarks"): [10**9, 10**30],
    ("sweep", "bottlenecks"): PAIRS,
    ("neighbors", "cache"): ["precious"],
    ("open_images", "metadata"): [None],
}
COMMANDS = {
    "list": ["_"],
    "verify": ["valid/store"],
    "dimension": [
        "valid/store",
        "--method=mle",
        "--layer=matrix",
        "--option=k=10",
        "--groups=label",
    ],
    "scales": ["valid/matrix.npy", "--layer=_"],
    "similarity": ["valid/store", "valid/store", "--method=cka", "--k=5", "--seed=0"],
    "export": ["valid/store", "--out=#out", "--format=npy", "--layer=matrix"],
    "import": ["valid/matrix.npy", "--out=#out", "--layer=a", "--name=b"],
    "anatomy": ["autoencoder", "--bottleneck=2", "--csv=#out"],
    "report": ["valid/study", "--out=#out"],
    "encoder": [
        "valid/study",
        "--bottleneck=2",
        "--out=#out",
        "--engine=linear-start",
        "--format=repviz",
    ],
    "sweep": ["valid/store", "--out=#out", "--engines=pca", "--bottlenecks=2", "--seed=0"],
    "extract": [
        *("autoencoder", "--images=array:valid/images.npz", "--out=#out", "--size=16"),
        *("--limit=9", "--reduce=none", "--batch=4", "--dtype=float32", "--seed=0", "--layers=_"),
    ],
}
WORDS = ["", "-1", "nan", "1e999", "10000000000", "a\x1b[2J", "../..", "no-such", LONG, "=1+1", "-"]
WORDS += [
    "/dev/zero",
    "os:abort",
    "2:1",
    "1:",
    "64x",
    "k=",
    "0",
    "\udcff",
    "precious",
    "2,,3",
    "None",
]
