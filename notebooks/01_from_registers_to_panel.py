# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From registers to a panel
#
# Two registers say when families applied, where they lived and how they left. The analysis needs
# one row per family and month at risk. This notebook makes that panel from simulated registers,
# looks at what happened around the families, counts how they leave, and changes one definition to
# see what it does to the rows.
#
# The registers are simulated: nobody in them exists.

# %%
import tempfile
from pathlib import Path

import numpy as np

from hazard import simulation, spec
from hazard.baselines import aalen_johansen
from hazard.data import exposures, panel, registers

rng = np.random.default_rng(1)
folder = Path(tempfile.mkdtemp()) / "registers"
simulation.write(simulation.registers(simulation.truth("small", rng), rng), folder)
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# ## Do the registers hold together?
#
# An `error` cannot be true of a correct register, a `note` can. The report counts rows and gives
# row numbers; it never shows an id.

# %%
found = registers.read(folder)
report = registers.check(found)
broken = report[report["n_broken"] > 0]
print(broken[["severity", "table", "n_broken", "n_rows", "rule"]].to_string(index=False))
print(len(report), "rules checked,", (broken["severity"] == "error").sum(), "broken")

# %% [markdown]
# ## Who is at risk, and how do they leave?
#
# The definitions stand in the model file, under `[data]`. `define` applies them, and counts on the
# way who is left out and why.

# %%
model = spec.read("oslo2016")
print(model.data)
defined = registers.define(found, model.data)
print(defined.flow.to_string(index=False))

# %%
rows = panel.build(defined)
print(rows.head(8).to_string(index=False))
print(rows["exit"].value_counts().to_string())

# %% [markdown]
# ## What happened around a family
#
# For every row and every lag from 0 to 6 months: was there a forced return of another family at the
# centre that many months before? The family's own events are left out, and months before the start
# of the register are unknown, not zero.

# %%
histories = exposures.register_histories(
    rows, defined, model.lagged, history_centre=model.data.history_centre
)
for name, history in histories.items():
    unknown = int(history.isnull().any("lag").sum())
    share = history.mean("row", skipna=True)
    print(f"{name:33}", *(f"{value:.2f}" for value in share.values), f"  {unknown} rows unknown")

# %% [markdown]
# ## How many have left, by which way
#
# Aalen-Johansen counts, without a model: the probability of having left through each exit by the
# end of a month. Together with those who are still there the exits sum to one.

# %%
left = aalen_johansen.fit(rows)
months = [m for m in (1, 3, 6, 12, 24) if m <= left.sizes["month"]]
table = left["cumulative_incidence"].sel(month=months).to_pandas().T
table["still there"] = left["survival"].sel(month=months).to_pandas()
table["together"] = table.sum(axis=1)
print(table.round(3))

# %% [markdown]
# ## One definition changed
#
# `broad` takes any sign in either register for a forced return, `strict` wants it confirmed in
# both. A family that only one register calls returned has left the centre all the same: without
# the return it looks like one that disappeared.

# %%
strict = model.data.model_copy(update={"forced_return": "strict"})
strict_rows = panel.build(registers.define(found, strict))
print(f"{len(rows):,} rows under broad, {len(strict_rows):,} under strict")
both = rows.merge(strict_rows, on=["person", "month"], suffixes=("_broad", "_strict"))
moved = both[both["exit_broad"].astype(str) != both["exit_strict"].astype(str)]
print(moved.groupby(["exit_broad", "exit_strict"], observed=True).size().to_string())

# %%
strict_left = aalen_johansen.fit(strict_rows)["cumulative_incidence"]
change = (strict_left - left["cumulative_incidence"]).sel(month=months).to_pandas().T
print((100 * change).round(1), "\npercentage points, strict minus broad")
