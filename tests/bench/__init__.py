"""Measured times, each beside a floor: the least any program must do with the same input. `make bench` runs them.

cases  what is measured
"""
