"""What was decided about a tariff is quoted with the bills under it."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

TARIFFS = Path(__file__).resolve().parents[1] / "data" / "tariffs"


def _bill(v2b, folder, *answers: Path):
    """Bill the June of 2018 at 10 kW under the SCE record, with these files of answers beside it."""
    shutil.copyfile(TARIFFS / "sce-gs2-tou-b.json", folder / "sce-gs2-tou-b.json")
    for path in answers:
        shutil.copyfile(path, folder / path.name)
    begin = datetime(2018, 6, 1, tzinfo=UTC)
    rows = [f"main,{(begin + timedelta(hours=n)).isoformat()},3600,10,0" for n in range(30 * 24)]
    load = folder / "load.csv"
    load.write_text("\n".join(["meter_id,interval_start,duration_s,import_kwh,export_kwh", *rows]) + "\n")
    tariff = folder / "sce-gs2-tou-b.json"
    return v2b("bill", "--tariff", str(tariff), "--load", str(load), "--timezone", "Etc/UTC", "--json")


def test_answers_are_quoted_and_complete_the_bill(v2b, tmp_path):
    code, out, err = _bill(v2b, tmp_path, TARIFFS / "answers" / "sce-gs2-tou-b.answers.toml")
    told = json.loads(out)
    assert (code, told["partial"], told["refused"]) == (0, False, [])
    assert 'note: answered energyattrs = "does-not-apply": served below 2 kV, and over 20 kW' in err.splitlines()
    assert 'note: answered demandattrs = "does-not-apply": served below 2 kV' in err.splitlines()


def test_without_answers_the_bill_is_partial(v2b, tmp_path):
    code, out, err = _bill(v2b, tmp_path)
    told = json.loads(out)
    assert (code, told["partial"]) == (0, True)
    assert {refusal["field"] for refusal in told["refused"]} == {"energyattrs", "demandattrs"}
    assert "answered" not in err
