"""Commands that write a report: a study, a sweep, a report anew; and the encoder of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import repviz
from repviz import checks
from repviz.cli import options as option
from repviz.cli.output import progress_bars, write, write_table
from repviz.cli.signatures import LazyCommand, Parameter, command, keywords, parameters
from repviz.errors import InputError
from repviz.references import resolve
from repviz.studies import STUDIES, estimate_study

# Images are swept at one size: the commands' defaults, where the function takes them as they are.
SWEPT_AT: dict[str, tuple[Any, str]] = {
    "size": (64, "Resize to this many pixels per side, or HEIGHTxWIDTH (default: 64)."),
    "grey": (True, "Convert the images to grey or colour (default: grey)."),
}
# What a line of a terminal has room for; --json prints every column.
SHOWN = {
    "sweep": "engine_label bottleneck n_test mse mse_low mse_high ratio ratio_low ratio_high",
    "choices": "criterion engine_label size observed low high undecided",
}


class Studies(TyperGroup):
    """One command per study, with options generated from the study's function."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the studies of images; the others are run by ``repviz report``."""
        return [name for name, entry in STUDIES.items() if entry.source == "images"]

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand:
        """The command of one study."""
        entry = STUDIES[checks.one_of("study", "study", cmd_name, self.list_commands(ctx))]
        return LazyCommand(cmd_name, entry.summary, lambda: _study_command(cmd_name))


