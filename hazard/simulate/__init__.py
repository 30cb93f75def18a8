"""Registers with a known truth, calibrated to everything that was published.

``truth`` plants the effects, ``registers`` lives through the months and keeps the books as the
directorate and the police would, and ``write`` puts the books on disk.
"""

from hazard.simulate.calibrate import truth
from hazard.simulate.files import truth_arrays, write
from hazard.simulate.frames import SimulatedRegisters, registers
from hazard.simulate.world import Truth

__all__ = ["SimulatedRegisters", "Truth", "registers", "truth", "truth_arrays", "write"]
