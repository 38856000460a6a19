"""Simulated portfolios with known truth, for examples, tests and benchmarks.

Shares no arithmetic with the rooms it is a truth for: its physics is exact in whole Wh, its bills are plain decimals.

draws            random integers, the same on every machine
recipe           what a site is made of
timeline         demand windows and 5-minute steps
building         weather and the building's own load
fleet            when cars come and go, and what they drove
planner          how much each car gives in each peak window
controller       one day at the chargers
world            a whole site in three worlds
real_inputs      a real building and real stays in place of drawn ones
registers        what the chargers report
ocpp_log         the same as OCPP 1.6J messages
writers          the files of a site
price_list       tariff facts, read a second time
truth            the exact answers
portfolio_files  data and truth of a whole folder
examples         `v2b init --example`
sites            drawn recipes, and their config files
portfolios       `v2b simulate`
"""

from pipeline.simulate.examples import EXAMPLES, write_example
from pipeline.simulate.portfolios import write_portfolio
from pipeline.simulate.registers import SimulationOptions

__all__ = ["EXAMPLES", "SimulationOptions", "write_example", "write_portfolio"]
