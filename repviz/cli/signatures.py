"""A command's options, read off the library function that it calls: the two cannot drift apart."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from repviz.cli import options as option

# Of a numpydoc section: "name, other : type", and the indented lines below.
_ENTRY = re.compile(r"^([\w, *]+) : .*\n((?:    .*\n?|\n(?=    ))+)", re.MULTILINE)
Parse = Callable[[str, str], Any]  # from what was written and the option's name to the value


@dataclass(frozen=True)
class Parameter:
    """One keyword of a library function as a command-line option.

    Attributes
    ----------
    name : str
        The keyword.
    kind : type
        What typer parses: int, float, bool or str.
    help : str
        The first sentence of its documentation, and its default.
    parse : callable, optional
        From the text to the value, where one word stands for several values.
    records : tuple of (str, type)
        Where this is a field of a dataclass: the keyword that takes it and the dataclass, the
        outermost first.
    field : str
        Its name there, where the option is named otherwise because the function has a keyword of
        this name, too: ``convolutional_epochs``.
    """

    name: str
    kind: type
    help: str
    parse: Parse | None = None
    records: tuple[tuple[str, type], ...] = ()
    field: str = ""

    @property
    def option(self) -> inspect.Parameter:
        """The parameter of a typer command; None where nothing was written."""
        flag = "--" + self.name.replace("_", "-")
        flags = (f"{flag}/--no-{flag[2:]}",) if self.kind is bool else (flag,)
        flags = ("--grey/--colour",) if self.name == "grey" else flags
        optional: Any = self.kind | None
        annotation: Any = Annotated[optional, typer.Option(*flags, help=self.help)]
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
        )


def parameters(function: Callable[..., Any], *, leave_out: Iterable[str] = ()) -> list[Parameter]:
    """The keyword parameters of ``function`` that can be written on a command line.

    Parameters
    ----------
    function : callable
        With annotations and numpydoc parameters. The fields of a dataclass count as parameters,
        and those of a dataclass within it.
    leave_out : iterable of str
        Names that the command gives itself.
    """
    hints, described = get_type_hints(function), documented(function)
    found: list[Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or name in leave_out:
            continue
        found += _flat(name, hints[name], parameter.default, described.get(name, ""))
    plain = {one.name for one in found if not one.records}
    return [_distinct(one) if one.records and one.name in plain else one for one in found]


def documented(thing: Any) -> dict[str, str]:
    """The first sentence that a numpydoc text says of each parameter or attribute."""
    sections = re.split(r"\n(?=\w[\w ]*\n-{3,}\n)", inspect.getdoc(thing) or "")
    text = "\n".join(s for s in sections if s.startswith(("Parameters\n", "Attributes\n")))
    found = {}
    for names, body in _ENTRY.findall(text + "\n"):
        sentence = re.split(r"(?<=\.)\s", " ".join(body.split()))[0]
        plain = re.sub(r":\w+:`~?([^`]+)`|``?([^`]+)``?", r"\1\2", sentence)
        found.update({name.strip(): plain for name in names.split(",")})
    return found


def keywords(options: list[Parameter], values: dict[str, Any]) -> dict[str, Any]:
    """The keywords among ``options`` that were written, each as the function takes it."""
    given = []
    for one in options:
        value = values.get(one.name)
        if value is None:
            continue
        if one.parse is not None and isinstance(value, str):
            value = one.parse(value, "--" + one.name.replace("_", "-"))
        given.append((one.records, one.field or one.name, value))
    return _nested(given)


def _nested(given: list[tuple[tuple[tuple[str, type], ...], str, Any]]) -> dict[str, Any]:
    """Keywords and their values; those within a dataclass as that dataclass."""
    keywords = {name: value for records, name, value in given if not records}
    for keyword, record in dict.fromkeys(records[0] for records, _, _ in given if records):
        own = [(r[1:], name, value) for r, name, value in given if r[:1] == ((keyword, record),)]
        keywords[keyword] = record(**_nested(own))
    return keywords


def command(
    name: str,
    run: Callable[..., None],
    summary: str,
    options: list[Parameter],
    **own: tuple[Any, Any],
) -> Any:
    """The command ``name`` that calls ``run`` with ``own`` parameters and with ``options``.

    Parameters
    ----------
    name, summary : str
        What a user writes, and one line for the help.
    run : callable
        Takes each parameter by name.
    options : list of Parameter
        Those of the library function.
    **own : (annotation, default)
        The command's own parameters, as typer annotates them.
    """
    kind = inspect.Parameter.KEYWORD_ONLY
    listed = [
        inspect.Parameter(one, kind, default=default, annotation=annotation)
        for one, (annotation, default) in own.items()
    ]
    listed[-1:-1] = [option.option for option in options]  # --json stays the last

    def call(**values: Any) -> None:
        run(**values)

    call.__doc__ = summary
    call.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in listed}
    single = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    single.command(name)(call)
    return typer.main.get_command(single)


class LazyCommand(TyperCommand):
    """A command that is built once it is named, so that the list of commands loads nothing."""

    def __init__(self, name: str, summary: str, build: Callable[[], Any]) -> None:
        super().__init__(name=name, help=summary, callback=None)
        self.build = build

    def make_context(self, *args: Any, **options: Any) -> Any:
        """The context of the command that is meant."""
        return self.build().make_context(*args, **options)


def _flat(
    name: str, hint: Any, default: Any, described: str, records: tuple[tuple[str, type], ...] = ()
) -> list[Parameter]:
    """One keyword, or the fields of the dataclass that it takes."""
    members = _members(hint)
    record: Any = next((member for member in members if dataclasses.is_dataclass(member)), None)
    if record is None or str in members:
        return [dataclasses.replace(_parameter(name, hint, default, described), records=records)]
    hints, words = get_type_hints(record), documented(record)
    found: list[Parameter] = []
    for field in dataclasses.fields(record):
        about = hints[field.name], field.default, words.get(field.name, "")
        found += _flat(field.name, *about, records=(*records, (name, record)))
    return found


def _distinct(one: Parameter) -> Parameter:
    """The field of a dataclass with the keyword of that before its name."""
    keyword, _ = one.records[-1]
    return dataclasses.replace(one, name=f"{keyword}_{one.name}", field=one.name)


def _parameter(name: str, hint: Any, default: Any, described: str) -> Parameter:
    kind, parse = _kind(hint)
    plain = isinstance(default, (int, float, str)) and not isinstance(default, bool)
    shown = f" (default: {default})" if plain and default != "" else ""
    if isinstance(default, tuple) and default:
        shown = f" (default: {','.join(map(str, default))})"
    return Parameter(name, kind, described.rstrip(".") + shown + ".", parse)


def _kind(hint: Any) -> tuple[type, Parse | None]:
    """What typer parses for an annotation, and what reads the text on where it is a list."""
    origins, leaves = _parts(hint)
    if tuple in origins:
        return str, lambda text, name: option.size(text, option=name)
    if origins and int in leaves and str not in leaves:
        return str, lambda text, name: option.numbers(text, option=name)
    if origins and str in leaves:
        return str, lambda text, name: text.split(",")
    return next((kind for kind in (bool, int, float) if kind in leaves), str), None


def _members(hint: Any) -> list[Any]:
    """The types of a union, None left out."""
    union = get_origin(hint) in (Union, types.UnionType)
    return [t for t in (get_args(hint) if union else (hint,)) if t is not type(None)]


def _parts(hint: Any) -> tuple[set[Any], set[Any]]:
    """The containers within an annotation, and the types that stand in no container or in one."""
    origins: set[Any] = set()
    leaves: set[Any] = set()
    for member in _members(hint):
        origin = get_origin(member)
        if origin is None or origin is Callable:
            leaves.add(member)
            continue
        origins.add(origin)
        for inner in get_args(member):
            more, deeper = _parts(inner)
            origins |= more
            leaves |= deeper
    return origins, leaves
