"""One connection to a mail server (RFC 5321), and what became of a message given to it.

A server's answer decides: 2xx after the message is sent, 4xx may be tried again, 5xx never. Where the connection ends
after DATA and before that answer, nobody knows, and nothing here tries again. TLS is verified; what a server says is
shown without line breaks, at a readable length, and without the password.
"""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self

from pipeline.domain import ConfigError

USER_VARIABLE: Final = "V2B_SMTP_USER"
PASSWORD_VARIABLE: Final = "V2B_SMTP_PASSWORD"  # noqa: S105 - the name of a variable
TIMEOUT_S: Final = 60.0
_WORDS: Final = 300
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_OK: Final = range(200, 300)
_LATER: Final = range(400, 500)
_NEVER: Final = range(500, 600)
_NO_SERVICE: Final = 421

Security = Literal["starttls", "tls", "none"]
What = Literal["sent", "later", "failed", "unknown", "unreachable", "misconfigured"]


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in, how the line is secured, and as whom; the password is never printed."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = TIMEOUT_S

    @property
    def place(self) -> str:
        """The server as an error names it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Handed:
    """What became of a message.

    sent, failed (5xx) and unknown (cut after DATA) are for ever; later (4xx) concerns this message; unreachable and
    misconfigured concern every message.
    """

    what: What
    words: str


class _Stopped(Exception):  # noqa: N818 - it carries an answer to the one place that catches it
    """The dialogue ended before DATA, with what that means."""

    def __init__(self, what: What, words: str) -> None:
        self.handed = Handed(what, words)
        super().__init__(words)


def mail_server(
    host: str, port: int, security: Security, sender: str, environment: Mapping[str, str], timeout_s: float = TIMEOUT_S
) -> MailServer:
    """Return a server with the credentials of the environment, where it has any.

    Raises ConfigError for half of them, for what a server cannot take, and for a password over a line that anybody can
    read.
    """
    user, password = environment.get(USER_VARIABLE) or None, environment.get(PASSWORD_VARIABLE) or None
    if (user is None) != (password is None):
        lacking = USER_VARIABLE if user is None else PASSWORD_VARIABLE
        raise ConfigError("environment", lacking, None, f"{USER_VARIABLE} and {PASSWORD_VARIABLE}, or neither")
    for name, value in ((USER_VARIABLE, user), (PASSWORD_VARIABLE, password)):
        if value is not None and (not value.isascii() or not value.isprintable()):
            raise ConfigError("environment", name, "(not shown)", "printable ASCII characters")
    if user and security == "none" and host not in _LOOPBACK:
        allowed = f"starttls or tls, since {PASSWORD_VARIABLE} is set and would be sent in clear"
        raise ConfigError("v2b.toml", "smtp.security", security, allowed)
    return MailServer(host, port, security, sender, user, password, timeout_s)


class Postbox:
    """A connection to a mail server, opened with the first message and kept for the next; a context manager."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._open: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            try:
                self._open.quit()
            except OSError:  # smtplib's own errors are among these; every message has its answer by now
                self._open.close()
            self._open = None

    def hand_over(self, recipient: str, message: bytes, begin_data: Callable[[], None]) -> Handed:
        """Give one message away and say what became of it.

        `begin_data` is called before the DATA command leaves: from there on only the server knows, so the caller
        records that first.
        """
        try:
            connection = self._connected()
            self._envelope(connection, recipient)
        except _Stopped as stopped:
            return stopped.handed
        begin_data()
        return self._data(connection, message)

    def _connected(self) -> smtplib.SMTP:
        if self._open is not None:
            try:
                if self._open.noop()[0] in _OK:
                    return self._open
            except OSError:  # it went away between two messages: nothing was under way
                pass
            self._drop()
        try:
            self._open = _opened(self._server)
        except _Stopped as stopped:
            words = without_secrets(stopped.handed.words, self._server)
            raise _Stopped(stopped.handed.what, words) from None
        return self._open

    def _envelope(self, connection: smtplib.SMTP, recipient: str) -> None:
        """Name sender and recipient; raises _Stopped where the server takes either not."""
        try:
            for command, ask, address in (
                ("MAIL FROM", connection.mail, self._server.sender),
                ("RCPT TO", connection.rcpt, recipient),
            ):
                code, said = ask(address)
                if code not in _OK:
                    self._forget_envelope(connection, code)
                    raise _Stopped(_verdict(code), f"{command}: {self._words(code, said)}")
        except OSError as error:
            self._drop()
            raise _Stopped("unreachable", self._lost(error)) from None

    def _data(self, connection: smtplib.SMTP, message: bytes) -> Handed:
        try:
            code, said = connection.data(message)
        except smtplib.SMTPDataError as error:  # the server did not even let the message begin
            code, said = error.smtp_code, _bytes(error.smtp_error)
        except OSError as error:
            self._drop()
            return Handed("unknown", self._lost(error))
        if code in _OK:
            return Handed("sent", self._words(code, said))
        self._forget_envelope(connection, code)
        known = code in _LATER or code in _NEVER
        return Handed(_verdict(code) if known else "unknown", f"DATA: {self._words(code, said)}")

    def _forget_envelope(self, connection: smtplib.SMTP, code: int) -> None:
        try:
            if code != _NO_SERVICE and connection.rset()[0] in _OK:
                return
        except OSError:  # the answer that counts has been heard
            pass
        self._drop()

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None

    def _words(self, code: int, said: bytes) -> str:
        return without_secrets(f"{code} {_line(said)}", self._server)

    def _lost(self, error: OSError) -> str:
        reason = without_secrets(_line(str(error).encode()), self._server)
        return f"the connection to {self._server.place} was lost: {reason or type(error).__name__}"


