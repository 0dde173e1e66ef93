"""Exporting the encoder of a sweep without its decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from repviz import checks, durable, seals
from repviz.errors import InputError
from repviz.locking import reserved
from repviz.models import open_model
from repviz.models.checkpoints import open_checkpoint, save_checkpoint
from repviz.models.model import Model
from repviz.models.prefix import PrefixAutoencoder
from repviz.models.tracing import to_onnx, to_torchscript
from repviz.provenance import portable
from repviz.study_folder import Study, as_study


@dataclass(frozen=True)
class Format:
    """One entry of :data:`FORMATS`: how it is used, and the function from model to file content."""

    summary: str
    to_bytes: Callable[[Model], bytes] | None = None


FORMATS: dict[str, Format] = {
    "repviz": Format("a checkpoint: repviz extract autoencoder --weights FILE"),
    "torchscript": Format(
        "TorchScript: torch.jit.load(FILE), pixels in [0, 1] to codes", to_torchscript
    ),
    "onnx": Format("ONNX, for any runtime: pixels in [0, 1] to codes", to_onnx),
}


def export_encoder(
    sweep: Study | str | Path,
    out: str | Path,
    *,
    bottleneck: int,
    engine: str = "linear-start",
    format: str = "repviz",  # noqa: A002
    overwrite: bool = False,
) -> Path:
    """The path of the file with the encoder of one size of a finished sweep.

    TorchScript and ONNX files have a card beside them, ``FILE.json``, for :func:`repviz.verify`.

    Parameters
    ----------
    sweep : Study or path
        From :func:`repviz.sweep`, or its folder.
    out : path
        The file to write.
    bottleneck : int
        The size of the code. For "prefix" any up to its longest; the other engines that serve
        all sizes have their longest code, of which the first numbers are the shorter codes.
    engine : str
        The engine, one that trains an autoencoder of repviz.
    format : str
        The format, a key of ``FORMATS``.
    overwrite : bool
        Whether the file ``out`` and its card may be replaced.

    Raises
    ------
    InputError
        The sweep holds no autoencoder of that engine and size.
    UnknownName
        There is no such format.
    StoreError
        ``out`` or its card already exists, or cannot be written.
    Unavailable
        The packages that write ONNX are not installed.
    """
    sweep = as_study("export_encoder", "sweep", sweep)
    engine = checks.text("export_encoder", "engine", engine)
    checks.one_of("export_encoder", "format", format, FORMATS)
    out = checks.path("export_encoder", "out", out)
    overwrite = checks.flag("export_encoder", "overwrite", overwrite)
    folder = sweep.folder / "models"
    names = (f"{engine}-{bottleneck}", engine)
    trained = {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    path = next((trained[name] for name in names if name in trained), None)
    if path is None:
        have = ", ".join(trained) or "none"
        raise InputError(
            f"export_encoder: the sweep must contain the autoencoder '{engine}-{bottleneck}', got "
            f"{have}. Choose one of these."
        )
    to_bytes = FORMATS[format].to_bytes
    beside = [] if to_bytes is None else [seals.card_path(out)]
    with reserved(out, *beside, overwrite=overwrite):
        encoder = _encoder(open_checkpoint(path), bottleneck)
        recipe = {"encoder_of": path.stem, "sweep": portable(sweep.folder.absolute())}
        if to_bytes is None:
            return save_checkpoint(encoder, out, recipe=recipe)
        durable.write_bytes(out, to_bytes(encoder))
        about = {"model": encoder.name, "options": encoder.options, "weights_hash": encoder.key}
        preprocessing = {"preprocessing": encoder.preprocessing.card()}
        seals.write_card(out, {"kind": format, **recipe, **about, **preprocessing})
    return out


def _encoder(autoencoder: Model, k: int) -> Model:
    """The encoder; of a :class:`repviz.models.prefix.PrefixAutoencoder` that for size ``k``."""
    module, options = autoencoder.module, {**autoencoder.options, "decoder": False}
    if isinstance(module, PrefixAutoencoder):
        k = checks.integer("export_encoder", "bottleneck", k, low=1, high=module.bottleneck)
        module, options = module.at_size(k), {**options, "form": "linear-start", "bottleneck": k}
    encoder = open_model("autoencoder", **options)
    names = set(encoder.module.state_dict())
    weights = {name: value for name, value in module.state_dict().items() if name in names}
    encoder.module.load_state_dict(weights)
    return replace(encoder, weights=autoencoder.weights, weights_kind=autoencoder.weights_kind)
