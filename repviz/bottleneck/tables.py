"""The tables over all fits of a sweep: errors, ratios to the baselines, and the audit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz import intervals
from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.panels import write_panels
from repviz.bottleneck.pca_equivalent import equivalent, pca_curve
from repviz.bottleneck.plan import Plan
from repviz.study_folder import Draft, Study
from repviz.training.data import TrainingData

CURVE = 40  # sizes at which PCA's error is taken for the equivalent dimension


def write_tables(
    draft: Draft, *, study: Study, plan: Plan, data: TrainingData, test: np.ndarray
) -> None:
    """Write sweep.csv, baselines.csv, sweep_images.csv, pca_curve.csv, audit.csv and the panels."""
    groups = plan.parts.groups[plan.parts.test]
    are_images = plan.data.are_images
    curve_sizes = np.unique(np.rint(np.geomspace(1, len(data.linear.basis), CURVE)).astype(int))
    curve_sizes, curve = pca_curve(data.linear, test, curve_sizes.tolist(), clip=are_images)
    draft.table("pca_curve", pd.DataFrame({"components": curve_sizes, "mse": curve}))
    fits = Fits(study, plan)
    rows, image_tables = [], []
    for engine, k in fits.all:
        errors = fits.errors(engine.name, k)  # (seeds, n_test)
        mean = errors.mean(axis=0)
        ssim = fits.array(engine.name, k, plan.seeds[0], "ssim")
        mse, low, high = mean_error(errors, groups)
        ratio = error_ratio(errors, fits.errors("pca", k), groups)
        row = {
            **engine.columns,
            "bottleneck": k,
            "n_train": len(plan.parts.train),
            "n_test": len(test),
            "groups_test": len(np.unique(groups)),
            "seeds": len(errors),
            "mse": mse,
            "mse_low": low,
            "mse_high": high,
            "psnr": float(-10 * np.log10(mse)) if are_images else float("nan"),
            **dict(zip(("ratio", "ratio_low", "ratio_high"), ratio, strict=True)),
            "ssim": float("nan") if ssim is None else float(np.mean(ssim)),
            "pca_equivalent": equivalent(float(mean.mean()), curve_sizes, curve),
            "parameters": fits.parameters(engine.name, k),
            "split": plan.parts.by,
            "seed": plan.seeds[0],
        }
        rows.append(row)
        table = {"engine": engine.name, "bottleneck": k, "row": plan.parts.test, "mse": mean}
        image_tables.append(pd.DataFrame({**table, **({} if ssim is None else {"ssim": ssim})}))
    draft.table("sweep", pd.DataFrame(rows))
    draft.table("sweep_images", pd.concat(image_tables))
    draft.table("baselines", _baselines(fits, plan, groups))
    audit = _audit(fits, plan, groups)
    if len(audit):
        draft.table("audit", audit)
    if are_images:
        write_panels(draft, study, fits, plan)


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
    """A statistic of the means over seeds and images; its interval is taken of its logarithm."""
    if len(values) == 1:
        low, high = intervals.jackknife(values[0], groups, log_statistic)
    else:
        low, high = intervals.resampled(values, groups, log_statistic)
    centre = float(log_statistic(values.mean(axis=(0, 1))))
    return float(np.exp(centre)), float(np.exp(low)), float(np.exp(high))


def _baselines(fits: Fits, plan: Plan, groups: np.ndarray) -> pd.DataFrame:
    """The error of every engine as a multiple of the error of every baseline."""
    baselines = [engine for engine in plan.engines if engine.is_baseline]
    rows = []
    for engine, k in fits.all:
        for baseline in baselines:
            errors, others = fits.errors(engine.name, k), fits.errors(baseline.name, k)
            if engine.name == baseline.name or not len(others):
                continue
            ratio, low, high = error_ratio(errors, others, groups)
            rows.append(
                {
                    "engine": engine.name,
                    "short": engine.short,
                    "bottleneck": k,
                    "baseline": baseline.name,
                    "baseline_title": baseline.title,
                    "ratio": ratio,
                    "ratio_low": low,
                    "ratio_high": high,
                    "n_test": errors.shape[1],
                }
            )
    columns = ["engine", "short", "bottleneck", "baseline", "baseline_title"]
    columns += ["ratio", "ratio_low", "ratio_high", "n_test"]
    return pd.DataFrame(rows, columns=columns)


def _audit(fits: Fits, plan: Plan, groups: np.ndarray) -> pd.DataFrame:
    """Engines that serve all sizes beside one training per size."""
    rows = []
    shorts = {engine.name: engine.short for engine in (*plan.engines, *plan.audit_engines)}
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
                    "short": engine.short,
                    "per_size_engine": engine.per_size_engine,
                    "per_size_short": shorts[engine.per_size_engine],
                    "bottleneck": k,
                    "mse": float(errors.mean()),
                    "per_size_mse": float(per_size.mean()),
                    "gap": ratio - 1,
                    "gap_low": low - 1,
                    "gap_high": high - 1,
                    "n_test": errors.shape[1],
                    "seeds": len(errors),
                }
            )
    return pd.DataFrame(rows)
