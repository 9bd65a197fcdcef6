"""A report as a mail: the first screen as HTML with pictures and as plain text, and the page attached.

A mail client knows no script, no SVG and few styles: the mail has a template of its own, with styles at each element.
Who sends the mail adds sender, recipients and time.
"""

from collections.abc import Iterator, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

import pandas as pd

from analysis.figures.draw import Picture
from analysis.report import sections, summary
from analysis.report.gather import POOL, Report
from analysis.report.render import Draw, Page, Pages, filled, title
from analysis.text.answer import answers
from analysis.text.language import _, listed, speaking, spoken
from analysis.text.units import named

PICTURED: Final = 3
"""The most pools with a picture in a mail."""


def mail(report: Report, pages: Pages, language: str, draw: Draw, name: str) -> EmailMessage:
    """Return a report as a mail without sender and recipients.

    Parameters
    ----------
    pages
        The pages of the report, of which that in HTML is attached.
    language
        One of `language.LANGUAGES`.
    draw
        The function that draws pictures, such as `draw.draw`.
    name
        The name of the attached file without its ending.
    """
    with speaking(language):
        content = _content(report, pages)
        message = EmailMessage(policy=SMTP)
        message["Subject"] = _one_line(_subject(report))
        wanted = list(_pictures(report))
        drawn = zip(wanted, draw(wanted, "png"), strict=True)
        pictures = [(picture, result) for picture, result in drawn if isinstance(result, bytes)]
        message.set_content(_plain(content))
        places = [(picture, f"{picture.name}@poolscope") for picture, _png in pictures]
        language_of_page = "zh-CN" if spoken() == "zh" else spoken()
        html = filled("mail.html.j2", **content, language=language_of_page, pictures=places)
        message.add_alternative(html, subtype="html")
        body = message.get_body(("html",))
        for picture, png in pictures:
            identifier, file = f"<{picture.name}@poolscope>", f"{picture.name}.png"
            body.add_related(png, "image", "png", cid=identifier, disposition="inline", filename=file)
        for page in _attached(pages):
            data, file = page.text.encode(), f"{name}.{page.ending}"
            message.add_attachment(data, maintype="text", subtype="html", filename=file, params={"charset": "utf-8"})
        return message


def _content(report: Report, pages: Pages) -> dict[str, Any]:
    """Return the statements of a mail, which HTML and plain text have in common."""
    sure, unsure = ([text for _finding, text in findings] for findings in sections.findings(report))
    plan = report.pools.get("plan", pd.DataFrame({"target_seconds": []}))
    attached = _("The whole report is attached; it opens in any browser.")
    return {
        "title": title(report),
        "period": summary.period(report),
        "parts": [
            (heading, list(texts))
            for heading, texts in (
                (_("Failed parts"), [f"{failure.section}: {failure.message}" for failure in pages.failed]),
                (_("Capacity"), list(answers(plan)) if len(plan) else []),
                (_("Findings"), [*sure, *summary.summary(report)]),
                (_("Uncertain"), unsure),
            )
            if texts
        ],
        "end": attached if _attached(pages) else _("The whole report is in the folder that it was written to."),
    }


def _attached(pages: Pages) -> list[Page]:
    return [page for page in pages.pages if page.ending == "html"]


def _lacking(report: Report) -> list[tuple[Any, pd.DataFrame]]:
    """Return the plans of the pools that need more than today's capacity, the longest wait first."""
    plan = report.pools.get("plan")
    if plan is None:
        return []
    parts = [(key, part) for key, part in plan.groupby(list(POOL), sort=False) if _more(part.iloc[0]) > 0]
    return sorted(parts, key=lambda part: -float(part[1]["p90_seconds"].max()))


def _more(row: pd.Series) -> float:
    """Return the capacity that a pool lacks; NaN where it is not known."""
    return float(row["needed"] + (row["spare_nodes"] if row["unit"] == "nodes" else 0) - row["today"])


def _subject(report: Report) -> str:
    """Return the title, which has the date, and the pools that need more capacity."""
    names = [named(part.iloc[0]) for _key, part in _lacking(report)]
    if not names:
        return title(report)
    shown = listed(names[:PICTURED]) + (" …" if names[PICTURED:] else "")
    return _("{name}: {text}").format(name=title(report), text=_("more capacity for {pools}").format(pools=shown))


def _pictures(report: Report) -> Iterator[Picture]:
    """Yield the decisions about the pools that need more capacity; where there are none, the waits of all pools."""
    lacking = _lacking(report)[:PICTURED]
    for place, (_key, part) in enumerate(lacking):
        caption = _("Wait against capacity of {pool}").format(pool=named(part.iloc[0]))
        yield Picture(f"decision-{place + 1}", "decision", {"plan": part}, caption, caption)
    if not lacking:
        yield from (picture for picture in sections.pool_pictures(report) if picture.name == "pools")


def _plain(content: Mapping[str, Any]) -> str:
    """Return the statements as plain text."""
    parts: Sequence[tuple[str, Sequence[str]]] = [(content["title"], content["period"]), *content["parts"]]
    blocks = ("\n".join([heading.upper(), *(f"- {text}" for text in texts)]) for heading, texts in parts)
    return "\n\n".join([*blocks, content["end"]]) + "\n"


def _one_line(text: str) -> str:
    """Return a text for a header, in which no name can begin another header."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
