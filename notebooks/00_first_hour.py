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
# # The first hour
#
# A data frame goes in, a lag curve and an incidence come on screen, a brief is saved. The data
# frame has one row per person and month, as yours may have: here 2,000 job seekers who do not
# exist, some of whom are on a course for a month or two. Being on a course, and the month after it,
# makes finding a job more likely: log-odds 0.6 and 0.9 higher. Later months are as if nothing had
# been.

# %%
import os
import tempfile

import numpy as np
import pandas as pd

os.chdir(tempfile.mkdtemp())  # what is saved below lies in a folder of its own

rng = np.random.default_rng(2)
rows = []
for person in range(2000):
    age, office, course = rng.integers(20, 60), rng.choice(["North", "South", "East"]), [0, 0]
    for month in range(1, 13):
        course.append(int(rng.random() < 0.15))
        odds = np.exp([-2.6 + 0.6 * course[-1] + 0.9 * course[-2], -3.5])
        leave = rng.choice(["stay", "job", "education"], p=np.array([1, *odds]) / (1 + odds.sum()))
        rows.append((person, month, leave, age, office, course[-1]))
        if leave != "stay":
            break
frame = pd.DataFrame(rows, columns=["person", "month", "exit", "age", "office", "course"])
frame.head()

# %% [markdown]
# ## Ten lines
#
# The model is a file that comes with the package: `models/jobs.toml`. A path to a file of your own
# does as well. `engine="laplace"` approximates the posterior in seconds; leave it out to sample.

# %%
import hazard as hz

model = hz.load_model("jobs")
panel = hz.panel(frame, model)
print(panel)
fit = hz.fit(panel, model, engine="laplace", seed=1)
print(fit.summary("course_own").round(2).to_string(index=False))
fit.plot.lags()
fit.plot.incidence()
fit.brief("en").save("jobs.html")
fit

# %% [markdown]
# ## What was left out, and what fits
#
# `flow` says how many persons and rows came in and went out. The predictive plot sets what was
# observed over what the fitted model would have drawn; the other one what was believed before
# beside what is believed now.

# %%
print(panel.flow.to_string(index=False))
fit.plot.predictive()
fit.plot.priors()

# %% [markdown]
# ## On in ArviZ
#
# `fit.posterior` is an ArviZ DataTree. With the rows at hand there are the groups that say
# something of single persons too: here which share of the posterior hangs on the priors, and how
# well the model predicts a person whom it has not seen.

# %%
import arviz as az

print(az.psense_summary(fit.posterior, var_names=["beta_course_own"]))
print(az.loo(fit.inference_data(by="person")))

# %% [markdown]
# ## Another prior, and back from a folder

# %%
tight = {"family": "normal", "scale": 0.2, "reason": "an odds ratio beyond 1.5 is implausible"}
doubtful = hz.fit(panel, model.with_prior("course_own", tight), engine="laplace", seed=1)
doubtful.plot.lags(ax=fit.plot.lags())
fit.save("jobs")
hz.load("jobs").summary().tail(3)
