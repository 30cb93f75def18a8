"""Persons with a state of their own that comes and goes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard import spec as specs
from hazard.spec import ModelSpec
from small_panels import NORMAL

OWN = """name = "example"
question = "what does the state come with?"
[outcome]
exits = ["left"]
[[term]]
kind = "lagged"
exposure = "state"
network = "own"
lags = [0, 0]
history_before_start = "zero"
"""


ONSET, END, LEAVES = 0.15, 0.1, np.array([0.03, 0.2])


START = np.array([0.7, 0.3])


def own_model() -> ModelSpec:
    return specs.load(OWN + NORMAL)


def states(rng: np.random.Generator, persons: int, months: int) -> pd.DataFrame:
    """Persons with a state that comes and goes, who leave more often in it, and are censored."""
    state = rng.random(persons) < START[1]
    there = np.ones(persons, dtype=bool)
    parts = []
    for month in range(1, months + 1):
        if month > 1:
            coin = rng.random(persons)
            state = np.where(state, coin >= END, coin < ONSET)
        leaves = there & (rng.random(persons) < LEAVES[state.astype(int)])
        rows = pd.DataFrame({"person": np.arange(persons), "month": month, "entry": 0})
        rows["state"], rows["exit"] = state.astype(float), np.where(leaves, "left", "stay")
        parts.append(rows[there])
        there &= ~leaves & (rng.random(persons) > 0.05)
    every = pd.concat(parts).sort_values(["person", "month"], ignore_index=True)
    return every.assign(exit=pd.Categorical(every["exit"], ["stay", "left"]))
