"""The field's words: what CONTRIBUTING.md retires comes back nowhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# "One row per image", never "a row an image".
HEADLESS = re.compile(
    r"\b(?:a|one) [a-z]+ an? (?:image|row|rung|layer|size|label|person|point|component|"
    r"representation|unit|change|step|file|method|line|fit|engine|study|section|pixel|side|task)\b",
    re.IGNORECASE,
)


def texts():
    """Path and text of every file that speaks to a reader; this glossary's own file is none."""
    places = ["repviz/**/*.py", "repviz/**/*.js", "scripts/**/*", "README.md", "ARCHITECTURE.md"]
    for place in places:
        for path in sorted(ROOT.glob(place)):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def retired():
    """The literals of the glossary's last column, each between backticks."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.count("|") == 3]
    return [word for row in rows[1:] for word in re.findall(r"`([^`]+)`", row.split("|")[2])]


def found(pattern):
    return [
        f"{path}:{text[: match.start()].count(chr(10)) + 1} {match.group()}"
        for path, text in texts()
        for match in pattern.finditer(text)
    ]


def test_the_glossary_is_read():
    assert len(retired()) > 50
    assert "alarms" in retired()


@pytest.mark.parametrize("word", retired())
def test_a_retired_word_stays_away(word):
    assert found(re.compile(rf"(?<![\w.]){re.escape(word)}(?!\w)")) == []


def test_the_lectures_word_for_parameters_stands_once_beside_it():
    where = found(re.compile(r"\bunknowns\b"))
    assert [line.split(":")[0] for line in where] == ["repviz/models/anatomy.py"]


def test_things_are_counted_one_per_something():
    assert found(HEADLESS) == []
