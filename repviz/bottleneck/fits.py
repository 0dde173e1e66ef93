"""The stages of a sweep: fit, squeeze the test rows, gather. Shared by every study that sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from repviz import distortion, intervals
from repviz.bottleneck.engines import Codec, Engine, FitContext
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.pca_equivalent import equivalent, pca_curve
from repviz.bottleneck.plan import SEPARATE, Plan
from repviz.models.checkpoints import open_checkpoint, save_checkpoint
from repviz.study_folder import Draft, Study
from repviz.training.data import TrainingData

CURVE = 40  # sizes at which PCA's error is taken for the equivalent dimension
KEPT = 16  # sizes of which an engine that serves them all keeps codes and pictures


def sweep_stages(study: Study, plan: Plan) -> None:
    """One stage a fit, one for each set of sizes, then one that gathers them into sweep.csv."""
    material = plan.material()
    test = material.rows(plan.subject.X[plan.parts.test])
    for engine, sizes, seed in plan.jobs:
        task = FitContext(material, plan.effort, seed)
        work = _Work(study, plan, task, test, engine)
        if not engine.serves_all_sizes:
            name = f"{engine.name} {sizes[0]}, seed {seed}"
            study.stage(name, partial(work.one_size, k=sizes[0]), inputs=engine.identity)
            continue
        study.stage(
            f"{engine.name}, seed {seed}", work.train_once, inputs=[engine.identity, plan.most]
        )
        for k in sizes:
            study.stage(f"{engine.name} {k}, seed {seed}", partial(work.one_of_many, k=k))
    gathered = [[engine.name, sizes, seed] for engine, sizes, seed in plan.jobs]
    study.stage("sweep", lambda draft: _gather(draft, study, plan, material, test), inputs=gathered)


def stem(engine: str, k: int, seed: int) -> str:
    """The beginning of the names of what a fit leaves in arrays/."""
    return f"sweep_{engine}_{k}_{seed}"


@dataclass(frozen=True, eq=False)
class _Work:
    study: Study
    plan: Plan
    context: FitContext
    test: np.ndarray
    engine: Engine

    def one_size(self, draft: Draft, k: int) -> None:
        coder = self.engine.fit(self.context, k)
        if coder.model is not None:
            self._save(draft, coder, f"{self.engine.name}-{k}", k)
        self._squeezed(draft, coder, k, keep=True)

    def train_once(self, draft: Draft) -> None:
        coder = self.engine.fit(self.context, self.plan.most)
        assert coder.model is not None
        self._save(draft, coder, self.engine.name, self.plan.most)

    def one_of_many(self, draft: Draft, k: int) -> None:
        path = self.study.folder / self._path(self.engine.name)
        coder = codec_of(open_checkpoint(path), k)
        sizes = self.plan.sizes
        places = np.unique(np.rint(np.geomspace(1, len(sizes), KEPT)).astype(int))
        few = len(sizes) <= KEPT
        self._squeezed(draft, coder, k, keep=few or k in {sizes[place - 1] for place in places})

    def _path(self, name: str) -> str:
        seed = f"-seed{self.context.seed}" if self.context.seed != self.plan.seeds[0] else ""
        return f"models/{name}{seed}.safetensors"

    def _save(self, draft: Draft, coder: Codec, name: str, k: int) -> None:
        assert coder.model is not None
        how = {"engine": self.engine.name, "bottleneck": k, "seed": self.context.seed}
        save_checkpoint(
            coder.model,
            draft.path(self._path(name)),
            recipe={**how, "effort": self.context.effort},
            images_key=self.plan.subject.key,
        )

    def _squeezed(self, draft: Draft, coder: Codec, k: int, *, keep: bool) -> None:
        """What is left of the test rows, and how far that is from them."""
        pictures, name = self.plan.subject.pictures, stem(self.engine.name, k, self.context.seed)
        rows = self.context.data.rows(self.plan.subject.X)
        every = _checked(self.engine, "encode", coder.encode(rows), len(rows), most=k)
        output = coder.decode(every[self.plan.parts.test])
        output = _checked(self.engine, "decode", output, len(self.test), self.test.shape[1])
        output = np.clip(output, 0, 1) if pictures else output
        draft.array(f"{name}_errors", distortion.squared_errors(output, self.test))
        draft.array(f"{name}_parameters", np.array(coder.parameters or 0))
        if not keep:
            return
        if pictures:
            draft.array(f"{name}_ssim", distortion.ssim(output, self.test, self.context.shape))
        if self.context.seed == self.plan.seeds[0]:
            shown = np.rint(output * 255).astype(np.uint8) if pictures else output
            draft.array(f"{name}_images", shown.reshape(len(output), *self.context.shape))
            draft.array(f"{name}_codes", every.astype(np.float32))


def _checked(
    engine: Engine, what: str, got: Any, n: int, d: int | None = None, *, most: int = 0
) -> np.ndarray:
    """What an engine gave: (n, d) or, where d is left open, (n, at most ``most``).

    A user's own may give anything.
    """
    from repviz.errors import InputError

    try:
        found = np.asarray(got)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"engine '{engine.name}': {what} must give a matrix of numbers, got {error}."
        ) from error
    if found.dtype.kind not in "fiub":
        raise InputError(
            f"engine '{engine.name}': {what} must give real numbers, got {found.dtype}."
        )
    wanted = f"({n}, {f'k), k at most {most}' if d is None else f'{d})'}"
    fits = found.ndim == 2 and (found.shape[1] <= most if d is None else found.shape[1] == d)
    if not fits or len(found) != n:
        raise InputError(
            f"engine '{engine.name}': {what} must give a matrix of shape {wanted}, got shape "
            f"{found.shape}."
        )
    if not np.isfinite(found).all():
        got = "NaN" if np.isnan(found).any() else "an infinity"
        raise InputError(f"engine '{engine.name}': {what} must give finite numbers, got {got}.")
    return found


def _gather(
    draft: Draft, study: Study, plan: Plan, material: TrainingData, test: np.ndarray
) -> None:
    groups = plan.parts.groups[plan.parts.test]
    pictures = plan.subject.pictures
    sizes = np.unique(np.rint(np.geomspace(1, len(material.linear.basis), CURVE)).astype(int))
    sizes, errors = pca_curve(material.linear, test, sizes.tolist(), clip=pictures)
    draft.table("pca_curve", pd.DataFrame({"components": sizes, "mse": errors}))
    fits = Fits(study, plan)
    rows, images = [], []
    for engine, k in fits.all:
        own = fits.errors(engine, k)  # (seeds, n_test)
        mean = own.mean(axis=0)
        similar = fits.array(engine, k, plan.seeds[0], "ssim")
        base = fits.errors("pca", k)
        beside = fits.errors("pca-augmented", k)
        row = {
            "engine": engine,
            "bottleneck": k,
            "n_train": len(plan.parts.train),
            "n_test": len(test),
            "groups_test": len(np.unique(groups)),
            "seeds": len(own),
            **_compared(own, base, groups, pictures=pictures),
            "ssim": float("nan") if similar is None else float(np.mean(similar)),
            "ratio_augmented": float(mean.mean() / beside.mean()) if len(beside) else float("nan"),
            "pca_equivalent": equivalent(float(mean.mean()), sizes, errors),
            "parameters": int(fits.parameters(engine, k)),
            "split": plan.parts.by,
            "seed": plan.seeds[0],
        }
        rows.append(row)
        table = {"engine": engine, "bottleneck": k, "row": plan.parts.test, "mse": mean}
        images.append(pd.DataFrame({**table, **({} if similar is None else {"ssim": similar})}))
    draft.table("sweep", pd.DataFrame(rows))
    draft.table("sweep_images", pd.concat(images))
    audited = _audited(fits, plan, groups)
    if len(audited):
        draft.table("audit", audited)
    if pictures:
        _panels(draft, study, fits, plan)


@dataclass(frozen=True, eq=False)
class Fits:
    """What the fits of a sweep left, by engine and size."""

    study: Study
    plan: Plan

    @property
    def all(self) -> list[tuple[str, int]]:
        """Engine and size of each, sizes within engines."""
        pairs = [(engine.name, k) for engine, sizes, _ in self.plan.jobs for k in sizes]
        return list(dict.fromkeys(pairs))

    def array(self, engine: str, k: int, seed: int, what: str) -> np.ndarray | None:
        """One array of one fit, or None where it left none."""
        name = f"{stem(engine, k, seed)}_{what}"
        there = (self.study.folder / "arrays" / f"{name}.npy").exists()
        return self.study.array(name) if there else None

    def errors(self, engine: str, k: int) -> np.ndarray:
        """Squared errors (seeds, n_test); no rows where there is no such fit."""
        found = [self.array(engine, k, seed, "errors") for seed in self.plan.seeds]
        kept = [errors for errors in found if errors is not None]
        return np.stack(kept) if kept else np.empty((0, len(self.plan.parts.test)))

    def parameters(self, engine: str, k: int) -> int:
        """Numbers that were fitted."""
        found = self.array(engine, k, self.plan.seeds[0], "parameters")
        return 0 if found is None else int(found)


def _compared(
    own: np.ndarray, base: np.ndarray, groups: np.ndarray, *, pictures: bool
) -> dict[str, float]:
    """Mean error and its ratio to the baseline's, with intervals over groups (of logarithms)."""
    base = np.broadcast_to(base.mean(axis=0), own.shape)
    both = np.maximum(np.stack([own, base], axis=2), 1e-12)  # (seeds, n_test, 2)
    mse, pca_mse = both.mean(axis=(0, 1))

    def interval(statistic: Any) -> tuple[float, float]:
        if len(both) == 1:
            return intervals.jackknife(both[0], groups, statistic)
        return intervals.resampled(both, groups, statistic)

    low, high = interval(lambda m: np.log(m[..., 0]))
    below, above = interval(lambda m: np.log(m[..., 0] / m[..., 1]))
    return {
        "mse": float(mse),
        "mse_low": float(np.exp(low)),
        "mse_high": float(np.exp(high)),
        "psnr": float(-10 * np.log10(mse)) if pictures else float("nan"),
        "ratio": float(mse / pca_mse),
        "ratio_low": float(np.exp(below)),
        "ratio_high": float(np.exp(above)),
    }


