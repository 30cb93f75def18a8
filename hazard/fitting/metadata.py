"""Facts about a run: digests, versions, seconds, counts of the panel, remarks of the baselines."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hazard.arrays import AnyIntArray
from hazard.baselines import life_table
from hazard.baselines.fit import BaselineFit
from hazard.errors import DesignError
from hazard.fitting.records import Progress
from hazard.inference import laplace, nuts
from hazard.model import design
from hazard.spec import ModelSpec


def refuse_constant(built: design.Design) -> None:
    """Raise when a term, or a lag of one, is the same in all rows, so that it says nothing.

    Parameters
    ----------
    built : Design

    Raises
    ------
    DesignError
        One sentence per kind that names every such term, with its lags.
    """
    constant = [block.name for block in built.blocks if not block.n_coefficients]
    lines = []
    if constant:
        lines.append(
            f"terms must have two levels or more among the rows; got one of {', '.join(constant)}. "
            "Leave them out of the model file."
        )
    for b, block in enumerate(built.blocks):
        if block.kind in ("covariate", "lagged"):
            lines += _unvarying(block, built.index[:, b])
    if lines:
        raise DesignError("\n".join(lines))


def _unvarying(block: design.Block, index: AnyIntArray) -> list[str]:
    """A sentence where coefficients of a block have one value in all rows."""
    matrix = block.matrix()[np.unique(index)]
    constant = (matrix == matrix[0]).all(axis=0)
    if not constant.any():
        return []
    if block.kind == "covariate":
        sentence = (
            f"term {block.name!r} must vary among the rows of the design; got one value in all "
            f"{len(index):,} rows. Leave it out of the model file, or correct the column."
        )
        return [sentence]
    nonzero = block.values()[index[0]][constant] != 0
    lags = [str(lag) for lag in block.coefficients[constant]]
    got = "something in every row" if nonzero.all() else "nothing in any row"
    if nonzero.any() and not nonzero.all():
        got = "one value in all rows"
    sentence = (
        f"term {block.name!r} must vary among the rows of the design at every lag; got {got} of "
        f"{len(index):,} at lag {', '.join(lags)}. Such a lag says nothing of the event: correct "
        "the column, choose other lags, or leave the term out."
    )
    return [sentence]


class Clock:
    """Wall time of each stage, reported to the progress as stages begin."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self.report = progress
        self._stage, self._since = "", time.perf_counter()

    def start(self, stage: str) -> None:
        """End the stage before, and begin one."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = round(now - self._since, 2)
        self._stage, self._since = stage, now
        self.report(stage, 0.0)


def rows_digest(built: design.Design, panel: pd.DataFrame) -> str:
    """SHA-256 of the persons as the model sees them, in whatever order they come.

    Parameters
    ----------
    built : Design
    panel : DataFrame
        From which the design was built: who a row is of, and which month.
    """
    rows = panel.iloc[built.row]
    table = pd.DataFrame(np.column_stack([rows["month"], built.outcome, built.index]))
    hashed = pd.util.hash_pandas_object(table, index=False).to_numpy()
    person, labels = pd.factorize(rows["person"])
    persons = np.zeros(len(labels), dtype=np.uint64)
    np.add.at(persons, person, hashed)  # modulo 2 to the 64: the order of rows does not matter
    total = hashlib.sha256(repr((built.exits, built.link)).encode())
    for values in [np.sort(persons), *(block.matrix() for block in built.blocks)]:
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def _design_digest(built: design.Design) -> str:
    """SHA-256 of a design, row by row."""
    total = hashlib.sha256(repr((built.exits, built.link)).encode())
    arrays = [built.index, built.outcome, built.weight, *(block.matrix() for block in built.blocks)]
    for values in arrays:
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def draws_digest(approximation: laplace.Laplace, settings: nuts.SamplerSettings) -> str:
    """SHA-256 of all that the draws depend on: rows, priors, settings but the cores, versions."""
    design = approximation.coordinates.design
    inputs = [f"{block.name} {block.prior!r}" for block in design.blocks]
    inputs += [repr((replace(settings, cores=1), versions())), _design_digest(design)]
    total = hashlib.sha256(" ".join(inputs).encode())
    for values in [approximation.mode.beta, *approximation.theta]:
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def counts(frame: pd.DataFrame, built: design.Design) -> dict[str, Any]:
    """Numbers of rows, persons, exits and levels, of the panel and of the design."""
    exits = frame["exit"].value_counts()
    persons = int(frame["person"].nunique())
    return {
        "rows": len(frame),
        "persons": persons,
        "exits": {name: int(exits.get(name, 0)) for name in built.exits},
        "no_exit": persons - int(sum(exits.get(name, 0) for name in built.exits)),
        "design_rows": len(built.outcome),
        "design_persons": int(frame["person"].iloc[built.row].nunique()),
        "design_exits": {
            name: int((built.outcome == code).sum()) for code, name in enumerate(built.exits, 1)
        },
        "left_out_rows": {reason: size.rows for reason, size in built.left_out.items()},
        "levels": {block.name: block.n_levels for block in built.blocks if block.basis is None},
        "coefficients_per_exit": built.n_coefficients,
    }


def not_estimated(fit: BaselineFit) -> dict[str, Any]:
    """How many coefficients a baseline could not estimate, and how many lie at either infinity."""
    signs = {"at_minus_infinity": -np.inf, "at_plus_infinity": np.inf}
    n_at_infinity = {name: (fit.estimate == end).sum(axis=0) for name, end in signs.items()}
    return {
        "not_identified": int(np.isnan(fit.estimate).all(axis=1).sum()),
        **{
            name: dict(zip(fit.exits, n.tolist(), strict=True)) for name, n in n_at_infinity.items()
        },
    }


def unseen(frame: pd.DataFrame, spec: ModelSpec) -> dict[str, int]:
    """Periods with estimates although nobody was observed in them.

    Parameters
    ----------
    frame : DataFrame
        The panel.
    spec : ModelSpec
        The longest of its horizons is compared with the last period with anybody at risk.

    Returns
    -------
    dict
        ``last``, the last period with anybody at risk, and ``horizon``, the longest, where that is
        beyond it; ``gap``, the first period without anybody at risk though somebody is later.
    """
    at_risk = life_table.counts(frame)["n_at_risk"]
    last = int(at_risk["month"][-1])
    horizon = max((getattr(estimand, "horizon_months", 0) for estimand in spec.estimand), default=0)
    beyond = {"last": last, "horizon": horizon} if horizon > last else {}
    gaps = life_table.gaps(at_risk)
    return {**beyond, "gap": int(gaps[0])} if gaps else beyond


def unseen_remarks(periods: Mapping[str, int], unit: str) -> list[str]:
    """What :func:`unseen` found as sentences for a terminal.

    Examples
    --------
    >>> unseen_remarks({"last": 12, "horizon": 24}, "week")
    ["No one was observed beyond week 12; what is said of week 13 to 24 is the model's alone."]
    """
    sentences = []
    if "horizon" in periods:
        last, horizon = periods["last"], periods["horizon"]
        sentences.append(
            f"No one was observed beyond {unit} {last}; what is said of {unit} {last + 1} to "
            f"{horizon} is the model's alone."
        )
    if "gap" in periods:
        sentences.append(
            f"Nobody is at risk in {unit} {periods['gap']}, and the counted incidence ends before "
            "it; the model's goes on."
        )
    return sentences


def versions() -> dict[str, str]:
    """Versions of Python and of every package that can change a number."""
    names = ("hazard", "pymc", "pytensor", "nutpie", "arviz", "numba", "numpy", "pandas", "xarray")
    installed = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **installed}
