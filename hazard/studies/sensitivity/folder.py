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


def write_sensitivity(path: Path, found: Sensitivity, lang: str = languages.ENGLISH) -> None:
    """Folder of what a model says under every lag prior, with its figure in a language."""
    with new_folder(path) as folder:
        tables = {
            "sensitivity": found.table,
            "repeated": found.repeated if len(found.repeated) else None,
            "gate": gate_tables(found.gates, "cell") if found.gates else None,
        }
        columns = write_tables(folder, tables)
        labels, words = languages.words("shared.exit", lang), languages.figure("sensitivity", lang)
        drawn = figures.sensitivity(found.table, labels=labels, words=words)
        write_figure(drawn, folder / "sensitivity")
        manifest = {
            "kind": "sensitivity",
            "columns": columns,
            "model": found.spec.model_dump(mode="json"),
            "model_digest": found.spec.digest,
            "cells": {cell.name: prior_records(cell.priors) for cell in found.cells},
            "gates": {cell: gate_facts(each) for cell, each in found.gates.items()},
            **found.facts,
        }
        seal.write(folder, manifest)