def _opened(server: MailServer) -> smtplib.SMTP:
    """Connect, secure the line and log in; raises _Stopped."""
    try:
        connection = _connect(server)
        try:
            if server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
            if server.user and server.password:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
    except (OSError, UnicodeError) as error:  # what smtplib raises is an OSError too
        raise next(told(error, server) for kind, told in _TROUBLES if isinstance(error, kind)) from None
    return connection


def _no_certificate(error: Any, server: MailServer) -> _Stopped:
    return _Stopped("misconfigured", f"the certificate of {server.place} is refused: {error.verify_message}")


def _no_tls(error: Any, server: MailServer) -> _Stopped:
    wanted = f"does not speak TLS as security = {server.security!r} wants it"
    return _Stopped("misconfigured", f"{server.place} {wanted}: {error.reason}")


def _not_offered(error: Any, server: MailServer) -> _Stopped:
    wanted = "STARTTLS" if "STARTTLS" in str(error) else "a way to log in on this line"
    return _Stopped("misconfigured", f"{server.place} does not offer {wanted}")


def _answered(error: Any, server: MailServer) -> _Stopped:
    what: What = "misconfigured" if error.smtp_code in _NEVER else "unreachable"
    return _Stopped(what, f"{server.place}: {error.smtp_code} {_line(_bytes(error.smtp_error))}")


def _no_common_way(error: Any, server: MailServer) -> _Stopped:
    return _Stopped("misconfigured", f"{server.place}: {_line(str(error).encode())}")


def _cut(error: Any, server: MailServer) -> _Stopped:
    return _Stopped("unreachable", f"{server.place} ended the line: {_line(str(error).encode())}")


def _no_name(error: Any, server: MailServer) -> _Stopped:  # noqa: ARG001 - one shape for all
    return _Stopped("misconfigured", f"{server.host!r} is no name of a server")


def _not_reached(error: Any, server: MailServer) -> _Stopped:
    return _Stopped("unreachable", f"{server.place} is not reached: {error.strerror or error}")


_TROUBLES: Final[tuple[tuple[type[Exception], Callable[[Any, MailServer], _Stopped]], ...]] = (
    (ssl.SSLCertVerificationError, _no_certificate),
    (ssl.SSLEOFError, _cut),
    (ssl.SSLZeroReturnError, _cut),
    (ssl.SSLError, _no_tls),
    (smtplib.SMTPNotSupportedError, _not_offered),
    (smtplib.SMTPResponseException, _answered),
    (smtplib.SMTPServerDisconnected, _cut),
    (smtplib.SMTPException, _no_common_way),
    (UnicodeError, _no_name),
    (OSError, _not_reached),
)
"""What an error while opening a connection means; the first kind that fits tells."""


def _connect(server: MailServer) -> smtplib.SMTP:
    name = server.sender.rpartition("@")[2]
    if server.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, name, timeout=server.timeout_s, context=context)
    return smtplib.SMTP(server.host, server.port, name, timeout=server.timeout_s)


def _verdict(code: int) -> What:
    if code == _NO_SERVICE:
        return "unreachable"
    return "later" if code in _LATER else "failed"


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


def _line(said: bytes) -> str:
    """A server's words as one line of printable characters."""
    text = " ".join(said.decode("utf-8", "replace").split())
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return text if len(text) <= _WORDS else text[:_WORDS] + " ..."


def without_secrets(text: str, server: MailServer) -> str:
    """Return a text with the password, plain or in the encodings of AUTH, blotted out."""
    if not server.password or not server.user:
        return text
    secrets = [server.password, f"\0{server.user}\0{server.password}"]
    encoded = [base64.b64encode(secret.encode()).decode() for secret in secrets]
    for secret in (*encoded, server.password):
        text = text.replace(secret, "***")
    return text
