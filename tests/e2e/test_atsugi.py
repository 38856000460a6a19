"""The Atsugi example through the command: published figures; twice is once; a rebuilt warehouse is the same."""

import json
import re
import shutil
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from pathlib import Path

import polars as pl
import pytest

from pipeline.delivery import PASSWORD_VARIABLE, USER_VARIABLE, mail_server
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.sending import Mailer, send_due
from pipeline.warehouse import Warehouse, read_copy
from tests.delivery.servers import PASSWORD, USER, Mailbox, certificates, serving
from tests.e2e.conftest import tables, v2b, v2b_here
from tests.e2e.truth import month_differences, sums_that_do_not_close, window_differences

MONTHS = [*(f"2013-{month:02d}" for month in range(7, 13)), *(f"2014-{month:02d}" for month in range(1, 7))]


@pytest.fixture(scope="module")
def atsugi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atsugi") / "portfolio"
    made = v2b("init", str(folder), "--example", "atsugi")
    assert made.returncode == 0, made.stderr
    ran = v2b("run", "--portfolio", str(folder))
    assert ran.returncode == 0, ran.stderr
    (folder.parent / "table.txt").write_text(ran.stdout)
    return folder


def summary(folder: Path, month: str) -> dict:
    return json.loads((folder / "out" / "atsugi" / month / "summary.json").read_text())


def test_july_2013_shows_the_published_figures(atsugi: Path) -> None:
    # Nissan's field test: 25.6 kW off a building of about 1,024 kW, about 2.5 % of its peak power
    july = summary(atsugi, "2013-07")
    assert july["peak_kw"]["no_ev"] == july["peak_kw"]["unmanaged"] == 1024.0
    assert july["peak_kw"]["actual"] == 998.4
    assert july["peak_kw"]["reduction"] == pytest.approx(25.6, abs=1e-9)
    assert july["percent_saved"]["peak"] == pytest.approx(2.5, abs=1e-9)
    assert july["billing_demand_kw"]["baseline_carried_from"] is None
    assert july["provable"] is True
    assert july["fleet"]["ready"] == july["fleet"]["departures"] > 100


def test_twelve_months_save_about_half_a_million_yen(atsugi: Path) -> None:
    last = summary(atsugi, "2014-06")["annual"]
    truth = json.loads((atsugi / "truth.json").read_text())["sites"]["atsugi"]["months"]
    saved = [
        Decimal(true["bills"]["unmanaged"]["total"]) - Decimal(true["bills"]["actual"]["total"])
        for month, true in truth.items()
        if month >= "2013-07"
    ]
    assert len(saved) == 12
    assert last["bills"] == last["provable_bills"] == 12
    assert Decimal(last["realised"]) == sum(saved)
    assert abs(sum(saved) - 500_000) < 10_000


def test_what_lies_ahead_of_the_first_and_the_last_bill(atsugi: Path) -> None:
    """July sets the year's peak: eleven bills carry its 25.6 kW. A year later the last of them is behind."""
    first, last = summary(atsugi, "2013-07")["annual"], summary(atsugi, "2014-06")["annual"]
    assert first["first_paying_month"] == last["first_paying_month"] == "2013-07"
    exact = 11 * Decimal("25.6") * 1560 * Decimal("1.05")  # before each bill rounds its lines to whole yen
    assert 0 <= exact - Decimal(first["locked"]) < 11
    assert (last["locked"], first["run_rate"]) == ("0", None)
    assert abs(Decimal(last["run_rate"]) - Decimal(last["realised"])) < 15_000
    roll_off = last["next_roll_off"]
    assert (roll_off["month"], roll_off["world"], roll_off["from_kw"]) == ("2014-07", "actual", 998.4)


def test_every_window_and_month_is_the_true_one(atsugi: Path) -> None:
    with Warehouse(atsugi) as warehouse:
        assert window_differences(warehouse, atsugi) + month_differences(warehouse, atsugi) == []
        assert sums_that_do_not_close(warehouse) == []


