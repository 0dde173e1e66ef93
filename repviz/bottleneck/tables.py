"""The tables over all fits of a sweep: errors, ratios to the baselines, and the audit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz import intervals
from repviz.bottleneck.convergence import convergence_warning, learning_curves
from repviz.bottleneck.engines import Engine
from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.found_sizes import found_sizes
from repviz.bottleneck.panels import write_panels
from repviz.bottleneck.pca_equivalent import PCACurve
from repviz.bottleneck.plan import Plan
from repviz.study_folder import Draft, Study
from repviz.training.data import TrainingData

CURVE = 40  # sizes at which PCA's error is written to pca_curve.csv
# A baseline's error that is rounding: no ratio to it means anything. Of rows, a share of the test
# rows' variance; of pixels, the variance of rounding grey levels of [0, 1] to 8 bits.
EXACT, EXACT_PIXELS = 1e-9, 1 / 12 / 255**2
LEFT_OUT = "PCA is exact with this size"
Interval = tuple[float, float, float]


def write_tables(
    draft: Draft, *, study: Study, plan: Plan, data: TrainingData, test: np.ndarray
) -> None:
    """Write sweep.csv, the errors by baseline, image and split, the audit and the panels."""
    groups = plan.parts.groups[plan.parts.test]
    are_images = plan.data.are_images
    curve = PCACurve(data.linear, test, clip=are_images)
    shown = np.unique(np.rint(np.geomspace(1, curve.largest, CURVE)).astype(int)).tolist()
    errors_shown = [curve.error(k) for k in shown]
    draft.table("pca_curve", pd.DataFrame({"components": shown, "mse": errors_shown}))
    fits = Fits(study, plan)
    exact_below = EXACT_PIXELS if are_images else EXACT * float(test.var(axis=0).mean())
    curves = learning_curves(fits)
    draft.table("learning_curves", curves)
    rows, image_tables = [], []
    for engine, k in fits.all:
        errors = fits.errors(engine.name, k)  # (seeds, n_test)
        mean = errors.mean(axis=0)
        ssim = fits.array(engine.name, k, plan.seeds[0], "ssim")
        mse, low, high = _error(fits, plan, engine, k)
        baseline = strongest_baseline(fits, plan, k)
        is_exact = float(fits.mean_errors(baseline.name, k).mean()) <= exact_below
        ratio = (np.nan,) * 3 if is_exact else _ratio(fits, plan, engine, baseline, k)
        row = {
            **engine.columns,
            "bottleneck": k,
            "n_train": len(plan.parts.train),
            "n_test": len(test),
            "groups_test": len(np.unique(groups)),
            "n_seeds": len(errors),
            "mse": mse,
            "mse_low": low,
            "mse_high": high,
            "psnr": float(-10 * np.log10(mse)) if are_images else float("nan"),
            "baseline": baseline.name,
            "baseline_title": baseline.title,
            **dict(zip(("ratio", "ratio_low", "ratio_high"), ratio, strict=True)),
            "left_out": LEFT_OUT if is_exact else "",
            "ssim": float("nan") if ssim is None else float(np.mean(ssim)),
            "pca_equivalent": curve.needed(float(mean.mean())),
            "parameters": fits.parameters(engine.name, k),
            "split_by": plan.parts.by,
            "n_splits": plan.splits,
            "seed": plan.seeds[0],
            "warnings": _warning(curves, plan, engine, k),
        }
        rows.append(row)
        table = {"engine": engine.name, "bottleneck": k, "row": plan.parts.test, "mse": mean}
        image_tables.append(pd.DataFrame({**table, **({} if ssim is None else {"ssim": ssim})}))
    draft.table("sweep", pd.DataFrame(rows))
    draft.table("sweep_images", pd.concat(image_tables))
    draft.table("baselines", _baselines(fits, plan, exact_below))
    draft.table("splits", _splits(fits, plan))
    audit = _audit(fits, plan, groups)
    if len(audit):
        draft.table("audit", audit)
    found = found_sizes(fits, curve, test)
    if len(found):
        draft.table("found_sizes", found)
    if are_images:
        write_panels(draft, study, fits, plan)


def _warning(curves: pd.DataFrame, plan: Plan, engine: Engine, k: int) -> str:
    """The warning about the training that gave this engine's codes of ``k`` numbers, or ""."""
    trained = plan.trained_sizes(engine, [k])[0]
    own = (curves["engine"] == engine.name) & (curves["bottleneck"] == trained)
    return convergence_warning(curves[own])


def mean_error(errors: np.ndarray, groups: np.ndarray) -> tuple[float, float, float]:
    """The mean of squared errors (seeds, n) with its 95 % interval over groups and seeds."""
    values = np.maximum(errors, 1e-12)[..., None]
    return _on_log_scale(values, groups, lambda m: np.log(m[..., 0]))


def error_ratio(
    errors: np.ndarray, baseline: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float]:
    """The ratio of two mean squared errors, paired by image, with its 95 % interval."""
    baseline = np.broadcast_to(baseline.mean(axis=0), errors.shape)
    values = np.maximum(np.stack([errors, baseline], axis=2), 1e-12)  # (seeds, n_test, 2)
    return _on_log_scale(values, groups, lambda m: np.log(m[..., 0] / m[..., 1]))


