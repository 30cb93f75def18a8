"""Registers with a known truth, calibrated to everything that was published.

``truth`` plants the effects, ``registers`` lives through the months and keeps the books as the
directorate and the police would, and ``write`` puts the books on disk. A ``scenario`` plants more
than was published, or less; ``simulated_figures`` has what the published tables print.
"""

from hazard.simulation.calibrate import truth
from hazard.simulation.files import truth_arrays, write
from hazard.simulation.frames import SimulatedRegisters, registers
from hazard.simulation.report import margins_spread, simulated_figures
from hazard.simulation.scenarios import SCENARIOS, Scenario, scenario
from hazard.simulation.world import Truth

__all__ = [
    "SCENARIOS",
    "Scenario",
    "SimulatedRegisters",
    "Truth",
    "margins_spread",
    "registers",
    "scenario",
    "simulated_figures",
    "truth",
    "truth_arrays",
    "write",
]
