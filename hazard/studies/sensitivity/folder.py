"""The folder of a sensitivity analysis.

It holds ``sensitivity.csv``, ``sensitivity.png`` and ``.svg``; where something was sampled
``gate.csv``, where something was repeated ``repeated.csv``; and the manifest.
"""

from __future__ import annotations

from pathlib import Path

from hazard import languages
from hazard.files import seal
from hazard.files.atomic import new_folder
from hazard.fitting.folders import (
    gate_facts,
    gate_tables,
    prior_records,
    write_figure,
    write_tables,
)
from hazard.output import figures
from hazard.studies.sensitivity import Sensitivity


def write_sensitivity(path: Path, sensitivity: Sensitivity, lang: str = languages.ENGLISH) -> None:
    """Folder of what a model says under every lag prior, with its figure in a language."""
    with new_folder(path) as folder:
        tables = {
            "sensitivity": sensitivity.table,
            "repeated": sensitivity.repeated if len(sensitivity.repeated) else None,
            "gate": gate_tables(sensitivity.gates, "cell") if sensitivity.gates else None,
        }
        columns = write_tables(folder, tables)
        labels, words = languages.words("shared.exit", lang), languages.figure("sensitivity", lang)
        figure = figures.sensitivity(sensitivity.table, labels=labels, words=words)
        write_figure(figure, folder / "sensitivity")
        manifest = {
            "kind": "sensitivity",
            "columns": columns,
            "model": sensitivity.spec.model_dump(mode="json"),
            "model_digest": sensitivity.spec.digest,
            "cells": {cell.name: prior_records(cell.priors) for cell in sensitivity.cells},
            "gates": {cell: gate_facts(verdict) for cell, verdict in sensitivity.gates.items()},
            **sensitivity.facts,
        }
        seal.write(folder, manifest)
