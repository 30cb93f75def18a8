"""A model of a ready table, with its own history and a covariate."""

from __future__ import annotations

from hazard import spec
from hazard.spec import ModelSpec

PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }'


TEXT = """name = "example"
question = "who is in the design?"
{only}
[table]
incomplete = "drop"
[outcome]
exits = ["left", "moved"]
[[term]]
kind = "covariate"
column = "age"
{prior}
[[term]]
kind = "lagged"
exposure = "work"
network = "own"
lags = [0, {last}]
history_before_start = "{rule}"
{prior}
"""


def model(last: int, rule: str = "missing", only: str = "") -> ModelSpec:
    return spec.load(TEXT.format(last=last, rule=rule, only=only, prior=PRIOR))
