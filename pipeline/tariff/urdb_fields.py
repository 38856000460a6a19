"""The fields of a record of the OpenEI Utility Rate Database (version 8): what is done with each, as tables.

https://openei.org/services/doc/rest/util_rates/?version=8
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INFORMATION: Final = frozenset(
    {
        "label",
        "uri",
        "type",
        "utility",
        "eiaid",
        "name",
        "sector",
        "servicetype",
        "country",
        "approved",
        "is_default",
        "revisions",
        "latest_update",
        "supersedes",
        "supercedes",
        "source",
        "sourceparent",
        "energytoulabels",
        "demandtoulabels",
    }
)
"""Fields that name the record and its state; the last two are names of periods in common copies of records."""

ELIGIBILITY: Final = frozenset(
    {
        "peakkwcapacitymin",
        "peakkwcapacitymax",
        "peakkwcapacityhistory",
        "demandunits",
        "peakkwhusagemin",
        "peakkwhusagemax",
        "peakkwhusagehistory",
        "voltageminimum",
        "voltagemaximum",
        "voltagecategory",
        "phasewiring",
    }
)
"""Who may take the tariff; `demandunits` is the unit of the demand limits, not of a charge."""

DATES: Final = frozenset({"startdate", "enddate"})
COMMENTS: Final = ("description", "basicinformationcomments", "energycomments", "demandcomments", "dgcomments")
"""Prose: a question where it names an amount."""

FREE_TEXT: Final = ("fixedattrs", "energyattrs", "demandattrs")
"""Amounts in words, as lists of name and text: always a question."""

FOLLOWS: Final[Mapping[str, str]] = {
    "energyweekdayschedule": "energyratestructure",
    "energyweekendschedule": "energyratestructure",
    "demandweekdayschedule": "demandratestructure",
    "demandweekendschedule": "demandratestructure",
    "demandrateunit": "demandratestructure",
    "flatdemandmonths": "flatdemandstructure",
    "flatdemandunit": "flatdemandstructure",
    "coincidentschedule": "coincidentratestructure",
    "coincidentrateschedule": "coincidentratestructure",
    "coincidentrateunit": "coincidentratestructure",
    "minchargeunits": "mincharge",
    "fixedchargeunits": "fixedchargefirstmeter",
}
"""Fields that only say something about another one. Unit columns are default-filled: alone they mean nothing."""

RATCHETS: Final[Mapping[str, tuple[str, ...]]] = {
    "lookbackpercent": ("lookbackpercent", "lookbackmonths", "lookbackrange"),
    "demandratchetpercentage": ("demandratchetpercentage",),
}
"""Fields of a percentage of earlier peaks, and those that belong to each."""

EXPORT_RULES: Final = ("dgrules", "usenetmetering")
TIER_KEYS: Final = frozenset({"rate", "adj", "max", "unit", "sell"})
ENDLESS: Final = 10**12
"""A tier end of this and more is how records write 'no end' [kWh or kW]; no rate is as large."""

STRUCTURES: Final = ("energyratestructure", "demandratestructure", "flatdemandstructure")
"""Tables of rates; a record has at least one."""

CHARGES: Final = (
    *STRUCTURES,
    "fixedchargefirstmeter",
    "fixedmonthlycharge",
    "fixedchargeeaaddl",
    "mincharge",
    "minmonthlycharge",
    "annualmincharge",
    "fueladjustmentsmonthly",
    "demandwindow",
    "demandreactivepowercharge",
    "coincidentratestructure",
)
FIELDS: Final = frozenset(
    {
        *INFORMATION,
        *ELIGIBILITY,
        *DATES,
        *COMMENTS,
        *FREE_TEXT,
        *FOLLOWS,
        *EXPORT_RULES,
        *CHARGES,
        *(part for parts in RATCHETS.values() for part in parts),
    }
)
"""Every field of the schema."""
