"""The smallest acceptable code by each criterion, and whether the error curve has an elbow."""

from __future__ import annotations

import math
from typing import Any

from repviz.nouns import indefinite
from repviz.number_format import NOTHING, count, listed, missing, percent, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import Column, field, numbers_of, table
from repviz.report.pictures import captioned
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "choices": (
        "criterion title engine engine_label size undecided observed low high margin n_test "
        "groups_test left_out"
    ),
    "reconstruction_images": "position pick",
    "reconstruction_panels": "panel engine bottleneck",
    "criteria": "criterion engine_label bottleneck original reconstructed loss loss_high n_test",
    "sweep": "engine bottleneck warnings",
    "code_probes": "probe",
    "knee": "engine_label sizes low high ranges with_knee stable",
}

SAME_LABEL = "same label nearest"  # in the column "probe", where the others are factors


def _elbow(row: dict[str, Any]) -> str:
    """Whether the curve has an elbow, which a single range of sizes cannot show to stay."""
    if row["ranges"] == 0 or (row["ranges"] == 1 and row["with_knee"]):
        return "too few sizes to tell"
    return "an elbow" if row["stable"] else "no elbow"


_SCORES = (
    field("criterion", "criterion", text),
    field("engine", "engine_label", text),
    field("size", "bottleneck", count),
    field("original", "original", plain),
    field("reconstructed", "reconstructed", plain),
    field("loss", "loss", plain),
    field("loss, upper limit", "loss_high", plain),
    field("n test", "n_test", count),
)
_ELBOWS = (
    field("engine", "engine_label", text),
    field("sizes", "sizes", count),
    field("ranges", "ranges", count),
    field("with an elbow", "with_knee", count),
    field("from", "low", count),
    field("to", "high", count),
    Column("so", _elbow, numeric=False),
)
_FACTORS = (
    " Factors are read off the pixels by linear weights that were fitted to originals: what a "
    "picture shows and such weights do not see counts as lost, so that this criterion may ask "
    "for a "
    "larger code than the pictures' error does."
)


def render(study: Study) -> Content | None:
    """The chosen sizes, what each criterion saw, and the knee with its band."""
    choices = (
        study.result("choices", TABLES["choices"]) if study.has("results/choices.csv") else None
    )
    parts: list[Markup] = []
    nouns = study.nouns
    limits = (
        "A size is acceptable by its criterion and no other. Other trainings and another split are "
        "not in the interval. Where a loss strikes all "
        f"{nouns.images} of one {nouns.unit}, few {nouns.units} cannot rule it out, however many "
        f"{nouns.images} there are of each."
    )
    if choices is not None:
        done = choices[choices["left_out"] == ""]
        if len(done):
            columns = (
                Column("an image is fine while", lambda row: text(row["title"]), numeric=False),
                field("engine", "engine_label", text),
                Column("smallest size, tested", _size, numeric=False),
                Column("observed", _observed),
                Column("95 % interval of it", _interval),
                field("loss allowed", "margin", percent),
                field("n test", "n_test", count),
                field("independent", "groups_test", count),
            )
            parts.append(table(done, columns, label="Smallest reasonable sizes"))
            for reason, rows in done[done["undecided"] != ""].groupby("undecided", sort=False):
                words = f"{listed(list(rows['criterion'].unique()))}: {reason}."
                parts.append(tag("p", f"Cannot be told by {words}", class_="left-out"))
        if "factors" in set(done["criterion"]):
            limits += _FACTORS
        for row in records(choices[choices["left_out"] != ""]):
            words = f"{row['criterion']}: left out, {row['left_out']}."
            parts.append(tag("p", words, class_="left-out"))
    if study.has("results/criteria.csv"):
        parts.append(
            numbers_of(
                "results/criteria.csv", study.result("criteria", TABLES["criteria"]), _SCORES
            )
        )
    if choices is not None:
        parts.append(tag("h3", "Is there an elbow?"))
    parts.append(table(study.result("knee", TABLES["knee"]), _ELBOWS, label="Elbows"))
    return Content(
        join(parts),
        reading="A criterion scores each test image before and after compression. The smallest "
        "size, tested, is the one from which on, going up, the mean loss is below the margin with "
        "95 % confidence (a paired test of non-inferiority, from the largest size down, over "
        f"independent {nouns.units} or {nouns.images}). For a yes or no, 59 of them without a "
        "loss are needed to rule out a loss of 5 %. Observed is the same without a test; its "
        f"interval resamples test {nouns.images}, or {nouns.units}, for these trained models, and "
        "∞ is beyond the sizes of the sweep. We report an elbow only if it stays in place when "
        "the range of sizes changes.",
        limits=limits,
        title=_title(study, claim(study)),
    )


def _title(study: Study, found: Claim | None) -> str:
    if not study.has("results/choices.csv"):
        return "Is there an elbow?"
    return f"Smallest acceptable code: {found.value}" if found else ""


