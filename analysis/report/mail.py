"""A report as a mail: the first screen as HTML with pictures and as plain text, and the page attached.

A mail client knows no script, no SVG and few styles: the mail has a template of its own, with styles at each element.
Who sends the mail adds sender, recipients and time.
"""

from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from itertools import islice
from typing import Any, Final

from analysis.figures.draw import Picture
from analysis.report import summary
from analysis.report.answers import Answers, answers, decisions
from analysis.report.gather import Report
from analysis.report.render import Draw, Pages, filled, title
from analysis.report.sections import pool_pictures
from analysis.text.language import _, listed, speaking, spoken

PICTURED: Final = 3
"""The most pools with a picture in a mail, and in its subject."""


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
        first = answers(report, pictured=False)
        attached = [page for page in pages.pages if page.ending == "html"]
        content = {
            "title": title(report),
            "period": summary.period(report),
            "failed": [f"{failure.section}: {failure.message}" for failure in pages.failed],
            "answers": first,
            "end": _("The whole report is attached; it opens in any browser.")
            if attached
            else _("The whole report is in the folder that it was written to."),
        }
        wanted = _pictures(report, first)
        drawn = zip(wanted, draw(wanted, "png"), strict=True)
        pictures = [(picture, png) for picture, png in drawn if isinstance(png, bytes)]
        message = EmailMessage(policy=SMTP)
        message["Subject"] = _one_line(_subject(report, first))
        message.set_content(_plain(content))
        shown = [(picture, _place(picture)) for picture, _png in pictures]
        page_language = "zh-CN" if spoken() == "zh" else spoken()
        html = filled("mail.html.j2", **content, pictures=shown, language=page_language)
        message.add_alternative(html, subtype="html")
        body = message.get_body(("html",))
        assert body is not None  # noqa: S101 - for mypy: it was just added
        for picture, png in pictures:
            file, identifier = f"{picture.name}.png", f"<{_place(picture)}>"
            body.add_related(png, "image", "png", cid=identifier, disposition="inline", filename=file)
        for page in attached:
            data, file = page.text.encode(), f"{name}.{page.ending}"
            message.add_attachment(data, maintype="text", subtype="html", filename=file, params={"charset": "utf-8"})
        return message


def mail_text(message: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = message.get_body(("plain",))
    return "" if part is None else str(part.get_content())


def _place(picture: Picture) -> str:
    """Return the identifier by which the HTML refers to a picture."""
    return f"{picture.name}@poolscope"


def _pictures(report: Report, first: Answers) -> list[Picture]:
    """Return the decisions about the first pools with an action; where there are none, the waits of all pools."""
    wanted = list(islice(decisions([action.pool for action in first.actions]), PICTURED))
    return wanted or [picture for picture in pool_pictures(report) if picture.kind == "pools"]


def _subject(report: Report, first: Answers) -> str:
    """Return the title, which has the date, and what to do in the first pools."""
    actions = [f"{action.pool.name} {action.mark}" for action in first.actions[:PICTURED]]
    gist = listed(actions) + (" …" if first.actions[PICTURED:] else "") if actions else "".join(first.remarks[:1])
    return _("{name}: {text}").format(name=title(report), text=gist) if gist else title(report)


def _plain(content: Mapping[str, Any]) -> str:
    """Return the statements of the HTML as plain text; each line begins with a mark or a heading."""
    first: Answers = content["answers"]
    actions = [
        "\n".join(filter(None, [f"- {_named(action.mark, action.text)}", *_indented(action.why, action.warning)]))
        for action in first.actions
    ]
    blocks = [
        "\n".join([content["title"].upper(), *(f"- {line}" for line in content["period"])]),
        "\n".join([_("Failed parts").upper(), *(f"- {failure}" for failure in content["failed"])])
        if content["failed"]
        else "",
        "\n".join([_("What to do").upper(), *actions, *(f"- {remark}" for remark in first.remarks)]),
        "\n".join(f"- {_named(line.heading, line.text)}" for line in first.lines),
        content["end"],
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _indented(*texts: str) -> Iterator[str]:
    return (f"  {text}" for text in texts if text)


def _named(name: str, text: str) -> str:
    return _("{name}: {text}").format(name=name, text=text)


def _one_line(text: str) -> str:
    """Return a text for a header, in which no name can begin another header."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
