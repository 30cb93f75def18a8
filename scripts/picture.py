"""The picture of the README: what the first notebook plots, side by side."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the notebook, and draw its lag curve and its incidence in one file."""
    fit = runpy.run_path(str(ROOT / "notebooks" / "00_first_hour.py"))["fit"]
    with mpl.rc_context({"font.size": 9}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        fit.plot.lags(ax=left)
        fit.plot.incidence(ax=right)
        figure.savefig(ROOT / "docs" / "first_hour.png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
