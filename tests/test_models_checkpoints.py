"""Checkpoints from strangers: nothing that a file names is run, and no change of a byte passes."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from repviz import provenance
from repviz.errors import Damaged, InputError, Mismatch, RepvizError
from repviz.models import open_model
from repviz.models.checkpoints import (
    open_checkpoint,
    read_card,
    save_checkpoint,
    verify_checkpoint,
)
from repviz.models.in_memory import from_module
from repviz.models.model import Preprocessing

TINY = {"size": 8, "bottleneck": 2, "width": 3, "components": 3}


@pytest.fixture
def path(tmp_path):
    return save_checkpoint(
        open_model("autoencoder", **TINY),
        tmp_path / "net.safetensors",
        recipe={"epochs": 2},
        training={"finished": False},
        tensors={"0/momentum": torch.arange(5.0)},
    )


def forged(path, text):
    """A checkpoint whose card is ``text``, with the sum that belongs to it."""
    metadata = {"repviz": f"{provenance.sha256(text.encode())}\n{text}"}
    save_file({"x": torch.zeros(2)}, path, metadata=metadata)
    return path


def naming(path, model, **changes):
    card = read_card(save_checkpoint(open_model("autoencoder", **TINY), path))
    return forged(path, json.dumps(card | {"model": model, "options": {}} | changes))


# What an attacker would have run: a module of the standard library with an effect on import, one in
# the working folder, and functions that end the process or write a file.
ATTACK = """
import sys
seen = []
def watch(event, args):
    if event == "import" and args[0] in ("antigravity", "this", "evil_net"):
        seen.append(args[0])
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"):
        seen.append(event)
import torch, torchvision, repviz
from repviz.errors import RepvizError
from repviz.models.checkpoints import open_checkpoint, verify_checkpoint
from repviz.models import open_model
from repviz.studies import study
from pathlib import Path
import pandas, accelerate
from repviz.training import evaluation, alexnet_recipe
from repviz.bottleneck import encoder_export
sys.addaudithook(watch)
folder = Path(sys.argv[1])
images = repviz.open_images("digits", limit=20)
for path in sorted(folder.glob("*.safetensors")):
    for attempt in (
        lambda: open_checkpoint(path),
        lambda: verify_checkpoint(path),
        lambda: open_model("alexnet", weights=str(path)),
        lambda: open_model("torchvision:resnet18", weights=str(path)),
        lambda: study("network", images, out=folder / "study", weights=path),
    ):
        try:
            attempt()
        except RepvizError:
            pass
