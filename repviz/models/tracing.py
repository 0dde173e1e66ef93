"""A model as TorchScript, which runs where repviz is not installed."""

from __future__ import annotations

import io

import torch

from repviz.models.model import Model, evaluating


def traced(model: Model) -> bytes:
    """The bytes of a TorchScript module, from (b, channels, height, width) input to its output."""
    made_for = model.preprocessing
    with evaluating(model.module):
        # Two images, so that no size is taken for granted because it is one.
        example = torch.rand(2, made_for.channels, *made_for.size)
        script = torch.jit.trace(model.module, example)
    buffer = io.BytesIO()
    torch.jit.save(script, buffer)
    return buffer.getvalue()
