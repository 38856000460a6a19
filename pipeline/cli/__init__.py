"""The `v2b` command: parses, calls, prints. Results go to stdout, everything else to stderr, never a traceback.

output   tables for people, JSON and CSV for programs
bills    how bills are printed
runs     the Dagster assets, run in this process
serving  the Dagster UI, as long as it lasts
root     the command's options and how a portfolio is opened
making   commands that make things
pricing  any load under any tariff
working  commands that work on a portfolio
planning  a site's measurement and verification plan
exporting  the analysts' views as files
sending  the command that mails
entry    the program's entry
"""

from pipeline.cli.entry import main

__all__ = ["main"]
