"""`v2b send`: what it prints, with which exit code, and what it asks."""

import io
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.delivery.desk import READER, Desk
from tests.delivery.servers import Mailbox, serving


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.site()
    made.bill()
    return made


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch):
    """Type lines; the input ends after them."""
    return lambda *lines: monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()[1:]]


def test_a_dry_run_names_the_files_and_sends_nothing(v2b, desk):
    desk.site("other")
    desk.bill(site="other", saved=None, reasons=("meter_gap",), meter_pct=50.0, read=("2026-10-20", "2099-01-01"))
    code, out, err = v2b("send", "--dry-run", "--portfolio", str(desk.root))
    assert (code, err) == (0, "")
    path = desk.root / "out" / "depot" / "2026-08" / "email.eml"
    assert rows(out) == [["report", "depot", "2026-08", "1", READER, str(path)]]
    assert desk.journal.mails() == {}


def test_a_dry_run_writes_the_reminders_and_digests_it_names(v2b, desk):
    desk.settings = '[report]\nportfolio_recipients = ["board@example.com"]\n'
    desk.write()
    _, out, _ = v2b("send", "--dry-run", "--portfolio", str(desk.root))
    path = desk.root / "out" / "digest-2026-08.eml"
    assert rows(out)[1] == ["digest", "-", "2026-08", "1", "board@example.com", str(path)]
    assert message_from_bytes(path.read_bytes(), policy=default)["To"] == "board@example.com"
    assert desk.journal.mails() == {}


def test_what_was_sent_is_printed_and_is_not_due_again(v2b, desk):
    box = Mailbox()
    with serving(box, "none") as port:
        desk.served_by(port)
        code, out, err = v2b("send", "--portfolio", str(desk.root))
        assert (code, rows(out), err) == (0, [["report", "depot", "2026-08", "1", READER, "sent"]], "")
        assert v2b("send", "--portfolio", str(desk.root)) == (0, "", "Nothing is due that was not sent before.\n")
    assert len(box.taken) == 1


def test_what_fails_ends_with_one_and_the_servers_words(v2b, desk):
    with serving(Mailbox(rcpt=["550 5.1.1 no such user"]), "none") as port:
        desk.served_by(port)
        code, out, err = v2b("send", "--portfolio", str(desk.root))
    assert (code, rows(out)[0][-1]) == (1, "failed")
    assert f"error: report of depot 2026-08 to {READER}: failed: RCPT TO: 550 5.1.1 no such user\n" in err
    assert "v2b send --resolve" in err


@pytest.mark.parametrize("answer", ["again", "A", "nonsense\na"])
def test_resolving_sends_again_what_the_operator_wants(v2b, desk, operator, answer):
    desk.note(desk.due()[0], "unknown")
    operator(*answer.split("\n"))
    box = Mailbox()
    with serving(box, "none") as port:
        desk.served_by(port)
        code, out, err = v2b("send", "--resolve", "--portfolio", str(desk.root))
    assert (code, rows(out)[0][-1], len(box.taken)) == (0, "sent", 1)
    assert f"report depot 2026-08 1 {READER}: unknown" in err


@pytest.mark.parametrize(("answer", "state"), [("sent", "sent"), ("", "unknown"), ("leave", "unknown")])
def test_resolving_can_end_a_question_or_leave_it(v2b, desk, operator, answer, state):
    (mail,) = desk.due()
    desk.note(mail, "unknown")
    operator(answer)
    code, out, _ = v2b("send", "--resolve", "--portfolio", str(desk.root))
    assert (code, out, desk.journal.mails()[mail.key].state) == (0, "", state)


def test_resolving_without_a_person_is_one_sentence(v2b, desk, operator):
    (mail,) = desk.due()
    desk.note(mail, "unknown")
    operator()
    code, out, err = v2b("send", "--resolve", "--portfolio", str(desk.root))
    assert (code, out) == (1, "")
    assert err.endswith(
        "error: --resolve asks a person, and its input has ended: use a terminal, or pipe sent, again or leave\n"
    )
    assert desk.journal.mails()[mail.key].state == "unknown"


def test_nothing_to_resolve_is_said(v2b, desk, operator):
    operator()
    with serving(Mailbox(), "none") as port:
        desk.served_by(port)
        code, _, err = v2b("send", "--resolve", "--portfolio", str(desk.root))
    assert code == 0
    assert err == "Nothing to resolve: no mail is unknown or failed.\n"


def test_wrong_usage_and_no_server(v2b, desk):
    assert v2b("send", "--dry-run", "--resolve", "--portfolio", str(desk.root))[0] == 2
    assert v2b("send", "--site", "nowhere", "--portfolio", str(desk.root))[0] == 2
    desk.smtp = "# none\n"
    desk.write()
    code, out, err = v2b("send", "--portfolio", str(desk.root))
    assert (code, out) == (1, "")
    assert err.startswith("error: v2b.toml: smtp: None is not allowed; allowed: a table [smtp]")
    assert len(err.splitlines()) == 1
