"""Simulated registers on disk: all or nothing, readable by the owner only."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import xarray as xr

from hazard.files.atomic import new_folder, write_netcdf
from hazard.simulation.frames import SimulatedRegisters
from hazard.simulation.scenarios import DEFAULT
from hazard.simulation.world import Truth

FILE_MODE = 0o600


def write(simulated: SimulatedRegisters, directory: Path) -> None:
    """Write the tables, ``extract.toml`` and the truth into a new folder.

    The truth is ``truth/truth.nc``, and a CSV file for each note of the scenario.

    Parameters
    ----------
    simulated : SimulatedRegisters
    directory : Path
        Must not exist, or be empty. It appears when everything is written.

    Raises
    ------
    UsageError
        If there is something at ``directory``.
    """
    with new_folder(Path(directory)) as folder:
        _fill(simulated, folder)


def _fill(simulated: SimulatedRegisters, folder: Path) -> None:
    for name, table in simulated.tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    lines = [f'{name} = "{value}"\n' for name, value in simulated.extract.items()]
    (folder / "extract.toml").write_text("".join(lines), encoding="utf-8")
    (folder / "truth").mkdir(mode=0o700)
    write_netcdf(truth_arrays(simulated.truth), folder / "truth" / "truth.nc")
    for name, note in simulated.notes.items():
        note.to_csv(folder / "truth" / f"{name}.csv", index=False)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(FILE_MODE)


def truth_arrays(truth: Truth) -> xr.Dataset:
    """Effects and world of a truth as labelled arrays.

    Parameters
    ----------
    truth : Truth

    Returns
    -------
    Dataset
        The effects; ``intake`` (year), ``probability`` (year, exit), ``share`` (nationality), and
        ``opened``, ``closed`` (calendar months) and ``capacity`` (centre); attributes ``size`` and
        ``moving`` and, unless it is the default, what the scenario states.
    """
    world = truth.world
    stated = {
        "intake": ("year", world.course.intake),
        "probability": (("year", "exit"), world.course.probability),
        "share": ("nationality", world.shares),
        **{name: ("centre", np.asarray(value)) for name, value in world.centres._asdict().items()},
    }
    attributes = {"size": world.size.name, "moving": world.moving}
    if truth.scenario != DEFAULT:
        attributes |= {f"scenario_{k}": v for k, v in asdict(truth.scenario).items()}
    return truth.effects.assign(stated).assign_attrs(attributes)
