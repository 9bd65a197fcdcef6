"""Mail servers on loopback: a real one, which refuses what a test asks it to, and ones that hang or hang up."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "poller", "corr3ct horse"


@dataclass
class Inbox:
    """What a server took, and where it is."""

    refused: tuple[str, ...] = ()
    """The recipients that it refuses."""
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or refuse it with words that hold an escape character."""
        if address in self.refused:
            return "550 5.1.1 no such user \x1b[31m here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        """Keep the message."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(message_from_bytes(content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        self.over_tls.append(session.ssl is not None)
        return "250 taken"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, login: object
    ) -> AuthResult:
        """Check user and password; a refusal repeats the password, as bad servers do."""
        assert isinstance(login, LoginPassword)
        self.logins.append(login.login.decode())
        good = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False, message=None if good else f"535 not {login.password.decode()}")


@contextmanager
def serving(inbox: Inbox, tls: ssl.SSLContext | None, kind: str = "starttls", *, auth: bool = True) -> Iterator[Inbox]:
    """Serve an inbox within the block: `kind` is how TLS begins, none without a context."""
    options: dict[str, Any] = {"authenticator": inbox.authenticate, "auth_require_tls": False} if auth else {}
    started = Controller(
        inbox,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=tls if kind == "tls" else None,
        tls_context=tls if kind == "starttls" else None,
        require_starttls=tls is not None and kind == "starttls",
        server_hostname="mail.test",
        **options,
    )
    started.start()
    inbox.port = started.port
    try:
        yield inbox
    finally:
        started.stop()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def mute(*, dropping: bool = False) -> Iterator[int]:
    """Listen on a port within the block: accept and never answer, or close the connection at once."""
    opened: list[socket.socket] = []

    def accept(listening: socket.socket) -> None:
        while True:
            try:
                client, _address = listening.accept()
            except OSError:
                return
            if dropping:
                client.close()
            else:
                opened.append(client)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for client in opened:
        client.close()


def mail_section(folder: Path, port: int, *lines: str) -> str:
    """Write the password to a file that its owner alone can read, and return the section of the configuration."""
    file = folder / "mail-password"
    file.touch(mode=0o600)
    file.write_text(f"{PASSWORD}\n")
    return "\n".join(["[mail]", 'host = "127.0.0.1"', f"port = {port}", 'from = "poolscope@example.com"', *lines, ""])
