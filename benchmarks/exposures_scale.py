"""Seconds, time per row and peak memory of the exposure histories of the published model.

Run: python benchmarks/exposures_scale.py [ROWS]. A synthetic country is drawn as frames: about
150,000 rows are the published size. Up to that size a version in pandas alone, with one merge per
lag, runs side by side, and must give the same histories.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from hazard import exposures, spec
from hazard.contracts import check_panel
from hazard.registers import Window
from hazard.spec import LaggedTerm

WINDOW = Window(420, 551, 555)
EXITS = ("assisted", "disappeared", "forced")
PUBLISHED_ROWS = 152_000
MEAN_MONTHS = 10.5


def country(n_rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A panel of about so many rows, and the events of its families and of as many others."""
    n_families = max(1, round(n_rows / MEAN_MONTHS))
    scale = max(1, round(n_rows / PUBLISHED_ROWS))
    start = rng.integers(WINDOW.first, WINDOW.last + 1, n_families)
    length = np.minimum(rng.geometric(1 / 11.5, n_families), WINDOW.last + 1 - start)
    person = np.repeat(np.arange(n_families), length)
    month = np.arange(len(person)) - np.repeat(np.cumsum(length) - length, length) + 1
    moves = rng.geometric(0.03, n_families)[person] < month
    homes = rng.integers(0, 265 * scale, (n_families, 2))
    nationality = np.minimum(rng.zipf(1.5, n_families) - 1, 88)
    left = np.where(rng.random(n_families) < 0.85, rng.choice(4, n_families), 0)
    code = np.where(month == length[person], left[person], 0)
    panel = pd.DataFrame(
        {
            "person": person,
            "month": month.astype(np.int32),
            "calendar": (start[person] + month - 1).astype(np.int32),
            "entry": np.int32(0),
            "exit": pd.Categorical.from_codes(code, ["stay", *EXITS]),
            "centre": categorical(homes[person, moves.astype(int)], 265 * scale),
            "nationality": categorical(nationality[person], 89),
        }
    )
    return panel, pd.concat([own_events(panel), others(panel, rng)], ignore_index=True)


def categorical(codes: np.ndarray, n_levels: int) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, [f"{n:05d}" for n in range(n_levels)])


def own_events(panel: pd.DataFrame) -> pd.DataFrame:
    """Exits of the panel as events."""
    kind = panel["exit"].map({"assisted": "assisted_application", "forced": "forced_return"})
    left = panel[kind.notna()]
    columns = left[["person", "calendar", "centre", "nationality"]]
    return columns.assign(exposure=kind[kind.notna()].astype(str)).reset_index(drop=True)


def others(panel: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """As many events of families outside the panel, half of them in no centre."""
    events = own_events(panel).sample(frac=1, random_state=rng).reset_index(drop=True)
    events["person"] = panel["person"].max() + 1 + np.arange(len(events))
    events["centre"] = events["centre"].where(rng.random(len(events)) < 0.5)
    return events


def by_pandas(panel: pd.DataFrame, events: pd.DataFrame, term: LaggedTerm) -> np.ndarray:
    """The same history with one merge per lag and a groupby."""
    group = term.network
    of_term = events[(events["exposure"] == term.exposure) & events[group].notna()]
    of_term = of_term[["person", "calendar", group]].drop_duplicates(["person", "calendar"])
    total = of_term.groupby([group, "calendar"], observed=True).size().rename("n").reset_index()
    own = of_term.assign(own=1)
    columns = []
    for lag in range(term.lags[0], term.lags[1] + 1):
        rows = panel[["person", "calendar", group]].assign(calendar=panel["calendar"] - lag)
        rows = rows.merge(total, on=[group, "calendar"], how="left")
        rows = rows.merge(own, on=["person", "calendar", group], how="left")
        reached = rows["n"].fillna(0) - rows["own"].fillna(0) >= term.at_least
        columns.append(reached.where(rows["calendar"] >= WINDOW.first).astype(np.float32))
    return np.column_stack(columns)


def main() -> None:
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 150_000
    terms = spec.read("oslo2016").lagged
    began = time.perf_counter()
    panel, events = country(n_rows, np.random.default_rng(1))
    check_panel(panel, list(EXITS))
    drawn, worked = time.perf_counter(), time.process_time()
    found = exposures.peer_histories(panel, events, terms, window=WINDOW)
    seconds, worked = time.perf_counter() - drawn, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cells = sum(history.size for history in found.values())
    print(f"{len(panel):,} rows, {len(events):,} events, {len(terms)} networks, {cells:,} cells")
    print(f"panel drawn and checked in {drawn - began:.1f} s")
    print(f"histories in {seconds:.2f} s: {seconds / len(panel) * 1e9:,.0f} ns per row")
    print(
        f"  of which on the processor {worked:.2f} s: {worked / len(panel) * 1e9:,.0f} ns per row"
    )
    print(f"both in {drawn - began + seconds:.1f} s; peak memory {peak:.2f} GiB")
    if n_rows <= PUBLISHED_ROWS:
        began = time.perf_counter()
        expected = {term.name: by_pandas(panel, events, term) for term in terms}
        slow = time.perf_counter() - began
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
        print(f"pandas alone {slow:.2f} s, {slow / seconds:.1f} times as long; equal histories")


if __name__ == "__main__":
    main()
