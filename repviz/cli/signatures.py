"""Command-line options generated from the signature and docstring of a library function."""

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
        """The option as a typer parameter, None by default."""
        flag = "--" + self.name.replace("_", "-")
        flags = (f"{flag}/--no-{flag[2:]}",) if self.kind is bool else (flag,)
        flags = ("--grey/--colour",) if self.name == "grey" else flags
        optional: Any = self.kind | None
        annotation: Any = Annotated[optional, typer.Option(*flags, help=self.help)]
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
        )


def parameters(function: Callable[..., Any], *, leave_out: Iterable[str] = ()) -> list[Parameter]:
    """The keyword-only parameters of ``function`` as command-line options.

    Parameters
    ----------
    function : callable
        With annotations and a numpydoc docstring. A dataclass stands for its fields, nested ones
        included.
    leave_out : iterable of str
        Parameters without an option.
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
    """Parameter or attribute to the first sentence of its description in the docstring."""
    sections = re.split(r"\n(?=\w[\w ]*\n-{3,}\n)", inspect.getdoc(thing) or "")
    text = "\n".join(s for s in sections if s.startswith(("Parameters\n", "Attributes\n")))
    found = {}
    for names, body in _ENTRY.findall(text + "\n"):
        sentence = re.split(r"(?<=\.)\s", " ".join(body.split()))[0]
        plain = re.sub(r":\w+:`~?([^`]+)`|``?([^`]+)``?", r"\1\2", sentence)
        found.update({name.strip(): plain for name in names.split(",")})
    return found


def keywords(options: list[Parameter], values: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the function, from the values of the options that were given."""
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
    """Keyword arguments, in which the fields of a dataclass are gathered into an instance."""
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
    """The command ``name``, which calls ``run`` with its ``own`` parameters and ``options``.

    Parameters
    ----------
    name, summary : str
        Name and one-line help of the command.
    run : callable
        Takes each parameter by name.
    options : list of Parameter
        The options generated from the library function.
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
    """A command that is built when it is called, so that listing the commands imports nothing."""

    def __init__(self, name: str, summary: str, build: Callable[[], Any]) -> None:
        super().__init__(name=name, help=summary, callback=None)
        self.build = build

    def make_context(self, *args: Any, **options: Any) -> Any:
        """The context of the command itself, which is built here."""
        return self.build().make_context(*args, **options)


def _flat(
    name: str, hint: Any, default: Any, described: str, records: tuple[tuple[str, type], ...] = ()
) -> list[Parameter]:
    """One parameter as an option, or each field of its dataclass as one."""
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
    """The option of a field, prefixed with the keyword of its dataclass: a name used twice."""
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
    """The type that typer parses for an annotation, and the parser of the text of a sequence."""
    origins, leaves = _parts(hint)
    if tuple in origins:
        return str, lambda text, name: option.size(text, option=name)
    if origins and int in leaves and str not in leaves:
        return str, lambda text, name: option.numbers(text, option=name)
    if origins and str in leaves:
        return str, lambda text, name: text.split(",")
    return next((kind for kind in (bool, int, float) if kind in leaves), str), None


def _members(hint: Any) -> list[Any]:
    """The types of a union without None."""
    union = get_origin(hint) in (Union, types.UnionType)
    return [t for t in (get_args(hint) if union else (hint,)) if t is not type(None)]


def _parts(hint: Any) -> tuple[set[Any], set[Any]]:
    """The container types within an annotation, and its types that are not containers."""
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
