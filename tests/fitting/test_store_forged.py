"""Forged runs: refused, or they stay what they were and have another digest of the manifest.

A forger who edits a file is found by its digest; one who seals the folder anew is found by what the
draws say of themselves; one who writes that anew as well cannot make the draws pass the gate, nor
print other lag curves or incidences than theirs, and has another digest than the one in print.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard import spec
from hazard.errors import IntegrityError
from hazard.files import seal
from hazard.fitting import Fit, draws_file
from hazard.fitting.draws_file import content_digest, read_posterior
from hazard.fitting.status import Status
from hazard.fitting.store import read_run, write_run
from hazard.studies.published.folder import read_published, write_published
from small_runs import small_analysis, small_published_posterior

pytestmark = pytest.mark.suite("forged runs")
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that did not pass the gate: chains of forty draws."""
    folder = tmp_path_factory.mktemp("forged") / "run"
    model = spec.read("rossi_employment")
    few = tuple(term for term in model.term if term.name in ("month", "fin", "employed_own"))
    model = model.model_copy(update={"term": few})
    assert len(few) == 3
    write_run(folder, small_analysis(np.random.default_rng(4), model, n=40))
    found = read_run(folder)
    assert found.status == Status.failed
    return folder


@pytest.fixture
def run(failed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(failed, tmp_path / "run")


def refused(folder: Path) -> None:
    with pytest.raises(IntegrityError, match=r"^[^\n]{1,400}$"):
        read_run(folder)


def read_or_refused(folder: Path) -> Fit | None:
    try:
        return read_run(folder)
    except IntegrityError:
        refused(folder)
        return None


# --- how it is written anew -----------------------------------------------------------------------
def edit(folder: Path, forge: Callable[[Facts], object]) -> None:
    """Edit the manifest, and nothing else."""
    path = folder / "manifest.json"
    facts = json.loads(path.read_text(encoding="ascii"))
    forge(facts)
    path.write_text(json.dumps(facts), encoding="ascii")


def seal_again(folder: Path) -> None:
    """Write every digest anew."""
    path = folder / "manifest.json"
    facts = json.loads(path.read_text(encoding="ascii"))
    names = facts.pop("files")
    path.unlink()
    (folder / "manifest.sha256").unlink()
    seal.write(folder, facts)
    if not isinstance(names, dict) or not names:  # the forgery is of the list itself
        edit(folder, lambda facts: facts.update(files=names))
        digest = seal.digest(path)
        (folder / "manifest.sha256").write_text(f"{digest}  manifest.json\n", encoding="ascii")


def tell_draws(folder: Path) -> None:
    """Let the draws say of themselves what manifest and tables say by now."""
    facts = json.loads((folder / "manifest.json").read_text(encoding="ascii"))
    said = {key: facts[key] for key in facts if key not in ("files", "posterior_digest")}
    tables = {item.name: seal.digest(item) for item in sorted(folder.glob("*.csv"))}
    with h5py.File(folder / "posterior.nc", "a") as file:
        del file.attrs["manifest"]
        file.attrs["manifest"] = json.dumps({**said, "tables": tables})


# --- manifests ------------------------------------------------------------------------------------
def _swap(facts: Facts, key: str, name: str, value: object) -> None:
    facts[key] = {**facts[key], name: value}


MANIFESTS: dict[str, Callable[[Facts], object]] = {
    "gate passed": lambda m: _swap(m, "gate", "passed", True),
    "no failures": lambda m: _swap(m, "gate", "failures", []),
    "passed without failures": lambda m: m.update(
        gate={**m["gate"], "passed": True, "failures": []}
    ),
    "no divergences": lambda m: _swap(m, "gate", "divergences", 0),
    "more chains": lambda m: _swap(m, "gate", "chains", 8),
    "better bfmi": lambda m: _swap(m, "gate", "bfmi", [1.0] * 4),
    "no gate": lambda m: m.update(gate=None, limits=None),
    "looser r_hat": lambda m: _swap(m, "limits", "r_hat", 9.0),
    "looser ess": lambda m: _swap(m, "limits", "ess", 1.0),
    "looser mcse": lambda m: _swap(m, "limits", "mcse_to_sd", 9.0),
    "looser bfmi": lambda m: _swap(m, "limits", "bfmi", 0.0),
    "looser divergences": lambda m: _swap(m, "limits", "divergences", 10**6),
    "fewer chains asked": lambda m: _swap(m, "limits", "chains", 1),
    "approximate engine": lambda m: _swap(m, "settings", "engine", "laplace"),
    "more draws": lambda m: _swap(m, "settings", "draws", 10**6),
    "another seed": lambda m: _swap(m, "settings", "seed", 77),
    "simulated to real": lambda m: m.update(source="registers"),
    "real to table": lambda m: m.update(source="table"),
    "no warnings": lambda m: m.update(register_warnings=[]),
    "identification declared": lambda m: _swap(m, "model", "identification", {"by": "design"}),
    "another question": lambda m: _swap(m, "model", "question", "What did it cause?"),
    "another digest of the model": lambda m: m.update(model_digest="0" * 64),
    "other rows": lambda m: m.update(rows_digest="0" * 64),
    "more persons": lambda m: _swap(m, "panel", "persons", 10**6),
    "nothing left out": lambda m: _swap(m, "flow", "warned", False),
    "fewer unseen": lambda m: m.update(unseen={}),
    "no remarks": lambda m: m.update(remarks={}),
    "no files": lambda m: m.update(files={}),
    "a file less": lambda m: m["files"].pop("estimates.csv"),
    "a file outside": lambda m: m["files"].update({"../other": "0" * 64}),
    "no columns": lambda m: m.update(columns={}),
    "another kind of column": lambda m: m["columns"]["estimates.csv"].update(estimate="text"),
    "another posterior": lambda m: m.update(posterior_digest="0" * 64),
    "checked by a sampled run": lambda m: m.update(checked_by={"gate_passed": True}),
    "another version": lambda m: _swap(m, "versions", "hazard", "9"),
}
_STAYS = {
    "no divergences",
    "simulated to real",
    "no warnings",
    "fewer unseen",
    "no remarks",
    "nothing left out",
}
"""Those that leave this manifest as it is: the run is one of registers, without remarks."""


@pytest.mark.parametrize("kind", MANIFESTS)
def test_an_edited_manifest_is_refused(run: Path, kind: str) -> None:
    edit(run, MANIFESTS[kind])
    refused(run)  # also where the facts are the same: the text is not


@pytest.mark.parametrize("kind", sorted(MANIFESTS.keys() - _STAYS))
def test_a_manifest_that_is_sealed_anew_is_refused(run: Path, kind: str) -> None:
    edit(run, MANIFESTS[kind])
    seal_again(run)
    if kind in ("a file less", "a file outside", "no files"):
        return  # the list is written anew with the seal: see the first test
    refused(run)


@pytest.mark.parametrize("kind", sorted(MANIFESTS.keys() - _STAYS))
def test_a_run_that_is_written_anew_does_not_pass(failed: Path, run: Path, kind: str) -> None:
    before = read_run(failed)
    edit(run, MANIFESTS[kind])
    tell_draws(run)
    seal_again(run)
    after = read_or_refused(run)
    if after is None:
        return
    assert after.status == Status.failed
    assert after.facts["gate"] == before.facts["gate"]
    assert after.facts["limits"] == before.facts["limits"]
    assert after.facts["digest"] != before.facts["digest"]
    assert after.facts["posterior_digest"] == before.facts["posterior_digest"]


def test_a_copy_is_what_it_was(failed: Path, run: Path) -> None:  # negative control
    assert read_run(run).facts == read_run(failed).facts
    tell_draws(run)
    seal_again(run)
    assert read_run(run).status == Status.failed


# --- tables ---------------------------------------------------------------------------------------
def _table(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / f"{name}.csv"
    change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)


def _added(name: str, more: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        first = rows.index[rows["estimator"] == "hazard model"][0]
        rows.loc[first, name] = str(float(rows.loc[first, name] or 0) + more)
        return rows

    return change


TABLES: dict[str, Callable[[Path], None]] = {
    "estimate": lambda run: _table(run, "estimates", _added("estimate", 0.5)),
    "sd": lambda run: _table(run, "estimates", _added("sd", -0.001)),
    "lower": lambda run: _table(run, "estimates", _added("lower", 0.001)),
    "upper": lambda run: _table(run, "estimates", _added("upper", 0.001)),
    "lower of a band": lambda run: _table(run, "estimates", _added("lower_simultaneous", 0.001)),
    "upper of a band": lambda run: _table(run, "estimates", _added("upper_simultaneous", -0.001)),
    "error of a band": lambda run: _table(run, "estimates", _added("simultaneous_mcse", -0.001)),
    "p_direction": lambda run: _table(run, "estimates", _added("p_direction", 0.4)),
    "mcse": lambda run: _table(run, "estimates", _added("mcse", -0.001)),
    "rows dropped": lambda run: _table(run, "estimates", lambda rows: rows.iloc[3:]),
    "no rows": lambda run: _table(run, "estimates", lambda rows: rows.iloc[:0]),
    "no columns": lambda run: _table(run, "estimates", lambda rows: rows[["exit"]]),
    "no flow": lambda run: _table(run, "flow", lambda rows: rows.iloc[:0]),
    "no priors": lambda run: (run / "priors.csv").write_bytes(b"") and None,
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_forged_table_is_refused(run: Path, kind: str) -> None:
    TABLES[kind](run)
    refused(run)
    seal_again(run)
    refused(run)
    tell_draws(run)
    seal_again(run)
    refused(run)


def test_a_fabricated_gate_is_not_read(failed: Path, run: Path) -> None:
    def passing(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(r_hat="1.0", ess_bulk="4000", ess_tail="4000", mcse_to_sd="0.01")

    _table(run, "gate", passing)
    refused(run)
    seal_again(run)
    refused(run)
    tell_draws(run)
    seal_again(run)
    found, gate = read_run(run), read_run(failed).gate
    assert found.status == Status.failed
    assert found.gate is not None
    assert gate is not None
    pd.testing.assert_frame_equal(found.gate.table, gate.table)


# --- draws ----------------------------------------------------------------------------------------
def _draws(folder: Path, change: Callable[[xr.DataTree], xr.DataTree]) -> None:
    path = folder / "posterior.nc"
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        loaded = tree.load()
    attributes = loaded.attrs
    changed = change(loaded)
    changed.attrs = attributes
    path.unlink()
    changed.to_netcdf(path, engine="h5netcdf")


def _without(tree: xr.DataTree, name: str) -> xr.DataTree:
    return tree.filter(lambda node: node.name != name)


def _moved(tree: xr.DataTree) -> xr.DataTree:
    tree["posterior"]["beta"].values[...] *= 0.1
    return tree


DRAWS: dict[str, Callable[[xr.DataTree], xr.DataTree]] = {
    "moved": _moved,
    "one chain": lambda tree: tree.isel(chain=[0]),
    "no draws": lambda tree: tree.isel(draw=slice(0)),
    "half of the draws": lambda tree: tree.isel(draw=slice(None, None, 2)),
    "no statistics": lambda tree: _without(tree, "sample_stats"),
    "no estimands": lambda tree: _without(tree, "estimands"),
    "no posterior": lambda tree: _without(tree, "posterior"),
    "NaN": lambda tree: tree.map_over_datasets(lambda node: node * np.nan),
    "text": lambda tree: tree.map_over_datasets(lambda node: node.astype(str)),
    "other names": lambda tree: tree.map_over_datasets(
        lambda node: node.rename({"draw": "other"} if "draw" in node.dims else {})
    ),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_forged_draws_are_refused_or_fail(failed: Path, run: Path, kind: str) -> None:
    _draws(run, DRAWS[kind])
    refused(run)
    seal_again(run)
    refused(run)
    tell_draws(run)
    seal_again(run)
    refused(run)  # the digest of the draws in the manifest is that of others
    if kind in ("no posterior", "no draws", "other names"):
        return
    own = content_digest(read_posterior(run))
    edit(run, lambda facts: facts.update(posterior_digest=own))
    seal_again(run)
    after = read_or_refused(run)
    if after is None:
        return
    assert after.status == Status.failed
    assert after.facts["posterior_digest"] != read_run(failed).facts["posterior_digest"]


ATTRIBUTES = {
    "parameters called labels": ("posterior", "coordinates", "beta"),
    "incidences called labels": ("estimands", "coordinates", "cumulative_incidence"),
    "lags called labels of a number": (
        "estimands/lag_coefficient",
        "coordinates",
        "cumulative_lag_effect",
    ),
    "statistics called labels": ("sample_stats", "coordinates", "diverging energy"),
    "scaled": ("posterior/beta", "scale_factor", 0.01),
    "moved": ("estimands/cumulative_incidence", "add_offset", 0.01),
    "dates": ("posterior/beta", "units", "days since 2000-01-01"),
}


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_an_attribute_of_the_draws_changes_nothing(failed: Path, run: Path, kind: str) -> None:
    place, name, value = ATTRIBUTES[kind]
    with h5py.File(run / "posterior.nc", "a") as file:
        file[place].attrs[name] = value
    tell_draws(run)
    seal_again(run)
    after = read_or_refused(run)
    assert after is None or after.facts["gate"] == read_run(failed).facts["gate"]


@pytest.mark.parametrize("kind", [kind for kind in ATTRIBUTES if "called" in kind])
def test_draws_that_are_called_labels_are_refused(
    run: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the digest of the draws is written anew; the control is without the rule."""
    place, name, value = ATTRIBUTES[kind]
    with h5py.File(run / "posterior.nc", "a") as file:
        file[place].attrs[name] = value
    with pytest.raises(IntegrityError, match="must hold draws of a run"):
        read_posterior(run)
    monkeypatch.setattr(draws_file, "_hides_draws", lambda _: False)
    read_posterior(run)


def test_groups_without_end_are_refused(run: Path) -> None:
    with h5py.File(run / "posterior.nc", "a") as file:
        file["posterior"]["again"] = file["/"]
    tell_draws(run)
    seal_again(run)
    refused(run)


def test_more_than_a_file_can_hold_is_refused(run: Path) -> None:
    with h5py.File(run / "posterior.nc", "a") as file:
        file["posterior"].create_dataset(
            "large", shape=(10**6, 10**6), dtype="f8", chunks=(1000, 1000)
        )
    tell_draws(run)
    seal_again(run)
    refused(run)


def test_coefficients_are_those_of_the_draws(run: Path) -> None:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows["quantity"] == "intercept", "estimate"] = "-2.0"
        return rows

    _table(run, "estimates", change)
    tell_draws(run)
    seal_again(run)
    refused(run)


def test_rows_that_no_draws_are_of_are_refused(run: Path) -> None:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        one = rows[rows["quantity"] == "cumulative_incidence"].iloc[[0]]
        return pd.concat([rows, one.assign(month="999")], ignore_index=True)

    _table(run, "estimates", change)
    tell_draws(run)
    seal_again(run)
    refused(run)


# --- published estimates --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PublishedFolder that did not pass the gate."""
    folder = tmp_path_factory.mktemp("forged") / "published"
    write_published(folder, small_published_posterior(np.random.default_rng(4), diverged=True))
    assert read_published(folder).status == Status.failed
    return folder


@pytest.fixture
def evidence(diverged: Path, tmp_path: Path) -> Path:
    return shutil.copytree(diverged, tmp_path / "published")


def test_a_prior_that_failed_cannot_be_left_out(evidence: Path) -> None:
    edit(evidence, lambda facts: (facts["priors"].pop("decay"), facts["gates"].pop("decay")))
    tell_draws(evidence)
    seal_again(evidence)
    with pytest.raises(IntegrityError, match="must be those of the draws"):
        read_published(evidence)


def test_estimates_under_a_prior_are_those_of_the_draws(evidence: Path) -> None:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index[-1], "estimate"] = "0.777"
        return rows

    _table(evidence, "estimates", change)
    tell_draws(evidence)
    seal_again(evidence)
    with pytest.raises(IntegrityError, match="must be those of the draws"):
        read_published(evidence)


def test_sealed_anew_as_it_was_it_is_read(evidence: Path) -> None:  # negative control
    tell_draws(evidence)
    seal_again(evidence)
    assert read_published(evidence).status == Status.failed


def test_another_unit_of_time_does_not_change_the_gate(failed: Path, run: Path) -> None:
    model = json.loads((run / "manifest.json").read_text(encoding="ascii"))["model"]
    model["table"]["unit"] = "day"
    digest = spec.ModelSpec.model_validate(model).digest
    edit(run, lambda facts: facts.update(model=model, model_digest=digest))
    tell_draws(run)
    seal_again(run)
    after = read_or_refused(run)
    assert after is None or after.facts["gate"] == read_run(failed).facts["gate"]


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"x" * 4096])
def test_what_is_no_file_of_draws_is_refused(run: Path, content: bytes) -> None:
    (run / "posterior.nc").write_bytes(content)
    refused(run)
    seal_again(run)
    refused(run)


def test_a_link_in_place_of_a_file_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "estimates.csv").rename(tmp_path / "elsewhere.csv")
    (run / "estimates.csv").symlink_to(tmp_path / "elsewhere.csv")
    refused(run)


def test_a_run_without_draws_says_so(run: Path) -> None:
    (run / "posterior.nc").unlink()
    found = read_run(run)
    assert found.status == Status.without_draws
    assert found.gate is None
    assert found.facts["gate"] is None
