"""A real SMTP dialogue on loopback: how the line is secured, who logs in, and what each answer means."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.delivery import Handed, Letter, MailServer, Postbox, compose, mail_server
from pipeline.domain import ConfigError
from tests.delivery.desk import READER, SENDER, at
from tests.delivery.servers import CUT, PASSWORD, USER, Certificates, Mailbox, certificates, serving

pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # of the server: TLS is implicit

MESSAGE = compose(
    Letter("Subject", "Text\n.\n..dots\n", "<p>Text</p>"),
    sender=SENDER,
    recipients=[READER],
    message_id_seed="1",
    date=at("2026-09-04"),
)


def handed(port: int, security: Any = "none", **changes: Any) -> Handed:
    user, password = (None, None) if security == "none" else (USER, PASSWORD)
    values = {"host": "localhost", "user": user, "password": password, "timeout_s": 20.0, **changes}
    with Postbox(MailServer(port=port, security=security, sender=SENDER, **values)) as postbox:
        return postbox.hand_over(READER, MESSAGE, lambda: None)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_with_a_log_in(trusted: Certificates, security: str) -> None:
    box = Mailbox()
    with serving(box, security, trusted) as port:
        assert handed(port, security).what == "sent"
    assert (box.tls, box.users) == ([True], [USER])
    assert box.taken == [MESSAGE]  # dots at the start of lines included


def test_a_relay_on_loopback_needs_neither() -> None:
    box = Mailbox()
    with serving(box, "none") as port:
        assert handed(port).what == "sent"
    assert (box.tls, box.users, box.taken) == ([False], [None], [MESSAGE])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_refused(certified: Certificates, security: str) -> None:
    box = Mailbox()
    with serving(box, security, certified) as port:
        answer = handed(port, security)
    assert answer.what == "misconfigured"
    assert answer.words.startswith(f"the certificate of localhost:{port} is refused: ")
    assert box.seen == []


def test_a_certificate_of_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = certificates(tmp_path, "mail.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.authority))
    with serving(Mailbox(), "starttls", other) as port:
        answer = handed(port, "starttls")
    assert answer.what == "misconfigured"
    assert "Hostname mismatch" in answer.words


def test_a_server_without_starttls_gets_nothing() -> None:
    box = Mailbox()
    with serving(box, "none") as port:
        assert handed(port, "starttls") == Handed("misconfigured", f"localhost:{port} does not offer STARTTLS")
    assert box.seen == []


def test_tls_to_a_port_that_speaks_plainly_is_told() -> None:
    with serving(Mailbox(), "none") as port:
        answer = handed(port, "tls")
    assert answer.what == "misconfigured"
    assert "does not speak TLS as security = 'tls' wants it" in answer.words


def test_a_log_in_where_none_is_offered_is_told() -> None:
    with serving(Mailbox(), "none", auth_exclude_mechanism=["LOGIN", "PLAIN"]) as port:
        assert handed(port, user=USER, password=PASSWORD).what == "misconfigured"


def test_a_wrong_password_is_the_servers_words_and_never_shown(trusted: Certificates) -> None:
    with serving(Mailbox(), "starttls", trusted) as port:
        answer = handed(port, "starttls", password="not it at all")
    assert answer.what == "misconfigured"
    assert f"localhost:{port}: 535 " in answer.words
    assert "not it at all" not in answer.words + repr(MailServer("h", 1, "tls", SENDER, "u", "not it at all"))


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize(
    ("said", "what"),
    [("451 4.7.1 try later", "later"), ("550 5.1.1 no such user", "failed"), ("421 4.3.2 closing", "unreachable")],
)
def test_an_answer_decides(step: str, said: str, what: str) -> None:
    box = Mailbox()
    setattr(box, step, [said])
    with serving(box, "none") as port:
        answer = handed(port)
    assert answer.what == what
    assert said in answer.words
    assert box.taken == []


@pytest.mark.parametrize(("step", "what"), [("mail", "unreachable"), ("rcpt", "unreachable"), ("data", "unknown")])
def test_a_cut_before_data_is_no_loss_and_one_after_it_is_unknown(step: str, what: str) -> None:
    box, begun = Mailbox(), []
    setattr(box, step, [CUT])
    with serving(box, "none") as port, Postbox(MailServer("localhost", port, "none", SENDER, timeout_s=20)) as postbox:
        assert postbox.hand_over(READER, MESSAGE, lambda: begun.append(1)).what == what
    assert len(begun) == (step == "data")


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = handed(port, host="127.0.0.1")
    assert (answer.what, answer.words) == ("unreachable", f"127.0.0.1:{port} is not reached: Connection refused")


def test_a_host_that_is_no_name_is_told() -> None:
    assert handed(25, host="a" * 64 + ".example").what in ("misconfigured", "unreachable")


@contextmanager
def saying(*lines: bytes) -> Iterator[int]:
    """A server that says these lines, each to be answered or waited for, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                for line in lines:
                    connection.sendall(line)
                    connection.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=30)


