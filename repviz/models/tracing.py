"""Export of a model as TorchScript or ONNX, which run without repviz."""

from __future__ import annotations

import io
import logging
import warnings
from importlib.util import find_spec

import torch

from repviz.errors import Unavailable
from repviz.models.model import Model, evaluating


def to_torchscript(model: Model) -> bytes:
    """The bytes of a TorchScript module, from (b, channels, height, width) input to its output."""
    preprocessing = model.preprocessing
    with evaluating(model.module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sizes become constants is intended
        # Two images, so that the batch size is not taken for a constant 1.
        example = torch.rand(2, preprocessing.channels, *preprocessing.size)
        script = torch.jit.trace(model.module, example)
        buffer = io.BytesIO()
        torch.jit.save(script, buffer)
    return buffer.getvalue()


def to_onnx(model: Model) -> bytes:
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
    preprocessing = model.preprocessing
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with evaluating(model.module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about its own internals
        example = torch.rand(2, preprocessing.channels, *preprocessing.size)
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
    serialised: bytes = program.model_proto.SerializeToString()
    return serialised
