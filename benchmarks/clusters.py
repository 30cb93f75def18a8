"""How often a nominal 5 percent test of the baselines rejects a truth of zero, where rows cluster.

    python benchmarks/clusters.py --registers FOLDER [--by COLUMN ...] [--repeats N] [--rows N]

The clusters have the sizes of those in the registers, in proportion; every one has a shock of its
own to the probability of leaving, and the regressor is theirs: normal, or that of a random half of
them. Errors are those of the package (the cluster jackknife, CV3) and the sandwich with the factor
of Stata (CV1); the quantiles those of t with the number of clusters less one, and with the
effective number less one. A rejection rate is known to about 1.4 points with the default repeats
(two standard errors at 5 percent).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from hazard import fitting, spec
from hazard.arrays import FloatArray, IntArray
from hazard.baselines import linear_probability, robust
from hazard.model import design

MODEL = """name = "clusters"
question = "how often is zero rejected?"
[outcome]
exits = ["left"]
[[term]]
kind = "covariate"
column = "x"
prior = { family = "normal", scale = 1.0, reason = "least squares has no prior" }
"""
SHOCK = 0.3


def sizes_of(registers: Path, by: str, n_rows: int) -> IntArray:
    """Rows of every cluster, in all about ``n_rows``, and at least one each."""
    frame = fitting.panel_from_registers(registers, spec.read("oslo2016_published")).frame
    counts = frame[by].value_counts().to_numpy()
    counts = counts[counts > 0]
    shares = counts / counts.sum()
    return np.maximum(np.round(n_rows * shares), 1).astype(np.int64)


def sandwich_error(x: FloatArray, residual: FloatArray, code: IntArray) -> float:
    """CV1 of the slope."""
    matrix = np.column_stack([np.ones(len(x)), x])
    bread = np.linalg.inv(matrix.T @ matrix)
    scores = (matrix * residual[:, None]) @ bread[:, 1]
    summed = np.bincount(code, scores)
    n, groups = len(x), len(summed)
    return float(np.sqrt((n - 1) / (n - 2) * groups / (groups - 1) * (summed @ summed)))


def ratios(sizes: IntArray, regressor: str, repeats: int, rng: np.random.Generator) -> FloatArray:
    """Slope over its error, CV3 and CV1, shape (repeat, 2)."""
    n_groups, model = len(sizes), spec.load(MODEL)
    code = np.repeat(np.arange(n_groups), sizes)
    panel = pd.DataFrame({"person": np.arange(len(code)), "month": 1, "cluster": code})
    out = np.empty((repeats, 2))
    for r in range(repeats):
        half = (rng.permutation(n_groups) % 2).astype(float)
        x = (half if regressor == "half" else rng.standard_normal(n_groups))[code]
        left = rng.random(len(code)) < 0.5 + rng.uniform(-SHOCK, SHOCK, n_groups)[code]
        rows = panel.assign(x=x, exit=np.where(left, "left", "stay"))
        made = design.build(rows, {}, model)
        fit = linear_probability.fit(made, errors=robust.clusters(made, rows, ["cluster"]))
        slope = np.cov(x, left)[0, 1] / np.var(x, ddof=1)
        residual = left - left.mean() - slope * (x - x.mean())
        errors = fit.standard_error[1, 0], sandwich_error(x, residual, code)
        out[r] = fit.estimate[1, 0] / errors[0], slope / errors[1]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registers", type=Path, required=True)
    parser.add_argument("--by", nargs="+", default=["nationality", "centre"])
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=5000)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    for by in given.by:
        sizes = sizes_of(given.registers, by, given.rows)
        effective = sizes.sum() ** 2 / (sizes @ sizes)
        print(f"{by}: {effective:.1f} effective of {len(sizes)}")
        for regressor in ("normal", "half"):
            t = np.abs(ratios(sizes, regressor, given.repeats, rng))
            for name, freedom in (("clusters", len(sizes) - 1), ("effective", effective - 1)):
                rate = (t > stats.t.ppf(0.975, freedom)).mean(axis=0)
                print(f"  {regressor:7} t of {name:10} CV3 {rate[0]:.3f}   CV1 {rate[1]:.3f}")


if __name__ == "__main__":
    main()
