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
    }
)
REMARKS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("description", "basicinformationcomments", "energycomments", "demandcomments", "dgcomments"),
        "information: free text, not priced; read it for charges the record does not state as numbers",
    ),
    **dict.fromkeys(("startdate", "enddate"), "information: reported, not enforced"),
    **dict.fromkeys(
        (
            "peakkwcapacitymin",
            "peakkwcapacitymax",
            "peakkwcapacityhistory",
            "peakkwhusagemin",
            "peakkwhusagemax",
            "peakkwhusagehistory",
            "voltageminimum",
            "voltagemaximum",
            "voltagecategory",
            "phasewiring",
        ),
        "information: who may take the tariff; eligibility is not checked",
    ),
}
"""Fields that price nothing, with what to say of them."""

UNPRICED: Final[Mapping[str, str]] = {
    "minmonthlycharge": "a minimum bill is not priced",
    "annualmincharge": "a yearly minimum is not priced",
    "mincharge": "a minimum bill is not priced",
    "fixedchargeeaaddl": "charges for more than one meter are not priced",
    "fixedattrs": "amounts in free text are not priced",
    "energyattrs": "amounts in free text are not priced",
    "demandattrs": "amounts in free text are not priced",
    "fueladjustmentsmonthly": "monthly fuel adjustments are not priced",
    "demandreactivepowercharge": "reactive power is not priced",
    "demandratchetpercentage": "a ratchet without its look-back is not priced; demand is billed on the bill's own peak",
    "lookbackpercent": "a look-back is not priced; demand is billed on the bill's own peak",
    "lookbackmonths": "a look-back is not priced; demand is billed on the bill's own peak",
    "lookbackrange": "a look-back is not priced; demand is billed on the bill's own peak",
    "coincidentratestructure": "coincident demand is not priced",
}
"""Fields that would change the bill and are not priced; without effect where they hold nothing but zeros."""

EXPORT_ONLY: Final[Mapping[str, str]] = {
    "dgrules": "rules for exported energy are not priced",
    "usenetmetering": "rules for exported energy are not priced",
}
"""Fields that change a bill with export only."""

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

FIXED_FIELDS: Final = ("fixedchargefirstmeter", "fixedmonthlycharge")
"""The fixed charge in newer and older records."""

LOOK_BACK: Final = frozenset({"lookbackpercent", "lookbackmonths", "lookbackrange"})
TIER_KEYS: Final = frozenset({"rate", "adj", "max", "unit", "sell"})
ENERGY_UNIT: Final = "kWh"
DEMAND_UNIT: Final = "kW"
ENDLESS: Final = 10**12
"""A tier end of this and more is how records write 'no end' [kWh or kW]; no rate is as large."""
