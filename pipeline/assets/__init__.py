"""The Dagster shell: assets, checks and resources. Thin: what an asset does lives in `pipeline.steps`.

resources  the portfolio folder and its warehouse
schema     column schemas and row counts from the database's comments
ingesting  what comes in
monthly    what comes of it, per month
"""

import warnings

from dagster import BetaWarning

# one run over a range of months is what the architecture asks for; Dagster calls its parameter beta
warnings.filterwarnings("ignore", category=BetaWarning)
