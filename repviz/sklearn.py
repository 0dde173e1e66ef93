"""Estimators with scikit-learn's interface, for pipelines and grid searches.

This module is imported by name, ``import repviz.sklearn``; ``import repviz`` alone does not load
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from repviz import checks
from repviz.activations.extraction import extract
from repviz.images import as_images
from repviz.manifold.dimension import dimension
from repviz.models.model import AnyModel

__all__ = ["ActivationTransformer", "IntrinsicDimension"]

FEWEST = 5  # rows from which a dimension is estimated


class IntrinsicDimension(BaseEstimator):
    """The intrinsic dimension of the rows of a matrix, as :func:`repviz.dimension` estimates it.

    Parameters
    ----------
    method : str
        A name in :data:`repviz.manifold.dimension.ESTIMATORS`.
    options : mapping of str to value, optional
        Options of that method, as :func:`repviz.dimension` takes them.

    Attributes
    ----------
    dimension_ : float
        The calibrated estimate.
    interval_ : (float, float)
        Its 95 % interval, of sampling and model error.
    estimate_ : Dimension
        Everything that the method says, its warnings included.
    n_features_in_ : int
        Columns of the rows.
    """

    def __init__(self, method: str = "twonn", options: Mapping[str, Any] | None = None) -> None:
        self.method = method
        self.options = options

    def fit(self, X: Any, y: Any = None) -> IntrinsicDimension:
        """The estimator itself, with the dimension of the rows ``X``, shape (n, d), n at least 5.

        ``y`` is ignored.
        """
        rows = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=FEWEST)
        self.estimate_ = dimension(rows, method=self.method, **dict(self.options or {}))
        estimate = self.estimate_
        self.dimension_ = estimate.calibrated
        self.interval_ = (estimate.calibrated_low, estimate.calibrated_high)
        return self


class ActivationTransformer(TransformerMixin, BaseEstimator):
    """The activations of one layer of a network, one row per image.

    Parameters
    ----------
    model : str, Model or torch.nn.Module
        As :func:`repviz.extract` takes it; the name of a network gives its random weights, drawn
        with seed 0.
    layer : str
        Name of the layer.
    reduce : str
        A name in :data:`repviz.activations.reduction.REDUCTIONS`.
    batch : int, optional
        Images per pass.

    Attributes
    ----------
    n_features_out_ : int
        Numbers per image.
    """

    def __init__(
        self,
        model: AnyModel = "alexnet",
        layer: str = "fc7",
        reduce: str = "none",
        batch: int | None = None,
    ) -> None:
        self.model = model
        self.layer = layer
        self.reduce = reduce
        self.batch = batch

    def fit(self, X: Any, y: Any = None) -> ActivationTransformer:
        """The transformer itself: nothing is trained, one image is passed to check the layer.

        ``X`` is what :func:`repviz.images_from` takes: pictures, at least one. ``y`` is ignored.
        """
        self.n_features_out_ = self._activations(as_images(X).take(np.arange(1))).shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The activations (n, n_features_out_) float32 of pictures, in their order.

        Nothing needs to be fitted before.
        """
        return self._activations(as_images(X))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns: ``fc7_0``, ``fc7_1``, ..."""
        check_is_fitted(self, "n_features_out_")
        return np.array([f"{self.layer}_{i}" for i in range(self.n_features_out_)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Images come in: three or four axes, or a list of pictures."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        return tags

    def _activations(self, images: Any) -> np.ndarray:
        checks.text("ActivationTransformer", "layer", self.layer)
        with TemporaryDirectory() as folder:
            acts = extract(
                self.model,
                images,
                f"{folder}/acts",
                [self.layer],
                batch=self.batch,
                reduce=self.reduce,
                strict=True,
            )
            return np.asarray(acts[self.layer][:], dtype=np.float32)
