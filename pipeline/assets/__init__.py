"""The Dagster shell: assets, checks and resources. Thin: what an asset does lives in `pipeline.steps`.

processes  which process works on a run, and what to do with runs whose process is gone
resources  the portfolio folder and its warehouse
schema     asset specs with column schemas, from the database's comments
shown      what the UI shows of a result: row counts, figures per month, tables, the peak-day chart
ingesting  what comes in
monthly    what comes of it, per month
mailing    what goes out: mails that are due, the news of a failed run
failures   why a run failed, in sentences
checking   the rules of `sql/checks/`
jobs       which assets are materialized together
automation  what starts runs by itself, and what cleans up
"""

import warnings

from dagster import BetaWarning

# one run over a range of months is what the architecture asks for; Dagster calls its parameter beta
warnings.filterwarnings("ignore", category=BetaWarning)