def test_its_data_has_no_finding(atsugi: Path) -> None:
    with Warehouse(atsugi) as warehouse:
        assert warehouse.query("select * from quality_finding").is_empty()


def test_the_history_stays_below_so_that_the_ratchet_hides_nothing(atsugi: Path) -> None:
    with Warehouse(atsugi) as warehouse:
        before = warehouse.query("select max(peak_actual_kw) as kw from savings_month where state = 'seed'").item()
    assert before < 998.4
    # August is carried by July's peak in both worlds: it saves although its own peak is not billed
    august = summary(atsugi, "2013-08")["billing_demand_kw"]
    assert (august["no_ev"], august["actual"]) == (1024.0, 998.4)
    assert august["baseline_carried_from"] == august["actual_carried_from"] == "2013-07"


def test_the_table_of_months_is_printed(atsugi: Path) -> None:
    printed = (atsugi.parent / "table.txt").read_text()
    row = next(line for line in printed.splitlines() if "2013-07" in line)
    assert "1,024.0 kW" in row
    assert "998.4 kW" in row
    assert "25.6 kW" in row
    assert " 2.5 " in row
    assert len(re.findall(r"^atsugi ", printed, flags=re.MULTILINE)) == 12


def test_files_of_a_report(atsugi: Path) -> None:
    folder = atsugi / "out" / "atsugi" / "2013-07"
    html = (folder / "report.html").read_text()
    assert "25.6" in html
    assert "Simulated" in html
    message = message_from_bytes((folder / "email.eml").read_bytes(), policy=policy.default)
    kinds = [part.get_content_type() for part in message.walk()]
    assert {"text/plain", "text/html", "image/png"} <= set(kinds)
    assert "25.6" in str(message["subject"])


def test_analysts_read_the_published_copy(atsugi: Path) -> None:
    answer = v2b_here("query", "months", "site=atsugi", "--portfolio", str(atsugi), "--format", "json")
    assert answer.returncode == 0, answer.stderr
    months = json.loads(answer.stdout)
    assert next(row["month"] for row in months) == "2013-07"
    assert len(months) == 12
    lines = read_copy(
        atsugi / "analytics.duckdb", "select sum(saved) as saved from bill_comparison where month = '2013-07'"
    )
    assert lines.item() == Decimal(summary(atsugi, "2013-07")["money"]["saved"])


def test_due_e_mails_are_named_and_nothing_is_sent(atsugi: Path) -> None:
    dry = v2b_here("send", "--dry-run", "--portfolio", str(atsugi))
    assert dry.returncode == 0, dry.stderr
    assert len(re.findall(r"^report +atsugi +20\d\d-\d\d +1 +energy@example.com ", dry.stdout, re.MULTILINE)) == 12
    with sqlite3.connect(atsugi / "journal.sqlite") as journal:
        assert journal.execute("select count(*) from outbox_transition").fetchone() == (0,)


