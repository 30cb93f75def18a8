"""Fitting: the stages in line, from rows to all results of one fitted model."""

from hazard.fitting.flow import Losses
from hazard.fitting.inference_data import inference_data
from hazard.fitting.metadata import refuse_constant, rows_digest, versions
from hazard.fitting.records import ChainStores, Fit, Panel, Progress, silent
from hazard.fitting.remarks import remarks
from hazard.fitting.rerun import called, flagged, on_rows
from hazard.fitting.rows import (
    panel_from_frame,
    panel_from_registers,
    panel_from_table,
    refuse_broken,
    warnings,
)
from hazard.fitting.small_levels import (
    by_level,
    pool_small_levels,
    refuse_few_persons,
    refuse_small_level,
)
from hazard.fitting.stages import fit

__all__ = [
    "ChainStores",
    "Fit",
    "Losses",
    "Panel",
    "Progress",
    "by_level",
    "called",
    "fit",
    "flagged",
    "inference_data",
    "on_rows",
    "panel_from_frame",
    "panel_from_registers",
    "panel_from_table",
    "pool_small_levels",
    "refuse_broken",
    "refuse_constant",
    "refuse_few_persons",
    "refuse_small_level",
    "remarks",
    "rows_digest",
    "silent",
    "versions",
    "warnings",
]
