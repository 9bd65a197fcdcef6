"""Sending a mail over SMTP, and saying why a server did not take it."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import Final

from collector.api.credentials import read_owner_only
from collector.clock import Clock
from collector.config.settings import MAIL_PASSWORD, NO_MAIL_SERVER, MailSettings
from collector.config.values import MAIL_ADDRESS
from collector.errors import NotMailed
from collector.record.durations import say_duration

HELLO: Final = "[127.0.0.1]"
"""The name that a server is greeted with. Looking up that of this machine may wait for a silent name server."""
LONGEST: Final = 200
"""The most characters of a server's answer that a message shows."""


@dataclass(frozen=True)
class Mailer:
    """An object that sends a mail to the recipients that it was made for."""

    settings: MailSettings
    recipients: tuple[str, ...]
    clock: Clock
    context: ssl.SSLContext
    password: str | None = field(default=None, repr=False)

    def send(self, message: EmailMessage) -> None:
        """Send a message, whose headers about sender, recipients and time are added here.

        Raises
        ------
        NotMailed
            When the server did not take it, or not for all recipients: the others have it then.
        """
        now, (_, _, domain) = self.clock.now(), self.settings.sender.partition("@")
        message["From"] = Address(self.settings.sender_name, addr_spec=self.settings.sender)
        message["To"] = ", ".join(self.recipients)
        message["Date"] = format_datetime(now)
        mark = sha256(f"{message['Subject']} {message['To']}".encode()).hexdigest()[:12]
        message["Message-ID"] = f"<{now:%Y%m%dT%H%M%S.%f}.{mark}@{domain}>"
        try:
            with self._session() as server:
                refused = server.send_message(message, self.settings.sender, self.recipients)
        except (OSError, smtplib.SMTPException) as error:
            raise NotMailed(f"the report was not mailed: {self._why(error)}") from None
        if refused:
            others = ", ".join(address for address in self.recipients if address not in refused)
            raise NotMailed(f"the report was not mailed to all: {self._refusals(refused)}; mailed to {others}")

    def check(self) -> None:
        """Connect and log in, without a mail.

        Raises
        ------
        NotMailed
            When the server cannot be reached or refuses; the message ends with what to do.
        """
        try:
            with self._session():
                pass
        except (OSError, smtplib.SMTPException) as error:
            raise NotMailed(self._why(error)) from None

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Connect, log in, and take leave at the end of the block."""
        with closing(self._connected()) as server:
            if self.settings.tls == "starttls":
                server.starttls(context=self.context)
            if self.settings.user is not None and self.password is not None:
                server.login(self.settings.user, self.password)
            yield server
            # The server has the mail, whatever its farewell is.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()

    def _connected(self) -> smtplib.SMTP:
        place, seconds = (self.settings.host, self.settings.port), self.settings.timeout.total_seconds()
        if self.settings.tls == "tls":
            return smtplib.SMTP_SSL(*place, local_hostname=HELLO, timeout=seconds, context=self.context)
        return smtplib.SMTP(*place, local_hostname=HELLO, timeout=seconds)

    def _why(self, error: OSError | smtplib.SMTPException) -> str:
        """Return what happened, and what to do; a kind of error comes before the kind that it is one of."""
        if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, TimeoutError):
            error = error.__context__
        server = f"{self.settings.host}:{self.settings.port}"
        reasons: Mapping[type[BaseException], Callable[[], str]] = {
            smtplib.SMTPRecipientsRefused: lambda: self._refusals(getattr(error, "recipients", {})),
            smtplib.SMTPAuthenticationError: lambda: (
                f"{server} refused the user or the password ({self._answer(error)}): check mail.user and the password"
            ),
            smtplib.SMTPSenderRefused: lambda: (
                f"{server} refused the sender {self.settings.sender} ({self._answer(error)}): check mail.from, and "
                "whether the server wants mail.user"
            ),
            smtplib.SMTPNotSupportedError: lambda: (
                f"{server} does not offer what is needed ({self._clean(str(error))}): check mail.tls, mail.port and "
                "mail.user"
            ),
            smtplib.SMTPServerDisconnected: lambda: (
                f"{server} closed the connection: try again later, and check mail.tls and mail.port"
            ),
            smtplib.SMTPResponseException: lambda: (
                f"{server} refused the mail ({self._answer(error)}): ask who runs the server"
            ),
            ssl.SSLCertVerificationError: lambda: (
                f"the certificate of {server} is not trusted ({getattr(error, 'verify_message', '')}): check "
                "mail.host, or name the certificate of its authority with mail.ca_file"
            ),
            ssl.SSLError: lambda: f"{server} does not speak TLS as expected: check mail.tls and mail.port",
            socket.gaierror: lambda: f"the host {self.settings.host} is not known: check mail.host",
            TimeoutError: lambda: (
                f"{server} did not answer within {say_duration(self.settings.timeout)}: check mail.host, mail.port and "
                "the network, or raise mail.timeout"
            ),
            OSError: lambda: (
                f"{server} cannot be reached ({getattr(error, 'strerror', None) or error}): check mail.host and "
                "mail.port"
            ),
        }
        return next(reason() for kind, reason in reasons.items() if isinstance(error, kind))

    def _refusals(self, refused: Mapping[str, tuple[int, bytes]]) -> str:
        answers = (f"{address} ({code} {self._clean(_text(text))})" for address, (code, text) in refused.items())
        return f"{self.settings.host}:{self.settings.port} refused {', '.join(answers)}: check the addresses"

    def _answer(self, error: BaseException) -> str:
        return self._clean(f"{getattr(error, 'smtp_code', '')} {_text(getattr(error, 'smtp_error', b''))}")

    def _clean(self, text: str) -> str:
        """Return a server's words on one line, without the password and without characters that move a cursor."""
        text = text.replace(self.password, "***") if self.password else text
        shown = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(shown.split())[:LONGEST]


def _text(answer: object) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)


def mailer(
    settings: MailSettings | None, recipients: Sequence[str], environment: Mapping[str, str], clock: Clock
) -> tuple[Mailer | None, list[str]]:
    """Return the object that sends mails, or the problems with it.

    Parameters
    ----------
    recipients
        Addresses; one text may hold several, with commas between them.
    """
    addresses = tuple(dict.fromkeys(part.strip() for text in recipients for part in text.split(",") if part.strip()))
    problems = [
        f"--mail-to: {address!r} is not a mail address" for address in addresses if not MAIL_ADDRESS.fullmatch(address)
    ]
    if not addresses:
        problems.append("--mail-to: name at least one address")
    if settings is None:
        problems.append(NO_MAIL_SERVER)
        return None, problems
    password = None
    if settings.user is not None and settings.password_file is not None:
        password, problem = read_owner_only(settings.password_file)
        problems += [f"mail.password_file: {problem}"] if problem else []
    elif settings.user is not None:
        password = environment.get(MAIL_PASSWORD, "").strip() or None
        if password is None:
            problems.append(
                f"mail: no password: set the environment variable {MAIL_PASSWORD}, or set mail.password_file to a file "
                "that only you can read"
            )
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        problems.append(f"mail.ca_file: {settings.ca_file} cannot be used ({error.strerror or error})")
        return None, problems
    return Mailer(settings, addresses, clock, context, password), problems
