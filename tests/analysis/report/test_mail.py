"""``poolscope report --mail-to``: the message that arrives, and the files and exit codes where it does not."""

import re
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import click
import pytest

from analysis.cli.report import report
from collector.config.settings import MAIL_PASSWORD
from collector.context import Context
from collector.errors import ConfigError, NotMailed
from tests.certified import certify
from tests.mailed import PASSWORD, USER, Inbox, mail_section, serving
from tests.recorded import record_of
from tests.reported import HOSTILE, name_pools, queue

PNG = b"\x89PNG"
pytestmark = pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record a pool whose jobs wait, and whose name is hostile."""
    series = queue(1, days=14, changed=7, load=0.6, step=1800)
    path = record_of(tmp_path_factory.mktemp("mail"), {("p", "a"): {"train": series}}, interval=1800)
    name_pools(path, {"a": f"{HOSTILE[0]}\nBcc: x@y.z"})
    return path


def mailed(folder: Path, database: Path, inbox: Inbox, *words: str, typed: str = PASSWORD) -> int:
    """Write a report and mail it by a server on loopback with TLS; return the exit code."""
    certificate, context = certify(folder)
    with serving(inbox, context) as served:
        lines = f'user = "{USER}"', f'ca_file = "{certificate}"'
        (folder / "poolscope.toml").write_text(mail_section(folder, served.port, *lines))
        obj = Context({MAIL_PASSWORD: typed}, config_file=folder / "poolscope.toml", database=str(database))
        options = ["--out", str(folder / "out"), "--slo", "15m", "--mail-to", "a@example.com"]
        code = report.main(
            [*options, *words], standalone_mode=False, parent=click.Context(report, obj=obj), prog_name="report"
        )
    assert isinstance(code, int)
    return code


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


def statements(html: str) -> list[str]:
    """Return the texts of a mail's HTML, without the captions of pictures, as plain text has them."""
    texts = re.split(r"<[^>]+>", html[html.index("<h2") : html.index("<img")])
    return [" ".join(unescape(text).split()) for text in texts if text.strip()]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_mail_has_the_first_screen_its_pictures_and_the_page(tmp_path: Path, database: Path, language: str) -> None:
    """HTML with pictures inline, the same statements as plain text, the page attached; no secret, no script."""
    inbox = Inbox()
    assert 0 == mailed(tmp_path, database, inbox, "--lang", language)
    (message,) = inbox.messages
    kinds = [part.get_content_type() for part in message.walk()]
    assert ["multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html"] == kinds[:5]
    html, plain = body(message, "html"), body(message, "plain")
    pictures = {part["Content-ID"]: part for part in message.walk() if part.get_content_type() == "image/png"}
    assert pictures
    assert {f"<{place}>" for place in re.findall(r'src="cid:([^"]+)"', html)} == set(pictures)
    for picture in pictures.values():
        assert "inline" == picture.get_content_disposition()
        assert picture.get_content().startswith(PNG)
    (page,) = message.iter_attachments()
    (file,) = (tmp_path / "out").glob("*.html")
    assert file.name == page.get_filename()
    assert file.read_text(encoding="utf-8") == page.get_content().replace("\r\n", "\n")
    assert "2026-01-1" in message["Subject"]
    assert "\n" not in message["Subject"]
    assert message["Bcc"] is None
    assert "<script" not in html
    assert "<style" not in html
    assert 3 < len(statements(html))
    for statement in statements(html):
        assert statement.casefold() in " ".join(plain.split()).casefold()
    assert PASSWORD not in message.as_string()
    if language == "zh":
        assert 'lang="zh-CN"' in html
        assert "附件" in plain


def test_a_report_without_a_page_has_no_attachment(
    tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON alone is a file; the mail says where the report is, and the command to whom it was mailed."""
    inbox = Inbox()
    assert 0 == mailed(tmp_path, database, inbox, "--format", "json")
    assert capsys.readouterr().out.endswith(".json\nmailed to a@example.com\n")
    assert [] == list(inbox.messages[0].iter_attachments())
    assert "in the folder that it was written to" in body(inbox.messages[0], "plain")


def test_a_mail_that_is_not_sent_leaves_the_files(
    tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 11, though more jobs waited than allowed, which is said before."""
    with pytest.raises(NotMailed, match=r"check mail\.user") as error:
        mailed(tmp_path, database, Inbox(), "--format", "json", "--fail-above", "1%", typed="wrong")
    assert 11 == error.value.exit_code
    (file,) = (tmp_path / "out").iterdir()
    said = capsys.readouterr()
    assert f"{file}\n" == said.out
    assert "above the allowed share: a train" in said.err


def test_a_mail_without_a_server_is_refused_before_the_work(tmp_path: Path) -> None:
    """No record is read, no file written."""
    obj = Context({"POOLSCOPE_PATHS__DATABASE": str(tmp_path / "none.duckdb")}, config_file=tmp_path / "poolscope.toml")
    (tmp_path / "poolscope.toml").touch()
    with pytest.raises(ConfigError, match=r"add these lines.*\n +\[mail\]"):
        report.main(
            ["--out", str(tmp_path / "out"), "--mail-to", "a@example.com"],
            standalone_mode=False,
            parent=click.Context(report, obj=obj),
            prog_name="report",
        )
    assert not (tmp_path / "out").exists()