GREETING, FINE = b"220 hello\r\n", b"250 ok\r\n"


def test_a_server_that_says_nothing_is_left_after_the_timeout() -> None:
    with saying(b"") as port:
        assert handed(port, timeout_s=0.3).what == "unreachable"


def test_silence_after_data_is_unknown() -> None:
    with saying(GREETING, FINE, FINE, FINE, b"354 go on\r\n", b"") as port:
        answer = handed(port, timeout_s=0.3)
    assert answer.what == "unknown"


def test_nonsense_after_data_is_unknown() -> None:
    with saying(GREETING, FINE, FINE, FINE, b"354 go on\r\n", b"what?\r\n") as port:
        assert handed(port).what == "unknown"


def test_what_a_server_says_is_one_readable_line() -> None:
    nasty = b"550-\x1b[31mred\x00\r\n550 " + b"x" * 5000 + b"\r\n"
    with saying(GREETING, FINE, nasty, FINE) as port:
        answer = handed(port)
    assert answer.what == "failed"
    assert answer.words.isprintable()
    assert len(answer.words) < 350


def test_a_server_that_repeats_the_password_is_not_quoted() -> None:
    with saying(GREETING, FINE, f"550 {PASSWORD} is wrong\r\n".encode(), FINE) as port:
        server = MailServer("localhost", port, "none", SENDER, USER, PASSWORD, timeout_s=20)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("smtplib.SMTP.login", lambda *_: (235, b"ok"))
            with Postbox(server) as postbox:
                answer = postbox.hand_over(READER, MESSAGE, lambda: None)
    assert answer.words == "MAIL FROM: 550 *** is wrong"


def test_one_connection_carries_many_messages_and_is_opened_anew_when_lost() -> None:
    box = Mailbox(rcpt=["250 OK", "550 no", "250 OK", CUT, "250 OK"])
    with serving(box, "none") as port, Postbox(MailServer("localhost", port, "none", SENDER)) as postbox:
        answers = [postbox.hand_over(READER, MESSAGE, lambda: None).what for _ in range(5)]
    assert answers == ["sent", "failed", "sent", "unreachable", "sent"]
    assert len(box.taken) == 3


ENVIRONMENT = {"V2B_SMTP_USER": USER, "V2B_SMTP_PASSWORD": PASSWORD}


def test_credentials_come_from_the_environment() -> None:
    assert mail_server("mail.example.com", 587, "starttls", SENDER, ENVIRONMENT).user == USER
    assert mail_server("mail.example.com", 25, "none", SENDER, {}).password is None
    assert mail_server("localhost", 25, "none", SENDER, ENVIRONMENT).user == USER


@pytest.mark.parametrize(
    ("host", "security", "environment", "words"),
    [
        ("mail.example.com", "none", ENVIRONMENT, "smtp.security"),
        ("mail.example.com", "tls", {"V2B_SMTP_USER": USER}, "V2B_SMTP_PASSWORD"),
        ("mail.example.com", "tls", {"V2B_SMTP_PASSWORD": PASSWORD}, "V2B_SMTP_USER"),
        ("mail.example.com", "tls", ENVIRONMENT | {"V2B_SMTP_PASSWORD": "pässword"}, "ASCII"),
        ("mail.example.com", "tls", ENVIRONMENT | {"V2B_SMTP_USER": "user\r\nRSET"}, "ASCII"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused_and_not_shown(
    host: str, security: Any, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        mail_server(host, 587, security, SENDER, environment)
    assert environment.get("V2B_SMTP_PASSWORD", "never") not in str(refused.value)


def test_the_context_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in this room weakens what the standard library checks."""
    made: list[ssl.SSLContext] = []
    create: Callable[..., ssl.SSLContext] = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: made.append(create()) or made[-1])
    with serving(Mailbox(), "none") as port:
        handed(port, "tls")
    assert [(context.verify_mode, context.check_hostname) for context in made] == [(ssl.CERT_REQUIRED, True)]
