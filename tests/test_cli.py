"""The command line: one library call a command, one sentence and exit 2 where it refuses."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterable

import numpy as np
import pytest
from noisy_patterns import noisy_patterns
from PIL import Image

import repviz
from repviz import cli
from repviz.bottleneck.sweep import SweepSetup
from repviz.cli.signatures import keywords, parameters
from repviz.errors import InputError
from repviz.references import resolve
from repviz.studies import STUDIES
from repviz.training.settings import ConvolutionalOptions

STUDY = ("study", "faces", "--images")


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command line in this process; gives back (exit code, output, error output)."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["repviz", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A .npz of 24 noisy images of 8 people, enough for every command."""
    images, labels = noisy_patterns(8, 3, blocks=4, noise=20)
    path = tmp_path_factory.mktemp("cli") / "faces.npz"
    np.savez(path, images=images, labels=labels)
    return path


def test_help_lists_every_command_and_loads_nothing_heavy():
    heavy = ["torch", "numba", "matplotlib", "sklearn", "pandas", "numpy"]
    code = (
        "import sys\nfrom repviz import cli\nsys.argv = ['repviz', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in cli.COMMANDS:
        assert f"\n  {command} " in out.stdout
    assert out.stdout.endswith("[]\n")


@pytest.mark.parametrize("words", [("--help",), ("study", "--help")])
def test_no_summary_is_cut_short(run, words):
    code, out, _ = run(*words)
    assert code == 0
    assert "..." not in out.split("Commands:")[1]


def test_list_shows_every_family(run):
    code, out, _ = run("list", "--json")
    families = json.loads(out)
    assert code == 0
    assert list(families) == [
        "sources",
        "models",
        "layers",
        "recipes",
        "augmentations",
        "reductions",
        "ablations",
        "exports",
        "estimators",
        "embeddings",
        "similarities",
        "probes",
        "perturbations",
        "engines",
        "criteria",
        "samplers",
        "judges",
        "studies",
        "sections",
    ]
    assert "folder:PATH" in families["sources"]
    assert "twonn" in families["estimators"]
    assert all(text for members in families.values() for text in members.values())
    code, out, _ = run("list", "studies")
    assert out.startswith("studies\n  faces")


def test_anatomy_counts_the_papers_network(run):
    code, out, err = run("anatomy", "alexnet", "--variant", "paper", "--json")
    assert (code, err) == (0, "")
    rows = {row["layer"]: row for row in json.loads(out)["rows"]}
    # Krizhevsky et al. 2012: 96 kernels of 11 x 11 x 3 in conv1; 60 million parameters in all.
    assert rows["conv1"]["parameters"] == 96 * 363 + 96
    assert sum(row["parameters"] for row in rows.values()) == 60_965_224


def test_the_anatomy_fits_on_a_screen(run):
    code, out, _ = run("anatomy", "alexnet", "--variant", "paper")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 110
    assert lines[1].split() == [
        "conv1", "Conv2d", "11x11", "4", "96x55x55", "34,944", "0.1", "290,400", "44.0",
        "105,415,200", "14.6",
    ]  # fmt: skip
    assert lines[-1] == (
        "total: 60,965,224 parameters, 659,272 neurons, 724,406,816 multiply-adds, "
        "7,700,896 activation-bytes"
    )


def test_extract_then_dimension_then_verify(run, faces, tmp_path):
    acts = tmp_path / "acts"
    code, out, _ = run(
        "extract",
        "autoencoder",
        "--images",
        f"array:{faces}",
        "--size",
        64,
        "--out",
        acts,
        "--json",
    )
    assert code == 0
    assert json.loads(out)["layers"] == {"code": [24, 32]}
    code, out, _ = run("dimension", acts, "--layer", "code", "--json")
    got = json.loads(out)
    assert code == 0
    assert got["low"] < got["value"] < got["high"]
    assert got["n"] == 24
    code, out, _ = run("verify", acts)
    assert code == 0
    assert out.endswith("sound\n")


def test_parts_then_more_images_are_extracted_into_one_folder(run, tmp_path):
    acts, pixels = tmp_path / "acts", np.random.default_rng(0).integers(0, 256, (9, 16, 16))

    def extract(rows, *words):
        np.save(tmp_path / "images.npy", pixels[:rows].astype(np.uint8))
        named = ("--images", f"array:{tmp_path / 'images.npy'}", "--batch", 2)
        return run("extract", "autoencoder", *named, "--out", acts, *words)

    code, out, _ = extract(6, "--estimate", "--json")
    assert (code, json.loads(out)["disk"], acts.exists()) == (0, 4096 + 6 * 32 * 4, False)
    code, out, _ = extract(6, "--rank", 1, "--of", 2)
    assert (code, out) == (0, "Not finished yet: got 0 of 1 shards\n")
    code, out, _ = extract(6, "--rank", 0, "--of", 2)
    assert (code, out.splitlines()[0]) == (0, "code: 6 x 32")
    refused(extract(9), "3 that it does not hold", "--append")
    code, out, _ = extract(9, "--append")
    assert (code, out.splitlines()[0]) == (0, "code: 9 x 32")
    assert run("verify", acts)[0] == 0
    refused(extract(9, "--rank", 1), "--rank, --of: must be the number of this part")


@pytest.mark.slow
def test_train_then_evaluate_an_ensemble(run, faces, tmp_path, monkeypatch):
    (tmp_path / "cli_nets.py").write_text(
        "from torch import nn\n"
        "def linear(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ["cli_nets:linear", "--images", f"array:{faces}", "--label", "labels"]
    recipe = ["--rate", "1e-6", "--augment", "flip,noise=2", "--epochs", "2", "--split-seed", "0"]
    sheet = ["--out", "a.safetensors", "--show-augmentation"]
    code, out, _ = run("train", *words, *recipe, *sheet)
    assert (code, out) == (0, "The changes: a.png\n")
    assert Image.open("a.png").size[0] == 1800
    for seed in (0, 1):
        out = f"{seed}.safetensors"
        code, _, err = run("train", *words, *recipe, "--out", out, "--seed", seed)
        assert code == 0, err
    own = ["--model", "cli_nets:linear"]
    judged = ["evaluate", "0.safetensors", "1.safetensors", *own, *words[1:], "--json"]
    code, out, err = run(*judged)
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert [row["n"] for row in rows] == [7, 7, 7]
    assert rows[2]["model"] == "ensemble of 2"
    code, _, err = run("train", *words, *recipe, "--out", "0.safetensors", "--batch", "3")
    assert (code, err) == (
        2,
        "repviz: 0.safetensors: this checkpoint belongs to another training run: batch was 32 and "
        "is now 3. Choose another file, or allow this one to be replaced: overwrite=True "
        "(--overwrite).\n",
    )


def test_layers_are_listed_with_their_shapes(run):
    code, out, _ = run("layers", "alexnet", "--variant", "torchvision", "--json")
    rows = {row["layer"]: row for row in json.loads(out)["rows"]}
    assert code == 0
    assert len(rows) == 23  # 21 modules, and the two groups that hold them
    assert (rows["features.0"]["type"], rows["features.0"]["output"]) == ("Conv2d", "64x55x55")
    assert rows["features.0"]["in_place"]
    assert rows["classifier.6"]["features"] == 1000


def test_a_matrix_comes_in_and_a_layer_goes_out(run, faces, tmp_path):
    np.save(tmp_path / "X.npy", np.arange(12, dtype=np.float32).reshape(3, 4))
    code, out, _ = run("import", tmp_path / "X.npy", "--out", tmp_path / "a", "--layer", "x")
    assert (code, out.splitlines()[0]) == (0, "x: 3 x 4")
    code, _, _ = run("export", tmp_path / "a", "--format", "npy", "--out", tmp_path / "Y.npy")
    assert code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "Y.npy"), np.load(tmp_path / "X.npy"))
    refused(
        run("export", tmp_path / "a", "--format", "csv", "--out", tmp_path / "z"), "'csv'", "zarr"
    )
    refused(run("import", faces, "--out", tmp_path / "b"), "faces.npz", "numpy.save")


