"""Dated appointments of Canadian senators as a panel of years: late entry, curves, a run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_canadian_senators

from commands import command, manifest
from hazard import spec as specs
from hazard.baselines import aalen_johansen
from hazard.data import table
from hazard.data.contracts import check_panel
from hazard.estimands import incidence
from hazard.fitting.draws_file import read_posterior
from hazard.inference import laplace
from hazard.model import design, parameterisation
from hazard.spec import BaselineTerm, IncidenceEstimand, ModelSpec
from risk_sets import balance, risk_sets
from slow_start_stop import slow_rows

EXITS = ["retired", "died", "resigned"]
REASONS = dict(zip(["Retirement", "Death", "Resignation"], EXITS, strict=True))
EXACT = 1e-12  # algebra


@cache
def spec(unit: int = 12) -> ModelSpec:
    """The bundled model, or the same in months."""
    model = specs.read("senators")
    name = {1: "month", 12: "year"}[unit]
    own = model.table.model_copy(update={"unit": name, "unit_months": unit})
    return model.model_copy(update={"table": own})


@cache
def senators(unit: int = 12) -> pd.DataFrame:
    return table.panel(table.bundled("lifelines.canadian_senators"), spec(unit))


# --- the file that comes with lifelines ---------------------------------------------------------
def test_the_bundled_table_by_hand() -> None:
    raw = table.bundled("lifelines.canadian_senators")
    assert len(raw) == 933
    assert raw["reason"].value_counts(dropna=False).tolist() == [494, 201, 136, 99, 3]
    assert raw["end"].isna().equals(raw["reason"].isna())
    again = raw["person"].value_counts()
    assert again[again > 1].tolist() == [3, 2, 2, 2, 2, 2, 2]
    assert raw.loc[0].tolist()[1:] == [
        *("1887-05-12", "1893-10-30", "Death", "Quebec", "Liberal-Conservative", "for life")
    ]
    retired = raw[raw["reason"] == "Retirement"]
    assert set(retired["appointed"]) == {"until 75"}  # who is appointed for life cannot retire
    assert raw["appointed"].value_counts()["until 75"] == 333


# Years since the month of the appointment that lie in June 1965 to September 2013 as a whole.
#   1896-01 to 1904-08  died             none: before the window
#   1964-11 to 1974-11  resigned         the first began in 1964-11: years 2 to 11, left in 2 to 11
#   1977-04 to 2009-06  retired          years 1 to 33
#   1993-03             still there      years 1 to 20: the 21st ends in 2014
#   1993-06 to 2012-07  retired          years 1 to 20
#   2003-09 to 2013-08  resigned         years 1 to 10: the 10th ends in 2013-08
def test_years_of_six_senators_by_hand() -> None:
    raw = table.bundled("lifelines.canadian_senators")
    rows = table.panel(raw.loc[[4, 5, 2, 12, 14, 529]], spec())
    check_panel(rows, EXITS)
    seen = rows.groupby("person")["month"].agg(["min", "max"]).to_numpy().tolist()
    assert seen == [[2, 11], [1, 33], [1, 20], [1, 20], [1, 10]]
    last = rows.drop_duplicates("person", keep="last")
    assert last["exit"].tolist() == ["resigned", "retired", "stay", "retired", "resigned"]
    assert rows.drop_duplicates("person")["entry"].tolist() == [1, 0, 0, 0, 0]
    assert rows.attrs["left_out"] == {"spells without a whole year in the window": (1, 1, 1)}
    risk = risk_sets(rows)
    assert risk["n_at_risk"].tolist() == [4, *[5] * 9, 4, *[3] * 9, *[1] * 13]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_gives_the_same_panel(kind: str, tmp_path: Path) -> None:
    raw, path = table.bundled("lifelines.canadian_senators"), tmp_path / f"senators.{kind}"
    raw.to_csv(path, index=False) if kind == "csv" else raw.to_parquet(path)
    pd.testing.assert_frame_equal(table.read(path, spec()), senators())


# --- risk sets ----------------------------------------------------------------------------------
def month(day: str) -> int:
    return (int(day[:4]) - 1970) * 12 + int(day[5:7]) - 1


@cache
def slow(unit: int) -> list[list[tuple[int, str]]]:
    """Rows of every appointment, by a loop over its months."""
    window = range(month("1965-06"), month("2013-09") + 1)
    appointments = load_canadian_senators()[["start_date", "end_date", "reason", "observed"]]
    found = [
        slow_rows(
            month(start), month(end) if left else None, REASONS.get(reason, "stay"), unit, window
        )
        for start, end, reason, left in appointments.itertuples(index=False)
    ]
    return [rows for rows in found if rows]


@pytest.mark.parametrize("unit", [12, 1])
def test_rows_equal_a_slow_loop_over_the_dates(unit: int) -> None:
    rows = senators(unit).astype({"exit": str}).groupby("person")[["month", "exit"]]
    found = [list(map(tuple, own.to_numpy().tolist())) for _, own in rows]
    assert found == slow(unit)


@pytest.mark.parametrize("unit", [12, 1])
def test_risk_sets_balance(unit: int) -> None:
    rows = senators(unit)
    check_panel(rows, EXITS)
    risk = risk_sets(rows).assign(nobody=0)
    assert (balance(risk, EXITS, ("away", "back")) == 0).all()
    assert risk["entries"].iloc[1:].sum() == (rows.groupby("person")["entry"].first() > 0).sum()
    assert risk["entries"].iloc[1:].sum() > 80
    assert risk[[*EXITS, "censored"]].sum().sum() == rows["person"].nunique()
    for wrong in (EXITS[1:], ["died", "nobody"]):  # negative control: an exit forgotten
        assert not (balance(risk, wrong, ("away", "back")) == 0).all()


def test_calendar_moves_with_the_years() -> None:
    for unit in (12, 1):
        rows = senators(unit)
        start = rows["calendar"] - unit * (rows["month"] - 1)
        assert (start == start.groupby(rows["person"]).transform("first")).all()
        assert rows["calendar"].min() >= month("1965-06")
        assert (rows["calendar"] + unit - 1).max() <= month("2013-09")


# --- curves -------------------------------------------------------------------------------------
def durations(unit: int) -> pd.DataFrame:
    """Entry, duration and exit of every appointment, from the slow loop."""
    ends = [(rows[0][0] - 1, *rows[-1]) for rows in slow(unit)]
    return pd.DataFrame(ends, columns=["entry", "time", "exit"])


def kaplan_meier(spells: pd.DataFrame, *, late: bool) -> pd.Series:
    fitter = KaplanMeierFitter()
    entry = spells["entry"] if late else None
    fitter.fit(spells["time"], spells["exit"] != "stay", entry=entry)
    return fitter.survival_function_at_times(range(1, spells["time"].max() + 1))


@pytest.mark.parametrize("unit", [12, 1])
def test_survival_equals_kaplan_meier_with_late_entry(unit: int) -> None:
    estimate = aalen_johansen.fit(senators(unit))
    survival = estimate["survival"].to_numpy()
    spells = durations(unit)
    np.testing.assert_allclose(survival, kaplan_meier(spells, late=True), rtol=0, atol=EXACT)
    early = kaplan_meier(spells, late=False)  # negative control: as if all had been seen from 0
    assert np.abs(survival - early).max() > 2 * greatest_error(estimate)


@pytest.mark.parametrize("unit", [12, 1])
def test_incidences_equal_sums_over_the_risk_sets_of_kaplan_meier(unit: int) -> None:
    estimate = aalen_johansen.fit(senators(unit))
    spells = durations(unit)
    before = kaplan_meier(spells, late=True).shift(fill_value=1.0)
    for exit_ in EXITS:
        expected = (before * hazards(spells, exit_)).cumsum()
        found = estimate["cumulative_incidence"].sel(exit=exit_)
        np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)
    other = (before * hazards(spells, "died")).cumsum()  # negative control: another exit
    assert np.abs(estimate["cumulative_incidence"].sel(exit="retired") - other).max() > 0.1


def hazards(spells: pd.DataFrame, exit_: str) -> pd.Series:
    times = range(1, spells["time"].max() + 1)
    leaving = [((spells["time"] == t) & (spells["exit"] == exit_)).sum() for t in times]
    at_risk = [((spells["entry"] < t) & (t <= spells["time"])).sum() for t in times]
    return pd.Series(leaving, times) / pd.Series(at_risk, times).clip(lower=1)


def greatest_error(estimate: xr.Dataset) -> float:
    return float(estimate["standard_error"].max())


# --- the model ----------------------------------------------------------------------------------
ENDS = [5, 10, 15, 20, 25]  # of intervals of the baseline: it is free to meet the curve there


def incidence_at_mode(rows: pd.DataFrame, model: ModelSpec) -> xr.DataArray:
    built = design.build(rows, {}, model)
    around = laplace.fit(parameterisation.standard(built))
    beta = around.coordinates.coefficients(around.mode.beta)
    draw = xr.DataArray(beta[None, None], dims=("chain", "draw", "coefficient", "exit"))
    draw = draw.assign_coords(chain=[0], draw=[0])
    wanted = IncidenceEstimand(kind="cumulative_incidence", horizon_months=max(ENDS))
    return incidence.incidence(draw, built, rows["person"].to_numpy(), wanted).squeeze(drop=True)


def errors_apart(rows: pd.DataFrame) -> xr.DataArray:
    """Difference of the baseline alone from Aalen-Johansen, in standard errors of the latter."""
    kept = tuple(term for term in spec().term if isinstance(term, BaselineTerm))
    counted = aalen_johansen.fit(senators()).sel(month=ENDS)
    found = incidence_at_mode(rows, spec().model_copy(update={"term": kept})).sel(month=ENDS)
    return np.abs(found - counted["cumulative_incidence"]) / counted["standard_error"]


def test_the_baseline_alone_agrees_with_aalen_johansen() -> None:
    # The same persons on both sides: errors nearly cancel, and 1 se is beyond what pooling moves.
    assert float(errors_apart(senators()).max()) < 1
    # negative control: the years before the entry, in which nobody could be seen to leave
    assert float(errors_apart(as_if_seen_from_the_start()).max()) > 1.5


def as_if_seen_from_the_start() -> pd.DataFrame:
    last = senators().drop_duplicates("person", keep="last").drop(columns="calendar")
    spells = last.rename(columns={"month": "last"}).assign(entry=0).astype({"exit": str})
    rows = table.expand(spells)
    rows["exit"] = pd.Categorical(rows["exit"], ["stay", *EXITS])
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("senators")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command("run", "senators", "--out", "run") == 0
    return folder / "run"


def test_senators_run_without_a_file_and_pass_the_gate(run: Path) -> None:
    found = manifest(run)
    assert (found["gate"]["passed"], found["gate"]["failures"]) == (True, [])
    assert found["panel"]["exits"] == {"retired": 134, "died": 74, "resigned": 111}
    assert (found["panel"]["persons"], found["panel"]["no_exit"]) == (415, 96)
    flow = pd.read_csv(run / "flow.csv")["persons"].tolist()
    assert flow == [933 - 415, 415, 415]


def test_who_is_appointed_for_life_resigns_and_does_not_retire(run: Path) -> None:
    effect = read_posterior(run)["posterior"]["beta_appointed"].squeeze()
    lower, upper = effect.quantile([0.025, 0.975], ("chain", "draw"))
    assert float(upper.sel(exit="retired")) < -1
    assert float(lower.sel(exit="resigned")) > 0


def test_no_name_reaches_the_run_folder(run: Path) -> None:
    text = "".join(path.read_text("utf-8") for path in run.iterdir() if path.suffix != ".nc")
    assert "Ontario" in (run / "posterior.nc").read_bytes().decode("latin-1")  # positive control
    assert [name for name in load_canadian_senators()["Name"] if name in text] == []
