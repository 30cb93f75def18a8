"""Simulations one by one: each a piece of its own on disk, so that a long job can be taken up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hazard.arrays import IntArray
from hazard.errors import ConvergenceError
from hazard.estimands import incidence
from hazard.files.atomic import write_file
from hazard.fitting import Panel, refuse_constant, versions
from hazard.model import design, parameterisation
from hazard.model.parameterisation import Coordinates
from hazard.predictive import prior_draw
from hazard.spec import ModelSpec
from hazard.studies.sbc.engines import Engine, EngineName, engine
from hazard.studies.sbc.generate import outcomes
from hazard.studies.sbc.ranks import numbers, ranks


@dataclass(frozen=True)
class CalibrationPlan:
    """How to calibrate; the same plan on the same rows gives the same certificate.

    Attributes
    ----------
    simulations : int
    engine : {"nuts", "laplace"}
    seed : int
    draws : int
        About independent posterior draws among which the truth is ranked.
    level : float
        Largest probability that a right engine does not pass, all quantities together.
    """

    simulations: int = 100
    engine: EngineName = "nuts"
    seed: int = 0
    draws: int = 99
    level: float = 0.05


@dataclass(frozen=True)
class Problem:
    """A model on rows whose exits are simulated anew.

    Attributes
    ----------
    spec : ModelSpec
    coordinates : Coordinates
    person : ndarray of int64, shape (panel row,)
    source : str
    """

    spec: ModelSpec
    coordinates: Coordinates
    person: IntArray
    source: str

    @classmethod
    def from_panel(cls, rows: Panel, spec: ModelSpec) -> Problem:
        """The problem of a panel with its exposure histories."""
        model_design = design.build(rows.frame, rows.histories, spec)
        refuse_constant(model_design)
        person = rows.frame["person"].to_numpy(dtype=np.int64)
        return cls(spec, parameterisation.standard(model_design), person, rows.source)

    @property
    def person_in_design(self) -> IntArray:
        """Person of each row of the design."""
        return self.person[self.coordinates.original.row]


def key(problem: Problem, plan: CalibrationPlan) -> str:
    """SHA-256 of everything that a simulation depends on but its number."""
    original = problem.coordinates.original
    total = hashlib.sha256(problem.person_in_design.astype("<i8").tobytes())
    total.update(original.index.astype("<i4").tobytes())
    for block in original.blocks:
        total.update(f"{block.name}{block.matrix().shape}".encode())
        total.update(block.matrix().astype("<f8").tobytes())
    inputs = {
        "model": problem.spec.digest,
        "rows": total.hexdigest(),
        "plan": {**asdict(plan), "simulations": None, "level": None},
        "versions": versions(),
    }
    return checksum(inputs)


def piece(problem: Problem, plan: CalibrationPlan, number: int, fit: Engine) -> dict[str, Any]:
    """One simulation: truth from the prior, exits, posterior, ranks of the truth.

    Parameters
    ----------
    problem : Problem
    plan : CalibrationPlan
    number : int
        With the seed of the plan, the seed of all that is random.
    fit : callable
        From :func:`hazard.studies.sbc.engines.engine`.

    Returns
    -------
    dict
        ``ranks`` by quantity, ``effective`` draws before thinning, ``divergences``; or ``failed``
        with the reason why there was no posterior.
    """
    rng = np.random.default_rng([plan.seed, number])
    original = problem.coordinates.original
    with threadpool_limits(1, user_api="blas"):
        truth = prior_draw(problem.coordinates, rng)
        beta = incidence.coefficients(truth, original).values[0, 0]
        simulated = outcomes(original, problem.person_in_design, beta, rng)
        try:
            sample = fit(simulated, plan.draws, rng)
        except ConvergenceError as error:
            return {"number": number, "failed": str(error)}
        true = numbers(truth, simulated, problem.person, problem.spec)
        estimated = numbers(sample.posterior, simulated, problem.person, problem.spec)
    return {
        "number": number,
        "ranks": ranks(true, estimated, rng),
        "effective": round(sample.effective, 1),
        "divergences": sample.divergences,
    }


def pieces(problem: Problem, plan: CalibrationPlan, folder: Path) -> Iterator[dict[str, Any]]:
    """Every simulation of a plan in order, read back where an earlier call has finished it.

    Parameters
    ----------
    problem : Problem
    plan : CalibrationPlan
    folder : Path
        Where pieces are kept, each written whole or not at all; one that is damaged, or that comes
        from another model, panel, plan or version, is made again.
    """
    plan_key, fit = key(problem, plan), engine(plan.engine, problem.coordinates)
    for number in range(plan.simulations):
        path = _file(folder, plan_key, number)
        finished = _read(path, plan_key)
        if finished is None:
            finished = piece(problem, plan, number, fit)
            _write(path, {"key": plan_key, **finished})
        yield finished


def remove_pieces(problem: Problem, plan: CalibrationPlan, folder: Path) -> None:
    """Remove the simulations of a plan, and their folder unless something else is in it."""
    plan_key = key(problem, plan)
    for number in range(plan.simulations):
        _file(folder, plan_key, number).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _file(folder: Path, plan_key: str, number: int) -> Path:
    return folder / f"{plan_key[:16]}-{number:06d}.json"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps({**content, "checksum": checksum(content)})
    write_file(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def _read(path: Path, plan_key: str) -> dict[str, Any] | None:
    """Piece of a file; None where there is none, or not the one wanted."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        seal = content.pop("checksum")
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    if seal != checksum(content) or content.pop("key") != plan_key:
        return None
    return content


def checksum(content: Mapping[str, Any] | list[dict[str, Any]]) -> str:
    """SHA-256 of what JSON can hold, independent of the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