print("seen", seen)
"""


@pytest.mark.slow
def test_no_code_that_a_file_names_is_run(tmp_path):
    (tmp_path / "evil_net.py").write_text("open('ran', 'w').close()\ndef net():\n    pass\n")
    names = ["os:abort", "module:os:abort", "antigravity:x", "this:s", "evil_net:net", "os:_exit"]
    for number, name in enumerate(names):
        naming(tmp_path / f"{number}.safetensors", name)
    done = subprocess.run(
        [sys.executable, "-c", ATTACK, tmp_path], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "seen []"
    assert not (tmp_path / "ran").exists()


def test_a_file_may_not_name_the_code_that_is_run(tmp_path):
    path = naming(tmp_path / "net.safetensors", "os:abort")
    with pytest.raises(InputError) as error:
        open_checkpoint(path)
    assert str(error.value) == (
        f"open_checkpoint: a checkpoint may not choose the code to run, and {path} names "
        "'os:abort'. If that code is yours, pass model='os:abort'."
    )


def test_a_network_of_ones_own_opens_where_the_caller_names_it(tmp_path, monkeypatch):
    (tmp_path / "some_nets.py").write_text(
        "from torch import nn\ndef make(classes=3):\n    return nn.Sequential(nn.Flatten(), "
        "nn.Linear(192, classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = open_model("some_nets:make", size=8)
    path = save_checkpoint(model, tmp_path / "net.safetensors")
    assert open_checkpoint(path, model="some_nets:make").key == model.key
    assert open_model("some_nets:make", weights=str(path)).key == model.key
    other = nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).train()
    before = other[1].weight.clone()
    assert open_checkpoint(path, model=other).key == model.key
    assert torch.equal(other[1].weight, before)  # a copy was given the weights
    assert other.training
    with pytest.raises(Mismatch) as error:
        open_checkpoint(path, model="some_nets:other")
    assert str(error.value) == (
        f"{path}: this checkpoint belongs to another model: model was 'some_nets:make' and is now "
        "'some_nets:other'. Open the model that it was trained as; options left out are taken "
        "from the checkpoint."
    )
    sys.modules.pop("some_nets", None)


CARDS = {
    "list": "[]",
    "null": "null",
    "number": "7",
    "nested": "[" * 100_000 + "]" * 100_000,
    "nested object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "no json": "{",
    "empty": "",
}


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_that_is_no_card(tmp_path, kind):
    path = forged(tmp_path / "net.safetensors", CARDS[kind])
    for attempt in (read_card, open_checkpoint, verify_checkpoint):
        with pytest.raises(Damaged) as error:
            attempt(path)
        assert str(error.value) == (
            f"{path}: this safetensors file must contain a repviz checkpoint, version 1, and does "
            "not. Choose a file that repviz wrote."
        )


@pytest.mark.parametrize("value", [..., 7, "text", [], [1], {}, {"a": 1}, None, True])
def test_cards_that_lack_a_field_or_hold_another_type(path, value):
    card = read_card(path)
    for name in [name for name in card if name not in ("format", "version", "versions", "sums")]:
        text = {**card, name: value}
        if value is ...:
            del text[name]
        forged(path, json.dumps(text))
        with pytest.raises(RepvizError):
            open_checkpoint(path)


def test_message_of_a_card_with_a_field_of_another_type(path):
    with pytest.raises(Damaged) as error:
        open_checkpoint(forged(path, json.dumps({**read_card(path), "options": 7})))
    assert str(error.value) == (
        f"{path}: the checkpoint's metadata must have a valid field 'options', and has none. "
        "Choose a file that repviz wrote."
    )


def test_a_card_of_a_model_that_cannot_be_built_is_refused(path):
    card = read_card(path)
    options = {**card["options"], "size": [3, 4, 5]}
    with pytest.raises(Damaged, match="must describe a model that can be built"):
        open_checkpoint(forged(path, json.dumps({**card, "options": options})))


@pytest.mark.slow
def test_every_flipped_bit_is_named_or_changes_nothing(path):
    model = open_checkpoint(path)
    expected = (model.key, repr(model.preprocessing), model.name, model.weights, model.recipe)
    verify_checkpoint(path)
    intact, rng = path.read_bytes(), random.Random(0)
    header = int.from_bytes(intact[:8], "little") + 8
    places = rng.sample(range(header), 250) + rng.sample(range(header, len(intact)), 100)
    named = 0
    for place in places:
        flipped = intact[place] ^ (1 << rng.randrange(8))
        path.write_bytes(intact[:place] + bytes([flipped]) + intact[place + 1 :])
        try:
            again = open_model("autoencoder", weights=str(path))
            opened = (again.key, repr(again.preprocessing), again.name, again.weights, again.recipe)
        except RepvizError:
            opened = expected
        try:
            verify_checkpoint(path)
        except RepvizError:
            named += 1
        else:
            assert opened == expected, place
    assert named > 340


def test_tied_weights_are_saved(tmp_path):
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    model = from_module(net, preprocessing=Preprocessing((8, 8), 1, (0.0,), (1.0,)))
    path = save_checkpoint(model, tmp_path / "net.safetensors")
    verify_checkpoint(path)
    again = open_checkpoint(path, model=nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))
    assert again.key == model.key
    assert again.preprocessing == model.preprocessing