study = Studies(
    name="study",
    help="Run a study, from images to an HTML report.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _study_command(name: str) -> Any:
    function = resolve(STUDIES[name].function)
    own, defaults = _own(function), SWEPT_AT if name == "bottleneck" else {}

    def run(
        images: str,
        out: Path | None,
        title: str | None,
        group: str | None,
        device: str,
        as_json: bool,
        estimate: bool = False,
        **values: Any,
    ) -> None:
        folder = out or Path("reports") / name
        with progress_bars(), repviz.on_device(device):
            values = _with_defaults(values, defaults)
            opened = _opened(images, own, values, group)
            if estimate:
                _write_estimate(name, opened, as_json, keywords(own, values))
                return
            done = repviz.study(name, opened, out=folder, title=title, **keywords(own, values))
        findings = done.result("findings")["sentence"].tolist()
        write(
            {"study": str(done.folder), "report": str(done.report), "findings": findings},
            as_json,
            [*findings, "", f"Report: {done.report}"],
        )

    return command(
        name,
        run,
        STUDIES[name].summary,
        _described([*own, *_opening(own)], defaults),
        images=(option.ImagesName, "orl"),
        out=(_OptionalFolder, None),
        title=(_Title, None),
        group=(option.Group, None),
        device=(option.Device, "auto"),
        **({"estimate": (_Estimate, False)} if STUDIES[name].estimate else {}),
        as_json=(option.Json, False),
    )


def _write_estimate(name: str, images: Any, as_json: bool, options: dict[str, Any]) -> None:
    needed = estimate_study(name, images, **options)
    write(asdict(needed), as_json, [str(needed)])


_Estimate = Annotated[
    bool, typer.Option("--estimate", help="Print bytes, memory and time, and write nothing.")
]
_OptionalFolder = Annotated[
    Path | None, typer.Option(help="Folder of the study (default: reports/NAME).")
]
_Title = Annotated[str | None, typer.Option(help="Headline of the report.")]
_Source = Annotated[str | None, typer.Argument(help="An image source, or a folder of activations.")]
_SameSource = Annotated[str | None, typer.Option(help="The source, as an option.")]
_SweepFolder = Annotated[Path, typer.Option(help="Folder of the sweep.")]
_SWEEP_HELP = "Compare autoencoders with PCA at each bottleneck size."


def _sweep_command() -> Any:
    own = _own(repviz.sweep)

    def run(
        source: str | None,
        images: str | None,
        out: Path,
        title: str | None,
        group: str | None,
        cluster: str | None,
        cpus: float | None,
        gpus: float | None,
        estimate: bool,
        as_json: bool,
        **values: Any,
    ) -> None:
        given = source or images
        if given is None:
            raise InputError("sweep: images must be given, got none. For example: --images orl.")
        from repviz.bottleneck.data import is_store
        from repviz.cluster import on_cluster

        tasks = option.tasks(cluster, cpus, gpus)
        with progress_bars(), on_cluster(**tasks) if cluster else nullcontext():
            source_is_images = not is_store(given)
            if source_is_images:
                values = _with_defaults(values, SWEPT_AT)
            rows = _opened(given, own, values, group) if source_is_images else given
            if estimate:
                _write_estimate("bottleneck", rows, as_json, keywords(own, values))
                return
            done = repviz.study("bottleneck", rows, out=out, title=title, **keywords(own, values))
        extras = {"sweep": str(done.folder), "report": str(done.report)}
        for name in ("audit", "choices"):
            if done.has(f"results/{name}.csv"):
                extras[name] = "\n" + _shown(done, name).to_string(index=False)
        write_table(done.result("sweep"), as_json, text=_shown(done, "sweep"), **extras)

    return command(
        "sweep",
        run,
        _SWEEP_HELP,
        _described([*own, *_opening(own)], SWEPT_AT),
        source=(_Source, None),
        images=(_SameSource, None),
        out=(_SweepFolder, Path("reports/sweep")),
        title=(_Title, None),
        group=(option.Group, None),
        cluster=(option.Cluster, None),
        cpus=(option.Cpus, None),
        gpus=(option.Gpus, None),
        estimate=(_Estimate, False),
        as_json=(option.Json, False),
    )


def _shown(done: Any, name: str) -> Any:
    """The columns of a table that a person is shown."""
    table = done.result(name)
    return table[SHOWN[name].split()] if name in SHOWN else table


sweep = LazyCommand("sweep", _SWEEP_HELP, _sweep_command)


def _own(function: Callable[..., Any]) -> list[Parameter]:
    """The options of the study's function."""
    return parameters(function, leave_out=("out",))


def _opening(own: list[Parameter]) -> list[Parameter]:
    """The options of :func:`repviz.open_images` that the study's function does not have."""
    return parameters(repviz.open_images, leave_out=[one.name for one in own])


def _described(options: list[Parameter], defaults: dict[str, tuple[Any, str]]) -> list[Parameter]:
    """The options, with the help of the commands' own defaults."""
    return [
        replace(one, help=defaults[one.name][1]) if one.name in defaults else one for one in options
    ]


def _with_defaults(values: dict[str, Any], defaults: dict[str, tuple[Any, str]]) -> dict[str, Any]:
    return {**{name: value for name, (value, _) in defaults.items()}, **option.given(values)}


def _opened(images: str, own: list[Parameter], values: dict[str, Any], group: str | None) -> Any:
    """The images that the command line names."""
    seed = checks.as_list(keywords(own, values).get("seed", 0))[0]
    opening = {"seed": seed, **keywords(_opening(own), values)}
    opening["metadata"] = option.table(opening.get("metadata"), group)
    return repviz.open_images(images, **opening)


_MAPS_HELP = "One photograph through a network, map by map."
_Model = Annotated[str, typer.Argument(help="The name of a network.")]
_Photograph = Annotated[Path, typer.Option(help="An image file.")]
_MapsFolder = Annotated[Path, typer.Option(help="Folder of the maps and the report.")]


def _maps_command() -> Any:
    function = resolve(STUDIES["featuremaps"].function)
    own = parameters(function, leave_out=("out", "model", "images"))

    def run(model: str, image: Path, out: Path, device: str, as_json: bool, **values: Any) -> None:
        with progress_bars(), repviz.on_device(device):
            done = function(f"file:{image}", out=out, model=model, **keywords(own, values))
        extras = {"maps": str(done.folder / "maps"), "report": str(done.report)}
        shown = done.result("feature_maps")
        table = shown[shown["rank"] == 1].drop(columns=["image", "id", "rank"])
        write_table(table, as_json, **extras)

    return command(
        "featuremaps",
        run,
        _MAPS_HELP,
        own,
        model=(_Model, ...),
        image=(_Photograph, ...),
        out=(_MapsFolder, Path("reports/featuremaps")),
        device=(option.Device, "auto"),
        as_json=(option.Json, False),
    )


featuremaps = LazyCommand("featuremaps", _MAPS_HELP, _maps_command)


def encoder(
    folder: Annotated[Path, typer.Argument(help="A finished sweep.")],
    bottleneck: Annotated[int, typer.Option(help="Bottleneck size of the encoder.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    engine: Annotated[str, typer.Option(help="Engine that trained it.")] = "linear-start",
    format: Annotated[  # noqa: A002
        str, typer.Option("--format", help="Format: repviz, torchscript or onnx.")
    ] = "repviz",
    overwrite: option.Overwrite = False,
    as_json: option.Json = False,
) -> None:
    """Export one trained encoder of a sweep."""
    path = repviz.export_encoder(
        repviz.open_study(folder),
        out,
        bottleneck=bottleneck,
        engine=engine,
        format=format,
        overwrite=overwrite,
    )
    extract = f"repviz extract autoencoder --weights {path} --images ..."
    use = extract if format == "repviz" else format
    write({"encoder": str(path), "kind": format}, as_json, [f"Encoder: {path} ({use})"])


_REPORT_HELP = "Report on a study, on two, or on saved activations."
_Folders = Annotated[
    list[str], typer.Argument(help="A study, two studies, or folders of activations.")
]
_ReportOut = Annotated[
    Path | None,
    typer.Option(help="Of one study, the HTML file; else the folder of the new study."),
]


def _report_command() -> Any:
    own = _own(repviz.build_report)

    def run(folders: list[str], out: Path | None, as_json: bool, **values: Any) -> None:
        with progress_bars():
            path = repviz.build_report(*folders, out=out, **keywords(own, values))
        write({"report": str(path)}, as_json, [f"Report: {path}"])

    return command(
        "report",
        run,
        _REPORT_HELP,
        own,
        folders=(_Folders, ...),
        out=(_ReportOut, None),
        as_json=(option.Json, False),
    )


report = LazyCommand("report", _REPORT_HELP, _report_command)
