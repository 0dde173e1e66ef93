"""The shell completes commands, studies and options."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = "import sys; from repviz.cli import main; sys.argv[0] = 'repviz'; sys.exit(main())"


def repviz(*words, **environment):
    return subprocess.run(
        [sys.executable, "-c", CODE, *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("repviz ext", {"extract"}),
        ("repviz study la", {"layers"}),
        ("repviz extract --abl", {"--ablate"}),
    ],
)
def test_a_word_is_completed(line, completed):
    place = str(len(line.split()) - 1)
    words = {"COMP_WORDS": line, "COMP_CWORD": place, "_REPVIZ_COMPLETE": "complete_bash"}
    assert set(repviz(**words).split()) == completed


def test_the_script_of_a_shell_is_shown():
    # Otherwise the shell is the one among the parent processes, and there may be none.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = repviz("--show-completion", "bash", **named)
    assert "complete -o default -F _repviz_completion repviz" in script