def _audited(fits: Fits, plan: Plan, groups: np.ndarray) -> pd.DataFrame:
    """An engine that serves every size beside separate trainings: the price of one for all."""
    rows = []
    for name in [engine.name for engine in plan.engines if engine.name in SEPARATE]:
        for k in plan.audit:
            own, apart = fits.errors(name, k), fits.errors(SEPARATE[name], k)
            if not (len(own) and len(apart)):
                continue
            found = _compared(own, apart, groups, pictures=False)
            rows.append(
                {
                    "engine": name,
                    "separate": SEPARATE[name],
                    "bottleneck": k,
                    "mse": found["mse"],
                    "separate_mse": float(apart.mean()),
                    "gap": found["ratio"] - 1,
                    "gap_low": found["ratio_low"] - 1,
                    "gap_high": found["ratio_high"] - 1,
                    "n_test": own.shape[1],
                    "seeds": len(own),
                }
            )
    return pd.DataFrame(rows)


def _panels(draft: Draft, study: Study, fits: Fits, plan: Plan) -> None:
    """The test images that the report shows: best, middle and worst by error, not by hand."""
    test, shape = plan.parts.test, plan.subject.X.shape[1:]
    engines = [engine.name for engine in plan.engines if engine.name != "pca-augmented"]
    shown = [
        k
        for k in plan.sizes
        if all(fits.array(e, k, plan.seeds[0], "images") is not None for e in engines)
    ]
    criterion = engines[-1]
    error = np.mean([fits.errors(criterion, k).mean(axis=0) for k in shown], axis=0)
    order = np.argsort(error, kind="stable")
    middle = len(order) // 2
    picks = {"best": order[:2], "median": order[middle - 1 : middle + 1], "worst": order[-2:]}
    positions = np.concatenate(list(picks.values()))
    panels, named = [plan.subject.X[test[positions]]], [("original", 0)]
    for engine in engines:
        for k in shown:
            pixels = fits.array(engine, k, plan.seeds[0], "images")
            assert pixels is not None
            panels.append(pixels[positions])
            named.append((engine, k))
    stack = np.stack(panels)  # (panels, positions, c, h, w)
    draft.array("reconstructions", stack[:, :, 0] if shape[0] == 1 else stack)
    table = pd.DataFrame(named, columns=["engine", "bottleneck"])
    draft.table("reconstruction_panels", table.rename_axis("panel").reset_index())
    images = study.result("images").set_index("row").loc[test[positions], ["id", "label"]]
    images = images.reset_index().rename_axis("position").reset_index()
    images["pick"] = [pick for pick, rows in picks.items() for _ in rows]
    draft.table("reconstruction_images", images)