def test_the_mail_of_july_arrives_whole_and_small_enough(
    atsugi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over STARTTLS with a log-in, from a copy of the portfolio: Gmail clips HTML at 102 KB."""
    folder, box, certified = tmp_path / "portfolio", Mailbox(), certificates(tmp_path)
    shutil.copytree(atsugi, folder, ignore=shutil.ignore_patterns(".dagster", "landing", "analytics.duckdb"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.authority))
    portfolio, scope = load_portfolio(folder), Scope(datetime.now(UTC), frozenset({"2013-07"}))
    with serving(box, "starttls", certified) as port:
        server = mail_server(
            "localhost", port, "starttls", "v2b@example.com", {USER_VARIABLE: USER, PASSWORD_VARIABLE: PASSWORD}
        )
        (outcome,) = send_due(portfolio, lambda: Warehouse(folder), Journal(folder), scope, Mailer(server))
    assert outcome.state == "sent"
    (message,), (raw,) = box.messages, box.taken
    assert re.match(r"V2B Jul 2013 \| Advanced Technology Center, Atsugi: saved JPY.40,999, ", message["Subject"])
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"),
        "application/pdf",
    ]
    html = message.get_body(("html",)).get_content()
    assert (len(html.encode()) < 100_000, len(raw) < 1_000_000) == (True, True)
    (attached,) = message.iter_attachments()
    assert attached.get_content() == (folder / "out" / "atsugi" / "2013-07" / "report.pdf").read_bytes()


def test_v2b_bill_prices_the_meter_file_as_the_reports_do(atsugi: Path) -> None:
    bill = v2b_here(
        "bill",
        *("--tariff", str(atsugi / "tariffs" / "tepco-hv-2013.toml")),
        *("--load", str(atsugi / "landing" / "atsugi" / "meter.csv")),
        *("--timezone", "Asia/Tokyo", "--json"),
    )
    assert bill.returncode == 0, bill.stderr
    result = json.loads(bill.stdout)
    assert (result["currency"], result["partial"], len(result["bills"])) == ("JPY", False, 24)
    for priced in result["bills"][12:]:
        reported = summary(atsugi, priced["from"][:7])
        assert priced["total"] == reported["money"]["bill_actual"]
        amounts = {(line["charge_id"], line["band"]): line["amount_actual"] for line in reported["lines"]}
        assert {(line["charge_id"], line["band"]): line["amount"] for line in priced["lines"]} == amounts
    july, june = result["bills"][12]["lines"][0], result["bills"][-1]["lines"][0]
    assert (july["quantity"], july["carried_from"]) == (998.4, None)
    assert (june["quantity"], june["carried_from"]) == (998.4, "2013-07")


def test_ranking_the_tariffs_repeats_the_saving_under_the_present_one(atsugi: Path) -> None:
    tariffs = atsugi / "tariffs"
    cheaper = tariffs / "cheaper.toml"
    cheaper.write_text((tariffs / "tepco-hv-2013.toml").read_text().replace('"1560.00"', '"1000.00"'))
    ranked = v2b_here("query", "rank_tariffs", "site=atsugi", "--format", "json", "--portfolio", str(atsugi))
    cheaper.unlink()
    assert ranked.returncode == 0, ranked.stderr
    first, second = json.loads(ranked.stdout)
    assert [(row["rank"], row["tariff"], row["current"], row["bills"]) for row in (first, second)] == [
        (1, "cheaper", False, 12),
        (2, "tepco-hv-2013", True, 12),
    ]
    year = [summary(atsugi, month)["money"] for month in MONTHS]
    assert Decimal(second["cost_actual"]) == sum(Decimal(money["bill_actual"]) for money in year)
    assert Decimal(second["cost_baseline"]) == sum(Decimal(money["bill_unmanaged"]) for money in year)
    assert Decimal(second["saved"]) == sum(Decimal(money["saved"]) for money in year)
    assert Decimal(first["saved"]) < Decimal(second["saved"])


def test_a_named_month_is_printed_though_nothing_is_written(atsugi: Path) -> None:
    rows = tables(atsugi)
    named = v2b_here("run", "--month", "2013-07", "--portfolio", str(atsugi), "--json")
    assert named.returncode == 0, named.stderr
    (july,) = json.loads(named.stdout)
    assert july == summary(atsugi, "2013-07")
    assert tables(atsugi) == rows


def test_status_has_a_row_per_month(atsugi: Path) -> None:
    status = v2b_here("status", "--portfolio", str(atsugi), "--json")
    rows = pl.DataFrame(json.loads(status.stdout))
    assert rows.height == 24
    assert rows.filter(pl.col("state") == "ok").get_column("grade").unique().to_list() == ["B"]
    assert rows.filter(pl.col("state") == "seed").get_column("next_action").null_count() == 12
    assert rows.filter(pl.col("state") == "ok").get_column("next_action").unique().to_list() == ["v2b send"]
