"""The documentation: every command parses, every block runs, no link and no name is dead."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

import repviz
import repviz.sklearn
from repviz import cli, facespace
from repviz.report.sections import SECTIONS, get_section

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import commands_page  # noqa: E402

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
NOTEBOOK = ROOT / "docs" / "tour.ipynb"
LINKED = [*PAGES, *ROOT.glob("[ACT]*.md"), *(ROOT / "reports").rglob("*.md")]


def commands(page):
    """The lines of a page that start with ``repviz``, continuations joined, as lists of words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S) + re.findall(r"(?m)^ {4}(\S.*)$", text)
    lines = "\n".join(blocks).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith("repviz ")]


@pytest.fixture
def parse(monkeypatch):
    """Parse a command line as the program does, without running it."""
    monkeypatch.setattr("typer.core.TyperCommand.invoke", lambda self, context: None)
    return lambda words: cli.app().main(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    "words",
    [pytest.param(w, id=" ".join(w)) for page in PAGES for w in commands(page) if "..." not in w],
)
def test_every_command_parses(words, parse):
    placeholders = {"NAME": "faces"}
    parse([placeholders.get(word, word) for word in words[1:]])


def test_a_misspelt_option_would_be_found(parse):
    with pytest.raises(Exception, match="No such option: --imagez"):
        parse(["extract", "alexnet", "--imagez", "orl"])


def test_every_command_is_documented():
    documented = {words[1] for page in PAGES for words in commands(page)}
    text = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [n for n in cli.COMMANDS if n not in documented and f"`repviz {n}" not in text] == []


def test_every_option_is_documented():
    written = commands_page.PAGE.read_text(encoding="utf-8")
    assert written == commands_page.page(), "run: python scripts/commands_page.py"
    for option in ("--json", "--held-out", "--map-dropout", "--permutations", "--colour"):
        assert f"`{option}`" in written
    assert [row for row in written.splitlines() if row.endswith("|  |")] == []  # says nothing


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_relative_link_is_dead(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_reference_holds_every_public_name():
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: (\S+)\.(\w+)$", text, re.M)
    estimators = dict.fromkeys(repviz.sklearn.__all__, "repviz.sklearn")
    own = {name: getattr(facespace, name) for name in facespace.__all__}
    judging = {name: one.__module__ for name, one in own.items() if callable(one)}
    assert {name: module for module, name in listed} == repviz._VERBS | estimators | judging


def test_every_section_of_a_report_says_how_to_read_it():
    text = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^\*\*(.+?)\.?\*\* (?=\S)", text)
    assert sorted(entries) == sorted(get_section(name).title for name in SECTIONS)


def test_every_page_stands_in_the_navigation():
    listed = re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    assert sorted(listed) == [page.name for page in DOCS]


def test_the_messages_of_the_troubleshooting_page_are_in_the_code():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    code = " ".join(path.read_text("utf-8") for path in (ROOT / "repviz").rglob("*.py"))
    code = re.sub(r'"\s*f?"', "", code)  # a sentence over several lines of code is one
    phrases = [phrase for row in rows for phrase in re.findall(r"`([^`]+)`", row)]
    assert phrases
    assert [phrase for phrase in phrases if phrase not in code] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_every_python_block_runs(page, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    if not blocks:
        pytest.skip("no Python on this page")
    monkeypatch.chdir(tmp_path)
    exec("import repviz\n" + "\n".join(blocks), {})


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom_and_keeps_no_output(tmp_path, monkeypatch):
    cells = [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if "outputs" in cell]
    assert [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"]] == []
    monkeypatch.chdir(tmp_path)
    names = {}
    for cell in cells:
        source = "".join(cell["source"])
        *before, last = ast.parse(source).body
        exec(compile(ast.Module(before, []), cell["id"], "exec"), names)
        if isinstance(last, ast.Expr):  # what the cell shows
            shown = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
            assert shown is not None, cell["id"]
        else:
            exec(compile(ast.Module([last], []), cell["id"], "exec"), names)
    assert set(names["sweep"].table["engine"]) >= {"pca", "linear-start"}
    assert [row[0] for row in names["rows"]] == ["pool5", "fc6", "fc7"]
    assert all(low <= dimension <= high for _, _, dimension, low, high, _ in names["rows"])
    assert Path(names["page"]).is_file()
