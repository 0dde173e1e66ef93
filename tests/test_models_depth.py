"""Which layers stand for a network's depth."""

from __future__ import annotations

import pytest
import torchvision
from torch import nn

from repviz.models.depth import layers_over_depth


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        (
            "squeezenet1_1",
            "features.0 features.2 features.4 features.5 features.7 features.8 features.10 "
            "features.11 classifier.1 classifier.3",
        ),
        ("resnet18", "conv1 maxpool layer1 layer2 layer3 layer4 avgpool fc"),
        (
            "densenet121",
            "features.conv0 features.pool0 features.denseblock1 features.transition1 "
            "features.denseblock2 features.denseblock3 features.transition3 features.denseblock4 "
            "classifier",
        ),
    ],
)
def test_layers_of_known_networks(name, layers):
    found = layers_over_depth(torchvision.models.get_model(name))
    if name == "densenet121":  # nine or ten: the transitions between are those that fit
        assert {found[0], found[-1]} == {"features.conv0", "classifier"}
        assert set(layers.split()) <= set(found) | {"features.transition2"}
    else:
        assert found == tuple(layers.split())


def test_the_blocks_of_a_transformer_are_found():
    module = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=8, num_heads=2, hidden_dim=16, mlp_dim=16
    )
    found = layers_over_depth(module, most=6)
    assert found[0] == "conv_proj"
    assert found[-1] == "heads.head"
    assert [name.rsplit("_", 1)[0] for name in found[1:-1]] == ["encoder.layers.encoder_layer"] * 4


def test_a_single_layer_stands_for_itself():
    assert layers_over_depth(nn.Sequential(nn.Flatten(), nn.Linear(4, 2))) == ("1",)
