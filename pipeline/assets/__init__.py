"""The Dagster shell: assets, checks and resources. Thin: what an asset does lives in `pipeline.steps`."""

import warnings

from dagster import BetaWarning

# one run over a range of months is what the architecture asks for; Dagster calls its parameter beta
warnings.filterwarnings("ignore", category=BetaWarning)
