"""The charts of the cars: states of charge over the peak day, and the change in demand by day and hour."""

from __future__ import annotations

from typing import Any

import altair as alt

from reports import plot, theme
from reports.cars import CarsDay, Stay
from reports.charts import FOOT
from reports.drawing import Answer, Drawing, Layers, Panel, Rows, Word, named
from reports.heat import Cell, Heat
from reports.language import Language
from reports.plot import TOP, Size

CELL_GAP = 0.06  # of a day's width
ROWS_ROOM = {True: 132, False: 138}  # words right of the cars: narrow and wide [px]
NAMES_ROOM = 76


def cars_marks() -> Layers:
    """Return the marks of the cars: stays, filled by charge, falls and rises, ready dots, departures."""
    line = alt.Detail("piece:N")
    return alt.layer(
        plot.boxes("band", color=theme.BAND),
        plot.boxes("stays", color=theme.RULE),
        named("charge").mark_area(color=theme.FILL).encode(plot.across(), plot.up("y"), alt.Y2("foot"), line),
        named("charge").mark_line(strokeWidth=2).encode(
            plot.across(), plot.up("y"), alt.Order("x:Q"), line, color=plot.DRAWN_COLOUR
        ),
        plot.upright("departures", strokeWidth=2, color=theme.INK),
        plot.points("ready", size=38, fill=theme.READY, stroke=theme.PAPER),
    )  # fmt: skip


def heat_marks() -> Layers:
    """Return the marks of the heat map: days without both worlds in grey, cells in their colours."""
    return alt.layer(plot.boxes("unknown", color=theme.RULE), plot.grid(), plot.boxes("cells"))


def cars_chart(cars: CarsDay, band_h: tuple[float, float] | None, size: Size, words: Language) -> Drawing:
    """Return the states of charge of every car from plug-in to departure, one row a stay."""
    row_px = 24 if len(cars.stays) <= 12 else 16
    count, height = len(cars.stays), row_px * len(cars.stays)
    left, right = (NAMES_ROOM, 8) if size.narrow else (NAMES_ROOM, ROWS_ROOM[False])
    width = size.plot + size.margin + plot.LEFT - left - right
    charge = [row for place, stay in enumerate(cars.stays) for row in _charge_rows(stay, count - place - 1)]
    rows = {
        "band": [{"x": band_h[0], "x2": band_h[1], "y": 0, "y2": count}] if band_h else [],
        "stays": [
            {"x": s.from_h, "x2": s.to_h, "y": count - i - 0.9, "y2": count - i - 0.1} for i, s in enumerate(cars.stays)
        ],
        "charge": charge,
        "departures": [
            {"x": s.to_h, "y": count - i - 0.95, "y2": count - i - 0.05}
            for i, s in enumerate(cars.stays)
            if s.left_at is not None
        ],
        "ready": [
            {"x": s.ready_h, "y": count - i - 0.9 + 0.8 * s.target_pct / 100}
            for i, s in enumerate(cars.stays)
            if s.ready_h is not None
        ],
    }
    scale = width / (cars.to_h - cars.from_h)
    labels = (
        *plot.foot_words(_hours(cars.from_h, cars.to_h, scale, size), height, size),
        *[
            word
            for i, stay in enumerate(cars.stays)
            for word in _row_words(stay, (i + 0.5) * row_px, width, size, words)
        ],
    )
    answers = tuple(
        Answer(0, width, f"{stay.name}: {departure(stay, words)}", i * row_px, (i + 1) * row_px)
        for i, stay in enumerate(cars.stays)
    )
    panel = Panel(cars_marks, rows, (cars.from_h, cars.to_h), (0, count), width, height, TOP, labels, answers)
    return Drawing((panel,), left, right, TOP + height + FOOT)


def _charge_rows(stay: Stay, place: int) -> Rows:
    """Return a stay's charge as pieces that rise, fall or hold, each in its colour."""
    rows: Rows = []
    foot = place + 0.1
    for number, ((x, pct), (x2, pct2)) in enumerate(zip(stay.charge, stay.charge[1:], strict=False)):
        colour = theme.SAVED if pct2 < pct - 0.01 else theme.ADDED if pct2 > pct + 0.01 else theme.BASELINE
        values = {"foot": foot, "piece": f"{place}/{number}", "colour": colour}
        rows += [{"x": x, "y": foot + 0.8 * pct / 100, **values}, {"x": x2, "y": foot + 0.8 * pct2 / 100, **values}]
    return rows


