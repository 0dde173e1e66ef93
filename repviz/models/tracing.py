"""A model as TorchScript or ONNX, which run where repviz is not installed."""

from __future__ import annotations

import io
import logging
import warnings
from importlib.util import find_spec

import torch

from repviz.errors import Unavailable
from repviz.models.model import Model, evaluating


def traced(model: Model) -> bytes:
    """The bytes of a TorchScript module, from (b, channels, height, width) input to its output."""
    made_for = model.preprocessing
    with evaluating(model.module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes become constants: that is meant
        # Two images, so that no size is taken for granted because it is one.
        example = torch.rand(2, made_for.channels, *made_for.size)
        script = torch.jit.trace(model.module, example)
        buffer = io.BytesIO()
        torch.jit.save(script, buffer)
    return buffer.getvalue()


def as_onnx(model: Model) -> bytes:
    """The bytes of an ONNX model, from "images" (b, channels, height, width) to "output".

    Raises
    ------
    Unavailable
        The packages that write ONNX are not installed.
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise Unavailable(
                f"export: ONNX needs the package {package}, which is not installed. Run: "
                "pip install 'repviz-toolkit[onnx]'."
            )
    made_for = model.preprocessing
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with evaluating(model.module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, about itself
        example = torch.rand(2, made_for.channels, *made_for.size)
        program = torch.onnx.export(
            model.module,
            (example,),
            input_names=["images"],
            output_names=["output"],
            dynamic_shapes=({0: torch.export.Dim("b")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    written: bytes = program.model_proto.SerializeToString()
    return written
