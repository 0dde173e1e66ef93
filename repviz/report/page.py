"""Writing the report of a study folder as one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from repviz import checks, durable, seals, study_manifest
from repviz import number_format as numbers
from repviz.figures import theme
from repviz.locking import reserved
from repviz.report.html import Child, Markup, tag
from repviz.report.own_sections import own_sections
from repviz.report.parts import enlarged
from repviz.report.private import without_folders
from repviz.report.sections import SECTIONS, Claim, Content, Section, get_section
from repviz.report.thumbnails import thumbnail_sheet
from repviz.study_folder import Study, open_study

SCRIPTS = (
    "page.js",
    "map-data.js",
    "map-selection.js",
    "map-raster.js",
    "map-view.js",
    "map-panel.js",
    "map.js",
    "decoder.js",
)


def write_report(
    study_folder: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    title: str | None = None,
    sections: Iterable[Any] | Any = (),
) -> Path:
    """The path of the report written from a study folder.

    The page holds everything inline and asks for nothing over a network. Its content security
    policy allows the page's own scripts and style by their hashes, images as data, and no more.
    The same results give the same bytes. The last lines are their key and a checksum of the page.

    Parameters
    ----------
    study_folder : path
        A folder with ``manifest.json``, ``results/*.csv`` and ``arrays/*.npy``.
    out : path or None
        The file to write; None writes ``report.html`` in the study folder, which is replaced.
    overwrite : bool
        Whether the file ``out`` may be replaced.
    title : str, optional
        The headline from now on: the study keeps it.
    sections : iterable of str, function or Section
        Sections of one's own for this page, before the last one: functions of the study that
        return :class:`~repviz.report.sections.Content`, HTML, a text or None, or
        ``"module:attribute"``; see :func:`repviz.report.own_sections.own_sections`.

    Raises
    ------
    InputError
        ``study_folder`` is no study folder, or a section is none.
    Mismatch
        It was written in another format or version.
    Damaged
        A table or an array in it cannot be read, or is not what its stage wrote.
    StoreError
        ``out`` already exists, or cannot be written.
    """
    overwrite = checks.flag("write_report", "overwrite", overwrite)
    study = open_study(study_folder)
    manifest, place = study.manifest, study.folder / "manifest.json"
    durable.check_fields(place, manifest, {"key": str})
    durable.check_fields(place, manifest["images"], study_manifest.IMAGES_FIELDS)
    path = study.report if out is None else checks.path("write_report", "out", out)
    own = own_sections(sections)
    if title is not None:
        study_manifest.rename(study.folder, checks.text("write_report", "title", title))
    with reserved(path, overwrite=overwrite or out is None):
        seals.write_page(path, _page(study, own), study.results_key)
    return path


def explorer_page(study: Study) -> str:
    """The explorer of a study alone, as a page that holds everything inline."""
    theme_switch = tag("button", "Theme", type="button", id="theme")
    content = get_section("map").render(study)
    section = tag("section", _content(content) if content else None, id="map")
    main = tag("main", tag("div", theme_switch, class_="bar"), section, class_="alone")
    return _document(study, main)


def _page(study: Study, own: dict[str, Section]) -> str:
    *first, last = ((name, get_section(name)) for name in SECTIONS)
    sections = [*first, *own.items(), last]
    bodies = {name: _section(study, name, section) for name, section in sections}
    shown = {name: section for name, section in sections if bodies[name] is not None}
    return _document(
        study,
        tag("a", "Skip to the findings", href="#main", class_="skip"),
        _header(study, shown),
        tag(
            "div",
            _contents(shown),
            tag("main", [bodies[name] for name in shown], id="main"),
            class_="layout",
        ),
        _footer(study),
    )


def _document(study: Study, *content: Child) -> str:
    """The page with this content, its style and scripts, and the policy that allows these alone."""
    style = theme.css_variables() + _asset("report.css")
    scripts = [_asset(name) for name in SCRIPTS]
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {' '.join(map(_hash, scripts))}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{without_folders(study.manifest['title'])} · repviz"),
        tag("style", Markup(style)),
    )
    loaded = [tag("script", Markup(script)) for script in scripts]
    body = tag("body", content, thumbnail_sheet(study), loaded)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _section(study: Study, name: str, section: Section) -> Markup | None:
    """One section; the reason why it was skipped; or nothing where its files are absent."""
    skipped = study.manifest.get("skipped", {})
    reason = skipped.get(name) or skipped.get(section.stage)
    title = section.title
    if reason:
        sentence = f"{reason[0].upper()}{reason[1:].rstrip('.')}."
        content = tag("p", tag("strong", "Left out."), " ", sentence, class_="left-out")
    elif not study.has(*section.needs) or (found := section.render(study)) is None:
        return None
    else:
        content, title = _content(found), found.title or title
    heading = tag("h2", tag("a", title, href=f"#{name}"))
    return tag("section", heading, content, id=name)


def _content(content: Content) -> Markup:
    limits = tag("details", tag("summary", "Limits"), tag("p", content.limits))
    notes = [
        tag("p", content.reading) if content.reading else None,
        limits if content.limits else None,
    ]
    beside = tag("div", notes, class_="notes") if any(notes) else None
    return tag("div", tag("div", content.body, class_="evidence"), beside, class_="content")


def _header(study: Study, shown: dict[str, Section]) -> Markup:
    about = study.manifest["images"]
    nouns, skipped, parameters = study.nouns, about.get("left_out"), study.manifest["parameters"]
    n_labels = about.get("labels")
    noun = nouns.label if n_labels == 1 else nouns.labels
    labels = f" of {numbers.count(n_labels)} {noun}" if n_labels else " without labels"
    facts = [
        f"{numbers.count(about['n'])} {nouns.images}{labels}",
        f"source {without_folders(about['name'])}",
        *([_read_as(study)] if about.get("size") else []),
        *([f"{skipped} rows without activations left out"] if skipped else []),
        *([f"seed {parameters['seed']}"] if "seed" in parameters else []),
    ]
    link = tag("a", "command and files", href="#provenance")
    command = [" · ", link] if "provenance" in shown else None
    return tag(
        "header",
        tag(
            "div",
            tag("p", "repviz", class_="kicker"),
            tag("button", "Theme", type="button", id="theme"),
            class_="bar",
        ),
        tag("h1", _breakable(without_folders(study.manifest["title"]))),
        tag("p", words, class_="summary") if (words := study.manifest.get("summary")) else None,
        tag("p", " · ".join(facts), command, class_="facts"),
        _cards(study, shown),
        class_="top",
    )


def _read_as(study: Study) -> str:
    """The size and the colours in which the images were read, and from what they were enlarged."""
    about = study.manifest["images"]
    colour = {True: "grey ", False: "colour "}.get(about.get("grey"), "")
    if larger := enlarged(study):
        return f"{colour}images of {larger}"
    return f"read as {'×'.join(map(str, about['size']))} {colour}pixels"


def _breakable(title: str) -> list[Child]:
    """The title, which may break after the colon of a name such as ``torchvision:resnet18``."""
    first, *rest = re.split(r"(?<=\w:)(?=\w)", title)
    return [first, *([tag("wbr"), part] for part in rest)]


def _cards(study: Study, shown: dict[str, Section]) -> Markup | None:
    """The first screen: one card per section with a claim, linked to that section."""
    claims = []
    for name, section in shown.items():
        written = study.has(*section.needs)
        claim = section.claim(study) if section.claim and written else None
        if claim is not None:
            link = tag("a", f"Evidence: {section.short}", href=f"#{name}", class_="more")
            claims.append((claim, link))
    claims.sort(key=lambda pair: pair[0].rank)
    cards = [_card(claim, link) for claim, link in claims]
    return tag("div", cards, class_="cards few" if len(cards) < 3 else "cards") if cards else None


def _card(claim: Claim, link: Markup) -> Markup:
    interval = tag("small", f"95\xa0% CI {claim.interval}") if claim.interval else None
    return tag(
        "article",
        tag("h2", claim.question, class_="question"),
        tag("p", claim.value, " ", interval, class_="value"),
        tag("div", claim.picture, class_="picture") if claim.picture else None,
        tag("p", claim.answer, class_="answer"),
        link,
        class_="card",
    )


def _contents(shown: dict[str, Section]) -> Markup:
    entries = [tag("li", tag("a", one.short, href=f"#{name}")) for name, one in shown.items()]
    return tag("nav", tag("ol", entries), aria_label="Sections")


def _footer(study: Study) -> Markup:
    version = study.manifest.get("versions", {}).get("repviz-toolkit", "")
    return tag(
        "footer",
        tag(
            "p",
            f"Written by repviz {version}. This page holds everything inline; it asks for nothing "
            "over a network.",
        ),
    )


def _asset(name: str) -> str:
    return files("repviz.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
