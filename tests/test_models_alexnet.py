"""AlexNet against the paper's numbers, and its normalisation against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from repviz.errors import InputError, UnknownName
from repviz.models import normalisation, open_model
from repviz.models.alexnet import VARIANTS
from repviz.models.normalisation import LocalResponseNorm

NAMES = [
    "conv1",
    "relu1",
    "norm1",
    "pool1",
    "conv2",
    "relu2",
    "norm2",
    "pool2",
    "conv3",
    "relu3",
    "conv4",
    "relu4",
    "conv5",
    "relu5",
    "pool5",
    "fc6",
    "relu6",
    "drop6",
    "fc7",
    "relu7",
    "drop7",
    "fc8",
]


def normalised_by_torch(x: torch.Tensor, *, k: float, divide: bool) -> torch.Tensor:
    # torch divides alpha by n always: n times as large an alpha is the paper's formula.
    alpha = 1e-4 if divide else 5e-4
    return functional.local_response_norm(x, 5, alpha=alpha, beta=0.75, k=k)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "divide"), [(2.0, False), (2.0, True), (1.0, True)])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_normalisation_has_torchs_values_and_gradients(k, divide, order):
    random = torch.Generator().manual_seed(0)
    # Large values, so that the sum and not only k counts; more pixels than one block holds.
    x = (torch.randn(3, 96, 40, 40, generator=random) * 60).contiguous(memory_format=order)
    weight = torch.randn(x.shape, generator=random)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = LocalResponseNorm(k=k, divide=divide)(ours)
    expected = normalised_by_torch(theirs, k=k, divide=divide)
    (y * weight).sum().backward()
    (expected * weight).sum().backward()
    assert expected.std() < 0.9 * x.std()  # the norm did something
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_normalisation_has_the_gradient_of_its_own_values():
    norm = LocalResponseNorm(n=3, alpha=0.3, beta=0.6, k=1.5)
    x = torch.randn(2, 5, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x,))


@pytest.mark.slow
def test_normalisation_as_the_paper_prints_it():
    x = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    y = LocalResponseNorm(n=3, alpha=0.5, beta=0.75, k=2.0)(x).flatten()
    sums = torch.tensor([1 + 4, 1 + 4 + 9, 4 + 9], dtype=torch.float32)
    torch.testing.assert_close(y, x.flatten() / (2 + 0.5 * sums) ** 0.75)


@pytest.mark.slow
@pytest.mark.parametrize("last", [True, False])
def test_normalisation_is_the_same_on_every_device_in_every_order_and_in_parts(monkeypatch, last):
    random = torch.Generator().manual_seed(1)
    x, g = (torch.randn(3, 7, 5, 4, dtype=torch.float64, generator=random) for _ in range(2))
    constants = (5, 0.3, 2.0, 0.75)
    monkeypatch.setattr(normalisation, "ROWS", 16)
    monkeypatch.setattr(normalisation, "SMALL", 0)
    flat = [normalisation._flat(value, last) for value in (x, g)]
    for here, elsewhere, given in (
        (normalisation._forward_here, normalisation._forward_banded, flat[:1]),
        (normalisation._backward_here, normalisation._backward_banded, flat),
    ):
        ours = here(*given, *constants, last)
        torch.testing.assert_close(ours, elsewhere(*given, *constants, last))
        assert ours.is_contiguous()


@pytest.mark.slow
def test_normalisation_in_half_precision_rounds_once_and_shows_what_is_no_number():
    x = torch.randn(2, 96, 3, 3, generator=torch.Generator().manual_seed(0)) * 30
    half = x.bfloat16().requires_grad_()
    y = LocalResponseNorm()(half)
    y.sum().backward()
    torch.testing.assert_close(y, LocalResponseNorm()(half.float()).bfloat16())
    assert half.grad.dtype == torch.bfloat16
    x[0, 50, 1, 1] = torch.nan
    found = LocalResponseNorm()(x).isnan()
    assert found[0, 48:53, 1, 1].all()
    assert found.sum() == 5


@pytest.mark.slow
def test_whole_maps_drop_out_and_the_other_layers_stay():
    model = open_model("alexnet", classes=2, map_dropout=0.5)
    names = [name for name, _ in model.module.named_children()]
    assert [name for name in names if name not in NAMES] == [f"drop{i}" for i in range(1, 6)]
    assert [name for name in names if name in NAMES] == NAMES
    maps = model.module.drop3.train()(torch.ones(4, 384, 13, 13))
    gone = (maps == 0).flatten(2)
    assert torch.equal(gone.all(2), gone.any(2))
    assert 0.4 < gone.float().mean() < 0.6
    assert open_model("alexnet", classes=2).key == model.key


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [  # Krizhevsky et al. 2012: "60 million"; counted by hand from kernel sizes and towers
        ("paper", 60_965_224),
        ("ungrouped", 62_378_344),
        ("code2012", 60_965_224),
        ("caffe", 60_965_224),
        ("torchvision", 61_100_840),
    ],
)
def test_parameters_of_each_variant(variant, parameters):
    module = open_model("alexnet", variant=variant).module
    assert sum(p.numel() for p in module.parameters()) == parameters


def test_every_operation_is_a_named_layer_and_none_works_in_place():
    module = open_model("alexnet", classes=3).module
    assert [name for name, _ in module.named_children()] == NAMES
    assert not any(getattr(part, "inplace", False) for part in module.modules())
    assert sum(p.numel() for p in module.conv1.parameters()) == 34_944


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_gives_one_score_a_class_and_its_layers_exist(variant):
    model = open_model("alexnet", variant=variant, classes=7)
    with torch.no_grad():
        scores = model.module(model.preprocessing(torch.zeros(2, 1, 50, 40, dtype=torch.uint8)))
    assert scores.shape == (2, 7)
    assert set(model.layers) <= {name for name, _ in model.module.named_modules()}


@pytest.mark.slow
def test_paper_init_has_its_ones_and_its_spread():
    module = open_model("alexnet", init="paper", classes=5).module
    ones = {name for name, p in module.named_parameters() if "bias" in name and (p == 1).all()}
    zeros = {name for name, p in module.named_parameters() if "bias" in name and (p == 0).all()}
    assert ones == {"conv2.bias", "conv4.bias", "conv5.bias", "fc6.bias", "fc7.bias"}
    assert zeros == {"conv1.bias", "conv3.bias", "fc8.bias"}
    assert module.fc7.weight.std().item() == pytest.approx(0.01, rel=0.01)


@pytest.mark.slow
def test_one_seed_gives_one_net_and_leaves_the_global_generator():
    before = torch.random.get_rng_state()
    first, same, other = (open_model("alexnet", classes=2, seed=seed).key for seed in (1, 1, 2))
    assert first == same != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_input_of_224_names_the_three_ways_to_55():
    module = open_model("alexnet", classes=2).module
    with pytest.raises(InputError) as error:
        module(torch.zeros(1, 3, 224, 224))
    assert str(error.value) == (
        "AlexNet: the input must be 3x227x227, got 3x224x224. There are three ways to conv1's 55 "
        "x 55 maps: 227 pixels without padding, (227 - 11) / 4 + 1 = 55, as here; 224 pixels and "
        "3 zeros to the right and below, as in variant='code2012'; or 224 pixels padded by 2, "
        "(224 + 4 - 11) / 4 + 1 = 55.25, rounded down, as in variant='torchvision'. Resize to 227."
    )


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        pytest.param(
            {"variant": "papr"},
            UnknownName,
            "no variant is called 'papr'. Did you mean 'paper'? Known: paper, ungrouped, code2012, "
            "caffe, torchvision.",
            id="unknown variant",
        ),
        pytest.param(
            {"klasses": 3},
            UnknownName,
            "no option is called 'klasses'. Did you mean 'classes'? Known: variant, classes, init, "
            "map_dropout.",
            id="unknown option",
        ),
        pytest.param(
            {"classes": 1},
            InputError,
            "classes must be a whole number from 2 to 1000000, got 1.",
            id="one class",
        ),
    ],
)
def test_wrong_options_are_named(options, error, sentence):
    with pytest.raises(error) as caught:
        open_model("alexnet", **options)
    assert str(caught.value) == f"open_model('alexnet'): {sentence}"
