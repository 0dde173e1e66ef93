"""The stages of a made-up study, each written as the product writes its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from study_tables import Images, table

from repviz import intervals
from repviz.bottleneck.code_contents import ORIGINAL
from repviz.bottleneck.engines import ENGINES
from repviz.study_folder import Draft

LAYERS = {"pool1": 69_984, "pool2": 43_264, "pool5": 9_216, "fc6": 4_096, "fc7": 4_096}
JUDGES = ("nearest-face", "face-space", "joint")
RUNGS = (  # name, kind, median distance, images drawn, accepted
    ("uniform-pixels", "ladder", 0.42, 10_000, 0),
    ("pixelwise-gaussian", "ladder", 0.28, 10_000, 0),
    ("full-covariance-gaussian", "ladder", 0.15, 10_000, 150),
    ("decoded-codes", "ladder", 0.10, 10_000, 2050),
    ("mean-face-plus-noise", "control", 0.12, 10_000, 0),
    ("held-out", "held-out", 0.08, 100, 95),
)
SENTENCES = {
    "sweep": ["At 32 numbers an image, the autoencoder's error is 0.93 times that of PCA."],
    "training": ["The network names 85.0 % of 120 held-out images; chance is 2.5 %."],
    "identity": ["In trained fc7 the nearest image shows the same person for 97.5 % of images."],
    "dimension": ["400 images have an intrinsic dimension of 7.9 (7.0 to 8.8)."],
    "ladder": ["0 of 10,000 images of uniform noise are accepted as faces: at most 0.03 %."],
}


def _findings(draft: Draft, images: Images) -> None:
    draft.findings(SENTENCES)


def _images(draft: Draft, images: Images) -> None:
    draft.array("thumbnails", images.pixels)
    labels = images.labels or [""] * images.n
    rows = [
        {"row": i, "id": name, "label": label, "factor_turn": i * 0.5}
        | {"sweep_split": "train" if i < images.n * 4 // 5 else "test"}
        for i, (name, label) in enumerate(zip(images.ids, labels, strict=True))
    ]
    table(draft, "images", rows)


def _sweep(draft: Draft, images: Images) -> None:
    test = range(images.n * 4 // 5, images.n)
    of_study = {
        "n_train": images.n * 4 // 5,
        "n_test": len(test),
        "groups_test": len({images.labels[i] for i in test} if images.labels else test),
        "split_by": "label" if images.labels else "image",
    }
    rows = [
        {**ENGINES[engine].columns, "bottleneck": k, "mse": 0.02 * ratio / k, "ratio": ratio}
        | of_study
        for engine, ratio in (("pca", 1.0), ("conv", 1.69), ("linear-start", 0.88))
        for k in images.sizes
    ]
    table(draft, "sweep", rows)
    curves = [
        {**ENGINES[engine].columns, "bottleneck": k, "epoch": epoch, "step": 3 * epoch}
        | {"train_mse": 0.03 / (1 + epoch), "validation_mse": 0.04 / (1 + epoch)}
        | {"is_relative": False, "selected": epoch == 2}
        for engine in ("conv", "linear-start")
        for k in images.sizes
        for epoch in range(3)
    ]
    table(draft, "learning_curves", curves)
    named = [{name: row[name] for name in ("engine", "engine_label", "bottleneck")} for row in rows]
    table(draft, "baselines", named)
    table(draft, "sweep_images", [{**row, "row": i} for row in named for i in test])
    original = {"engine": "original", "engine_label": "original", "bottleneck": np.nan}
    panels = [{"panel": i, **row} for i, row in enumerate([original, *named])]
    table(draft, "reconstruction_panels", panels)
    picks = enumerate(zip(test, ("best", "median", "worst", "worst"), strict=False))
    shown = [{"position": i, "row": r, "id": images.ids[r], "pick": p} for i, (r, p) in picks]
    table(draft, "reconstruction_images", shown)
    pictures = images.pixels[test[: len(shown)]]
    draft.array("reconstructions", np.stack([pictures] * len(panels)))
    table(draft, "audit", [{"bottleneck": images.sizes[0]}])
    sizes = {"size": 7, "longest": 64, "rule": "the fewest numbers that suffice", "needed": 23}
    table(draft, "found_sizes", [{**ENGINES["least-volume"].columns, **sizes}])


def _traversals(draft: Draft, images: Images) -> None:
    named = {"engine": "linear-start", "engine_title": "the autoencoder", "bottleneck": 8}
    table(draft, "traversals", [{**named, "direction": i, "reach": 2.0, "r": ""} for i in (1, 2)])
    ends = {"from": images.ids[0], "to": images.ids[1], "n_train": 20}
    steps = product(("pixels", "codes"), (0.0, 0.5, 1.0))
    table(draft, "interpolation", [{**named, **ends, "space": s, "weight": w} for s, w in steps])
    for name in ("traversals", "interpolation"):
        draft.array(name, images.pixels[:6].reshape(2, 3, *images.pixels.shape[1:]))


def _decoders(draft: Draft, images: Images) -> None:
    rng, m, hidden, (shown, known) = np.random.default_rng(4), 8, 4, (8, 6)
    pixels, sizes = images.pixels[:shown].reshape(shown, -1), images.sizes
    counts = {"components": m, "hidden": hidden, "layers": 2, "n_test": shown, "n_known": known}
    limits = {"distance_q05": 0.05, "distance_q95": 0.12, "difference": 0.9}
    named = {"engine_title": "the autoencoder", **counts, **limits}
    table(draft, "decoders", [{**named, "bottleneck": k, "directions": k} for k in sizes])
    weights = sum(hidden * k + m * hidden for k in sizes) + m * pixels.shape[1]
    draft.array("decoder_weights", rng.integers(-127, 128, weights).astype(np.int8))
    floats = sum(2 * (hidden + m) + 3 * k + k * k for k in sizes) + m
    numbers = np.concatenate([pixels[0] / 255, rng.uniform(1e-3, 2e-3, floats)])
    draft.array("decoder_floats", numbers.astype(np.float32))
    codes = rng.normal(size=(shown, sum(sizes) + max(sizes)))
    draft.array("decoder_codes", codes.astype(np.float32))
    draft.array("decoder_errors", np.full((2, len(sizes), shown), 0.01, np.float32))
    draft.array("decoder_known", rng.integers(-9, 9, (known, m)).astype(np.int8))
    draft.array("decoder_known_floats", np.ones(m + known, np.float32))
    draft.array("decoder_rows", np.arange(shown + known))
    own = images.pixels[:shown]
    draft.array("decoder_images", own.reshape(shown, -1, *own.shape[-2:]))
    draft.array("decoder_strip", images.pixels[: 1 + len(sizes)])


def _criteria(draft: Draft, images: Images) -> None:
    sizes = images.sizes
    named = {"criterion": "psnr:25", "title": "a PSNR of at least 25 dB"}
    table(draft, "criteria", [{**named, "bottleneck": k, "loss": 1 / k} for k in sizes])
    found = {"size": sizes[-1], "low": float(sizes[0]), "high": np.inf, "observed": sizes[-1]}
    lacking = {"left_out": "no factors are known of the images", "size": np.nan}
    table(draft, "choices", [{**named, **found}, {**found, **lacking, "criterion": "factors"}])
    table(draft, "knee", [{"sizes": len(sizes), "ranges": 3, "with_knee": 2, "stable": False}])


def _code_probes(draft: Draft, images: Images) -> None:
    trained = ENGINES["linear-start"].columns
    codes: list[dict[str, Any]] = [{**ORIGINAL, "bottleneck": np.nan}]
    codes += [{**trained, "bottleneck": k} for k in images.sizes]
    probes = ("same label nearest", "light")
    table(draft, "code_probes", [{**code, "probe": p} for code in codes for p in probes])
    table(draft, "code_dimension", [{**code, "dimension": 5.0} for code in codes])


def _anatomy(draft: Draft, images: Images) -> None:
    layers = [
        ("conv1", 34_944, 105_415_200, 290_400),
        ("relu1", 0, 0, 290_400),
        ("conv2", 307_456, 223_948_800, 186_624),
        ("fc6", 37_752_832, 37_748_736, 4_096),
        ("fc7", 16_781_312, 16_777_216, 4_096),
    ]
    columns = ("layer", "parameters", "multiply_adds", "neurons")
    rows: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in layers]
    for row in rows:
        row["share_parameters"] = row["parameters"] / 60_965_224
        row["share_multiply_adds"] = row["multiply_adds"] / 724_406_816
    table(draft, "anatomy", rows)


def _training(draft: Draft, images: Images) -> None:
    known = images.n * 7 // 10
    counts = {"n_train": known, "n_available": known, "n_held_out": images.n - known}
    counts["usual_epochs"] = 12
    rows = [
        {"epoch": epoch, "held_out_accuracy": 0.07 * epoch, "chance": 0.025, **counts}
        for epoch in range(1, 13)
    ]
    table(draft, "training", rows)


def _evaluation(draft: Draft, images: Images) -> None:
    views = ("centre", "ten")
    table(draft, "evaluation", [{"views": v, "n_correct": 50, "accuracy": 50 / 60} for v in views])
    labels, held_out = images.labels or ["?"] * images.n, range(images.n * 7 // 10, images.n)
    wrong = (held_out[1], held_out[0])  # the surest first
    shown = {row: panel for panel, row in enumerate([*wrong, *held_out[2:]])}
    outcomes = [
        {"row": row, "id": images.ids[row], "label": labels[row], "correct": int(row not in wrong)}
        | {"predicted": labels[0] if row in wrong else labels[row], "panel": panel}
        | {"probability": 0.9, "label_probability": 0.04 if row in wrong else 0.9}
        for row, panel in shown.items()
    ]
    table(draft, "evaluation_images", sorted(outcomes, key=lambda one: one["row"]))
    pairs = Counter((one["label"], one["predicted"]) for one in outcomes)
    of = Counter(one["label"] for one in outcomes)
    confused = [{"label": a, "predicted": b, "n": n} for (a, b), n in sorted(pairs.items())]
    table(draft, "confusion", [{**one, "n_label": of[one["label"]]} for one in confused])
    draft.array("evaluation_images", images.pixels[list(shown)])


def _filters(draft: Draft, images: Images) -> None:
    draft.array("filters", np.random.default_rng(1).normal(size=(2, 16, 3, 5, 5)))
    kinds = enumerate(("trained", "untrained"))
    towers = [
        {"state": state, "weights": kind, "tower": t + 1, "first": 8 * t, "last": 8 * t + 7}
        for (state, kind), t in product(kinds, range(2))
    ]
    table(draft, "filters", towers)


def _feature_maps(draft: Draft, images: Images) -> None:
    named = {"layer": "conv1", "image": 0, "id": images.ids[0], "height": 4, "width": 4}
    states, towers = ("trained", "untrained"), (1, 1, 2, 2)
    rows = [
        {**named, "state": state, "tower": tower, "rank": rank}
        for state in states
        for rank, tower in enumerate(towers, 1)
    ]
    table(draft, "feature_maps", rows)
    table(draft, "predictions", [{**named, "state": state, "rank": 1} for state in states])
    for state in states:
        draft.array(f"maps_{state}_conv1", np.arange(64, dtype=np.float32).reshape(1, 4, 4, 4))
    names = ("pixels", "trained fc7", "untrained fc7")
    nearest = [
        {"image": 0, "row": 0, "id": images.ids[0], "label": (images.labels or [""])[0]}
        | {"representation": name, "layer": name.split()[-1], "rank": rank}
        | {"neighbor_row": rank, "neighbor_id": images.ids[rank], "same_label": rank < 3}
        for name, rank in product(names, (1, 2, 3))
    ]
    table(draft, "nearest_images", nearest)


def _top_images(draft: Draft, images: Images) -> None:
    places = product((("conv1", 1), ("fc7", 0)), (0, 5), (1, 2, 3))
    rows: list[dict[str, Any]] = [
        {"panel": i, "layer": layer, "tower": tower, "unit": unit, "rank": rank, "row": rank}
        | {"id": images.ids[rank]}
        for i, ((layer, tower), unit, rank) in enumerate(places)
    ]
    field = ("field_top", "field_left", "field_bottom", "field_right")
    inside = {"input_height": 24, "input_width": 24} | dict(zip(field, (0, 6, 9, 17), strict=True))
    complete = inside | dict(zip(field, (0, 0, 24, 24), strict=True))
    rows = [row | (inside if row["layer"] == "conv1" else complete) for row in rows]
    table(draft, "top_images", rows)
    draft.array("top_images", images.pixels[[row["row"] for row in rows]])
    draft.array("top_patches", images.pixels[[row["row"] for row in rows], 0:9, 6:15])


def _network_layers() -> list[dict[str, Any]]:
    """The pixels, then each layer of the untrained and of the trained network."""
    pixels = {"representation": "pixels", "model": "pixels", "weights": "none", "layer": "pixels"}
    return [pixels | {"depth": 0}] + [
        {"representation": f"{weights} {layer}", "model": "alexnet", "weights": weights}
        | {"layer": layer, "depth": depth, "d": LAYERS[layer]}
        for weights in ("untrained", "trained")
        for depth, layer in enumerate(LAYERS, 1)
    ]


def _manifold(draft: Draft, images: Images) -> None:
    rng = np.random.default_rng(0)
    pixels, *network = _network_layers()
    warning = "4 of 400 rows have a duplicate: they are left out."
    pixels |= {"d": images.pixels[0].size, "dimension_warnings": warning}
    size = images.sizes[-1]
    code = {"representation": f"code {size}", "model": "autoencoder", "d": size}
    rows = [pixels, code | {"weights": "trained", "layer": "code"}, *network]
    spectrum, points, nearest = [], [], []
    for place, row in enumerate(rows):
        row |= {
            "n": images.n,
            "groups": len(set(images.labels)) or images.n,
            "dimension": 8.2 + 1.4 * np.sin(place),
            "dimension_calibrated": 8.9 + 1.5 * np.sin(place),
            "participation_ratio": 12.4 + place,
            "components_90": 60 + 9 * place,
            "nearest_same": 0.9 + 0.008 * place if images.labels else np.nan,
            "nearest_same_n": images.n,
            "trustworthiness": 0.91 + 0.007 * place,
        }
        named = {"representation": row["representation"]}
        steps = range(1, images.n)
        spectrum += [{**named, "component": i, "cumulative": i / images.n} for i in steps]
        places = rng.normal(size=(images.n, 2)) + 2 * (np.arange(images.n) // 4)[:, None]
        local = {"trustworthiness": 0.9, "local_dimension": 6.0}
        for i, (x, y) in enumerate(places):
            trust = {name: value + 0.01 * i for name, value in local.items()}
            points.append({**named, "row": i, "x": x, "y": y, **trust})
        nearest.append([[(i + step) % images.n for step in range(1, 6)] for i in range(images.n)])
    table(draft, "layers", rows)
    pairs = [("trained fc7", other) for other in ("untrained fc7", "pixels")]
    gain = {"difference": 0.03, "low": -0.01, "high": 0.07, "n": images.n}
    table(
        draft,
        "identity_differences",
        [{"representation_a": a, "representation_b": b, **gain} for a, b in pairs],
    )
    table(draft, "spectrum", spectrum)
    table(draft, "map", points)
    draft.array("map_neighbors", np.array(nearest, dtype=np.int32))
    shares = enumerate(zip((0.4, 0.2, 0.05, 0.04), (0.1, 0.08, 0.06, 0.05), strict=True), 1)
    table(
        draft,
        "components",
        [{"component": i, "ratio": r, "null_ratio_max": p} for i, (r, p) in shares],
    )
    draft.array("components", rng.normal(size=(4, 1, *images.pixels.shape[-2:])))


def _profile(draft: Draft, images: Images) -> None:
    rows = [{**row, "n": images.n} for row in _network_layers()]
    probes = "knn knn_low knn_high linear linear_low linear_high linear_shuffled chance"
    danco = {"danco": 8.0, "danco_calibrated_low": 7.5, "danco_calibrated_high": 8.5}
    found = {"plateau_from": 2, "plateau_to": 16, **danco}
    table(draft, "profile", [{**row, **found} for row in rows], probes)
    table(draft, "factors", [{**row, "factor": "turn"} for row in rows])


def _invariance(draft: Draft, images: Images) -> None:
    rows = [
        {**row, "change": change, "title": f"with {change}"}
        for change in ("mirror", "light")
        for row in _network_layers()[1:]
    ]
    table(draft, "invariance", rows)


def _similarity(draft: Draft, images: Images) -> None:
    names = ["pixels", *(f"trained {layer}" for layer in LAYERS)]
    pairs = [(one, other) for i, one in enumerate(names) for other in names[i:]]
    table(draft, "similarity", [{"representation_a": a, "representation_b": b} for a, b in pairs])


def _stores(draft: Draft, images: Images) -> None:
    named = {"weights_kind": "trained", "n_stored": images.n, "n": images.n}
    table(draft, "stores", [{**named, "store": name} for name in ("epoch1", "epoch9")])
    pair = {"store_a": "epoch1", "store_b": "epoch9", "n_shared": images.n}
    table(draft, "shared_images", [pair | {"n_a": images.n, "n_b": images.n, "paired_by": "id"}])


def _studies(draft: Draft, images: Images) -> None:
    named = {"n": images.n, "n_shared": images.n, "paired_by": "content"}
    table(draft, "compared_studies", [{**named, "side": side} for side in ("A", "B")])
    table(draft, "option_differences", [{"option": "seed", "value_a": "0", "value_b": "1"}])


def _comparisons(draft: Draft, images: Images) -> None:
    error = {"comparison": "sweep", "title": "reconstruction error", "effect_kind": "ratio"}
    share = {"comparison": "probes", "title": "accuracy", "effect_kind": "difference"}
    rows = [
        {**error, "effect": 0.9, "effect_low": 0.8, "effect_high": 0.95, "verdict": "lower"},
        {**error, "effect": 1.1, "effect_low": 0.9, "effect_high": np.inf, "verdict": "not shown"},
        {**share, "effect": 0.1, "effect_low": 0.05, "effect_high": 0.15, "verdict": "higher"},
    ]
    counted = {"n_paired": images.n}
    table(
        draft,
        "comparison",
        [{**row, **counted, "quantity": f"number {i}"} for i, row in enumerate(rows)],
    )


def _ladder(draft: Draft, images: Images) -> None:
    rungs, verdicts, samples = [], [], []
    band = {"distance_limit_low": 0.052, "distance_limit_high": 0.118, "calibration_level": 0.95}
    for order, (rung, kind, distance, n, accepted) in enumerate(RUNGS):
        low, high = intervals.share(accepted, n)
        row = {"rung": rung, "order": order, "kind": kind, "title": rung.replace("-", " "), "n": n}
        share = zip(("", "_low", "_high"), (accepted / n, low, high), strict=True)
        row |= {"accepted": accepted, **{f"accepted_share{end}": value for end, value in share}}
        spread = {"q05": 0.9, "median": 1.0, "q95": 1.15}.items()
        distances = {f"distance_{name}": distance * factor for name, factor in spread}
        calibration = {"calibration_n": 60, "calibration_groups": 20}
        row["groups"] = 20 if kind == "held-out" else n
        rungs.append({**row, **distances, **band, **calibration})
        verdicts += [{**row, "judge": judge, "judge_title": judge} for judge in JUDGES]
        shown = {"rung": rung, "accepted": accepted > 0, "distance": distance}
        samples += [{**shown, "sample": i, "nearest_row": i} for i in range(12)]
    tables = {"ladder": rungs, "ladder_judges": verdicts, "ladder_samples": samples}
    for name, rows in tables.items():
        table(draft, name, rows)
    judged = {"limit_low": 0.05, "limit_high": 0.12, "used": True, "blind_to": "all else"}
    table(draft, "judges", [{"judge": j, "judge_title": j, **judged} for j in JUDGES[:2]])
    wrong = [
        {"kind": kind, "title": kind, "in_classifier_training": met, "judge": judge}
        | {"judge_title": judge, "n": 200, "accepted": 3, "accepted_share": 0.015}
        for kind, met in (("upside-down", True), ("patches", False))
        for judge in JUDGES
    ]
    table(draft, "negatives", wrong)
    table(draft, "judge_errors", [one | {"n": 400, "accepted": 6} for one in wrong[: len(JUDGES)]])
    shape = (len(RUNGS), 12, *images.pixels.shape[1:])
    noise = np.random.default_rng(2).integers(0, 255, shape, dtype=np.uint8)
    draft.array("ladder", noise)
    draft.array("wrongly_accepted", noise[4, :3])


def _rarity(draft: Draft, images: Images) -> None:
    estimates = (  # sampler, verdict, log10 of the probability, its interval, its bound, by what
        (
            "uniform-pixels",
            "nearest-face",
            -609.54,
            -609.62,
            -609.45,
            -606.3,
            "importance sampling",
        ),
        ("full-covariance-gaussian", "nearest-face", -0.01, -0.012, -0.009, np.nan, "counting"),
        ("uniform-pixels", "joint", -1323.9, -1324.5, -1322.4, -1298.3, "splitting"),
        ("pixelwise-gaussian", "joint", np.nan, np.nan, np.nan, -104.3, "splitting"),
    )
    titles = {"nearest-face": "distance to the nearest", "joint": "all judges together"}
    reason = "splitting takes minutes and was not asked for"
    rows = [
        {"sampler": sampler, "title": sampler.replace("-", " "), "verdict": verdict, "n": 280}
        | {"verdict_title": titles[verdict], "log10_probability": value, "log10_floor": low}
        | {"log10_probability_low": low, "log10_probability_high": high, "log10_bound": bound}
        | {"method": method, "left_out": "" if value == value else reason, "evaluations": 4000}
        | {"populations": np.nan, "particles": np.nan, "moves": np.nan}
        for sampler, verdict, value, low, high, bound, method in estimates
    ]
    table(draft, "rarity", rows)


def _paths(draft: Draft, images: Images) -> None:
    ends = {"from_row": 0, "to_row": 1, "n_known": images.n}
    band = {"distance_limit_low": 0.052, "distance_limit_high": 0.118, "joint_limit": 1.2}
    steps = [
        {"path": path, "title": f"by {path}", "step": i, "position": i / 3, **ends, **band}
        | {"accepted": i > 1, "distance": 0.3 / (1 + i), "nearest_row": i}
        | {"joint_score": 2.0 - i / 2, "refused_by_title": "" if i > 1 else "Eigenface space"}
        | {"length": length, "straight_length": 0.2, "k": 5 if path == "graph" else 0}
        | {"image_row": i if path == "graph" else ""}
        for path, length in (("noise", 0.2), ("pixels", 0.2), ("code", 0.21), ("graph", 0.5))
        for i in range(4)
    ]
    table(draft, "paths", steps)
    draft.array("paths", images.pixels[[i % images.n for i in range(len(steps))]])
    counted = (("ends", 40, 39), ("pixels", 20, 12), ("decoded", 40, 8), ("code", 20, 2))
    shares: list[dict[str, Any]] = []
    for kind, n, accepted in counted:
        low, high = intervals.share(accepted, n)
        share = {"accepted_share": accepted / n, "accepted_share_low": low}
        share |= {"accepted_share_high": high, "n": n, "groups": 5, "accepted": accepted}
        share["people_known"] = True
        shares.append({"kind": kind, "title": kind, **share, "distance_median": 0.1})
    shares[-1] |= {"difference": -0.5, "difference_low": -0.7, "difference_high": -0.3}
    table(draft, "path_midpoints", shares)


def _random_map(draft: Draft, images: Images) -> None:
    rng = np.random.default_rng(5)
    rows = [
        {"representation": name, "rung": rung, "sample": i, "accepted": accepted > 0 and i % 2 == 0}
        | {"x": float(x), "y": float(y), "nearest_row": i, "relative_distance": distance / 0.08}
        for name in ("pixels", f"code {images.sizes[-1]}")
        for rung, kind, distance, _, accepted in RUNGS
        if kind != "held-out"
        for i, (x, y) in enumerate(rng.normal(size=(12, 2)))
    ]
    table(draft, "random_map", rows)


def _capacity(draft: Draft, images: Images) -> None:
    named = {"representation": f"code {images.sizes[-1]}", "d": images.sizes[-1], "groups": 12}
    counted = {"n": 120, "pairs": 6600, "genuine_pairs": 540, "genuine_share": 0.62}
    blank = dict.fromkeys(("threshold", "genuine_share", "log10_capacity", "log10_intrinsic"))
    blank = {f"{name}{end}": np.nan for name in blank for end in ("", "_low", "_high")}
    rows: list[dict[str, Any]] = [
        {
            "false_accept_rate": rate,
            "resolved": True,
            "quoted": rate == 0.01,
            "accepted": 6600 * rate,
        }
        | {"log10_capacity": 0.4 + more, "log10_intrinsic": more, "log10_stylegan3": 2 * more + 0.7}
        | {"threshold": 75 - 20 * more, "span": 60, "intrinsic_d": 5.1, "log10_even": more}
        | {"random_people": int(2 / rate**0.5)}
        | {"log10_capacity_low": 0.1 + more, "log10_capacity_high": 0.7 + more}
        | {"log10_intrinsic_low": more - 0.4, "log10_intrinsic_high": more + 0.4}
        for rate, more in ((0.1, 1.0), (0.01, 2.0), (0.001, 3.0))
    ]
    rows[-1] |= {"resolved": False, "accepted": np.nan, **blank}
    table(draft, "capacity", [{**named, **counted, **row} for row in rows])
    around = {"directions_most": 63, "directions_isotropic": 59.8, "share": 0.0099, "d": 4096}
    table(
        draft,
        "local_directions",
        [{"neighbors": 64, "directions": 40.5, "directions_high": 42.5, "n": 200, **around}],
    )
    volume = {"distance": 0.12, "log10_volume": -1254.03, "n": 340, "d": 4096}
    table(draft, "near_volume", [volume])


STAGES: dict[str, Callable[..., None]] = {
    "images": _images,
    "sweep": _sweep,
    "traversals": _traversals,
    "decoders": _decoders,
    "criteria": _criteria,
    "code_probes": _code_probes,
    "anatomy": _anatomy,
    "training": _training,
    "evaluation": _evaluation,
    "filters": _filters,
    "feature_maps": _feature_maps,
    "top_images": _top_images,
    "stores": _stores,
    "studies": _studies,
    "comparisons": _comparisons,
    "manifold": _manifold,
    "profile": _profile,
    "invariance": _invariance,
    "similarity": _similarity,
    "ladder": _ladder,
    "rarity": _rarity,
    "paths": _paths,
    "random map": _random_map,
    "capacity": _capacity,
    "findings": _findings,
}
