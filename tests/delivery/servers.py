"""A real SMTP server on loopback: STARTTLS or TLS with a certificate of its own, AUTH, and answers told beforehand."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "v2b-user", "correct horse"
OK = "250 OK"
CUT = "cut the line"


@dataclass
class Mailbox:
    """What the server says at each step (its last answer for ever after), and what it took in.

    `CUT` ends the connection without a word. A step named in `hold` is not answered until `free` is set; `held` tells
    that somebody waits there.
    """

    mail: list[str] = field(default_factory=lambda: [OK])
    rcpt: list[str] = field(default_factory=lambda: [OK])
    data: list[str] = field(default_factory=lambda: [OK])
    hold: str = ""
    held: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)
    taken: list[bytes] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    tls: list[bool] = field(default_factory=list)
    users: list[str | None] = field(default_factory=list)

    @property
    def messages(self) -> list[EmailMessage]:
        """The messages that were taken in."""
        return [message_from_bytes(raw, policy=default) for raw in self.taken]

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        return self._said(server, self.mail, "MAIL", address, lambda: setattr(envelope, "mail_from", address))

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Answer RCPT TO, once nobody holds it back."""
        await self._held("rcpt")
        return self._said(server, self.rcpt, "RCPT", address, lambda: envelope.rcpt_tos.append(address))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer the end of a message."""
        await self._held("data")
        content = envelope.original_content or b""
        self.tls.append(server.transport.get_extra_info("ssl_object") is not None)
        auth = session.auth_data
        self.users.append(auth.login.decode() if isinstance(auth, LoginPassword) else None)
        return self._said(server, self.data, "DATA", envelope.rcpt_tos[0], lambda: self.taken.append(content))

    async def _held(self, step: str) -> None:
        if self.hold == step:
            self.held.set()
            await asyncio.get_running_loop().run_in_executor(None, self.free.wait, 60)

    def _said(self, server: SMTP, answers: list[str], step: str, address: str, accept: Any) -> str:
        self.seen.append((step, address))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == CUT:
            server.transport.abort()
        if answer.startswith("2"):
            accept()
        return answer


def _authenticated(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
    if right:
        return AuthResult(success=True, auth_data=data)
    return AuthResult(success=False, handled=False)


@dataclass(frozen=True)
class Certificates:
    """A certificate for localhost, and the file of the authority that vouches for it."""

    server: ssl.SSLContext
    authority: Path


def certificates(folder: Path, name: str = "localhost") -> Certificates:
    """Make a certificate for a host name."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    path = folder / f"{name}-authority.pem"
    authority.cert_pem.write_to_path(path)
    return Certificates(context, path)


class _OnFreePort(Controller):
    """The library's controller on a port the kernel chose; by itself it only takes a port by number."""

    def __init__(self, box: Mailbox, port: int = 0, **options: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        super().__init__(box, hostname="127.0.0.1", port=self._socket.getsockname()[1], ready_timeout=60, **options)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._socket, ssl=self.ssl_context)


@contextmanager
def serving(box: Mailbox, security: str, certificates: Certificates | None = None, **options: Any) -> Iterator[int]:
    """Serve a mailbox on loopback, on a free port unless one is named; starttls and tls ask for a log-in."""
    context = certificates.server if certificates else None
    if security != "none":
        options = {"auth_required": True, "authenticator": _authenticated, **options}
    if security == "starttls":
        options = {"tls_context": context, "require_starttls": True, **options}
    if security == "tls":
        options = {"ssl_context": context, "auth_require_tls": False, **options}
    controller = _OnFreePort(box, ident="loopback", **options)
    controller.start()
    try:
        yield controller.port
    finally:
        box.free.set()
        controller.stop()
