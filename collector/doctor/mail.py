"""The check of the mail server: that it can be reached, its TLS, and the login."""

from collections.abc import Iterator, Mapping

from collector.clock import Clock
from collector.config.settings import MailSettings
from collector.doctor.findings import Finding
from collector.errors import NotMailed


def look_at_mail(settings: MailSettings, environment: Mapping[str, str], clock: Clock) -> Iterator[Finding]:
    """Connect to the mail server and log in; no mail is sent."""
    from collector.mail import mailer  # noqa: PLC0415 - most configurations have no mail server

    sender, problems = mailer(settings, [settings.sender], environment, clock)
    if sender is None or problems:
        yield from (Finding("mail", "error", problem) for problem in problems)
        return
    try:
        sender.check()
    except NotMailed as refusal:
        text, _, fix = str(refusal).rpartition(": ")
        yield Finding("mail", "error", text, fix)
        return
    tls = "without TLS" if settings.tls == "none" else f"with {settings.tls}"
    login = "" if settings.user is None else f" and accepts the user {settings.user}"
    text = f"{settings.host}:{settings.port} answers {tls}{login}; no mail was sent"
    yield Finding("mail", "ok", text)
