"""Persons drawn from a population, and their months as a panel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.studies.immortal_time.person_rows import categorical
from hazard.studies.immortal_time.talks import EXITS, FIRST, TalkPopulation

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Persons:
    """One element per person; months count from the first of the population, which is 0.

    Attributes
    ----------
    nationality : ndarray of int
    entry, last : ndarray of int
        First and last month at risk.
    talk : ndarray of int
        Month of the talk, or ``NEVER``.
    outcome : ndarray of int
        0 for still there at the end, else 1 and the place of the exit in ``EXITS``.
    """

    nationality: IntArray
    entry: IntArray
    last: IntArray
    talk: IntArray
    outcome: IntArray

    @property
    def treated(self) -> IntArray:
        """Whether there was a talk, 0 or 1."""
        return np.asarray(self.talk != NEVER, dtype=np.int64)


def persons(population: TalkPopulation, rng: np.random.Generator) -> Persons:
    """Persons of a population: when each enters, is talked to, and leaves.

    Parameters
    ----------
    population : TalkPopulation
    rng : Generator

    Returns
    -------
    Persons
        As many of each nationality as the population has.

    Notes
    -----
    The month of a talk is drawn first, as if nobody left. Who leaves before it has none; who is
    still there leaves by the hazards after a talk from that month on.
    """
    nationality = np.repeat(np.arange(len(population.persons)), population.persons)
    n, n_months = len(nationality), len(population.entry)
    entry = rng.choice(n_months, size=n, p=population.entry)
    talk_month = _first_talk(population, nationality, entry, rng)
    leave, kind = _time_to_exit(population.hazard[nationality], rng)
    leave = leave + entry
    later, later_kind = _time_to_exit(population.after[nationality], rng)
    talked = talk_month <= leave
    leave = np.where(talked, np.where(talked, talk_month, 0) + later, leave)
    kind = np.where(talked, later_kind, kind)
    observed = leave < n_months
    return Persons(
        nationality=nationality,
        entry=entry,
        last=np.minimum(leave, n_months - 1),
        talk=np.where(talked, talk_month, NEVER),
        outcome=np.where(observed, kind + 1, 0),
    )


def panel_of(sample: Persons, population: TalkPopulation) -> pd.DataFrame:
    """Panel of drawn persons: one row per person and month at risk.

    Parameters
    ----------
    sample : Persons
    population : TalkPopulation

    Returns
    -------
    DataFrame
        The columns of :mod:`hazard.data.contracts`, ``nationality``, and ``talk``: 0 before and 1
        from the month of the talk on.
    """
    length = sample.last - sample.entry + 1
    person = np.repeat(np.arange(len(length)), length)
    elapsed = np.arange(len(person)) - np.repeat(np.cumsum(length) - length, length)
    time = sample.entry[person] + elapsed
    is_last = time == sample.last[person]
    exit_ = np.where(is_last, sample.outcome[person], 0)
    return pd.DataFrame(
        {
            "person": person,
            "month": (elapsed + 1).astype(np.int32),
            "calendar": (time + FIRST).astype(np.int32),
            "entry": np.zeros(len(person), dtype=np.int32),
            "exit": categorical(exit_, ["stay", *EXITS]),
            "nationality": categorical(sample.nationality[person], list(population.nationality)),
            "talk": (time >= sample.talk[person]).astype(np.int8),
        }
    )


def _first_talk(
    population: TalkPopulation, nationality: IntArray, entry: IntArray, rng: np.random.Generator
) -> IntArray:
    """Month of the first talk if nobody left: when a sum of rates passes an exponential draw."""
    n_months = len(population.entry)
    summed = np.cumsum(-np.log1p(-population.talk), axis=1)
    offset = summed[:, -1].max() + 1.0
    ladder = (summed + offset * np.arange(len(summed))[:, None]).ravel()
    before = np.where(entry > 0, summed[nationality, entry - 1], 0.0)
    target = before + rng.exponential(size=len(entry))
    month = np.searchsorted(ladder, target + offset * nationality) - nationality * n_months
    return np.where(target <= summed[nationality, -1], month, NEVER)


def _time_to_exit(hazard: FloatArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Months until a person leaves, 0 for at once, and the exit, counted from 0."""
    total = hazard.sum(axis=1)
    bounds = np.cumsum(hazard, axis=1)[:, :-1] / total[:, None]
    kind = (rng.random(len(total))[:, None] >= bounds).sum(axis=1)
    return rng.geometric(total) - 1, kind
