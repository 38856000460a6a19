"""Mail that is due goes out once, whatever the server says and whoever dies, against a real server on loopback."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain import ConfigError, LockedError
from pipeline.portfolio import load_portfolio
from pipeline.steps.alerting import send_alert
from pipeline.steps.sending import PAUSES_S, Mailer, resolve, send_due, unresolved_mails
from tests.delivery.desk import READER, SENDER, Desk, at
from tests.delivery.servers import CUT, PASSWORD, USER, Certificates, Mailbox, serving

COMMAND = (sys.executable, "-c", "from pipeline.cli import main; main()")


def states(desk: Desk) -> list[str]:
    """The states the outbox went through for the one mail, in order."""
    with sqlite3.connect(desk.root / "journal.sqlite") as journal:
        return [state for (state,) in journal.execute("select state from outbox_transition order by seq")]


def test_a_report_goes_out_once_over_starttls_with_a_log_in(desk: Desk, trusted: Certificates) -> None:
    desk.bill()
    box = Mailbox()
    with serving(box, "starttls", trusted) as port:
        mailer = desk.served_by(port, "starttls")
        assert desk.send(mailer) == [("sent", "250 OK")]
        assert desk.send(mailer) == []
    (message,) = box.messages
    assert (message["From"], message["To"]) == (SENDER, READER)
    assert message["Subject"] == "V2B 2026-08 | Depot: version 1"
    assert (box.tls, box.users) == ([True], [USER])
    assert states(desk) == ["sending", "unknown", "sent"]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_a_temporary_refusal_then_success_sends_once(desk: Desk, step: str) -> None:
    desk.bill()
    box, pauses = Mailbox(), list[float]()
    setattr(box, step, ["451 4.7.1 try later", "450 4.2.0 greylisted", "250 OK"])
    with serving(box, "none") as port:
        mailer = replace(desk.served_by(port), sleep=pauses.append)
        assert desk.send(mailer) == [("sent", "250 OK")]
    assert len(box.taken) == 1
    assert pauses == [0.0, *PAUSES_S[:2]]


def test_a_refusal_that_lasts_stays_pending_and_goes_out_with_the_next_run(desk: Desk) -> None:
    desk.bill()
    box = Mailbox(rcpt=["451 4.7.1 try later"])
    with serving(box, "none") as port:
        mailer = desk.served_by(port)
        assert desk.send(mailer) == [("pending", "RCPT TO: 451 4.7.1 try later")]
        assert len(box.seen) == 2 * (1 + len(PAUSES_S))
        box.rcpt = ["250 OK"]
        assert desk.send(mailer) == [("sent", "250 OK")]
    assert len(box.taken) == 1


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_a_permanent_refusal_fails_with_the_servers_words(desk: Desk, step: str) -> None:
    desk.bill()
    box = Mailbox()
    setattr(box, step, ["550 5.1.1 no such user here"])
    with serving(box, "none") as port:
        mailer = desk.served_by(port)
        ((state, words),) = desk.send(mailer)
        assert desk.send(mailer) == []
    assert state == "failed"
    assert words.endswith(": 550 5.1.1 no such user here")
    assert box.taken == []
    assert [found.detail for found in desk.journal.mails().values()] == [words]


def test_one_refused_reader_does_not_keep_the_mail_from_the_others(desk: Desk) -> None:
    desk.site(recipients=["gone@example.com", READER])
    desk.bill()
    box = Mailbox(rcpt=["550 no such user", "250 OK"])
    with serving(box, "none") as port:
        assert [state for state, _ in desk.send(desk.served_by(port))] == ["failed", "sent"]
    assert [message["To"] for message in box.messages] == [READER]


def test_a_refused_connection_is_tried_again_until_it_is_answered(desk: Desk) -> None:
    """The server comes up during the second pause, on the port that refused until then."""
    desk.bill()
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    box, pauses, up = Mailbox(), list[float](), list[Any]()

    def sleep(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 3:
            up.append(serving(box, "none", port=port))
            up[0].__enter__()

    try:
        assert desk.send(replace(desk.served_by(port), sleep=sleep)) == [("sent", "250 OK")]
    finally:
        for server in up:
            server.__exit__(None, None, None)
    assert pauses == [0.0, *PAUSES_S[:2]]
    assert len(box.taken) == 1


def test_nobody_answering_ends_after_the_last_pause_and_tries_no_other_mail(desk: Desk) -> None:
    desk.site(recipients=[READER, "boss@example.com"])
    desk.bill()
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    pauses: list[float] = []
    (first, first_words), (second, second_words) = desk.send(replace(desk.served_by(port), sleep=pauses.append))
    assert (first, second) == ("pending", "pending")
    assert "is not reached: Connection refused" in first_words
    assert second_words == f"not tried: {first_words}"
    assert pauses == [0.0, *PAUSES_S]
    assert len(desk.keys()) == 2


def test_a_cut_after_data_is_unknown_and_never_sent_again_by_itself(desk: Desk) -> None:
    desk.bill()
    box = Mailbox(data=[CUT, "250 OK"])
    with serving(box, "none") as port:
        mailer = desk.served_by(port)
        ((state, words),) = desk.send(mailer)
        assert (state, desk.send(mailer), desk.send(mailer)) == ("unknown", [], [])
        assert "was lost" in words
        assert states(desk) == ["sending", "unknown", "unknown"]

        (open_question,) = unresolved(desk)
        resolve(desk.journal, open_question[0], "leave", at(desk.today))
        assert desk.send(mailer) == []
        resolve(desk.journal, open_question[0], "again", at(desk.today))
        assert unresolved(desk) == []
        assert desk.send(mailer) == [("sent", "250 OK")]
    assert len(box.taken) == 1


def unresolved(desk: Desk) -> Sequence[Any]:
    with desk.opening() as warehouse:
        return unresolved_mails(load_portfolio(desk.root), warehouse, desk.journal, desk.scope())


def test_an_operator_who_says_it_arrived_ends_the_question(desk: Desk) -> None:
    desk.bill()
    (mail,) = desk.due()
    desk.note(mail, "unknown")
    resolve(desk.journal, unresolved(desk)[0][0], "sent", at(desk.today))
    assert (desk.keys(), unresolved(desk)) == ([], [])


def test_an_old_version_nobody_knows_of_is_asked_about_and_its_successor_is_sent(desk: Desk) -> None:
    desk.bill(saved="400.00")
    desk.note(desk.due()[0], "unknown")
    desk.bill(saved="401.00")  # too small a change for a correction
    assert desk.keys() == []
    ((key, state, _),) = unresolved(desk)
    assert (key.version, state) == (1, "unknown")
    resolve(desk.journal, key, "again", at(desk.today))
    assert desk.keys() == [("report", "depot", "2026-08", 2, READER)]


def test_a_deleted_and_rebuilt_warehouse_sends_nothing_again(desk: Desk) -> None:
    desk.bill()
    box = Mailbox()
    with serving(box, "none") as port:
        mailer = desk.served_by(port)
        desk.send(mailer)
        (desk.root / "warehouse.duckdb").unlink()
        (desk.root / "out" / "depot" / "2026-08" / "email.eml").unlink()
        assert desk.send(mailer) == []
        desk.bill(issued_at=at("2026-09-09"))
        assert desk.send(mailer) == []
    assert len(box.taken) == 1


def test_a_mail_of_another_version_is_not_sent(desk: Desk) -> None:
    """The file on disk is version 1, the warehouse says version 2: the numbers would not be those of the row."""
    desk.bill(saved="400.00")
    path = desk.root / "out" / "depot" / "2026-08" / "email.eml"
    old = path.read_bytes()
    desk.bill(saved="500.00")
    for content in (old, b"", old[:200]):
        path.write_bytes(content)
        box = Mailbox()
        with serving(box, "none") as port:
            ((state, words),) = desk.send(desk.served_by(port))
        assert (state, box.seen) == ("pending", [])
        assert "the rendered mail of depot/2026-08/2" in words
    assert desk.journal.mails() == {}


def test_a_server_that_cannot_be_used_keeps_everything_pending(desk: Desk, trusted: Certificates) -> None:
    desk.bill()
    pauses: list[float] = []
    with serving(Mailbox(), "starttls", trusted) as port:
        mailer = desk.served_by(port, "starttls")
        wrong = replace(mailer, server=replace(mailer.server, password="not this"), sleep=pauses.append)
        ((state, words),) = desk.send(wrong)
        assert (state, pauses) == ("pending", [0.0])
        assert "535" in words
        assert "not this" not in words
        assert desk.send(mailer) == [("sent", "250 OK")]


def test_without_a_server_there_is_one_sentence(desk: Desk) -> None:
    desk.smtp = "# none\n"
    desk.write()
    with pytest.raises(ConfigError, match=r"v2b\.toml: smtp: None is not allowed; allowed: a table \[smtp\]"):
        Mailer.of(load_portfolio(desk.root).settings, {})


def test_two_runs_in_one_process_do_not_mail_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.bill()
    monkeypatch.setattr("pipeline.steps.sending._LOCK_WAIT_S", 0.0)
    mailer = desk.served_by(1)
    with desk.journal.mailing(0, at(desk.today)), pytest.raises(LockedError):
        send_due(load_portfolio(desk.root), desk.opening, desk.journal, desk.scope(), mailer)


def sending(desk: Desk) -> subprocess.Popen[str]:
    """`v2b send` as an operator starts it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("V2B_", "DAGSTER_"))}
    command = [*COMMAND, "send", "--portfolio", str(desk.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kept)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize(("step", "left", "then"), [("rcpt", ["sending"], 1), ("data", ["sending", "unknown"], 0)])
def test_a_killed_process(desk: Desk, step: str, left: list[str], then: int) -> None:
    """Killed before DATA, the mail is sent by the next run; killed after DATA, nobody knows and nothing is sent."""
    desk.bill(issued_at=at("2026-09-02"))
    box = Mailbox(hold=step)
    with serving(box, "none") as port:
        mailer = desk.served_by(port)
        process = sending(desk)
        assert box.held.wait(120)
        process.send_signal(signal.SIGKILL)
        assert ended(process)[0] == -signal.SIGKILL
        assert states(desk) == left
        box.hold, box.seen = "", []
        assert len(desk.send(mailer)) == then
        assert [step for step, _ in box.seen if step == "MAIL"] == ["MAIL"] * then
    assert len(unresolved(desk)) == 1 - then


def test_two_concurrent_runs_send_each_mail_once(desk: Desk) -> None:
    readers = [f"reader{number}@example.com" for number in range(5)]
    desk.site(recipients=readers)
    desk.bill(issued_at=at("2026-09-02"))
    box = Mailbox()
    with serving(box, "none") as port:
        desk.served_by(port)
        done = [ended(process) for process in [sending(desk), sending(desk)]]
    assert [code for code, _, _ in done] == [0, 0], done
    assert sorted(message["To"] for message in box.messages) == readers
    assert len({message["Message-ID"] for message in box.messages}) == 5
    assert sum("Nothing is due" in err for _, _, err in done) == 1


def test_an_alert_goes_to_those_who_run_the_portfolio(desk: Desk) -> None:
    desk.settings = '[alerts]\nrecipients = ["ops@example.com", "oncall@example.com"]\n'
    desk.write()
    box = Mailbox(rcpt=["451 later", "250 OK", "550 no such user"])
    sentences = [f"site s{number}, month 2026-08: broken <b>" for number in range(60)]
    with serving(box, "none") as port:
        mailer = desk.served_by(port)
        lost = send_alert(load_portfolio(desk.root), mailer, "run 1f2e", sentences, at=at(desk.today), link="http://x")
    assert lost == ["alert to oncall@example.com: RCPT TO: 550 no such user"]
    (message,) = box.messages
    assert (message["To"], message["Subject"]) == ("ops@example.com", "V2B failed: run 1f2e")
    text = message.get_body(("plain",)).get_content()
    assert "site s49, month 2026-08: broken <b>" in text
    assert "site s50" not in text
    assert "And 10 more." in text
    assert "<b>" not in message.get_body(("html",)).get_content().replace("<b>", "", 0).split("<body")[1]
    assert PASSWORD not in text
    assert desk.journal.mails() == {}


def test_no_operators_no_alert(desk: Desk) -> None:
    assert send_alert(load_portfolio(desk.root), desk.served_by(1), "run", [], at=at(desk.today)) == []


def test_the_folder_of_the_portfolio_holds_no_secret(desk: Desk, trusted: Certificates) -> None:
    desk.bill()
    with serving(Mailbox(), "starttls", trusted) as port:
        desk.send(desk.served_by(port, "starttls"))
    files = [path for path in Path(desk.root).rglob("*") if path.is_file()]
    assert len(files) > 4
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
