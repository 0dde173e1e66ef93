"""A title and sections of one's own in a report, without touching the package."""

from __future__ import annotations

import sys
import textwrap

import pandas as pd
import pytest

import repviz
from repviz import cli
from repviz.errors import InputError, UnknownName
from repviz.report.html import tag
from repviz.report.sections import Content, Section
from repviz.study_folder import begin


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("own") / "s"
    images = {"name": "own", "credit": "", "key": "k", "labels_key": "l", "n": 3}
    with begin(out, study="faces", title="Faces", parameters={}, images=images) as study:
        table = pd.DataFrame({"row": [0, 1, 2], "factor_age": [9.0, 10.5, 100.0]})
        study.stage("images", lambda draft: draft.table("images", table))
    return out


def page_of(folder, **options):
    return repviz.write_report(folder, **options).read_text(encoding="utf-8")


def ages(study):
    """Old faces are on the left.

    More words.
    """
    n = len(study.result("images"))
    return Content(tag("p", f"{n} images < 1,000"), reading="From left to right.")


def empty(study):
    return None


# truth


def test_a_function_is_a_section_before_the_last(folder):
    page = page_of(folder, sections=[ages, empty, lambda_named(lambda study: "Plain <words>")])
    assert '<section id="ages"><h2><a href="#ages">Old faces are on the left</a></h2>' in page
    assert "images &lt; 1,000</p>" in page
    assert "<p>Plain &lt;words&gt;</p>" in page
    assert '<a href="#ages">Ages</a>' in page  # the table of contents
    assert 'id="empty"' not in page
    assert page.index('id="ages"') < page.index('id="provenance"')
    assert 'id="ages"' not in page_of(folder)  # of that page alone


def lambda_named(function):
    function.__name__ = "spoken"
    return function


def test_a_module_s_attribute_is_a_section(folder, tmp_path, monkeypatch):
    code = """
        from repviz.report.html import tag
        from repviz.report.sections import Content, Section

        HEIGHTS = Section("How tall", "Heights", "images", lambda study: Content(tag("b", "tall")))
    """
    (tmp_path / "my_sections.py").write_text(textwrap.dedent(code))
    monkeypatch.chdir(tmp_path)
    page = page_of(folder, sections="my_sections:HEIGHTS")
    assert '<section id="heights"><h2><a href="#heights">How tall</a></h2>' in page


def test_a_title_stays_with_the_study(folder):
    page = page_of(folder, title="Faces & <ages>")
    assert "<h1>Faces &amp; &lt;ages&gt;</h1>" in page
    assert "<title>Faces &amp; &lt;ages&gt; · repviz</title>" in page
    assert page_of(folder) == page
    assert repviz.open_study(folder).manifest["title"] == "Faces & <ages>"
    assert repviz.verify(folder)


@pytest.mark.slow
def test_a_study_takes_a_title(tmp_path):
    options = {"bottlenecks": [2], "engines": ["pca"], "out": tmp_path / "s"}
    made = repviz.study("bottleneck", "digits", title="Own words", **options)
    assert "<h1>Own words</h1>" in made.report.read_text(encoding="utf-8")
    again = repviz.study("bottleneck", "digits", **options)
    assert "<h1>Own words</h1>" in again.report.read_text(encoding="utf-8")


# messages


def failing(study):
    raise KeyError("x")


def numbers(study):
    return 7


@pytest.mark.parametrize(
    ("section", "error", "sentence"),
    [
        (
            failing,
            InputError,
            "the section 'failing' must return its content, and it failed (KeyError: 'x'). Call it "
            "in Python to see the error.",
        ),
        (
            numbers,
            InputError,
            "the section 'numbers' must return Content, HTML, a text or None, got 7.",
        ),
        (
            7,
            InputError,
            "a section must be a Section, a named function of the study, or 'module:attribute', "
            "got 7.",
        ),
        (
            Section("Map", "Map", "", empty),
            InputError,
            "sections must have different names, got 'map' twice. Rename yours.",
        ),
        (
            "no_such_module:f",
            InputError,
            "'no_such_module' must be a module that Python can import, got 'No module named "
            "'no_such_module''. Run repviz in its folder, or install it.",
        ),
        ("textwrap:dedents", UnknownName, "no attribute of textwrap is called 'dedents'."),
    ],
)
def test_messages(folder, section, error, sentence):
    with pytest.raises(error) as caught:
        repviz.write_report(folder, sections=[section])
    assert str(caught.value).startswith(f"write_report: {sentence}")


def test_the_command_takes_a_title_and_a_section_from_a_file(folder, tmp_path, monkeypatch):
    own = tmp_path / "own sections.py"
    own.write_text('def note(study):\n    """What I saw."""\n    return "Three of them are old."\n')
    out = tmp_path / "page.html"
    words = ["report", folder, "--out", out, "--title", "Old faces", "--sections", f"{own}:note"]
    monkeypatch.setattr(sys, "argv", ["repviz", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    page = out.read_text(encoding="utf-8")
    assert not ended.value.code
    assert "<title>Old faces · repviz</title>" in page
    assert '<section id="note"><h2><a href="#note">What I saw</a></h2>' in page
    assert "<p>Three of them are old.</p>" in page


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "write_report: '{path}' must be a file of Python, got none. Check the path."),
        (
            "1 / 0",
            "write_report: '{path}' must run without an error, got 'ZeroDivisionError: division by "
            "zero'.",
        ),
    ],
)
def test_messages_of_a_file(folder, tmp_path, content, sentence):
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as caught:
        repviz.write_report(folder, sections=f"{path}:note")
    assert str(caught.value) == sentence.format(path=path)


def test_a_function_that_a_file_lacks_is_named(folder, tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def note(study):\n    return None\n")
    with pytest.raises(UnknownName) as caught:
        repviz.write_report(folder, sections=f"{path}:notes")
    start = f"write_report: no attribute of {path} is called 'notes'. Did you mean 'note'?"
    assert str(caught.value).startswith(start)
