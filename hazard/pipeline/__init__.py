"""From rows to everything a run folder holds; the one place where the stages are put in line."""

from hazard.pipeline.again import called, finished, flagged
from hazard.pipeline.facts import refuse_constant, rows_digest, versions
from hazard.pipeline.flow import Losses
from hazard.pipeline.notes import remarks
from hazard.pipeline.records import Analysis, FinishedRun, Kept, Progress, Rows, silent
from hazard.pipeline.rows import refuse_broken, rows_from_registers, rows_from_table, warnings
from hazard.pipeline.small_levels import by_level, pool_small_levels, refuse_small_level
from hazard.pipeline.stages import analyse

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