def _row_words(stay: Stay, middle: float, width: int, size: Size, words: Language) -> list[Word]:
    """Return a stay's name left of it and how it left right of it; a phone has room for the name only."""
    text = min(size.text, 11)
    made = [Word(-8, middle + 4, _short(stay.name), "end", text, theme.INK)]
    if size.narrow:
        return made
    return [*made, Word(width + 8, middle + 4, departure(stay, words), "start", text, theme.INK)]


def departure(stay: Stay, words: Language) -> str:
    """Return in few words how a car left: 'ready 18:20, left 18:45'."""
    if stay.left_at is None or stay.left_pct is None:
        return words.say("not left that day")
    left = words.clock(stay.left_at)
    if stay.ready_at is not None:
        return words.say("ready {ready}, left {left}", ready=words.clock(stay.ready_at), left=left)
    if stay.ready:
        return words.say("ready, left {left}", left=left)
    return words.say("{share} at {left}", share=words.percent(stay.left_pct, 0), left=left)


def _short(name: str) -> str:
    return name if len(name) <= 10 else f"{name[:9]}…"


def _hours(from_h: float, to_h: float, scale: float, size: Size) -> list[tuple[float, str]]:
    every = next((hours for hours in (1, 2, 3, 4, 6) if hours * scale >= size.text * 4.4), 12)
    return [((h - from_h) * scale, f"{h}:00") for h in range(int(from_h), int(to_h) + 1) if h % every == 0]


def heat_chart(heat: Heat, size: Size, words: Language) -> Drawing:
    """Return the change in demand by day (across) and hour (down): less in orange, more in blue."""
    count = len(heat.days)
    height = size.part(0.7)
    rows: dict[str, Rows] = {
        "unknown": [
            {"x": i, "x2": i + 1, "y": -heat.to_h, "y2": -heat.from_h} for i, d in enumerate(heat.days) if not d.known
        ],
        "grid": [{"x": 0, "x2": count, "y": -h} for h in _clock_hours(heat)],
        "cells": [_cell_row(cell, heat.largest_kw) for cell in heat.cells],
    }
    room = size.plot / count
    every = 10 if size.narrow else 5
    places = [
        ((i + 0.5) * room, str(d.day.day))
        for i, d in enumerate(heat.days)
        if i in (0, count - 1) or (d.day.day % every == 0 and 1 < i < count - 2)
    ]
    scale = height / (heat.to_h - heat.from_h)
    labels = (
        *[Word(-8, (h - heat.from_h) * scale + 4, f"{h}:00", "end", size.text) for h in _clock_hours(heat)],
        *plot.foot_words(places, height, size),
    )
    panel = Panel(
        heat_marks, rows, (0, count), (-heat.to_h, -heat.from_h), size.plot, height, TOP, labels,
        _day_answers(heat, room, words),
    )  # fmt: skip
    return Drawing((panel,), plot.LEFT, 12 if size.narrow else size.margin, TOP + height + FOOT)


def _clock_hours(heat: Heat) -> list[int]:
    every = 1 if heat.to_h - heat.from_h <= 6 else 2 if heat.to_h - heat.from_h <= 12 else 4
    return [h for h in range(int(heat.from_h), int(heat.to_h) + 1) if h % every == 0]


def _day_answers(heat: Heat, room: float, words: Language) -> tuple[Answer, ...]:
    def said(place: int) -> str:
        day = heat.days[place]
        name = words.day_short(day.day)
        if not day.known:
            return words.say("{day}: not known", day=name)
        low, high = (plot.change_text(kw, words, unit=True) for kw in (day.least_kw, day.most_kw))
        return words.say("{day}: from {low} to {high}", day=name, low=low, high=high)

    return tuple(Answer(i * room, (i + 1) * room, said(i)) for i in range(len(heat.days)))


def _cell_row(cell: Cell, largest_kw: float) -> dict[str, Any]:
    wide = (1 - 2 * CELL_GAP) / cell.parts
    x = cell.place + CELL_GAP + cell.part * wide
    colour = theme.shade(cell.change_kw / largest_kw)
    return {"x": x, "x2": x + wide, "y": -cell.from_h, "y2": -cell.to_h, "colour": colour}
