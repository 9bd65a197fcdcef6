"""Mails over SMTP: what a server gets, and what is said where it refuses, hangs, hangs up or cannot be trusted."""

import logging
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.config.reader import read_config
from collector.config.settings import MAIL_PASSWORD, MailSettings
from collector.doctor.findings import Finding
from collector.doctor.mail import look_at_mail
from collector.errors import NotMailed
from collector.mail import Mailer, mailer
from tests.certified import certify
from tests.mailed import PASSWORD, USER, Inbox, free_port, mail_section, mute, serving

TO = ["a@example.com, b@example.com", "c@example.com", "a@example.com"]
# The server's own words on deprecated names of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
LOGIN = f'user = "{USER}"\npassword_file = "mail-password"'
NOW = datetime(2026, 3, 2, 6, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Hide the log of the server, which has each refusal."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)


def settings_of(folder: Path, port: int, *lines: str) -> tuple[MailSettings | None, list[str]]:
    """Read a configuration with a mail server."""
    file = folder / "poolscope.toml"
    file.write_text(mail_section(folder, port, *lines))
    config, problems = read_config(file, {}, folder)
    return config.mail, problems


def mailer_of(folder: Path, port: int, *lines: str, typed: str = PASSWORD) -> Mailer:
    """Return what sends mails to the recipients by a server on loopback."""
    settings, problems = settings_of(folder, port, *lines)
    (folder / "mail-password").write_text(typed)
    made, others = mailer(settings, TO, {}, SimulatedClock(NOW))
    assert [] == problems + others
    assert made is not None
    return made


def message() -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Waits, 训练"
    made.set_content("the text\n")
    return made


def refusal(sender: Mailer) -> str:
    """Return why a mail was not sent; a password is in no text."""
    with pytest.raises(NotMailed) as error:
        sender.send(message())
    assert 11 == error.value.exit_code
    assert PASSWORD not in f"{error.value} {sender!r}"
    return str(error.value)


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_a_mail_arrives_over_tls(tmp_path: Path, kind: str) -> None:
    """Each recipient once, after a login, with sender and date; the certificate of a private authority is named."""
    certificate, context = certify(tmp_path)
    with serving(Inbox(), context, kind) as inbox:
        mailer_of(tmp_path, inbox.port, f'tls = "{kind}"', f'ca_file = "{certificate}"', LOGIN).send(message())
    assert ([["a@example.com", "b@example.com", "c@example.com"]], [USER]) == (inbox.recipients, inbox.logins)
    # Of a connection that begins with TLS the server tells nothing.
    assert [kind == "starttls"] == inbox.over_tls
    (taken,) = inbox.messages
    assert ("Waits, 训练", "poolscope@example.com") == (taken["Subject"], taken["From"])
    assert "a@example.com, b@example.com, c@example.com" == taken["To"]
    assert taken["Date"].datetime == NOW
    assert taken["Message-ID"].startswith("<20260302T061000.000000.")
    assert "the text" == taken.get_content().strip()


def test_a_server_on_this_machine_needs_neither_tls_nor_login(tmp_path: Path) -> None:
    """As with a mail server that hands mails on; elsewhere it is refused."""
    with serving(Inbox(), None, auth=False) as inbox:
        mailer_of(tmp_path, inbox.port, 'tls = "none"').send(message())
    assert 1 == len(inbox.messages)
    assert [False] == inbox.over_tls


@pytest.mark.parametrize(
    "sender", ["Poolscope 报告 <poolscope@example.com>", '"Poolscope 报告"<poolscope@example.com>']
)
def test_the_sender_may_have_a_name(tmp_path: Path, sender: str) -> None:
    """The mail shows it; the server is told the address alone."""
    file = tmp_path / "poolscope.toml"
    with serving(Inbox(), None, auth=False) as inbox:
        file.write_text(f"[mail]\nhost = '127.0.0.1'\nport = {inbox.port}\ntls = 'none'\nfrom = '{sender}'\n")
        config, problems = read_config(file, {}, tmp_path)
        assert [] == problems
        made = mailer(config.mail, TO, {}, SimulatedClock(NOW))[0]
        assert made is not None
        made.send(message())
    (taken,) = inbox.messages
    assert [("Poolscope 报告", "poolscope@example.com")] == [
        (a.display_name, a.addr_spec) for a in taken["From"].addresses
    ]


def test_some_recipients_are_refused(tmp_path: Path) -> None:
    """The others have the mail, and both are named; if all are refused, nobody has it."""
    with serving(Inbox(refused=("b@example.com",)), None) as inbox:
        text = refusal(mailer_of(tmp_path, inbox.port, 'tls = "none"'))
        assert "not mailed to all" in text
        assert "refused b@example.com (550 5.1.1 no such user [31m here)" in text
        assert text.endswith("mailed to a@example.com, c@example.com")
        inbox.refused = ("a@example.com", "b@example.com", "c@example.com")
        text = refusal(mailer_of(tmp_path, inbox.port, 'tls = "none"'))
    assert "the report was not mailed: " in text
    assert "c@example.com (550" in text
    assert "check the addresses" in text
    assert [["a@example.com", "c@example.com"]] == inbox.recipients


def test_doctor_logs_in_and_sends_nothing(tmp_path: Path) -> None:
    """It finds a server that is gone, a certificate that is not trusted, and a wrong password, with their fixes."""
    certificate, context = certify(tmp_path)
    with serving(Inbox(), context) as inbox:
        trusted = f'ca_file = "{certificate}"'
        good = finding(tmp_path, inbox.port, trusted, LOGIN)
        strange = finding(tmp_path, inbox.port, LOGIN)
        wrong = finding(tmp_path, inbox.port, trusted, LOGIN, typed="wr0ng word")
    gone = finding(tmp_path, inbox.port, trusted, LOGIN)
    assert ["ok", "error", "error", "error"] == [found.severity for found in (good, strange, wrong, gone)]
    place = f"127.0.0.1:{inbox.port}"
    assert f"{place} answers with starttls and accepts the user {USER}; no mail was sent" == good.message
    assert "check mail.host, or name the certificate of its authority with mail.ca_file" == strange.fix
    assert (f"{place} refused the user or the password (535 not ***)", "check mail.user and the password") == (
        wrong.message,
        wrong.fix,
    )
    assert f"{place} cannot be reached (Connection refused)" == gone.message
    assert [] == inbox.messages


def finding(folder: Path, port: int, *lines: str, typed: str = PASSWORD) -> Finding:
    """Return what doctor finds of a mail server."""
    settings, _ = settings_of(folder, port, *lines)
    (folder / "mail-password").write_text(typed)
    assert settings is not None
    (found,) = look_at_mail(settings, {}, SimulatedClock(NOW))
    return found


def test_a_wrong_password_is_named_and_not_shown(tmp_path: Path) -> None:
    """The server repeats it, the message does not."""
    certificate, context = certify(tmp_path)
    with serving(Inbox(), context) as inbox:
        text = refusal(mailer_of(tmp_path, inbox.port, f'ca_file = "{certificate}"', LOGIN, typed="wr0ng word"))
    assert "refused the user or the password (535 not ***): check mail.user and the password" in text
    assert "wr0ng" not in text
    assert [] == inbox.messages


def test_a_certificate_must_be_trusted(tmp_path: Path) -> None:
    """Without ca_file that of a private authority is not; nothing was sent, the password neither."""
    _certificate, context = certify(tmp_path)
    with serving(Inbox(), context) as inbox:
        text = refusal(mailer_of(tmp_path, inbox.port, LOGIN))
    assert "is not trusted (self-signed certificate)" in text
    assert "mail.ca_file" in text
    assert [] == inbox.logins


@pytest.mark.parametrize(("tls", "fix"), [("starttls", "check mail.tls"), ("tls", "check mail.tls and mail.port")])
def test_a_server_without_tls_gets_no_password(tmp_path: Path, tls: str, fix: str) -> None:
    """It offers no STARTTLS, or answers a handshake in plain text."""
    with serving(Inbox(), None) as inbox:
        text = refusal(mailer_of(tmp_path, inbox.port, f'tls = "{tls}"', LOGIN))
    assert fix in text
    assert [] == inbox.logins


@pytest.mark.parametrize(
    ("dropping", "tls", "reason"),
    [
        (False, "starttls", "did not answer within 0.2s"),
        (False, "tls", "did not answer within 0.2s"),
        (True, "starttls", "closed the connection"),
    ],
)
def test_a_server_that_hangs_or_hangs_up(tmp_path: Path, dropping: bool, tls: str, reason: str) -> None:
    """It takes the connection and no more: the time-out ends it."""
    with mute(dropping=dropping) as port:
        assert reason in refusal(mailer_of(tmp_path, port, f'tls = "{tls}"', 'timeout = "0.2s"', LOGIN))


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """Nobody listens on the port, or the host has no address."""
    sender = mailer_of(tmp_path, free_port(), 'tls = "none"')
    assert "cannot be reached (Connection refused)" in refusal(sender)
    unknown = MailSettings("no-such-host.invalid", "poolscope@example.com", 25)
    assert "the host no-such-host.invalid is not known: check mail.host" in refusal(
        Mailer(unknown, ("a@example.com",), sender.clock, sender.context)
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('[mail]\nhost = "m.example"', "mail.from: is missing"),
        ('[mail]\nfrom = "a@example.com"', "mail.host: is missing"),
        ('[mail]\nhost = "m.example"\nfrom = "a@example.com"\ntls = "none"', "mail.tls: none is allowed only"),
        ('[mail]\nhost = "m.example:25"\nfrom = "a"', "mail.host: must be the name of a host"),
        ('[mail]\nhost = "m.example"\nfrom = "a\\n@example.com"', "mail.from: must be a mail address"),
        ('[mail]\nhost = "m.example"\nfrom = "Name <a>"', "mail.from: must be a mail address"),
        ('[mail]\nhost = "m.example"\nfrom = "a\\u0001 <a@example.com>"', "mail.from: must be a mail address"),
        ('[mail]\npassword = "x"', "set the environment variable POOLSCOPE_MAIL_PASSWORD, or set mail.password_file"),
        ('[mail]\nhost = "m.example"\nfrom = "a@example.com"\npassword_file = "p"', "mail.user: is missing"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, lines: str, problem: str) -> None:
    """With their key; a password in the file is refused."""
    file = tmp_path / "poolscope.toml"
    file.write_text(lines)
    config, problems = read_config(file, {MAIL_PASSWORD: "x"}, tmp_path)
    assert config.mail is None
    assert any(problem in text for text in problems)


def test_problems_are_found_before_anything_is_sent(tmp_path: Path) -> None:
    """An address that is none, a password that is missing or open to others, a file without certificates."""
    settings, _problems = settings_of(tmp_path, 25, f'user = "{USER}"')
    clock = SimulatedClock(NOW)
    assert "no password: set the environment variable POOLSCOPE_MAIL_PASSWORD" in mailer(settings, TO, {}, clock)[1][0]
    found, problems = mailer(settings, TO, {MAIL_PASSWORD: PASSWORD}, clock)
    assert [] == problems
    assert PASSWORD == getattr(found, "password", None)
    assert "'a\\nBcc: x@y.z' is not a mail address" in mailer(settings, ["a\nBcc: x@y.z"], {}, clock)[1][0]
    assert "name at least one address" in mailer(settings, [","], {}, clock)[1][0]
    assert "needs a mail server" in mailer(None, TO, {}, clock)[1][0]
    settings, _problems = settings_of(tmp_path, 25, LOGIN, 'ca_file = "mail-password"')
    (tmp_path / "mail-password").chmod(0o644)
    problems = mailer(settings, TO, {}, clock)[1]
    assert ["can be read by others" in problems[0], "mail.ca_file" in problems[1]] == [True, True]
