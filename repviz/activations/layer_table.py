"""The layers of a model, and what each outputs."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from repviz.activations.capture import Capture, parse_address
from repviz.activations.extraction import dry_run
from repviz.models.model import Model, evaluating
from repviz.models.opening import as_model

if TYPE_CHECKING:
    import pandas as pd


def layers(model: Model) -> pd.DataFrame:
    """One row per layer that takes part in the forward pass, in the order of the definition.

    Found by passing a few grey and random images through the network. Layers that do no work, give
    no tensor, or give something else than one row per image cannot be extracted and are left out.

    Parameters
    ----------
    model : Model
        From :func:`repviz.open_model`.

    Returns
    -------
    DataFrame
        ``layer`` : its name, as ``extract`` takes it; ``"lstm[0]"`` of a layer of several outputs
        ``type`` : its class in torch, as in ``"type:Conv2d"``
        ``output`` : shape for one image, "256x6x6"
        ``features`` : number of values
        ``axes`` : what the axes are: c features, t tokens, h and w positions; "" if unknown
        ``in_place`` : whether the next operation changes it in place (it is read before)
        ``calls`` : how often it works in one pass; above 1, the last call is extracted, and
        ``"name:1"`` names the first
        ``default`` : whether it is extracted by default
    """
    import pandas as pd

    model = as_model("layers", model)
    parts = dict(model.module.named_modules(remove_duplicate=False))
    with evaluating(model.module), Capture(model.module, ["*"]) as capture:
        seen = dry_run(model, capture, strict=False)
        changed = capture.changed
    return pd.DataFrame(
        [
            {
                "layer": layer.name,
                "type": type(parts[parse_address(layer.name, parts).module]).__name__,
                "output": "x".join(map(str, layer.shape)),
                "features": prod(layer.shape),
                "axes": layer.axes,
                "in_place": layer.name in changed,
                "calls": capture.calls[layer.name],
                "default": layer.name in model.layers,
            }
            for layer in seen
        ]
    )
