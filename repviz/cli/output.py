"""Output of commands: text or one JSON object on standard output, progress on standard error."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from repviz import progress, provenance
from repviz.cli.task_log import TaskLog
from repviz.errors import escaped

SHOWN_AFTER = 1.0  # seconds
LAYOUT = "\n\t"  # control characters that what is printed may hold
QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
VERBOSE: ContextVar[bool] = ContextVar("verbose", default=False)


def first_process() -> bool:
    """Whether this process prints: of several that ``torchrun`` started, the one of rank 0."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0"


def write(values: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """Print ``values`` as one JSON object, or the ``lines`` that say the same to a person."""
    if first_process():
        text = json.dumps(values, ensure_ascii=False) if as_json else "\n".join(lines)
        print(escaped(text, keep=LAYOUT))


def write_table(table: Any, as_json: bool, *, text: Any = None, **values: Any) -> None:
    """Print a DataFrame and the ``values`` that go with it.

    Parameters
    ----------
    table : DataFrame
        One JSON object per row; as text, in columns.
    as_json : bool
        Whether to print JSON.
    text : DataFrame, optional
        What to print as text instead.
    **values
        Printed below, in one line each.
    """
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    lines = [(table if text is None else text).to_string(index=False), ""]
    lines += [f"{name}: {_in_words(value)}" for name, value in values.items()]
    write({**values, "rows": rows}, as_json, lines)


def _in_words(value: Any) -> str:
    """A dict of counts as a list of them: ``34,944 parameters, 290,400 neurons``."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{number:,} {name.replace('_', '-')}" for name, number in value.items())


def save_figure(kind: str, table: Any, path: Path) -> None:
    """Write the figure of a kind, drawn from ``table``, to the PNG file ``path``."""
    from repviz import figures
    from repviz.figures.pictures import save_png

    save_png(figures.draw(kind, table), path)


def _bars(console: Any) -> Any:
    """Bars with rate and time left; none where ``console`` is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Any:
            unit = task.fields["unit"]
            return "" if task.speed is None else f"{task.speed:,.1f} {unit}/s"

    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=QUIET.get() or not console.is_terminal,
    )


@contextmanager
def progress_bars() -> Iterator[None]:
    """Within the block, rate and time left on standard error: as bars, or in a log as lines."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    bars = _bars(console)

    def show(sentence: str) -> None:
        console.print(escaped(sentence, keep=LAYOUT), markup=False)

    class Bars:
        say = staticmethod(show)

        @contextmanager
        def task(self, label: str, total: int, unit: str) -> Iterator[progress.Advance]:
            number = bars.add_task(label, total=total, unit=unit)
            log = TaskLog(label, total, unit, show)
            try:
                yield lambda done: bars.update(number, advance=done)
            finally:
                bars.remove_task(number)
            if VERBOSE.get():
                log.finished()

    class Log:
        say = staticmethod(show)

        @contextmanager
        def task(self, label: str, total: int, unit: str) -> Iterator[progress.Advance]:
            log = TaskLog(label, total, unit, show)
            yield log.advance
            if VERBOSE.get() or log.seconds > SHOWN_AFTER:
                log.finished()

    if VERBOSE.get() and first_process():
        show(f"  {', '.join(f'{name} {number}' for name, number in provenance.versions().items())}")
    reporter: progress.Reporter = Bars() if console.is_terminal else Log()
    shown = reporter if first_process() and not QUIET.get() else progress.SILENT
    with bars, progress.shown_by(shown), warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: console.print(
            escaped(f"{message}", keep=LAYOUT), markup=False
        )
        yield
