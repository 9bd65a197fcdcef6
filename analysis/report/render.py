"""A report as pages: one HTML file that needs nothing else, Markdown with pictures beside it, JSON."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.figures.draw import Picture
from analysis.report import sections, summary, tables
from analysis.report.as_json import plain
from analysis.report.capacity import outlook
from analysis.report.gather import Failure, Report
from analysis.report.glossary import definitions
from analysis.report.sections import Section
from analysis.text.language import _, plural, speaking, spoken

TEMPLATES: Final = Path(__file__).parent.with_name("templates")
MADE_BY: Final = "Poolscope report"
FORMATS: Final = ("html", "md", "json")
MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>#|~$&@]|:(?=//)|(?<=www)\.|^[-+](?=\s)|(?<=^\d)[.)](?=\s))", re.IGNORECASE)
"""What makes anything of a text but a text, anywhere or at its beginning."""
Draw = Callable[[Sequence[Picture], str], Iterable[str | bytes | Exception]]
"""Draws pictures as svg or png, one after the other; what fails is given instead."""


@dataclass(frozen=True)
class Page:
    """One form of a report: a file, and those beside it."""

    ending: str
    text: str
    beside: Mapping[str, bytes]
    """By their names in the folder of the report."""


@dataclass(frozen=True)
class Parts:
    """What a page has besides its tables."""

    pools: Sequence[Picture]
    capacity: Section | None
    series: Sequence[Section]

    @property
    def all_sections(self) -> list[Section]:
        """The sections in their order."""
        return [*([] if self.capacity is None else [self.capacity]), *self.series]


def pages(report: Report, forms: Sequence[str], language: str, folder: str, draw: Draw) -> list[Page]:
    """Make the pages of a report.

    Parameters
    ----------
    forms
        Of `FORMATS`.
    language
        Of `language.LANGUAGES`.
    folder
        Where pictures beside a page are found from it.
    draw
        See `draw.draw`.
    """
    with speaking(language):
        pictured = bool({"html", "md"} & set(forms))
        parts = Parts(
            sections.pool_pictures(report),
            outlook(report, pictured=pictured),
            list(sections.sections(report, pictured=pictured)),
        )
        wanted = [*parts.pools, *(picture for section in parts.all_sections for picture in section.pictures)]
        made = []
        if "html" in forms:
            drawn = _drawn(wanted, "svg", draw, report)
            svgs = {name: Markup(picture) for name, picture in drawn.items()}  # noqa: S704 - matplotlib's, escaped by it
            made.append(Page("html", _html(report, parts, svgs), {}))
        if "md" in forms:
            drawn = _drawn(wanted, "png", draw, report)
            # Named by what is in them: a page that is there keeps its pictures until it is replaced.
            files = {name: f"{name}-{sha256(picture).hexdigest()[:8]}.png" for name, picture in drawn.items()}
            beside = {files[name]: picture for name, picture in drawn.items()}
            text = _markdown(report, parts, {name: f"{folder}/{file}" for name, file in files.items()})
            made.append(Page("md", text, beside))
        if "json" in forms:
            text = json.dumps(
                {"made_by": MADE_BY, **plain(report)}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
            )
            made.append(Page("json", text + "\n", {}))
        return made


def _drawn(wanted: Sequence[Picture], form: str, draw: Draw, report: Report) -> dict[str, Any]:
    drawn = {}
    for picture, made in zip(wanted, draw(wanted, form), strict=True):
        if isinstance(made, Exception):
            report.failed.append(Failure(picture.alt, f"{type(made).__name__}: {made}"))
        else:
            drawn[picture.name] = made
    return drawn


def _html(report: Report, parts: Parts, pictures: Mapping[str, str]) -> str:
    environment = _environment(autoescape=True)
    texts = json.dumps({"filter": _("Filter:")}, ensure_ascii=False)
    text = environment.get_template("report.html.j2").render(
        **_content(report, parts, pictures),
        style=Markup(_file("report.css")),  # noqa: S704 - our own file
        script=Markup(_file("report.js").replace("TEXTS", texts)),  # noqa: S704 - our own file, and a text of ours
        classes="CLASSES",
    )
    return _with_classes(text)


def _with_classes(text: str) -> str:
    """Say once how the many alike parts of pictures look."""
    styles: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return f' class="{styles.setdefault(found[1], f"s{len(styles)}")}"'

    head, body, rest = text.partition("<body>")
    rest = re.sub(r' style="([^"]*)"', named, rest)
    rules = "\n".join(f".{name}{{{style.replace('; ', ';').replace(': ', ':')}}}" for style, name in styles.items())
    return head.replace("CLASSES", rules) + body + rest


def _markdown(report: Report, parts: Parts, pictures: Mapping[str, str]) -> str:
    environment = _environment(autoescape=False)
    environment.filters["md"] = markdown
    text = environment.get_template("report.md.j2").render(**_content(report, parts, pictures))
    return re.sub(r"\n{3,}", "\n\n", text)


def markdown(text: str) -> str:
    """Return a text that Markdown takes for nothing else."""
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


def _content(report: Report, parts: Parts, pictures: Mapping[str, str]) -> dict[str, Any]:
    sure, unsure = (
        [(*each, sections.finding_id(report, each[0])) for each in part] for part in sections.findings(report)
    )
    drawn = sum(bool(section.pictures) for section in parts.series)
    return {
        "language": "zh-CN" if spoken() == "zh" else spoken(),
        "made_by": MADE_BY,
        "title": title(report),
        "period": summary.period(report),
        "failed": report.failed,
        "summary": summary.summary(report),
        "sure": sure,
        "unsure": unsure,
        "overview": tables.overview(report),
        "pool_pictures": parts.pools,
        "capacity": parts.capacity,
        "pictures": pictures,
        "sections": parts.series,
        "undrawn": ""
        if drawn == len(parts.series)
        else plural(
            "Pictures are of the {n} series that matters most; --pool shows others.",
            "Pictures are of the {n} series that matter most; --pool shows others.",
            drawn,
        ).format(n=drawn),
        "collection": tables.collection(report),
        "definitions": definitions(),
        "classes_table": tables.classes(report),
    }


def title(report: Report) -> str:
    """Return what a report is called."""
    if report.end is None:
        return _("Queue waits and failures")
    return _("Queue waits and failures, {date}").format(date=f"{report.end.astimezone(report.request.tz):%Y-%m-%d}")


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