def _on_log_scale(
    values: np.ndarray, groups: np.ndarray, log_statistic: Any
) -> tuple[float, float, float]:
    """A statistic of the means over seeds and images, with an interval on the log scale."""
    if len(values) == 1:
        low, high = intervals.jackknife(values[0], groups, log_statistic)
    else:
        low, high = intervals.group_bootstrap(values, groups, log_statistic)
    centre = float(log_statistic(values.mean(axis=(0, 1))))
    return float(np.exp(centre)), float(np.exp(low)), float(np.exp(high))


def strongest_baseline(fits: Fits, plan: Plan, k: int) -> Engine:
    """The baseline whose mean error over test images and splits is lowest with ``k`` numbers."""
    baselines = [engine for engine in plan.engines if engine.is_baseline]
    return min(baselines, key=lambda engine: fits.mean_errors(engine.name, k).mean())


def _error(fits: Fits, plan: Plan, engine: Engine, k: int) -> Interval:
    """The mean squared error with its interval, over splits where there are several."""
    if plan.splits == 1:
        return mean_error(fits.errors(engine.name, k), plan.parts.groups[plan.parts.test])
    return _over_splits(plan, np.log(np.maximum(fits.mean_errors(engine.name, k), 1e-12)))


def _ratio(fits: Fits, plan: Plan, engine: Engine, baseline: Engine, k: int) -> Interval:
    """The ratio of two mean squared errors with its interval, over splits where there are."""
    if plan.splits == 1:
        errors, others = fits.errors(engine.name, k), fits.errors(baseline.name, k)
        return error_ratio(errors, others, plan.parts.groups[plan.parts.test])
    pair = [np.maximum(fits.mean_errors(one.name, k), 1e-12) for one in (engine, baseline)]
    return _over_splits(plan, np.log(pair[0] / pair[1]))


def _over_splits(plan: Plan, logs: np.ndarray) -> Interval:
    share = len(plan.parts.test) / len(plan.parts.train)
    low, high = intervals.over_splits(logs, test_share=share)
    return float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))


def _splits(fits: Fits, plan: Plan) -> pd.DataFrame:
    """The error of every engine and size in each split."""
    parts = [plan.parts, *plan.further_parts]
    return pd.DataFrame(
        {
            "split": split,
            "engine": engine.name,
            "bottleneck": k,
            "n_test": len(parts[split].test),
            "groups_test": len(np.unique(parts[split].groups[parts[split].test])),
            "mse": mse,
        }
        for engine, k in fits.all
        for split, mse in enumerate(fits.mean_errors(engine.name, k))
    )


def _baselines(fits: Fits, plan: Plan, exact_below: float) -> pd.DataFrame:
    """The error of every engine as a multiple of the error of every baseline."""
    baselines = [engine for engine in plan.engines if engine.is_baseline]
    rows = []
    for engine, k in fits.all:
        for baseline in baselines:
            if engine.name == baseline.name:
                continue
            is_exact = float(fits.mean_errors(baseline.name, k).mean()) <= exact_below
            ratio, low, high = (
                (np.nan,) * 3 if is_exact else _ratio(fits, plan, engine, baseline, k)
            )
            rows.append(
                {
                    "engine": engine.name,
                    "engine_label": engine.label,
                    "bottleneck": k,
                    "baseline": baseline.name,
                    "baseline_title": baseline.title,
                    "ratio": ratio,
                    "ratio_low": low,
                    "ratio_high": high,
                    "left_out": LEFT_OUT if is_exact else "",
                    "n_test": len(plan.parts.test),
                }
            )
    columns = ["engine", "engine_label", "bottleneck", "baseline", "baseline_title"]
    columns += ["ratio", "ratio_low", "ratio_high", "left_out", "n_test"]
    return pd.DataFrame(rows, columns=columns)


def _audit(fits: Fits, plan: Plan, groups: np.ndarray) -> pd.DataFrame:
    """The errors of engines that serve all sizes, compared with one training per size."""
    rows = []
    labels = {engine.name: engine.label for engine in (*plan.engines, *plan.audit_engines)}
    for engine in [engine for engine in plan.engines if engine.per_size_engine]:
        for k in plan.audit:
            errors = fits.errors(engine.name, k)
            per_size = fits.errors(engine.per_size_engine, k)
            if not (len(errors) and len(per_size)):
                continue
            ratio, low, high = error_ratio(errors, per_size, groups)
            rows.append(
                {
                    "engine": engine.name,
                    "engine_label": engine.label,
                    "per_size_engine": engine.per_size_engine,
                    "per_size_label": labels[engine.per_size_engine],
                    "bottleneck": k,
                    "mse": float(errors.mean()),
                    "per_size_mse": float(per_size.mean()),
                    "gap": ratio - 1,
                    "gap_low": low - 1,
                    "gap_high": high - 1,
                    "n_test": errors.shape[1],
                    "n_seeds": len(errors),
                }
            )
    return pd.DataFrame(rows)
