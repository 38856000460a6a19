"""What each asset does at the edge: disk, clock, journal and warehouse in hand, no Dagster.

The rooms below stay pure; the rooms above (assets, cli) only schedule and show.
"""
