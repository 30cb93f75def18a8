"""Seconds and memory from register files to a panel with all exposure histories, by its size.

Run: python benchmarks/scale.py [COPIES ...]. Simulated registers of the published size are written
once as they are and then so many times over (by default 1, 7 and 67: 0.15, 1 and 10 million rows),
as CSV and as Parquet, to a temporary folder. Each size is measured in a process of its own, from
the first byte read, and nothing is warmed up. The stages are those of `hazard panel`: read, check,
define, panel, exposures (forced returns and applications, at the same centre and of the same
nationality, seven lags each).

A copy has persons, families and centres of its own, and the same calendar and citizenships. So the
stays and events of a family, the families of a centre and the events of a centre and month are as
they were; families, centres, events and rows grow together, and the rows of the copies lie
side by side in the files, in the order of the ids. Only a nationality sees more events in a month,
as it would in a larger country. Hence what must hold at every size: rows, exits, and months exposed
at the centre are exact multiples of those of one copy.

Up to a million rows the histories are also made with pandas alone, one merge per lag, and must be
equal. Seconds are wall time; CPU is the time of all threads, which tells more on a busy machine.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, csv, parquet

COPIES = (1, 7, 67)
FRESH = ("person_id", "family_id", "centre")
STAGES = ("read", "check", "define", "panel", "exposures")
PANDAS_ROWS = 1.5e6
Found = dict[str, Any]


# --- register files -----------------------------------------------------------------------------
def simulate(folder: Path) -> None:
    """Registers of the published size."""
    from hazard import simulation

    rng = np.random.default_rng(1)
    simulation.write(simulation.registers(simulation.truth("published", rng), rng), folder)


def copy(source: Path, folder: Path, copies: int) -> None:
    """So many copies of the registers, as CSV files and, in the folder beside, as Parquet."""
    from hazard.data.registers.records import TABLES

    for kind in ("csv", "parquet"):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "extract.toml").write_bytes((source / "extract.toml").read_bytes())
    names = [f'[{name}]\nfile = "{name}.parquet"\n' for name in TABLES]
    (folder / "parquet" / "columns.toml").write_text("".join(names))
    for name in TABLES:
        table = side_by_side(csv.read_csv(source / f"{name}.csv"), copies)
        csv.write_csv(table, folder / "csv" / f"{name}.csv")
        parquet.write_table(table, folder / "parquet" / f"{name}.parquet")


def side_by_side(table: pa.Table, copies: int) -> pa.Table:
    """Every row so many times, with the number of the copy at the end of the ids."""
    number = pa.array([f"{n:03d}" for n in range(copies)])
    copy_of = number.take(pa.array(np.tile(np.arange(copies), len(table))))
    wide = table.take(pa.array(np.repeat(np.arange(len(table)), copies)))
    for place, name in enumerate(wide.column_names):
        if name in FRESH:
            ids = compute.binary_join_element_wise(wide[name], copy_of, "-")
            wide = wide.set_column(place, name, ids)
    return wide


# --- one size -----------------------------------------------------------------------------------
def measured(folder: Path) -> Found:
    """Seconds of each stage, rows, peak memory, and what must be a multiple of one copy."""
    from hazard import spec
    from hazard.data import exposures, panel, registers

    model = spec.read("oslo2016")
    clock = Clock()
    read = clock("read", lambda: registers.read(folder))
    report = clock("check", lambda: registers.check(read))
    assert not report.loc[report["severity"] == "error", "n_broken"].any()
    defined = clock("define", lambda: registers.define(read, model.data))
    rows = clock("panel", lambda: panel.build(defined))
    found = clock("exposures", lambda: exposures.register_histories(rows, defined, model.lagged))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if len(rows) <= PANDAS_ROWS:
        slow = clock("pandas", lambda: dict(by_pandas(rows, defined, model.lagged)))
        for name, values in slow.items():
            np.testing.assert_array_equal(found[name], values)
    reached = [
        int((found[term.name] == 1).sum()) for term in model.lagged if term.network == "centre"
    ]
    counts = [len(rows), *rows["exit"].value_counts(sort=False), *reached]
    return {"rows": len(rows), "peak": peak, "counts": np.array(counts), "seconds": clock.seconds}


class Clock:
    """Wall and CPU seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, np.ndarray] = {}

    def __call__(self, name: str, stage: Callable[[], Any]) -> Any:
        began = np.array([time.perf_counter(), time.process_time()])
        made = stage()
        self.seconds[name] = np.array([time.perf_counter(), time.process_time()]) - began
        return made


def by_pandas(rows: pd.DataFrame, defined: Any, terms: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The same histories with one merge per lag and a groupby."""
    for term in terms:
        group, events = term.network, defined.events
        of_term = events[(events["exposure"] == term.exposure) & events[group].notna()]
        of_term = of_term[["person", "calendar", group]].drop_duplicates(["person", "calendar"])
        total = of_term.groupby([group, "calendar"], observed=True).size().rename("n").reset_index()
        own = of_term.assign(own=1)
        columns = []
        for lag in range(term.lags[0], term.lags[1] + 1):
            then = rows[["person", "calendar", group]].assign(calendar=rows["calendar"] - lag)
            then[group] = then[group].cat.set_categories(events[group].cat.categories)
            then = then.merge(total, on=[group, "calendar"], how="left")
            then = then.merge(own, on=["person", "calendar", group], how="left")
            reached = then["n"].fillna(0) - then["own"].fillna(0) >= term.at_least
            known = then["calendar"] >= defined.window.first
            columns.append(reached.where(known).astype(np.float32))
        yield term.name, np.column_stack(columns)


# --- the table ----------------------------------------------------------------------------------
def apart(task: Callable[..., Any], *given: Any) -> Any:
    """What a task returns in a new process, whose memory is only its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        return process.submit(task, *given).result()


def line(kind: str, found: Found) -> str:
    """One row of the table."""
    wall, cpu = sum(found["seconds"][name] for name in STAGES)
    stages = "".join(f"{found['seconds'][name][0]:10.2f}" for name in STAGES)
    pandas = f"{found['seconds']['pandas'][0]:.2f}" if "pandas" in found["seconds"] else "-"
    each = 1e6 / found["rows"]
    return (
        f"{kind:8}{found['rows']:>12,}{stages}{wall:10.2f}{cpu:8.2f}"
        f"{wall * each:11.2f}{cpu * each:8.2f}{found['peak']:7.2f}{pandas:>9}"
    )


def head() -> str:
    """What the columns of the table hold."""
    stages = "".join(f"{name:>10}" for name in STAGES)
    return (
        f"{os.cpu_count()} cores. Seconds; GiB: peak memory; pandas: exposures by pandas alone.\n"
        f"{'files':8}{'rows':>12}{stages}{'total':>10}{'CPU':>8}{'per million':>12}{'CPU':>7}"
        f"{'GiB':>7}{'pandas':>9}"
    )


def main() -> None:
    copies = [int(text) for text in sys.argv[1:]] or list(COPIES)
    print(head())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        apart(simulate, folder / "simulated")
        seen: list[np.ndarray] = []
        for n in copies:
            apart(copy, folder / "simulated", folder / str(n), n)
            for kind in ("csv", "parquet"):
                found = apart(measured, folder / str(n) / kind)
                seen.append(found["counts"] / n)
                np.testing.assert_array_equal(seen[-1], seen[0])
                print(line(kind, found), flush=True)
            shutil.rmtree(folder / str(n))


if __name__ == "__main__":
    main()