def _size(row: dict[str, Any]) -> str:
    if row["undecided"]:
        return "cannot be told"
    return "none of these" if missing(row["size"]) else count(row["size"])


def _observed(row: dict[str, Any]) -> str:
    return "none of these" if missing(row["observed"]) else count(row["observed"])


def _interval(row: dict[str, Any]) -> str:
    if missing(row["low"]):
        return NOTHING
    low, high = (
        "∞" if math.isinf(float(row[name])) else count(row[name]) for name in ("low", "high")
    )
    return f"{low} to {high}"


def claim(study: Study) -> Claim | None:
    """The smallest code by the first criterion that could be applied, with its interval."""
    question = f"How small can a code of {indefinite(study.nouns.image)} be?"
    if not study.has("results/choices.csv"):
        words = "No size can be named: no criterion says which reconstructions are acceptable."
        return Claim(question, "not asked", words, rank=1)
    choices = study.result("choices", TABLES["choices"])
    found = records(choices[choices["left_out"] == ""])
    if not found:
        return None
    last = found[-1]["engine"]  # as in the findings: the autoencoder, after the baselines
    row = next(one for one in found if one["engine"] == last)
    points = f"{100 * row['margin']:.0f}"
    n = f"{count(row['n_test'])} test images"
    criterion = f"the criterion “{row['title']}”{_factor_names(study, row)}"
    if missing(row["observed"]):
        answer = (
            f"There is no size from which on the score by {criterion} stays within {points} points "
            f"of the originals ({n})."
        )
        answer += " So few test images may show that by chance." if row["undecided"] else ""
        return Claim(question, "none tried was enough", answer, rank=1)
    size = count(row["observed"])
    doubt = f" Not confirmed: {row['undecided']}." if row["undecided"] else ""
    return Claim(
        question,
        f"{'≈ ' if row['undecided'] else ''}{size} numbers",
        f"With {size} or more numbers per image the score by {criterion} falls by less than "
        f"{points} points against the originals ({n}).{doubt}{_tried(study, row)}",
        _examples(study, row),
        interval=_stated(row),
        rank=1,
    )


def _factor_names(study: Study, row: dict[str, Any]) -> str:
    """Which factors the criterion "factors" reads, in brackets; "" for the others."""
    if not study.has("results/code_probes.csv"):
        return ""
    probes = study.result("code_probes", TABLES["code_probes"])["probe"].unique()
    names = [name for name in probes if name != SAME_LABEL]
    return f" ({listed(names)})" if names and row["criterion"] == "factors" else ""


def _stated(row: dict[str, Any]) -> str:
    """The interval of the size; where it is one size, it says that others lie between those tried.

    Resampled images can only choose among the sizes of the sweep.
    """
    if missing(row["low"]):
        return ""
    return _interval(row) + (" of the sizes tried" if row["low"] == row["high"] else "")


def _tried(study: Study, row: dict[str, Any]) -> str:
    """The sizes of the chosen engine, and that its training had not converged, in sentences."""
    if not study.has("results/sweep.csv"):
        return ""
    sweep = study.result("sweep", TABLES["sweep"])
    own = sweep[sweep["engine"] == row["engine"]]
    chosen = own[own["bottleneck"] == row["observed"]]
    unfinished = (
        " The autoencoder's training had not converged." if any(chosen["warnings"] != "") else ""
    )
    sizes = [count(size) for size in sorted(own["bottleneck"].unique())]
    return f"{unfinished} Sizes tried: {listed(sizes)}." if sizes else ""


def _examples(study: Study, row: dict[str, Any]) -> Markup | None:
    """One test image from the smallest code, from the chosen one, and as it is."""
    needed = ("results/reconstruction_panels.csv", "results/reconstruction_images.csv")
    if not study.has(*needed, "arrays/reconstructions.npy"):
        return None
    shown = study.result("reconstruction_images", TABLES["reconstruction_images"])
    median = shown[shown["pick"] == "median"]["position"]
    position = int((median if len(median) else shown["position"]).iloc[0])
    table = study.result("reconstruction_panels", TABLES["reconstruction_panels"])
    panels = {(one["engine"], one["bottleneck"]): one["panel"] for one in records(table)}
    sizes = [size for engine, size in panels if engine == row["engine"]]
    wanted = [(row["engine"], size) for size in dict.fromkeys([*sizes[:1], row["observed"]])]
    pixels = study.array("reconstructions")
    pictures = [(pixels[panels[key], position], count(key[1])) for key in wanted if key in panels]
    original = next(panel for (engine, _), panel in panels.items() if engine == "original")
    pictures.append((pixels[original, position], "original"))
    return captioned(pictures)


SECTION = Section(
    claim=claim,
    title="Smallest acceptable code by criterion",
    short="Smallest code",
    stage="criteria",
    needs=("results/knee.csv",),
    tables=TABLES,
    render=render,
)
