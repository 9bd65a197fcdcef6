"""A report as pages: one HTML file that needs no other, Markdown with pictures beside it, JSON."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.figures.draw import Picture
from analysis.report import sections, summary, tables
from analysis.report.answers import Answers, answers
from analysis.report.as_json import plain
from analysis.report.capacity import outlook
from analysis.report.gather import Failure, Report
from analysis.report.glossary import definitions
from analysis.report.sections import Section
from analysis.text.language import _, paragraph, plural, speaking, spoken

TEMPLATES: Final = Path(__file__).parent.with_name("templates")
MADE_BY: Final = "Poolscope report"
FORMATS: Final = ("html", "md", "json")
MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>#|~$&@]|:(?=//)|(?<=www)\.|^[-+](?=\s)|(?<=^\d)[.)](?=\s))", re.IGNORECASE)
"""The characters that are markup in Markdown, anywhere or at the beginning of a text."""
Draw: TypeAlias = Callable[[Sequence[Picture], str], Iterable[str | bytes | Exception]]
"""Draws pictures as svg or png in their order; an exception takes the place of a picture that failed."""


@dataclass(frozen=True)
class Page:
    """One form of a report: the file of the page, and its pictures."""

    ending: str
    text: str
    beside: Mapping[str, bytes]
    """The pictures in files of their own, by file name."""


@dataclass(frozen=True)
class Pages:
    """The pages of a report."""

    pages: Sequence[Page]
    failed: Sequence[Failure]
    """The estimates, sections and pictures that could not be made."""


@dataclass(frozen=True)
class Parts:
    """The sections and pictures of a page."""

    answers: Answers
    pools: Sequence[Picture]
    capacity: Section | None
    series: Sequence[Section]

    @property
    def sections(self) -> list[Section]:
        """All sections in their order."""
        return [*([] if self.capacity is None else [self.capacity]), *self.series]

    @property
    def pictures(self) -> list[Picture]:
        """All pictures in their order."""
        first = [] if self.answers.picture is None else [self.answers.picture]
        return [*first, *self.pools, *(picture for section in self.sections for picture in section.pictures)]

    @property
    def failed(self) -> list[Failure]:
        """The sections that could not be made."""
        return [Failure(section.title, section.failed) for section in self.sections if section.failed]


def pages(report: Report, forms: Sequence[str], language: str, folder: str, draw: Draw) -> Pages:
    """Return a report as pages, and all its parts that could not be made.

    Parameters
    ----------
    forms
        The forms to make: some of `FORMATS`.
    language
        One of `language.LANGUAGES`.
    folder
        The path from a Markdown page to the folder of its pictures.
    draw
        The function that draws pictures, such as `draw.draw`.
    """
    with speaking(language):
        pictured = bool({"html", "md"} & set(forms))
        parts = Parts(
            answers(report, pictured=pictured),
            sections.pool_pictures(report),
            outlook(report, pictured=pictured),
            list(sections.sections(report, pictured=pictured)),
        )
        failed_before = [*report.failed, *parts.failed]
        failed, written = failed_before, list[Page]()
        if "html" in forms:
            svgs, failures = _drawn(parts.pictures, "svg", draw)
            failed = [*failed_before, *failures]
            written.append(Page("html", _html(report, parts, svgs, failed), {}))
        if "md" in forms:
            pngs, failures = _drawn(parts.pictures, "png", draw)
            # Named by content: the old page keeps its pictures until it is replaced.
            files = {name: f"{name}-{sha256(picture).hexdigest()[:8]}.png" for name, picture in pngs.items()}
            beside = {files[name]: picture for name, picture in pngs.items()}
            paths = {name: f"{folder}/{file}" for name, file in files.items()}
            written.append(Page("md", _markdown(report, parts, paths, [*failed_before, *failures]), beside))
            failed = list(dict.fromkeys([*failed, *failures]))
        if "json" in forms:
            content = {"made_by": MADE_BY, **plain(report, failed)}
            text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            written.append(Page("json", text + "\n", {}))
        return Pages(written, failed)


def _drawn(wanted: Sequence[Picture], form: str, draw: Draw) -> tuple[dict[str, Any], list[Failure]]:
    """Return the pictures that could be drawn, by name, and those that failed."""
    drawn, failed = {}, []
    for picture, result in zip(wanted, draw(wanted, form), strict=True):
        if isinstance(result, Exception):
            failed.append(Failure(picture.alt, f"{type(result).__name__}: {result}"))
        else:
            drawn[picture.name] = result
    return drawn, failed


def filled(template: str, **content: Any) -> str:  # noqa: ANN401 - a text, or several
    """Return a template of HTML with its content."""
    return _environment(autoescape=True).get_template(template).render(**content)


def _html(report: Report, parts: Parts, svgs: Mapping[str, str], failed: Sequence[Failure]) -> str:
    pictures = {name: Markup(svg) for name, svg in svgs.items()}  # noqa: S704 - matplotlib's, escaped by it
    environment = _environment(autoescape=True)
    texts = json.dumps({"filter": _("Filter:")}, ensure_ascii=False)
    text = environment.get_template("report.html.j2").render(
        **_content(report, parts, pictures, failed),
        style=Markup(_file("report.css")),  # noqa: S704 - our own file
        script=Markup(_file("report.js").replace("TEXTS", texts)),  # noqa: S704 - our own file, and a text of ours
        classes="CLASSES",
    )
    return _with_classes(text)


def _with_classes(text: str) -> str:
    """Replace the styles of pictures by classes: many styles are equal."""
    styles: dict[str, str] = {}

    def as_class(style: re.Match[str]) -> str:
        return f' class="{styles.setdefault(style[1], f"s{len(styles)}")}"'

    head, body, rest = text.partition("<body>")
    rest = re.sub(r' style="([^"]*)"', as_class, rest)
    rules = "\n".join(f".{name}{{{style.replace('; ', ';').replace(': ', ':')}}}" for style, name in styles.items())
    return head.replace("CLASSES", rules) + body + rest


def _markdown(report: Report, parts: Parts, paths: Mapping[str, str], failed: Sequence[Failure]) -> str:
    environment = _environment(autoescape=False)
    environment.filters["md"] = markdown
    text = environment.get_template("report.md.j2").render(**_content(report, parts, paths, failed))
    return re.sub(r"\n{3,}", "\n\n", text)


def markdown(text: str) -> str:
    """Return a text on one line, with the markup characters of Markdown escaped."""
    return MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,  # noqa: S701 - HTML is escaped by it, Markdown by its filter
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.globals["_"] = _
    return environment


def _content(report: Report, parts: Parts, pictures: Mapping[str, str], failed: Sequence[Failure]) -> dict[str, Any]:
    sure, unsure = (
        [(finding, text, sections.finding_id(report, finding)) for finding, text in findings]
        for findings in sections.findings(report)
    )
    drawn = sum(bool(section.pictures) for section in parts.series)
    return {
        "language": "zh-CN" if spoken() == "zh" else spoken(),
        "made_by": MADE_BY,
        "title": title(report),
        "period": paragraph(summary.period(report)),
        "answers": parts.answers,
        "failed": failed,
        "summary": summary.summary(report),
        "sure": sure,
        "unsure": unsure,
        "overview": tables.overview(report),
        "pool_pictures": parts.pools,
        "capacity": parts.capacity,
        "pictures": pictures,
        "sections": [section for section in parts.series if not section.folded],
        "folded": [section for section in parts.series if section.folded],
        "undrawn": ""
        if drawn == len(parts.series)
        else plural(
            "Pictures show the {n} most important series; --pool selects others.",
            "Pictures show the {n} most important series; --pool selects others.",
            drawn,
        ).format(n=drawn),
        "collection": tables.collection(report),
        "definitions": definitions(),
        "methods": tables.methods(report),
    }


def title(report: Report) -> str:
    """Return the title of a report."""
    if report.end is None:
        return _("Queue waits and failures")
    return _("Queue waits and failures, {date}").format(date=f"{report.end.astimezone(report.request.tz):%Y-%m-%d}")


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
