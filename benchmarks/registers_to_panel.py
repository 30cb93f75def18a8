"""Seconds from a register folder of the published size to a panel with all exposure histories.

Run: python benchmarks/registers_to_panel.py [DIR]. Without a folder it simulates one first.
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from hazard import exposures, panel, registers, simulate, spec


def simulated(folder: Path) -> Path:
    """Registers of the published size, written below ``folder``."""
    rng = np.random.default_rng(1)
    simulate.write(simulate.registers(simulate.truth("published", rng), rng), folder / "registers")
    return folder / "registers"


def seconds(folder: Path) -> dict[str, float]:
    """Wall time of each stage, and the number of rows."""
    model = spec.read("oslo2016")
    marks = [("start", time.perf_counter())]
    read = registers.read(folder)
    marks.append(("read", time.perf_counter()))
    defined = registers.define(read, model.data)
    marks.append(("define", time.perf_counter()))
    built = panel.build(defined)
    marks.append(("panel", time.perf_counter()))
    exposures.register_histories(built, defined, model.lagged)
    marks.append(("exposures", time.perf_counter()))
    stages = {name: at - before for (_, before), (name, at) in pairwise(marks)}
    return {"rows": len(built), **stages, "total": marks[-1][1] - marks[0][1]}


def main() -> None:
    """Print the first (cold) and the best of five (warm) passes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else simulated(Path(temporary))
        passes = [seconds(folder) for _ in range(6)]
    for name, found in (("first", passes[0]), ("best", min(passes, key=lambda p: p["total"]))):
        print(name, ", ".join(f"{k} {v:.3g}" for k, v in found.items()))


if __name__ == "__main__":
    main()
