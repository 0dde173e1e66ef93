"""Data for decoding in the browser: 8-bit decoders, codes, and the known images.

A linear-start decoder of 64 x 64 pixels takes 0.4 MB with 8-bit weights, and the principal
components that all sizes share take 1 MB. Other decoders do not fit into a page.

Arrays
------
decoder_weights : int8, one-dimensional
    The shared basis (m, d), then for each size its layers, each (outputs, inputs).
decoder_floats : float32, one-dimensional
    The mean image (d,) and the factor of each row of the basis (m,); then for each size the
    standard deviations (k,) that standardise a code, of each layer the factors and the biases of
    its rows, the mean training code (k,), and the principal directions of the training codes: their
    standard deviations (r,) and unit vectors (r, k), r = min(k, training images - 1).
decoder_images, decoder_strip : uint8, (shown, channels, height, width)
    The test images that a reader can choose; and the first of them, then decoded at each size.
decoder_codes : float32, (shown, sum of the sizes + the largest size)
    Their codes at each size, then their PCA scores.
decoder_errors : float32, (2, sizes, shown)
    Their mean squared errors: the autoencoder's, then PCA's.
decoder_known : int8, (known, m), decoder_known_floats : float32, (m + known,)
    PCA scores of the known images, whose columns are to be multiplied by the first m of the
    floats; then the norm of what the components leave of each.
decoder_rows : int64, (shown + known,)
    Their rows in images.csv.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz.bottleneck.engines import Engine
from repviz.bottleneck.fits import log_spaced
from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.plan import Plan
from repviz.manifold.neighbors import neighbors_between
from repviz.models.checkpoints import open_checkpoint
from repviz.models.decoder_arrays import DecoderArrays, quantised
from repviz.models.scores import ScoreAutoencoder
from repviz.principal import pca
from repviz.study_folder import Draft, Study

BYTES = 4_000_000  # 8-bit weights that a page holds
SHOWN, KNOWN = 60, 1000  # images of each kind that a page holds, at most
COLUMNS = (
    "engine engine_title bottleneck components hidden layers directions difference "
    "distance_q05 distance_q95 n_test n_known left_out"
)


def decoder_stage(study: Study, plan: Plan) -> None:
    """Write the decoders of the linear-start engine, or the reason why the report has none."""
    if not plan.data.are_images:
        return
    engine, paths = _trained(study, plan)
    inputs = {"engine": engine.name if engine else "", "sizes": list(paths)}
    work = partial(_write, study=study, plan=plan, engine=engine, paths=paths)
    study.stage("decoders", work, inputs=inputs)


def _trained(study: Study, plan: Plan) -> tuple[Engine | None, dict[int, Path]]:
    """The linear-start engine with the most sizes, and the checkpoint of each of its sizes."""
    best: tuple[Engine | None, dict[int, Path]] = (None, {})
    fits = Fits(study, plan)
    for engine in plan.engines:
        paths = {}
        for k in plan.sizes:
            files = [
                study.folder / f"models/{engine.name}{end}.safetensors" for end in (f"-{k}", "")
            ]
            path = next((path for path in files if path.is_file()), None)
            if path and fits.array(engine.name, k, plan.seeds[0], "codes") is not None:
                paths[k] = path
        if len(paths) > len(best[1]):
            first = open_checkpoint(next(iter(paths.values()))).module
            best = (engine, paths) if isinstance(first, ScoreAutoencoder) else best
    return best


def _write(
    draft: Draft, *, study: Study, plan: Plan, engine: Engine | None, paths: dict[int, Path]
) -> None:
    if engine is None:
        reason = (
            "a page can hold the decoders of linear-start and prefix only, and neither is swept"
        )
        return _leave_out(draft, reason)
    decoders = {k: _decoder(path, k) for k, path in paths.items()}
    basis = max((decoder.basis for decoder in decoders.values()), key=len)
    each = max(sum(one.weight.size for one in decoder.layers) for decoder in decoders.values())
    fitting = (BYTES - basis.size) // each
    if fitting < 1:
        size = "×".join(map(str, plan.data.X.shape[1:]))
        reason = (
            f"the decoder of {size} values takes {(basis.size + each) / 1e6:.1f} MB, more than the "
            f"{BYTES / 1e6:.0f} MB that a page may hold"
        )
        return _leave_out(draft, reason)
    decoders = {k: decoders[k] for k in sorted(log_spaced(list(decoders), fitting))}
    shown, known = _drawn(plan.parts.test, SHOWN), _known(plan)
    codes = {
        k: np.asarray(Fits(study, plan).array(engine.name, k, plan.seeds[0], "codes"))
        for k in decoders
    }
    _write_weights(draft, plan, decoders, basis, codes)
    _write_images(draft, plan, decoders, codes, shown)
    _write_known(draft, plan, basis, next(iter(decoders.values())).mean, known)
    draft.array("decoder_rows", np.concatenate([shown, known]).astype(np.int64))
    q05, q95 = _test_distances(plan, known)
    rows = [
        {
            "engine": engine.name,
            "engine_title": engine.title,
            "bottleneck": k,
            "components": len(decoder.basis),
            "hidden": len(decoder.layers[0].bias),
            "layers": len(decoder.layers),
            "directions": _n_directions(plan, k),
            "difference": _difference(decoder, codes[k][plan.parts.test]),
            "distance_q05": q05,
            "distance_q95": q95,
            "n_test": len(plan.parts.test),
            "n_known": len(known),
            "left_out": "",
        }
        for k, decoder in decoders.items()
    ]
    draft.table("decoders", pd.DataFrame(rows, columns=COLUMNS.split()))


def _leave_out(draft: Draft, reason: str) -> None:
    draft.table("decoders", pd.DataFrame([{"left_out": reason}], columns=COLUMNS.split()))


def _decoder(path: Path, k: int) -> DecoderArrays:
    module: Any = open_checkpoint(path).module
    decoder: DecoderArrays = module.decoder_arrays(k)
    return decoder


def _difference(decoder: DecoderArrays, codes: np.ndarray) -> float:
    """The largest difference of any pixel that 8-bit weights make, in grey levels of 255."""
    exact, rounded = decoder.decode(codes), decoder.rounded().decode(codes)
    return float(np.abs(exact - rounded).max() * 255)


def _n_directions(plan: Plan, k: int) -> int:
    """How many principal directions the training codes of ``k`` numbers have."""
    return min(k, len(plan.parts.train) - 1)


def _drawn(rows: np.ndarray, most: int) -> np.ndarray:
    """``rows``, or ``most`` of them, evenly spaced."""
    if len(rows) <= most:
        return np.asarray(rows)
    return np.asarray(rows)[np.linspace(0, len(rows) - 1, most).astype(int)]


def _known(plan: Plan) -> np.ndarray:
    return _drawn(np.sort(np.concatenate([plan.parts.train, plan.parts.validation])), KNOWN)


def _pixels(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """Images as rows (n, d) float32 in [0, 1]."""
    return plan.data.X[rows].reshape(len(rows), -1).astype(np.float32) / np.float32(255)


def _write_weights(
    draft: Draft,
    plan: Plan,
    decoders: dict[int, DecoderArrays],
    basis: np.ndarray,
    codes: dict[int, np.ndarray],
) -> None:
    integers, scale = quantised(basis)
    weights, floats = [integers], [next(iter(decoders.values())).mean, scale]
    for k, decoder in decoders.items():
        floats.append(decoder.unit)
        for layer in decoder.layers:
            integers, scale = quantised(layer.weight)
            weights.append(integers)
            floats += [scale, layer.bias]
        train = codes[k][plan.parts.train]
        fitted = pca(train, components=_n_directions(plan, k))
        floats += [fitted.mean, np.sqrt(fitted.explained_variance), fitted.components]
    draft.array("decoder_weights", np.concatenate([part.ravel() for part in weights]))
    flat = np.concatenate([np.ravel(part) for part in floats])
    draft.array("decoder_floats", flat.astype(np.float32))


def _write_images(
    draft: Draft,
    plan: Plan,
    decoders: dict[int, DecoderArrays],
    codes: dict[int, np.ndarray],
    shown: np.ndarray,
) -> None:
    pixels, largest = _pixels(plan, shown), max(decoders)
    basis = max((decoder.basis for decoder in decoders.values()), key=len)[:largest]
    mean = next(iter(decoders.values())).mean
    scores = (pixels - mean) @ basis.T
    scores = np.pad(scores, ((0, 0), (0, largest - scores.shape[1])))
    errors, strip = [], [pixels[0]]
    for k, decoder in decoders.items():
        decoded = decoder.decode(codes[k][shown])
        linear = np.clip(scores[:, : len(basis)][:, :k] @ basis[:k] + mean, 0, 1)
        errors.append([np.square(one - pixels).mean(axis=1) for one in (decoded, linear)])
        strip.append(decoded[0])
    shape = plan.data.X.shape[1:]
    draft.array("decoder_images", plan.data.X[shown])
    draft.array(
        "decoder_strip", np.rint(np.stack(strip) * 255).astype(np.uint8).reshape(-1, *shape)
    )
    own = [codes[k][shown] for k in decoders]
    draft.array("decoder_codes", np.concatenate([*own, scores], axis=1).astype(np.float32))
    draft.array("decoder_errors", np.swapaxes(np.array(errors, dtype=np.float32), 0, 1))


def _write_known(
    draft: Draft, plan: Plan, basis: np.ndarray, mean: np.ndarray, known: np.ndarray
) -> None:
    centred = _pixels(plan, known) - mean
    scores = centred @ basis.T
    left = np.square(centred).sum(axis=1) - np.square(scores).sum(axis=1)
    integers, scale = quantised(scores.T)
    draft.array("decoder_known", np.ascontiguousarray(integers.T))
    floats = np.concatenate([scale, np.sqrt(left.clip(min=0))])
    draft.array("decoder_known_floats", floats.astype(np.float32))


def _test_distances(plan: Plan, known: np.ndarray) -> tuple[float, float]:
    """The 5 % and 95 % quantiles of the test images' RMS distance to the nearest known image."""
    X = _pixels(plan, plan.parts.test)
    distances = neighbors_between(X, _pixels(plan, known))[1][:, 0] / np.sqrt(X.shape[1])
    low, high = np.quantile(distances, [0.05, 0.95])
    return float(low), float(high)
