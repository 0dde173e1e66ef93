"""Which layers a model has, and what each gives: what there is to extract."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from repviz.activations.capture import Capture
from repviz.activations.extraction import dry_run
from repviz.models.model import Model, evaluating

if TYPE_CHECKING:
    import pandas as pd


def layers(model: Model) -> pd.DataFrame:
    """One row a layer that works when an image passes, in the order of the network's definition.

    Found by sending two grey images through the network. Layers that do no work, give no tensor
    or give something else than a row an image cannot be extracted and are left out.

    Parameters
    ----------
    model : Model
        From :func:`repviz.open_model`.

    Returns
    -------
    DataFrame
        ``layer`` : its name, as ``extract`` takes it
        ``type`` : its class in torch, as in ``"type:Conv2d"``
        ``output`` : shape for one image, "256x6x6"
        ``features`` : how many numbers that is
        ``axes`` : what the axes are: c features, t tokens, h and w places; "" if it cannot be told
        ``in_place`` : whether the next operation changes it in place (it is read before that)
        ``default`` : whether it is extracted unless others are asked for
    """
    import pandas as pd

    parts = dict(model.module.named_modules())
    with evaluating(model.module), Capture(model.module, ["*"]) as capture:
        seen = dry_run(model, capture, strict=False)
        changed = capture.changed
    return pd.DataFrame(
        [
            {
                "layer": layer.name,
                "type": type(parts[layer.name]).__name__,
                "output": "x".join(map(str, layer.shape)),
                "features": prod(layer.shape),
                "axes": layer.axes,
                "in_place": layer.name in changed,
                "default": layer.name in model.layers,
            }
            for layer in seen
        ]
    )
