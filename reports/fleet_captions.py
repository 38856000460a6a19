"""Titles, reading help, alt texts and data tables of the charts of the cars."""

from __future__ import annotations

from reports.captions import Caption
from reports.cars import CarsDay, Stay
from reports.fleet_charts import departure
from reports.heat import Heat
from reports.language import Language
from reports.plot import change_text
from reports.view import NOT_STATED, Table


def cars_caption(cars: CarsDay, words: Language) -> Caption:
    """Return the caption of the states of charge."""
    title = _cars_title(cars, words)
    parts = [
        words.say(
            "{date}, state of charge of each car from plug-in to departure: falling in orange, rising in blue.",
            date=words.day(cars.day),
        ),
        words.say("Each bar is 0 to 100 %."),
    ]
    if cars.left_out:
        message = "Shown: the {count} with least to spare; {more} more were plugged in."
        parts.append(words.say(message, count=words.number(len(cars.stays)), more=words.number(cars.left_out)))
    return Caption(title, words.joined(parts), _cars_alt(cars, words, title))


def _cars_title(cars: CarsDay, words: Language) -> str:
    known = len(cars.departed)
    ready = sum(1 for stay in cars.departed if stay.ready)
    if not known:
        return words.say("The cars on the day of the highest demand")
    if ready == known:
        message = "The one car that left was ready" if known == 1 else "All {count} cars that left were ready"
        return words.say(message, count=words.number(known))
    return words.say(
        "{ready} of {count} cars that left were ready", ready=words.number(ready), count=words.number(known)
    )


def _cars_alt(cars: CarsDay, words: Language, title: str) -> str:
    said = (words.sentence(f"{stay.name}: {_lowest(stay, words)}{departure(stay, words)}") for stay in cars.stays)
    return words.joined([words.sentence(title), *said])


def _lowest(stay: Stay, words: Language) -> str:
    lowest = stay.lowest_pct
    return "" if lowest is None else words.say("lowest {share}, ", share=words.percent(lowest, 0))


def cars_table(cars: CarsDay, words: Language) -> Table:
    """Return the stays with their charge."""

    def share(value: float | None) -> str:
        return NOT_STATED if value is None else words.number(value, 0)

    rows = tuple(
        (
            stay.name,
            share(stay.charge[0][1]),
            share(stay.lowest_pct),
            share(stay.left_pct),
            share(stay.target_pct),
            departure(stay, words),
        )
        for stay in cars.stays
    )
    heads = ("Car", "On arrival, %", "Lowest, %", "On departure, %", "Wanted, %", "Ready and left")
    return Table(words.say("Data: every car that day"), tuple(words.say(head) for head in heads), rows)


def heat_caption(heat: Heat, words: Language) -> Caption:
    """Return the caption of the change by day and hour."""
    hours = heat.hours
    least, most = min(hours, key=lambda pair: (pair[1], pair[0])), max(hours, key=lambda pair: (pair[1], -pair[0]))
    gave, took = least[1] < -NOTICED_KW, most[1] > NOTICED_KW
    message = (
        "Demand fell most from {down}:00 and rose most from {up}:00"
        if gave and took
        else "Demand fell most from {down}:00"
        if gave
        else "Demand rose most from {up}:00"
        if took
        else "Demand hardly changed at any hour"
    )
    title = words.say(message, down=f"{least[0]:.0f}", up=f"{most[0]:.0f}")
    reading = words.say("Change in site demand with V2B, kW, by day and hour. Grey: days not fully known.")
    said = words.listed(f"{hour:.0f}:00 {change_text(kw, words, unit=True)}" for hour, kw in hours)
    alt = words.say("{title}. Mean change by hour on days that changed: {hours}.", title=title, hours=said)
    return Caption(title, reading, alt)


NOTICED_KW = 0.05  # a change that prints as 0.0 kW


def heat_table(heat: Heat, words: Language) -> Table:
    """Return each day's largest cut and addition."""
    rows = tuple(
        (
            words.day_short(day.day),
            *(
                (change_text(kw, words, unit=False) for kw in (day.least_kw, day.most_kw))
                if day.known
                else (NOT_STATED,) * 2
            ),
        )
        for day in heat.days
    )
    heads = ("Day", "Largest cut, kW", "Largest addition, kW")
    return Table(words.say("Data: every day's largest changes"), tuple(words.say(head) for head in heads), rows)
