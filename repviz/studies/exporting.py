"""The encoder of a sweep alone: the decoder is thrown away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from repviz import checks, durable
from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.checkpoints import open_checkpoint, save_checkpoint
from repviz.models.model import Model
from repviz.models.tracing import traced
from repviz.studies.folder import Study

KINDS: dict[str, str] = {
    "repviz": "a checkpoint: repviz extract autoencoder --weights FILE",
    "torchscript": "a TorchScript module: torch.jit.load(FILE), pixels in [0, 1] to codes",
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
        Which size. An engine that serves every size gives its longest code.
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
    """
    checks.known("export_encoder", "kind", to, KINDS)
    folder = sweep.folder / "models"
    found = [folder / f"{engine}-{bottleneck}.safetensors", folder / f"{engine}.safetensors"]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        have = ", ".join(sorted(path.stem for path in folder.glob("*.safetensors"))) or "none"
        raise InputError(
            f"export_encoder: the sweep must hold an autoencoder '{engine}-{bottleneck}', got "
            f"{have}. Choose one of these."
        )
    whole = open_checkpoint(path)
    half = _encoder(whole)
    if to == "repviz":
        return save_checkpoint(
            half, out, recipe={"encoder_of": path.stem, "sweep": sweep.folder.name}
        )
    durable.write_bytes(out, traced(half))
    return Path(out)


def _encoder(whole: Model) -> Model:
    half = open_model("autoencoder", **{**whole.options, "decoder": False})
    names = set(half.module.state_dict())
    kept = {name: value for name, value in whole.module.state_dict().items() if name in names}
    half.module.load_state_dict(kept)
    return replace(half, weights=whole.weights)
