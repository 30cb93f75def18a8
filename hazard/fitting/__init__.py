"""From rows to everything a run folder holds; the one place where the stages are put in line."""

from hazard.fitting.flow import Losses
from hazard.fitting.metadata import refuse_constant, rows_digest, versions
from hazard.fitting.records import Analysis, FinishedRun, Kept, Progress, Rows, silent
from hazard.fitting.remarks import remarks
from hazard.fitting.rerun import called, finished, flagged
from hazard.fitting.rows import refuse_broken, rows_from_registers, rows_from_table, warnings
from hazard.fitting.small_levels import by_level, pool_small_levels, refuse_small_level
from hazard.fitting.stages import analyse

__all__ = [
    "Analysis",
    "FinishedRun",
    "Kept",
    "Losses",
    "Progress",
    "Rows",
    "analyse",
    "by_level",
    "called",
    "finished",
    "flagged",
    "pool_small_levels",
    "refuse_broken",
    "refuse_constant",
    "refuse_small_level",
    "remarks",
    "rows_digest",
    "rows_from_registers",
    "rows_from_table",
    "silent",
    "versions",
    "warnings",
]
