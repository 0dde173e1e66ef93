"""What each layer holds and costs, against the paper and against torch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.anatomy import COLUMNS, anatomy
from repviz.models.in_memory import from_module
from repviz.models.model import Preprocessing


def test_the_papers_net_number_by_number():
    table = anatomy(open_model("alexnet", variant="paper")).set_index("layer")
    weighted = table[table["parameters"] > 0]
    assert weighted["parameters"].to_dict() == {
        "conv1": 34_944,
        "conv2": 307_456,
        "conv3": 885_120,
        "conv4": 663_936,
        "conv5": 442_624,
        "fc6": 37_752_832,
        "fc7": 16_781_312,
        "fc8": 4_097_000,
    }
    assert table.attrs == {
        "parameters": 60_965_224,
        "multiply_adds": 724_406_816,
        # Three of 290,400, 186,624, 4096 and 4096, two of 64,896, 64,896 and 43,264, and 69,984,
        # 43,264, 9216 and 1000, at 4 bytes each.
        "activation_bytes": 7_700_896,
        "neurons": 659_272,  # 290,400 + 186,624 + 64,896 + 64,896 + 43,264 + 4096 + 4096 + 1000
    }
    assert weighted["neurons"].tolist() == [
        *(290_400, 186_624, 64_896, 64_896, 43_264),
        *(4096, 4096, 1000),
    ]
    assert table.loc["conv1", ["kernel", "stride", "padding", "output", "formula"]].tolist() == [
        *("11x11", "4", "0", "96x55x55"),
        "(227 + 2*0 - 11) / 4 + 1 = 55",
    ]
    assert table.loc["pool5", "formula"] == "(13 + 2*0 - 3) / 2 + 1 = 6"
    assert table.loc["fc6", "formula"] == "9216 inputs"
    assert table.loc["conv2", ["input", "parameters_formula"]].tolist() == [
        "96x27x27",
        "256*48*5*5 + 256",
    ]
    counted = table[table["parameters_formula"] != ""]
    assert len(counted) == 8
    for row in counted.itertuples():
        assert eval(row.parameters_formula) == row.parameters
    assert table.loc["conv1", "activation_bytes"] == 4 * 290_400
    assert table["towers"][table["towers"] != ""].to_dict() == {
        "conv2": "0-127 see 0-47, 128-255 see 48-95",
        "conv4": "0-191 see 0-191, 192-383 see 192-383",
        "conv5": "0-127 see 0-191, 128-255 see 192-383",
    }


def test_the_other_nets_of_that_name():
    assert anatomy(open_model("alexnet", variant="ungrouped")).attrs["multiply_adds"] == (
        1_135_256_096
    )
    theirs = anatomy(open_model("alexnet", variant="torchvision"))
    assert theirs.attrs["parameters"] == 61_100_840
    first = theirs.set_index("layer").loc["features.0"]
    assert first["formula"] == "(224 + 2*2 - 11) / 4 + 1 = 55, rounded down"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "vgg16", "mobilenet_v3_small"])
def test_multiply_adds_are_half_of_torchs_flops(name):
    model = open_model(f"torchvision:{name}")
    table = anatomy(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.module(torch.zeros(1, 3, 224, 224))
    assert table.attrs["multiply_adds"] * 2 == counter.get_total_flops()
    assert table.attrs["parameters"] == sum(p.numel() for p in model.module.parameters())


def test_shares_sum_to_one_and_columns_are_as_promised():
    table = anatomy(open_model("autoencoder", form="conv", bottleneck=4, size=32))
    assert table.columns.tolist() == COLUMNS
    assert table["share_parameters"].sum() == pytest.approx(1)
    assert table["share_multiply_adds"].sum() == pytest.approx(1)
    upward = table.set_index("layer").loc["decoder.3"]
    assert upward["formula"] == "(4 - 1) * 2 - 2*1 + 4 = 8"
    # 64 x 4 x 4 numbers, each spread over 4 x 4 places in 32 maps
    assert upward["multiply_adds"] == 64 * 4 * 4 * 16 * 32


def test_an_attention_layer_counts_once_with_its_output_map():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attend = torch.nn.MultiheadAttention(12, 3, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2).repeat(1, 1, 4)  # (1, 64, 12)
            return self.attend(tokens, tokens, tokens)[0]

    from repviz.models.model import Model, Preprocessing

    preprocessing = Preprocessing((8, 8), 3, (0.0,) * 3, (1.0,) * 3)
    table = anatomy(Model("net", Net(), preprocessing, ("attend",), "random", {}))
    assert table["layer"].tolist() == ["attend"]
    assert table.attrs["parameters"] == 4 * 12 * 12 + 4 * 12
    assert table.attrs["multiply_adds"] == 4 * 64 * 12**2 + 2 * 64**2 * 12


def test_tied_weights_count_once_at_the_first_layer_that_has_them():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    net[3].weight = net[1].weight
    model = from_module(net, preprocessing=Preprocessing((2, 2), 1, (0.0,), (1.0,)))
    table = anatomy(model).set_index("layer")
    assert table["parameters"].to_dict() == {"0": 0, "1": 20, "2": 20, "3": 4}
    assert table.attrs.get("parameters", anatomy(model).attrs["parameters"]) == sum(
        p.numel() for p in net.parameters()
    )


def test_a_network_that_fails_is_one_sentence():
    net = nn.Sequential(nn.Flatten(), nn.Linear(5, 4))
    model = from_module(net, preprocessing=Preprocessing((2, 2), 1, (0.0,), (1.0,)))
    with pytest.raises(InputError) as error:
        anatomy(model)
    assert str(error.value) == (
        "anatomy: the network 'Sequential' must take float32 input of shape (b, 1, 2, 2), and it "
        "failed (RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x4 and 5x4)). Pass its "
        "input size and channels, or fix the network."
    )
