"""Which transaction an OCPP reading belongs to, and under which name.

In OCPP 2.x every message names its transaction. In 1.6 the id is in the central system's answer to StartTransaction. A
log of one direction lacks it: then it is learnt from the messages that follow on the same connector. Ids that name
nothing (0, -1) or more than one start are replaced by the moment of the start.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_CONNECTOR = ["charge_point", "connector"]
_TRANSACTION = ["charge_point", "transaction"]
_REPEATED_WITHIN_S = 900


NAMING: Final = (
    "reading",
    "line",
    "kind",
    "charge_point",
    "connector",
    "transaction",
    "at",
    "message_id",
    "id_tag",
)
"""The columns of readings that tell of whom they are."""


def name_sessions(readings: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Return the charger_id, session_id and vehicle_id of OCPP readings, a row each, in their order.

    `readings` have the columns of NAMING, numbered from 0 and of kind start, meter, stop or data; `results` have line,
    charge_point, message_id and transaction. Connector 1 is the charge point itself, connector n is
    '<charge point>-n'.
    """
    readings, results = _with_numbers(readings, results)
    others = readings.filter(pl.col("kind") != "start")
    starts = _starts(readings.filter(pl.col("kind") == "start"), others, results)
    named = _with_sessions(_with_connectors(readings.drop("line", "message_id"), starts), starts)
    return _with_vehicles(_with_one_name(named, _repeats(starts, others)))


