"""The encoder of a sweep alone: the decoder is thrown away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from repviz import checks, durable
from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.checkpoints import open_checkpoint, save_checkpoint
from repviz.models.model import Model
from repviz.models.prefix import PrefixAutoencoder
from repviz.models.tracing import to_onnx, to_torchscript
from repviz.study_folder import Study


@dataclass(frozen=True)
class Kind:
    """One entry of :data:`KINDS`: how it is used, and what gives its bytes."""

    summary: str
    written: Callable[[Model], bytes] | None = None


KINDS: dict[str, Kind] = {
    "repviz": Kind("a checkpoint: repviz extract autoencoder --weights FILE"),
    "torchscript": Kind(
        "TorchScript: torch.jit.load(FILE), pixels in [0, 1] to codes", to_torchscript
    ),
    "onnx": Kind("ONNX, of any runtime: pixels in [0, 1] to codes", to_onnx),
}


def export_encoder(
    sweep: Study,
    out: str | Path,
    *,
    bottleneck: int,
    engine: str = "linear-start",
    to: str = "repviz",
) -> Path:
    """The path of the encoder of one size of a finished sweep, written without its decoder.

    Parameters
    ----------
    sweep : Sweep
        From :func:`repviz.sweep`, or such a folder opened.
    out : path
        The file to write.
    bottleneck : int
        Which size. Of "prefix" any up to its longest; "nested" gives its longest code.
    engine : str
        Which engine; one that trains an autoencoder of repviz.
    to : str
        A key of ``KINDS``.

    Raises
    ------
    InputError
        The sweep kept no autoencoder of that engine and size.
    UnknownName
        No such kind.
    Unavailable
        The packages that write ONNX are not installed.
    """
    checks.one_of("export_encoder", "kind", to, KINDS)
    folder = sweep.folder / "models"
    found = [folder / f"{engine}-{bottleneck}.safetensors", folder / f"{engine}.safetensors"]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        have = ", ".join(sorted(path.stem for path in folder.glob("*.safetensors"))) or "none"
        raise InputError(
            f"export_encoder: the sweep must hold an autoencoder '{engine}-{bottleneck}', got "
            f"{have}. Choose one of these."
        )
    half = _encoder(open_checkpoint(path), bottleneck)
    written = KINDS[to].written
    if written is None:
        recipe = {"encoder_of": path.stem, "sweep": sweep.folder.name}
        return save_checkpoint(half, out, recipe=recipe)
    durable.write_bytes(out, written(half))
    return Path(out)


def _encoder(whole: Model, k: int) -> Model:
    """The encoder of ``whole``; of one that serves every size on a path, that of size ``k``."""
    module, options = whole.module, {**whole.options, "decoder": False}
    if isinstance(module, PrefixAutoencoder):
        k = checks.integer("export_encoder", "bottleneck", k, low=1, high=module.bottleneck)
        module, options = module.at_size(k), {**options, "form": "linear-start", "bottleneck": k}
    half = open_model("autoencoder", **options)
    names = set(half.module.state_dict())
    kept = {name: value for name, value in module.state_dict().items() if name in names}
    half.module.load_state_dict(kept)
    return replace(half, weights=whole.weights)
