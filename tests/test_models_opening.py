"""Opening models by name, what turns pixels into their input, and checkpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models as zoo

from repviz import images_from, memory
from repviz.errors import Damaged, InputError, Mismatch, Unavailable, UnknownName
from repviz.models import MODELS, library, open_model
from repviz.models.checkpoints import open_checkpoint, save_checkpoint
from repviz.models.model import Preprocessing, evaluating

OWN = """
from torch import nn
def make(classes=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, classes))
net = nn.Linear(2, 3)
number = 7
"""


def pixels(*shape, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(values)


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "some_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "some_nets"
    sys.modules.pop("some_nets", None)


@pytest.mark.parametrize("name", ["resnet18", "swin_t", "efficientnet_v2_s"])
@pytest.mark.parametrize("size", [(375, 500), (500, 375), (300, 301)])
def test_preprocessing_is_torchvisions(name, size):
    meta = partial(zoo.get_model, weights=None)
    asked = zoo.get_model_weights(name).DEFAULT.transforms()
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:  # the net is of no account
        patch.setattr("repviz.models.library.zoo.get_model", lambda *_, **__: meta(name))
        preprocessing = library.torchvision_model(name).preprocessing
    x = pixels(1, 3, *size)
    theirs = asked(Image.fromarray(x[0].permute(1, 2, 0).numpy()))[None]
    one_level = 1 / 255 / min(asked.std)
    torch.testing.assert_close(preprocessing(x), theirs, atol=1.01 * one_level, rtol=0)


def test_caffes_preprocessing_is_the_other_order_and_scale():
    mean = (104.0, 117.0, 123.0)
    caffes = Preprocessing((20, 20), 3, tuple(m / 255 for m in mean), (1 / 255,) * 3, order="BGR")
    x = pixels(2, 3, 20, 20)
    expected = x.flip(1).float() - torch.tensor(mean).view(1, 3, 1, 1)
    torch.testing.assert_close(caffes(x), expected, atol=1e-4, rtol=0)
    assert Preprocessing.from_card(json.loads(json.dumps(caffes.card()))) == caffes


def test_preprocessing_grey_to_colour_and_back():
    grey = pixels(2, 1, 9, 12)
    tripled = Preprocessing((9, 12), 3, (0.0,) * 3, (1.0,) * 3)(grey)
    assert tripled.shape == (2, 3, 9, 12)
    torch.testing.assert_close(tripled[:, 1], grey[:, 0] / 255)
    single = Preprocessing((9, 12), 1, (0.0,), (1.0,))(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(single, grey / 255)


def test_a_grey_network_sees_pillows_grey_as_grey_images_do():
    colour = pixels(3, 3, 20, 28)
    colour[0, :, 0] = 255
    luma = [np.array(Image.fromarray(x.permute(1, 2, 0).numpy()).convert("L")) for x in colour]
    single = Preprocessing((20, 28), 1, (0.0,), (1.0,)).fit(colour)
    np.testing.assert_array_equal(single[:, 0].numpy(), np.stack(luma))
    assert single[0, 0, 0].min() == 255
    images = images_from(colour.numpy())
    read = torch.from_numpy(images.pixels())
    grey = images.at(size=(9, 16), grey=True).pixels()
    fitted = Preprocessing((9, 16), 1, (0.0,), (1.0,)).fit(read)
    np.testing.assert_array_equal(fitted.numpy(), grey)


def test_preprocessing_scales_the_shorter_side_and_crops_the_middle():
    wide = torch.zeros(1, 1, 10, 30, dtype=torch.uint8)
    wide[..., 10:20] = 200
    fitted = Preprocessing((20, 20), 1, (0.5,), (0.25,)).fit(wide)
    assert fitted.shape == (1, 1, 20, 20)
    assert fitted[..., 2:-2].min() == 200
    x = Preprocessing((20, 20), 1, (0.5,), (0.25,))(wide)
    torch.testing.assert_close(x[0, 0, 5, 10].item(), (200 / 255 - 0.5) / 0.25, rtol=1e-5, atol=0)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_preprocessing_refuses_other_channels(channels):
    with pytest.raises(InputError) as error:
        Preprocessing((8, 8), channels, (0.0,) * channels, (1.0,) * channels)
    assert str(error.value) == (
        f"Preprocessing: channels must be 1 (grey) or 3 (colour), got {channels}."
    )


@pytest.mark.parametrize(
    "name", ["alexnet", "autoencoder", "torchvision:resnet18", "timm:resnet10t", "some_nets:make"]
)
def test_every_family_member_opens_and_answers(own, name):
    if name.startswith("timm"):
        pytest.importorskip("timm")
    options = {"size": 16} if name == "some_nets:make" else {}
    model = open_model(name, **options)
    assert model.name == name
    own_weights = f"as the module gave them (sha256 {model.key[:16]})"
    assert model.weights == (own_weights if name == "some_nets:make" else "random (seed 0)")
    assert not model.module.training
    assert set(model.layers) <= {layer for layer, _ in model.module.named_modules()}
    with torch.no_grad():
        assert model.module(model.preprocessing(pixels(2, 3, 30, 40))).shape[0] == 2
    head = name.partition(":")[0]
    known = MODELS[head if head in MODELS else "module"].options
    assert model.options == known | options


def test_an_own_function_gets_the_classes_that_it_asks_for(own):
    model = open_model("some_nets:make", classes=9, size=16)
    assert model.module[1].out_features == 9
    with pytest.raises(InputError) as error:
        open_model("some_nets:number")
    assert str(error.value) == (
        "open_model('some_nets:number'): the attribute must be a torch.nn.Module or a function "
        "that returns one, got int."
    )
    with pytest.raises(UnknownName) as error:
        open_model("some_nets:mak")
    assert str(error.value).startswith(
        "open_model('some_nets:mak'): no attribute of some_nets is called 'mak'. Did you mean "
        "'make'? Known: "
    )


@pytest.mark.parametrize(
    ("name", "options", "error", "sentence"),
    [
        pytest.param(
            "alexnett",
            {},
            UnknownName,
            "open_model: no model is called 'alexnett'. Did you mean 'alexnet'? Known: alexnet, "
            "autoencoder, torchvision:NAME, timm:NAME, MODULE:ATTRIBUTE.",
            id="unknown model",
        ),
        pytest.param(
            "nopackage.nets:make",
            {},
            InputError,
            "open_model('nopackage.nets:make'): 'nopackage.nets' must be a module that Python can "
            "import, got 'No module named 'nopackage''. Run repviz in its folder, or install it.",
            id="unknown module",
        ),
        pytest.param(
            "torchvision",
            {},
            InputError,
            "open_model('torchvision'): a name must follow the colon, got nothing. "
            "Write torchvision:NAME.",
            id="no name after the colon",
        ),
        pytest.param(
            "alexnet",
            {"weights": "default"},
            Unavailable,
            "open_model('alexnet'): there are no published weights for this model. Use "
            "weights='random', or the path of a checkpoint that you trained.",
            id="no published weights",
        ),
        pytest.param(
            "autoencoder",
            {"depth": 10**9},
            InputError,
            "open_model('autoencoder'): depth must be a whole number from 1 to 64, got 1000000000.",
            id="too deep",
        ),
        pytest.param(
            "autoencoder",
            {"size": 2**20, "bottleneck": 2},
            InputError,
            "open_model('autoencoder'): the network must fit in memory, got 1130298.0 GB of "
            "parameters and 8.0 GB free. Choose a smaller size, bottleneck, width or depth.",
            id="larger than memory",
        ),
        pytest.param(
            "autoencoder",
            {"form": "conv", "depth": 64, "width": 2**16},
            InputError,
            "open_model('autoencoder'): the network must fit in memory, got inf GB of parameters "
            "and 8.0 GB free. Choose a smaller size, bottleneck, width or depth.",
            id="more numbers than torch counts",
        ),
        pytest.param(
            "alexnet",
            {"classes": 10**9},
            InputError,
            "open_model('alexnet'): classes must be a whole number from 2 to 1000000, got "
            "1000000000.",
            id="too many classes",
        ),
    ],
)
def test_names_that_are_no_models(name, options, error, sentence, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 8e9)
    with pytest.raises(error) as caught:
        open_model(name, **options)
    assert str(caught.value) == sentence


def test_an_unknown_torchvision_model_lists_the_known_ones():
    with pytest.raises(UnknownName) as caught:
        open_model("torchvision:resnet81")
    assert str(caught.value).startswith(
        "open_model('torchvision:resnet81'): no torchvision model is called 'resnet81'. Did you "
        "mean 'resnet18'? Known: alexnet, "
    )


def test_pretrained_weights_without_a_network(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr("repviz.models.library.zoo.get_model", offline)
    with pytest.raises(Unavailable) as error:
        open_model("torchvision:resnet18", weights="default")
    assert str(error.value) == (
        "open_model('torchvision:resnet18'): the weights could not be loaded from torchvision (no "
        "route). Use weights='random', or run once with an internet connection."
    )


def test_evaluating_puts_every_mode_back():
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3))
    module.train()
    module[1].eval()
    with evaluating(module):
        assert not module[0].training
        assert not torch.is_grad_enabled()
    assert module.training
    assert module[0].training
    assert not module[1].training


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    from dataclasses import replace

    model = replace(
        open_model("autoencoder", size=16, bottleneck=3, width=4, seed=5),
        weights="trained: a little",
        classes=("a", "b"),
    )
    path = save_checkpoint(model, tmp_path / "net.safetensors", recipe={"epochs": 2})
    again = open_checkpoint(path)
    assert again.key == model.key
    assert (again.name, again.weights, again.classes) == (model.name, model.weights, model.classes)
    assert again.options == model.options
    assert again.preprocessing == model.preprocessing
    assert open_model("autoencoder", weights=str(path), bottleneck=3).key == model.key
    assert (
        path.read_bytes()
        == save_checkpoint(model, tmp_path / "b", recipe={"epochs": 2}).read_bytes()
    )


@pytest.fixture
def saved(tmp_path):
    return save_checkpoint(
        open_model("autoencoder", size=16, bottleneck=3, width=4), tmp_path / "net.safetensors"
    )


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    intact = path.read_bytes()
    path.write_bytes(intact[:-100] + bytes([intact[-100] ^ 1]) + intact[-99:])


def of_another_format(path):
    save_file({"x": torch.zeros(2)}, path, metadata={"repviz": json.dumps({"format": "other"})})


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        pytest.param(
            flip_a_bit,
            "the weights have changed since they were written. Copy the file again from its "
            "source, or train again.",
            id="flipped bit",
        ),
        pytest.param(
            of_another_format,
            "this safetensors file must contain a repviz checkpoint, version 1, and does not. "
            "Choose a file that repviz wrote.",
            id="other format",
        ),
    ],
)
def test_damaged_checkpoints_are_refused(saved, damage, sentence):
    damage(saved)
    with pytest.raises(Damaged) as caught:
        open_checkpoint(saved)
    assert str(caught.value) == f"{saved}: {sentence}"


def test_a_checkpoint_cut_short_is_refused(saved):
    cut_short(saved)
    with pytest.raises(Damaged, match="is not a complete safetensors file"):
        open_checkpoint(saved)


def test_a_checkpoint_of_another_model_is_refused(saved):
    with pytest.raises(Mismatch) as caught:
        open_model("autoencoder", weights=str(saved), bottleneck=4)
    assert str(caught.value) == (
        f"{saved}: this checkpoint belongs to another model: bottleneck was 3 and is now 4. Open "
        "the model that it was trained as; options left out are taken from the checkpoint."
    )


def test_options_of_numpy_are_kept_as_pythons(tmp_path):
    model = open_model(
        "autoencoder",
        size=np.array([16, 8]),
        bottleneck=np.int64(2),
        channels=1.0,
        seed=np.uint8(3),
    )
    path = save_checkpoint(model, tmp_path / "own.safetensors")
    again = open_checkpoint(path)
    assert again.options == model.options
    assert (again.options["size"], again.options["bottleneck"]) == ([16, 8], 2)
    assert again.key == open_model("autoencoder", size=(16, 8), bottleneck=2, seed=3).key


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(Unavailable) as caught:
        open_checkpoint(tmp_path)
    assert str(caught.value) == (
        "open_model: weights must be 'random', 'default' or the path of a checkpoint, got "
        f"'{tmp_path}', which is no file. Check the path."
    )


def test_a_checkpoint_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(Unavailable) as caught:
        open_checkpoint(tmp_path / "none")
    assert str(caught.value) == (
        "open_model: weights must be 'random', 'default' or the path of a checkpoint, got "
        f"'{tmp_path / 'none'}', which does not exist. Check the path."
    )


@pytest.mark.slow
def test_a_full_disk_is_named_and_what_was_kept_stays(tmp_path):
    path = tmp_path / "net.safetensors"
    model = open_model("autoencoder", size=16, bottleneck=3, width=4)
    save_checkpoint(model, path)
    before = path.read_bytes()
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from repviz.models import open_model; from repviz.models.checkpoints import *;"
        "model = open_model('autoencoder', size=16, bottleneck=3, width=4);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000));"
        "save_checkpoint(model, sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert f"StoreError: {path}: the checkpoint cannot be written ('" in done.stderr
    assert "Free some space and run again: the previous checkpoint is intact." in done.stderr
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))


CONFIG = {
    "input_size": (3, 32, 32),
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
    "crop_pct": 0.9,
    "interpolation": "bicubic",
}


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"crop_mode": "border"}, "crop mode 'border' and share 0.9 for 32x32"),
        ({"crop_pct": 1.15}, "crop mode 'center' and share 1.15 for 32x32"),
        (
            {"crop_mode": "squash", "input_size": (3, 32, 24)},
            "crop mode 'squash' and share 0.9 for 32x24",
        ),
    ],
)
def test_a_preprocessing_that_shows_another_picture_is_refused(changed, got):
    with pytest.raises(InputError) as caught:
        library.timm_preprocessing("open_model('timm:net')", CONFIG | changed)
    assert str(caught.value) == (
        "open_model('timm:net'): the preprocessing must cut its input out of the scaled image, "
        f"got {got} pixels. Choose other weights, or open the network in memory with a "
        "preprocessing of your own."
    )


@pytest.mark.parametrize("mode", [None, "center", "squash"])
@pytest.mark.parametrize("share", [0.875, 1.0])
def test_a_crop_mode_gives_the_picture_of_timm(mode, share):
    pytest.importorskip("timm")
    assert _departure(CONFIG | {"crop_mode": mode, "crop_pct": share}) <= 2.001


@pytest.mark.slow
def test_every_preprocessing_of_timm_is_that_of_timm_or_refused():
    """Of every published set of weights, on a picture that is twice as wide as it is high."""
    timm = pytest.importorskip("timm")
    configs = {}
    for name in timm.list_pretrained():
        published = timm.get_pretrained_cfg(name).to_dict()
        config = timm.data.resolve_data_config({}, pretrained_cfg=published)
        configs[repr(config)] = name, config
    refused = []
    for name, config in configs.values():
        try:
            assert _departure(config) <= 2.001, name
        except InputError:
            refused.append((config["crop_mode"], config["crop_pct"] > 1))
    assert set(refused) <= {("border", False), ("center", True)}
    assert len(refused) < len(configs) / 20


def _departure(config):
    """The largest difference to timm's own transform, in grey levels of 255."""
    from timm.data import create_transform

    noise = np.random.default_rng(0).integers(0, 256, (25, 50, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((400, 200), Image.Resampling.BICUBIC)
    preprocessing = library.timm_preprocessing("open_model('timm:net')", config)
    expected = create_transform(**config, is_training=False)(picture)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    found = preprocessing(pixels)[0]
    assert found.shape == expected.shape
    apart = (found - expected).abs() * torch.tensor(preprocessing.std)[:, None, None]
    return 255 * float(apart.max())