def _with_numbers(readings: pl.DataFrame, results: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give charge points and transactions as numbers that know their text: they are compared again and again."""
    for name in _TRANSACTION:
        texts = pl.concat([readings.get_column(name), results.get_column(name)]).drop_nulls().unique().sort()
        numbered = pl.col(name).cast(pl.Enum(texts))
        readings, results = readings.with_columns(numbered), results.with_columns(numbered)
    return readings, results


def _starts(starts: pl.DataFrame, others: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Return one row per start: its transaction as stated, its session's name, and whether that had to be made up."""
    learnt = _learnt(_answered(starts, results), others).with_columns(charger_id=_charger_id())
    usable = pl.col("transaction").is_not_null() & (pl.col("at").n_unique().over(_TRANSACTION) == 1)
    moment = pl.col("at").dt.to_string("%Y%m%dT%H%M%SZ")
    made_up = pl.concat_str(pl.col("charger_id"), pl.lit("-"), moment)
    return (
        learnt.with_columns(derived=~usable)
        .with_columns(session_id=pl.when("derived").then(made_up).otherwise(_session_id()))
        .select("reading", *_CONNECTOR, "charger_id", "at", "transaction", "session_id", "derived", "id_tag")
        .sort("at", "reading")
    )


def _repeats(starts: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return other names of a session whose start was sent again: session_id and the one_name it is to have.

    A start is a repeat where it has the time of the one before it on its connector, or the same card within a quarter
    of an hour of one whose transaction is never heard of again. The name is that of a transaction in use.
    """
    used = others.drop_nulls("transaction").select(_TRANSACTION).unique().with_columns(used=pl.lit(value=True))
    told = starts.join(used, on=_TRANSACTION, how="left").with_columns(pl.col("used").fill_null(value=False))
    told = told.sort("charger_id", "at", "used", "session_id")
    before = {name: pl.col(name).shift().over("charger_id") for name in ("at", "used", "id_tag", "transaction")}
    soon = (pl.col("at") - before["at"]).dt.total_seconds() <= _REPEATED_WITHIN_S
    unheard = ~before["used"] | (before["transaction"] == pl.col("transaction"))
    repeat = (pl.col("at") == before["at"]) | (soon & unheard & before["id_tag"].eq_missing(pl.col("id_tag")))
    grouped = told.with_columns(group=(~repeat.fill_null(value=False)).cum_sum().over("charger_id"))
    one_name = pl.col("session_id").sort_by(~pl.col("used"), maintain_order=True).first().over("charger_id", "group")
    return (
        grouped.select("session_id", one_name=one_name)
        .filter(pl.col("session_id") != pl.col("one_name"))
        .unique("session_id", keep="first", maintain_order=True)
    )


def _with_one_name(readings: pl.DataFrame, repeats: pl.DataFrame) -> pl.DataFrame:
    joined = readings.join(repeats, on="session_id", how="left", maintain_order="left")
    return joined.with_columns(session_id=pl.coalesce("one_name", "session_id")).drop("one_name")


def _session_id() -> pl.Expr:
    return pl.concat_str(pl.col("charge_point"), pl.lit("-"), pl.col("transaction"))


def _charger_id() -> pl.Expr:
    suffixed = pl.concat_str(pl.col("charge_point"), pl.lit("-"), pl.col("connector").cast(pl.String))
    return pl.when(pl.col("connector").fill_null(1) == 1).then(pl.col("charge_point")).otherwise(suffixed)


def _answered(starts: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Give each start the transaction of its answer: the first result after the latest start of that message id."""
    key = ["charge_point", "message_id"]
    asked = starts.sort("line").select(*key, "line", pl.col("line").alias("asked_line"))
    answers = results.filter(pl.col("transaction").is_not_null()).sort("line")
    after = answers.join_asof(asked, on="line", by=key, strategy="backward", check_sortedness=False)
    # Lines out of order: an answer that stands before every start of its id belongs to the first one.
    before = after.filter(pl.col("asked_line").is_null()).drop("asked_line")
    before = before.join_asof(asked, on="line", by=key, strategy="forward", check_sortedness=False)
    found = (
        pl.concat([after, before])
        .drop_nulls("asked_line")
        .unique([*key, "asked_line"], keep="first", maintain_order=True)
    )
    answer = found.select(*key, pl.col("asked_line").alias("line"), answered="transaction")
    told = starts.join(answer, on=[*key, "line"], how="left")
    return told.with_columns(transaction=pl.coalesce("transaction", "answered")).drop("answered")


def _learnt(starts: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Give an unanswered start the first unclaimed transaction that follows before the next start of its connector."""
    claimed = starts.filter(pl.col("transaction").is_not_null()).select(_TRANSACTION)
    ordered = starts.sort("at").with_columns(next_at=pl.col("at").shift(-1).over(_CONNECTOR))
    seen = others.filter(pl.col("transaction").is_not_null()).join(claimed, on=_TRANSACTION, how="anti")
    seen = seen.select(*_CONNECTOR, pl.col("transaction").alias("following"), "at", pl.col("at").alias("seen_at")).sort(
        "at"
    )
    by_connector = ordered.join_asof(
        seen.drop_nulls("connector"), on="at", by=_CONNECTOR, strategy="forward", check_sortedness=False
    )
    stops = seen.filter(pl.col("connector").is_null()).drop("connector")
    both = by_connector.join_asof(
        stops, on="at", by="charge_point", strategy="forward", suffix="_stop", check_sortedness=False
    )

    def in_time(column: str) -> pl.Expr:
        return pl.col(column).is_not_null() & (pl.col("next_at").is_null() | (pl.col(column) < pl.col("next_at")))

    learnt = (
        pl.when(in_time("seen_at"))
        .then(pl.col("following"))
        .when(in_time("seen_at_stop"))
        .then(pl.col("following_stop"))
    )
    return both.with_columns(pl.coalesce("transaction", learnt).alias("transaction"))


def _with_connectors(readings: pl.DataFrame, starts: pl.DataFrame) -> pl.DataFrame:
    """Stops name no connector: take it from the transaction's start, or from its readings."""
    seen = pl.concat([starts.select(*_TRANSACTION, "connector"), readings.select(*_TRANSACTION, "connector")])
    known = seen.drop_nulls().unique(_TRANSACTION, keep="first", maintain_order=True)
    joined = readings.join(known.rename({"connector": "started_on"}), on=_TRANSACTION, how="left")
    return joined.with_columns(pl.coalesce("connector", "started_on").alias("connector")).with_columns(
        charger_id=_charger_id()
    )


def _with_sessions(readings: pl.DataFrame, starts: pl.DataFrame) -> pl.DataFrame:
    """Name the session of each reading: by its transaction, else by the time between a start and its stop."""
    shared = starts.filter(pl.col("derived") & pl.col("transaction").is_not_null()).unique(_TRANSACTION)
    telling = pl.col("transaction").is_not_null() & pl.col("ambiguous").is_null()
    by_start = starts.select("reading", pl.col("session_id").alias("started"))
    named = (
        readings.join(shared.select(*_TRANSACTION, ambiguous="derived"), on=_TRANSACTION, how="left")
        .join(by_start, on="reading", how="left")
        .with_columns(session_id=pl.coalesce("started", pl.when(telling).then(_session_id())))
        .drop("ambiguous", "started")
        .sort("at", "reading")
    )
    stops_named = _by_time(named, starts, pl.col("kind").is_in(["stop", "data"]))
    stops = stops_named.filter(pl.col("kind") == "stop").group_by("session_id").agg(pl.col("at").min().alias("stop_at"))
    spans = starts.join(stops, on="session_id", how="left", maintain_order="left")
    before_stop = pl.col("at") <= pl.col("stop_at")
    return _by_time(stops_named, spans, before_stop | (pl.col("stop_at").is_null() & pl.col("derived")))


def _by_time(readings: pl.DataFrame, starts: pl.DataFrame, accepted: pl.Expr) -> pl.DataFrame:
    """Give unnamed readings that are `accepted` the session that last started on their charger."""
    spans = starts.drop("reading", "charge_point", "connector", "transaction", "id_tag").rename(
        {"session_id": "latest"}
    )
    joined = readings.join_asof(spans, on="at", by="charger_id", strategy="backward", check_sortedness=False)
    latest = pl.when(accepted.fill_null(value=False)).then(pl.col("latest"))
    return joined.with_columns(pl.coalesce("session_id", latest).alias("session_id")).select(readings.columns)


def _with_vehicles(readings: pl.DataFrame) -> pl.DataFrame:
    """Name the car of a session by the id tag of its start, else of its stop."""
    tagged = readings.drop_nulls(["session_id", "id_tag"]).sort(pl.col("kind") != "start", "at", "reading")
    vehicles = tagged.group_by("session_id", maintain_order=True).agg(pl.col("id_tag").first().alias("vehicle_id"))
    named = readings.select("reading", "charger_id", "session_id").sort("reading").drop("reading")
    return named.join(vehicles, on="session_id", how="left", maintain_order="left")