def test_a_reduction_for_each_layer(run, faces, tmp_path):
    words = ["extract", "torchvision:squeezenet1_1", "--images", f"array:{faces}", "--json"]
    words += ["--layers", "features.0,features.3", "--out", tmp_path / "a", "--reduce"]
    code, out, _ = run(*words, "*.0=mean,*.3=project:5")
    assert code == 0
    assert json.loads(out)["layers"] == {"features.0": [24, 64], "features.3": [24, 5]}
    refused(run(*words, "*.0="), "--reduce", "conv*=mean")


def test_dimension_of_a_plain_matrix(run, tmp_path):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).normal(size=(500, 3)))
    code, out, _ = run("dimension", tmp_path / "X.npy", "--json")
    assert code == 0
    assert json.loads(out)["value"] == pytest.approx(3, abs=0.5)
    words = ["dimension", tmp_path / "X.npy", "--method", "mle", "--option", "k=10", "--json"]
    known = repviz.dimension(np.load(tmp_path / "X.npy"), method="mle", k=10)
    assert json.loads(run(*words)[1])["value"] == known.value
    refused(run("dimension", tmp_path / "X.npy", "--option", "k"), "NAME=VALUE", "got 'k'")


def refused(result, *parts):
    code, out, err = result
    assert code == 2
    assert out == ""
    assert err.startswith("repviz: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for part in parts:
        assert part in err


def test_groups_are_a_column_of_the_rows(run, faces, tmp_path):
    acts = tmp_path / "acts"
    images = ["--images", f"array:{faces}", "--size", 64]
    assert run("extract", "autoencoder", *images, "--out", acts)[0] == 0
    labels = repviz.open_activations(acts).rows["label"]
    alone, together = (
        json.loads(run("scales", acts, *more, "--json")[1])["scales"][0]
        for more in ([], ["--groups", "label"])
    )
    assert together["value"] == alone["value"]
    assert (together["low"], together["high"]) != (alone["low"], alone["high"])
    known = repviz.dimension(repviz.open_activations(acts)["code"], groups=labels)
    got = json.loads(run("dimension", acts, "--groups", "label", "--json")[1])
    assert (got["low"], got["high"]) == (known.low, known.high)
    refused(run("dimension", acts, "--groups", "person"), "'person'", "Known: row, id")
    refused(run("dimension", acts, "--groups", "reason"), "24 of 24 without")
    np.save(tmp_path / "X.npy", np.eye(30))
    refused(run("scales", tmp_path / "X.npy", "--groups", "label"), "must be a folder")


@pytest.mark.parametrize("words", [("study", "layers"), ("sweep",)])
def test_a_group_is_a_column_of_a_table(run, words, tmp_path):
    code, _, err = run(*words, "--images", "digits", "--group", "who", "--out", tmp_path / "s")
    assert (code, err) == (
        2,
        "repviz: --group: must come with --metadata, got --group who alone. Leave it out, or give "
        "--metadata.\n",
    )


def test_a_folder_that_is_not_there(run, tmp_path):
    refused(run("study", "faces", "--images", "folder:/nope", "--out", tmp_path / "s"), "/nope")
    assert not (tmp_path / "s").exists()


def test_unknown_names_list_the_known_ones(run, faces, tmp_path):
    out = tmp_path / "a"
    images = f"array:{faces}"
    refused(run("study", "facces"), "'facces'", "Did you mean 'faces'?", "bottleneck")
    refused(run("study", "faces", "--images", "orll", "--out", out), "'orll'", "orl", "drawn-faces")
    refused(run("extract", "alexnett", "--images", images, "--out", out), "'alexnett'", "alexnet")
    refused(
        run("extract", "autoencoder", "--images", images, "--layers", "conv9", "--out", out),
        "'conv9'",
        "code",
    )
    refused(run("anatomy", "alexnet", "--variant", "caffee"), "'caffee'", "ungrouped")
    refused(run("sweep", "--images", images, "--engines", "vae", "--out", out), "'vae'", "pca")
    refused(run("list", "sauces"), "'sauces'", "sources")
    np.save(tmp_path / "X.npy", np.eye(30))
    refused(run("dimension", tmp_path / "X.npy", "--method", "two"), "'two'", "twonn")


def test_a_folder_of_texts(run, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no image")
    refused(
        run(*STUDY, f"folder:{tmp_path / 'texts'}", "--out", tmp_path / "s"),
        "texts",
    )
    for number in range(12):
        (tmp_path / "texts" / f"b{number:02d}.png").write_text("no image either")
    refused(
        run(*STUDY, f"folder:{tmp_path / 'texts'}", "--out", tmp_path / "s"),
        "b00.png",
    )


def test_an_image_of_one_pixel(run, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(12):
        Image.new("L", (1, 1) if number == 7 else (32, 32), number).save(folder / f"{number}.png")
    refused(
        run(*STUDY, f"folder:{folder}", "--out", tmp_path / "s"),
        "7.png",
        "1x1",
    )


@pytest.mark.parametrize("sizes", ["0", "-2,4", "2.5", "many", "2,,4", "100000"])
def test_bottlenecks_that_cannot_be(run, faces, tmp_path, sizes):
    for command in (["study", "faces"], ["sweep"]):
        words = ["--images", f"array:{faces}", "--size", 16, "--out", tmp_path / "s"]
        refused(run(*command, *words, f"--bottlenecks={sizes}"), "bottleneck")
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_images_of_any_shape_are_swept(run, faces, tmp_path):
    words = ["--images", f"array:{faces}", "--size", 20, "--bottlenecks", "2:4:log", "--effort"]
    code, out, err = run(
        "sweep", *words, 0.05, "--engines", "linear-start", "--out", tmp_path, "--json"
    )
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert {row["bottleneck"] for row in rows} == {2, 4}


def test_images_that_a_network_cannot_take_were_read(run, faces, tmp_path, monkeypatch):
    (tmp_path / "logs.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Log(nn.Module):\n    def forward(self, x):\n        return torch.log(-1 - x.abs())\n"
        "net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Log())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["--images", f"array:{faces}", "--limit", 3, "--out", tmp_path / "acts"]
    code, out, err = run("extract", "logs:net", *words)
    assert code == 0, err
    assert "could not be read" not in out
    assert (
        "The network's output is not finite for 3 images, and the row index names the layers.\n"
        in out
    )


def test_help_of_a_sweep_says_at_which_size_and_in_which_colours(run):
    """The function leaves images as they are; the command does not."""
    code, out, _ = run("sweep", "-h")
    words = " ".join(out.split())
    assert code == 0
    assert "or HEIGHTxWIDTH (default: 64)." in words
    assert "to grey or colour (default: grey)." in words


def test_the_table_of_a_sweep_has_no_column_that_only_a_figure_needs(run, faces, tmp_path):
    words = ["--images", f"array:{faces}", "--size", 16, "--engines", "pca", "--bottlenecks", 2]
    code, out, err = run("sweep", *words, "--criteria", "psnr:20", "--out", tmp_path / "s")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["engine_label", "bottleneck", "n_test"]
    assert max(map(len, lines[:3])) <= 100
    assert "colour_role" not in out


def done(found):
    code, _, err = found
    assert code == 0, err


def test_both_commands_of_a_sweep_open_images_alike(run, faces, monkeypatch):
    opened = []

    def stop(name, images, **options):
        opened.append((name, options["size"], images.grey))
        raise InputError("stopped")

    monkeypatch.setattr(repviz, "study", stop)
    for words in (("sweep",), ("study", "bottleneck")):
        assert run(*words, "--images", f"array:{faces}") == (2, "", "repviz: stopped\n")
    assert opened == 2 * [("bottleneck", 64, True)]


@pytest.mark.slow
def test_a_layer_is_swept_and_an_encoder_extracts(run, faces, tmp_path):
    images, acts = f"array:{faces}", tmp_path / "acts"
    words = ["--bottlenecks", "2,4", "--effort", 0.05, "--engines", "linear-start"]
    done(run("extract", "autoencoder", "--images", images, "--out", acts))
    done(run("sweep", acts, "--layer", "code", *words, "--out", tmp_path / "s"))
    words += ["--size", 20, "--out", tmp_path / "t"]
    done(run("sweep", images, *words))
    file = tmp_path / "e.safetensors"
    done(run("encoder", tmp_path / "t", "--bottleneck", 4, "--out", file))
    codes = tmp_path / "codes"
    done(run("extract", "autoencoder", "--weights", file, "--images", images, "--out", codes))
    assert repviz.open_activations(codes)["code"][:].shape[1] == 4
    refused(run("encoder", tmp_path / "t", "--bottleneck", 3, "--out", file), "linear-start-4")


# ---- the command line and the library take the same ------------------------------------------


def options_of(*words):
    """The options of a command, by the names of their variables."""
    context, command = None, cli.app()
    for word in words:
        command = command.get_command(context, word)
    while hasattr(command, "build"):
        command = command.build()
    return {parameter.name for parameter in command.params}


def keywords_of(function):
    return {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


@pytest.mark.parametrize("name", [n for n in STUDIES if STUDIES[n].source == "images"])
def test_a_study_takes_on_the_command_line_what_its_function_takes(name):
    function = resolve(STUDIES[name].function)
    fields = {"setup"} & keywords_of(function)
    assert keywords_of(function) - fields <= options_of("study", name)
    assert keywords_of(repviz.open_images) <= options_of("study", name)


PARITY = [
    # command, function, keywords that it gives otherwise
    ("sweep", repviz.sweep, {"setup"}),
    ("encoder", repviz.export_encoder, set()),
    ("train", repviz.train, {"rows", "machine"}),  # --validation or --split-seed; --precision
    ("evaluate", repviz.evaluate, {"rows", "machine", "batch"}),
    ("extract", repviz.extract, {"part"}),  # --rank and --of
    ("export", repviz.export, set()),
    ("import", repviz.import_matrix, {"ids", "labels", "factors", "groups"}),  # --metadata
    ("dimension", repviz.dimension, set()),
    ("scales", repviz.scale_curve, set()),
    ("similarity", repviz.similarity, set()),
    ("report", repviz.build_report, {"setup"}),
    ("list", repviz.catalog, set()),
    ("verify", repviz.verify, set()),
]


@pytest.mark.parametrize("command", ["extract", "train", "evaluate"])
def test_a_command_that_opens_images_takes_labels_and_factors(command):
    assert {"limit", "label", "metadata", "key", "group", "seed"} <= options_of(command)


@pytest.mark.parametrize(("command", "function", "otherwise"), PARITY)
def test_a_command_takes_what_its_function_takes(command, function, otherwise):
    assert keywords_of(function) - otherwise <= options_of(command)


def test_the_fields_of_records_within_records_are_options():
    """A field that is called as a keyword of the function has its record's keyword before it."""

    def bake(images, *, epochs: int = 1, setup: SweepSetup | None = None):
        """Nothing."""

    options = parameters(bake)
    names = {option.name for option in options}
    assert {"epochs", "effort", "depth", "width", "convolutional_epochs"} <= names
    written = {"epochs": 3, "effort": 2.0, "depth": 4, "convolutional_epochs": 5}
    convolutional = ConvolutionalOptions(depth=4, epochs=5)
    assert keywords(options, written) == {
        "epochs": 3,
        "setup": SweepSetup(effort=2.0, convolutional=convolutional),
    }


def test_options_are_read_off_the_signature():
    def squeeze(images, *, out, sizes: Iterable[int] = (2, 4), name: str | None = None):
        """Nothing.

        Parameters
        ----------
        sizes : iterable of int
            Sizes of the ``code``. More.
        name : str, optional
            What it is called.
        """

    sizes, name = parameters(squeeze, leave_out=("out",))
    assert (sizes.name, sizes.kind, sizes.help) == (
        "sizes",
        str,
        "Sizes of the code (default: 2,4).",
    )
    assert (name.name, name.kind, name.help) == ("name", str, "What it is called.")
    assert keywords([sizes, name], {"sizes": "2:8:log", "name": None}) == {"sizes": [2, 4, 8]}


def test_a_matrix_file_that_is_none(run, tmp_path):
    (tmp_path / "X.npy").write_bytes(b"\x93NUMPY half")
    refused(run("dimension", tmp_path / "X.npy"), "X.npy")
    refused(run("dimension", tmp_path / "none.npy"), "none.npy")
    refused(run("dimension", tmp_path), "manifest.json")


def test_folders_that_are_none(run, tmp_path):
    refused(run("verify", tmp_path), "manifest.json")
    refused(run("report", tmp_path), "manifest.json")


def test_an_unknown_option_is_refused(run):
    code, out, err = run("study", "faces", "--epochz", 3)
    assert (code, out) == (2, "")
    assert "--epochz" in err
