"""The registers: read and link the files, report on their integrity, define who is at risk.

``read`` answers what is in the files, ``check`` where they contradict themselves, ``define`` what
the analysis makes of them: families at risk, their first exits and the events around them.
``privacy_shift`` tells how the privacy filter on entry tilts the persons.
"""

from hazard.data.registers.check import check
from hazard.data.registers.define import define
from hazard.data.registers.privacy import shift as privacy_shift
from hazard.data.registers.read import read
from hazard.data.registers.records import FamilyHistories, Registers, Window

__all__ = ["FamilyHistories", "Registers", "Window", "check", "define", "privacy_shift", "read"]
