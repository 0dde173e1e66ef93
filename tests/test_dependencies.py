"""What repviz imports is declared, and what it installs has an allowed licence and version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import repviz

ROOT = Path(repviz.__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import audit  # noqa: E402

POLICY = tomllib.loads(audit.POLICY.read_text())
OWNERS = packages_distributions()  # module -> packages; reads every installed package's files


@pytest.fixture(scope="module")
def declared():
    """Each extra ("" for the base) -> the packages that pyproject.toml declares for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: {canonicalize_name(Requirement(line).name) for line in lines}
        for extra, lines in extras.items()
    }


def undeclared(text, known):
    """The modules that a file imports and that no package of ``known`` holds."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    foreign = names - {"repviz", *sys.stdlib_module_names}
    return {
        name
        for name in foreign
        if not known & {canonicalize_name(owner) for owner in (*OWNERS.get(name, []), name)}
    }


def test_every_import_is_of_the_standard_library_or_declared(declared):
    known = set().union(*(declared[extra] for extra in declared if extra not in ("dev", "docs")))
    found = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / "repviz").rglob("*.py")
        if (names := undeclared(path.read_text(encoding="utf-8"), known))
    }
    assert found == {}


def test_an_undeclared_import_is_found(declared):
    text = "import numpy.linalg, os\nfrom networkx import Graph\ndef f():\n    import yaml\n"
    assert undeclared(text, declared[""]) == {"networkx", "yaml"}


def test_what_is_installed_has_an_allowed_licence_and_version(declared):
    packages = audit.audit("repviz-toolkit", ("dev",), POLICY)
    assert {fault for one in packages for fault in one.faults} == set()
    assert declared[""] <= {one.name for one in packages}


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 WITH LLVM-exception AND (MIT OR Zlib)", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("not named", False),
    ],
)
def test_every_licence_of_an_expression_is_allowed(text, allowed):
    assert audit.is_allowed("anything", text, POLICY) is allowed
    assert audit.is_allowed("nvidia-cublas", text, POLICY)


def test_a_version_outside_its_range_and_a_missing_package_are_named():
    wanted = [("repviz-toolkit", Requirement("numpy>=99"))]
    assert audit._judged("numpy", wanted, POLICY).faults == (
        f"repviz-toolkit requires >=99, got {audit.distribution('numpy').version}",
    )
    wanted = [("repviz-toolkit", Requirement("no-such-package"))]
    assert audit._judged("no-such-package", wanted, POLICY).faults == (
        "is not installed, and repviz-toolkit requires it",
    )


def test_no_licence_is_read_or_accepted_that_no_package_needs():
    names = {one.name for one in audit.audit("repviz-toolkit", ("dev",), POLICY)}
    assert set(POLICY["read"]) <= names


def test_the_page_of_dependencies_names_what_is_declared(declared):
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    direct, _, extras = page.partition("An extra")
    rows = re.findall(r"^\| ([\w-]+) >=", direct, re.M)
    assert set(rows) == declared[""]
    named = dict(re.findall(r"^\| (\w+) \| ([\w, -]+) \|", extras, re.M))
    del named["extra"]
    assert {extra: set(names.split(", ")) for extra, names in named.items()} == {
        extra: names for extra, names in declared.items() if extra not in ("", "dev", "docs")
    }
