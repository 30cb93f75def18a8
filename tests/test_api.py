"""What a statistician in a notebook does: a frame in, a fit, plots, a brief, and on in ArviZ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import arviz as az
import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pymc as pm
import pytest
import xarray as xr
from matplotlib import pyplot as plt

import hazard as hz
from hazard import spec
from hazard.errors import DesignError, SpecError, UsageError

COMMAND = (sys.executable, "-c", "from hazard.cli import main; main()")
OFFICES = ("North", "South", "East")


def job_seekers(rng: np.random.Generator, persons: int = 500) -> pd.DataFrame:
    """Persons by month, who find a job more often in a month on a course."""
    rows = []
    for person in range(persons):
        age, office = int(rng.integers(20, 60)), OFFICES[person % 3]
        for month in range(1, 9):
            course = int(rng.random() < 0.3)
            odds = np.exp([-2.5 + course, -3.0])
            chance = np.array([1.0, *odds]) / (1 + odds.sum())
            leave = ("stay", "job", "education")[rng.choice(3, p=chance)]
            rows.append((f"p{person}", month, leave, age, office, course))
            if leave != "stay":
                break
    return pd.DataFrame(rows, columns=["person", "month", "exit", "age", "office", "course"])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return job_seekers(np.random.default_rng(5))


@pytest.fixture(scope="module")
def panel(frame: pd.DataFrame) -> hz.Panel:
    return hz.panel(frame, "jobs")


@pytest.fixture(scope="module")
def fit(panel: hz.Panel) -> hz.Fit:
    return hz.fit(panel, "jobs", engine="laplace", draws=150, seed=1, show_progress=False)


@pytest.fixture(scope="module")
def small_panel(frame: pd.DataFrame) -> hz.Panel:
    return hz.panel(frame, SMALL)


@pytest.fixture(scope="module")
def sampled(small_panel: hz.Panel) -> hz.Fit:
    with pytest.warns(hz.ConvergenceWarning):  # too few draws for the gate, which says so
        return hz.fit(
            small_panel, SMALL, draws=150, tune=150, chains=2, seed=1, show_progress=False
        )


SMALL = spec.load(
    """
name = "small"
question = "Do job seekers who are on a course find work sooner?"
[outcome]
exits = ["job", "education"]
[[term]]
kind = "covariate"
column = "age"
prior = { family = "normal", scale = 0.1, reason = "an example only" }
[[term]]
kind = "group"
by = "office"
prior = { family = "pooled", scale = 0.5, reason = "an example only" }
[[term]]
kind = "lagged"
exposure = "course"
network = "own"
lags = [0, 1]
history_before_start = "zero"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""
)


# --- the door -----------------------------------------------------------------------------------
def test_names_are_few_and_all_there() -> None:
    assert len(hz.__all__) <= 20
    assert all(getattr(hz, name) is not None for name in hz.__all__)
    assert set(hz.__all__) <= set(dir(hz))
    with pytest.raises(AttributeError, match=r"^module 'hazard' has no attribute 'fits'$"):
        _ = hz.fits  # type: ignore[attr-defined]


def test_importing_is_cheap() -> None:
    code = "import sys, hazard; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pandas", "pymc", "matplotlib", "xarray"}.isdisjoint(done.stdout.split())


def test_version_is_that_of_the_package() -> None:
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"hazard {hz.__version__}\n"


# --- models -------------------------------------------------------------------------------------
def test_a_model_is_changed_by_making_another() -> None:
    model = hz.load_model("jobs")
    prior = {"family": "normal", "scale": 0.2, "reason": "an odds ratio beyond 1.5 is implausible"}
    other = model.with_prior("course_own", prior)
    assert (other.lagged[0].prior.family, model.lagged[0].prior.family) == (
        "normal",
        "autoregressive",
    )
    assert other.digest != model.digest
    assert other.with_prior("course_own", model.lagged[0].prior).digest == model.digest
    assert model.replace(question="What comes after a course?").outcome == model.outcome
    with pytest.raises(SpecError, match=r"Did you mean 'question'\?$"):
        model.replace(questoin="What comes after a course?")
    with pytest.raises(SpecError, match=r"^term must be one of model 'jobs'.* 'course_own'\?$"):
        model.with_prior("course_won", prior)
    with pytest.raises(SpecError, match="must be a mapping with family, scale and reason"):
        model.with_prior("age", "normal")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="scale must be at least 1e-09"):
        model.with_prior("course_own", {**prior, "scale": -1.0})


# --- a frame ------------------------------------------------------------------------------------
def test_frames_of_all_kinds_are_one_panel(
    frame: pd.DataFrame, panel: hz.Panel, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    shuffled = frame.sample(frac=1, random_state=1).set_index("office", append=True).reset_index(1)
    kinds = {
        "polars": pl.from_pandas(frame),
        "arrow": pa.Table.from_pandas(frame),
        "categories": frame.astype({"office": "category", "exit": "category"}),
        "nullable": frame.convert_dtypes(),
        "file": path,
        "name of a file": str(path),
    }
    for kind, table in kinds.items():
        other = hz.panel(table, "jobs")
        pd.testing.assert_frame_equal(other.frame, panel.frame, check_categorical=False), kind
        for name, values in panel.histories.items():
            xr.testing.assert_equal(other.histories[name], values)
    assert len(hz.panel(shuffled, "jobs").frame) == len(panel.frame)
    wrong = hz.panel(frame.assign(course=1 - frame["course"]), "jobs")  # negative control
    assert not wrong.histories["course_own"].equals(panel.histories["course_own"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"person": [1]}, r"^table must be a data frame in memory, .* got dict\.$"),
        (pd.DataFrame({"person": ["a", 1]}), "must hold values of one type each"),
        (pd.DataFrame({0: [1]}), "must have names that are text; got 1 that are not"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "must have different names; got a name twice"),
        ("no/such/file.csv", "table must exist"),
    ],
)
def test_what_is_no_table_is_one_sentence(data: object, said: str) -> None:
    with pytest.raises(hz.HazardError, match=said):
        hz.panel(data, "jobs")


def test_a_panel_of_another_model_is_refused(panel: hz.Panel) -> None:
    said = r"^panel must be made for model 'small'; it lacks .* lags of 'course_own'\. Call hz"
    for use in (hz.fit, hz.build_model, hz.sensitivity):
        with pytest.raises(UsageError, match=said):
            use(panel, SMALL)


def test_rows_of_another_choice_are_another_panel(panel: hz.Panel) -> None:
    """Of the same lags, and yet of other persons or with another history."""
    model = hz.load_model("jobs")
    term = next(each for each in model.term if each.name == "course_own")
    missing = term.model_copy(update={"history_before_start": "missing"})
    others = [
        model.replace(only={"office": "o1"}),
        model.replace(term=[missing if each is term else each for each in model.term]),
    ]
    for other in others:
        with pytest.raises(UsageError, match="something else of rows"):
            hz.fit(panel, other, engine="laplace")
    prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    hz.build_model(panel, model.with_prior("course_own", prior))  # the control: the same rows


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "lapalce"}, "engine must be one of .* Did you mean 'laplace'"),
        ({"engine": "laplace", "draws": 0}, "draws must be 1 or more; got 0"),
        ({"engine": "laplace", "seed": -1}, "seed must be 0 or more; got -1"),
    ],
)
def test_settings_are_refused_before_anything_is_fitted(
    panel: hz.Panel, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        hz.fit(panel, "jobs", **settings)
    if "draws" not in settings:
        with pytest.raises(UsageError, match=said):
            hz.sensitivity(panel, "jobs", **settings)


def test_a_frame_is_no_panel(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"what hz.panel\(data, model\) gives; got a DataFrame"):
        hz.fit(frame, "jobs", engine="laplace")  # type: ignore[arg-type]


def test_an_example_needs_no_data() -> None:
    assert hz.panel(None, "rossi").frame["person"].nunique() == 432


def test_a_panel_shows_itself(frame: pd.DataFrame, panel: hz.Panel) -> None:
    assert repr(panel).startswith(f"<hazard.Panel of {len(frame):,} rows, 500 persons, ")
    assert "course_own_1" in panel.head(2)
    assert len(panel.head(2)) == 2
    assert panel.check().empty
    assert "in the panel" in panel._repr_html_()
    hostile = hz.panel(frame, spec.load(DROPS))
    assert hostile.check()["kind"].tolist() == []


DROPS = (
    (spec.models_folder() / "jobs.toml")
    .read_text(encoding="utf-8")
    .replace('layout = "rows"', 'layout = "rows"\nincomplete = "drop"')
)


def test_what_was_left_out_is_counted(frame: pd.DataFrame) -> None:
    gap = frame.assign(age=frame["age"].where(frame["person"] != "p7").astype("Int64"))
    found = hz.panel(gap, spec.load(DROPS)).check()
    assert found[["kind", "persons"]].to_numpy().tolist() == [["left out", 1]]


# --- a fit --------------------------------------------------------------------------------------
def test_a_fit_shows_itself(fit: hz.Fit) -> None:
    assert repr(fit) == "<hazard.Fit of 'jobs': laplace, approximate>"
    page = fit._repr_html_()
    assert "Do job seekers who are on a course find work sooner" in page
    assert "risk_difference" in page


def test_a_summary_is_rows_of_the_estimates(fit: hz.Fit) -> None:
    found = fit.summary("course_own")
    assert set(found["quantity"]) == {"lag_coefficient", "cumulative_lag_effect"}
    assert len(found) == 2 * (4 + 1)
    curve = fit.posterior["estimands"]["lag_coefficient"].sel(term="course_own", exit="job")
    assert found.loc[found["exit"].eq("job"), "estimate"].to_numpy()[:4] == pytest.approx(
        curve.mean(("chain", "draw")).to_numpy(), rel=1e-12
    )
    assert fit.summary()["month"].max() == 12
    with pytest.raises(UsageError, match=r"^term must be one of .* Did you mean 'office'\?$"):
        fit.summary("ofice")


def test_plots_draw_on_the_axes_that_they_are_given(fit: hz.Fit) -> None:
    with mpl.rc_context({"figure.max_open_warning": 0}):
        for draw in (
            fit.plot.lags,
            fit.plot.incidence,
            fit.plot.predictive,
            fit.plot.priors,
            fit.plot.groups,
        ):
            _, ax = plt.subplots()
            assert draw(ax=ax) is ax
            assert ax.has_data()
            assert draw() is not ax
        plt.close("all")


def test_shapes_stand_beside_their_prior(panel: hz.Panel, tmp_path: Path) -> None:
    """By symmetry the prior puts the peak of four lags at the first two in half of the draws."""
    early = {"kind": "lag_shape", "name": "early", "term": "course_own"}
    early |= {"shape": [{"kind": "peak", "lags": (0, 1)}]}
    model = hz.load_model("jobs").replace(estimand=[{"kind": "lag_curve"}, early])
    fit = hz.fit(panel, model, engine="laplace", draws=150, seed=1, show_progress=False)
    shapes = fit.shapes()
    assert shapes[["estimand", "term"]].to_numpy().tolist() == [["early", "course_own"]] * 2
    curves = fit.posterior["estimands"]["lag_coefficient"].sel(term="course_own")
    peak = curves.idxmax("lag") <= 1
    assert shapes["probability"].tolist() == pytest.approx(peak.mean(["chain", "draw"]).values)
    assert (abs(shapes["prior_probability"] - 0.5) < 5 * shapes["prior_mcse"]).all()
    assert abs(shapes["probability"][0] - 0.5) > 5 * shapes["mcse"][0]  # negative control
    assert not fit.summary("course_own")["quantity"].str.contains("shape").any()
    pd.testing.assert_frame_equal(hz.load(fit.save(tmp_path / "run")).shapes(), shapes)


def test_lags_are_drawn_where_the_estimates_are(fit: hz.Fit) -> None:
    ax = fit.plot.lags("course_own")
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    table = fit.summary("course_own")
    table = table[table["quantity"].eq("lag_coefficient")]
    for exit_name, rows in table.groupby("exit"):
        np.testing.assert_array_equal(drawn[exit_name], rows["estimate"].to_numpy(dtype=float))
    bands = fit.estimates[fit.estimates["lower_simultaneous"].notna()]
    light = [bar for bar in ax.collections if bar.get_alpha()]
    lower = [float(path.vertices[0, 1]) for bar in light for path in bar.get_paths()]
    assert lower == pytest.approx(bands["lower_simultaneous"].tolist())
    plt.close("all")
    with pytest.raises(UsageError, match=r"^term must be one of \['course_own'\]; got 'course'"):
        fit.plot.lags("course")


def test_a_fit_comes_back_from_its_folder(fit: hz.Fit, panel: hz.Panel, tmp_path: Path) -> None:
    again = hz.load(fit.save(tmp_path / "run"))
    assert again.summary().to_csv() == fit.summary().to_csv()
    xr.testing.assert_equal(again.draws, fit.draws)
    with pytest.raises(UsageError, match="must be given its rows, which no folder holds"):
        again.inference_data()
    assert again.on(panel).design.exits == ("job", "education")
    with pytest.raises(UsageError, match=r"what hz.panel\(data, model\) gives; got a DataFrame"):
        again.on(panel.frame)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="panel must have the column 'house'"):
        fit.inference_data("house")
    with pytest.raises(DesignError, match="must be those that run 'run' was made from"):
        again.on(hz.panel(job_seekers(np.random.default_rng(6)), "jobs"))
    with pytest.raises(UsageError, match="must not exist yet"):
        fit.save(tmp_path / "run")


def test_a_brief_is_the_same_from_memory_and_from_the_folder(fit: hz.Fit, tmp_path: Path) -> None:
    page = fit.brief("en")
    path = page.save(tmp_path / "a.html")
    assert path.read_text(encoding="utf-8") == page.html
    again = hz.load(fit.save(tmp_path / "run")).brief("en").html
    rest = [html.split('id="table-settings"')[0] for html in (page.html, again)]
    assert rest[0] == rest[1]
    with pytest.raises(UsageError, match="must not exist yet"):
        page.save(path)


def test_the_command_line_is_the_same_fit(fit: hz.Fit, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_parquet(tmp_path / "table.parquet")
    words = ["run", "jobs", "--panel", "table.parquet", "--engine", "laplace", "--draws", "150"]
    subprocess.run(
        [*COMMAND, *words, "--seed", "1", "--out", "run"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    xr.testing.assert_equal(hz.load(tmp_path / "run").draws, fit.draws)


def test_simulated_registers_are_a_panel(tmp_path: Path) -> None:
    folder = hz.simulate(tmp_path / "registers", size="small", seed=3)
    found = hz.panel(folder, "oslo2016")
    assert found.source == "simulated registers"
    with pytest.raises(UsageError, match="must not exist yet"):
        hz.simulate(folder)


def test_sensitivity_is_a_table(panel: hz.Panel) -> None:
    found = hz.sensitivity(panel, "jobs", seed=1)
    assert {"model", "normal", "horseshoe"} <= set(found.table["prior"])
    assert set(found.summary()["quantity"]) <= {"cumulative_lag_effect", "risk_difference"}
    assert len(found.plot().get_yticks()) == len(found.cells)


# --- on in ArviZ --------------------------------------------------------------------------------
def test_leaving_a_person_out(fit: hz.Fit) -> None:
    tree = fit.inference_data(by="person")
    found = az.loo(tree, pointwise=True)
    assert found.n_data_points == 500
    total = fit.posterior["log_likelihood"]["total"]
    by_person = tree["log_likelihood"]["exits"].sum("unit")
    np.testing.assert_allclose(by_person.to_numpy(), total.to_numpy(), rtol=1e-12)
    with pytest.warns(UserWarning, match="Estimated shape parameter of Pareto"):
        offices = az.loo(fit.inference_data(by="office"), pointwise=True)
    assert offices.n_data_points == 3
    assert offices.elpd != pytest.approx(found.elpd, abs=1e-6)


def test_power_scaling(fit: hz.Fit, panel: hz.Panel) -> None:
    """Where the prior of a term is tight, its posterior depends on the prior more than it did."""
    tight = hz.load_model("jobs").with_prior(
        "age", {"family": "normal", "scale": 0.001, "reason": REASON}
    )
    other = hz.fit(panel, tight, engine="laplace", draws=150, seed=1, show_progress=False)
    asked = {"var_names": ["beta_age"], "prior_var_names": ["age"], "round_to": 9}
    wide, narrow = (az.psense_summary(each.posterior, **asked) for each in (fit, other))
    assert list(wide.columns) == ["prior", "likelihood", "diagnosis"]
    assert (narrow["prior"] > 5 * wide["prior"]).all()
    assert (narrow["likelihood"] < wide["likelihood"]).all()


def test_log_priors_are_those_of_the_model(fit: hz.Fit, panel: hz.Panel) -> None:
    """By pencil: normal of the age, autoregression of the lags, half-normal of the offices' sd."""
    prior, draws = fit.posterior["log_prior"], fit.draws
    age = draws["beta_age"].squeeze()
    np.testing.assert_allclose(
        prior["age"].squeeze(), -0.5 * ((age / 0.1) ** 2).sum("exit"), rtol=1e-9
    )
    np.testing.assert_allclose(
        prior["office"].squeeze(),
        -0.5 * ((draws["sigma_office"].squeeze() / 0.5) ** 2).sum("exit"),
        rtol=1e-9,
    )
    curve = draws["beta_course_own"].squeeze()
    before = curve.shift(course_own_level=1)  # each is 0.8 of the one before and a step of sd 0.6
    steps = ((curve - 0.8 * before) / 0.6).isel(course_own_level=slice(1, None))
    density = -0.5 * ((curve.isel(course_own_level=0) / 1.0) ** 2).sum("exit")
    density = density - 0.5 * (steps**2).sum(("exit", "course_own_level"))
    np.testing.assert_allclose(prior["course_own"].squeeze(), density, rtol=1e-6)
    assert not np.allclose(prior["age"].squeeze(), -0.5 * (age**2).sum("exit"))  # the control


def test_replicates_beside_what_was_observed(fit: hz.Fit) -> None:
    tree = fit.inference_data()
    az.plot_ppc_dist(tree, backend="matplotlib", kind="ecdf")
    plt.close("all")
    drawn, seen = tree["posterior_predictive"]["exits"], tree["observed_data"]["exits"]
    share = (drawn == 1).mean("row")
    sd = float(share.std())
    assert abs(float((seen == 1).mean()) - float(share.mean())) < 5 * sd
    shifted = (drawn == 2).mean("row")  # the control: the other exit
    assert abs(float((seen == 1).mean()) - float(shifted.mean())) > 5 * float(shifted.std())


def labelled(draws: xr.Dataset) -> dict[str, float]:
    """Posterior means by the labels that ArviZ gives to elements, without ArviZ."""
    means = {}
    for name, values in draws.mean(("chain", "draw")).data_vars.items():
        for place in np.ndindex(*values.shape):
            element = values[dict(zip(values.dims, place, strict=True))]
            labels = [str(element[dim].item()) for dim in values.dims]
            means[f"{name}[{', '.join(labels)}]" if labels else str(name)] = element.item()
    return means


def test_every_number_of_a_summary_has_its_label(fit: hz.Fit) -> None:
    """Of all variables at once: ArviZ stacks them in one order of dimensions."""

    def wrong(draws: xr.Dataset) -> int:
        found = az.summary(xr.DataTree.from_dict({"posterior": draws}), round_to="none")["mean"]
        expected = labelled(draws)
        assert set(found.index) == set(expected)
        return sum(abs(found[name] - mean) > 1e-9 for name, mean in expected.items())

    draws = fit.posterior["posterior"].to_dataset()
    assert wrong(draws) == 0
    assert wrong(fit.inference_data()["posterior"].to_dataset()) == 0
    assert wrong(draws.transpose("chain", "draw", ..., "exit")) > 0  # the control: exit at the end
    assert az.psense_summary(fit.posterior).index.tolist() == list(labelled(draws))


def test_summaries_and_traces(fit: hz.Fit) -> None:
    table = az.summary(fit.posterior, var_names=["beta_age"])
    assert len(table) == 2
    az.plot_forest(fit.posterior, var_names=["beta_course_own"], backend="matplotlib")
    az.plot_trace_dist(fit.posterior, var_names=["beta_age"], backend="matplotlib")
    plt.close("all")


@pytest.mark.parametrize("engine", ["nuts", "laplace"])
def test_draws_go_on_in_pymc(sampled: hz.Fit, small_panel: hz.Panel, engine: str) -> None:
    """Replicates by PyMC are those of the posterior, and not of the prior."""
    approximate = hz.fit(small_panel, SMALL, engine="laplace", draws=150, show_progress=False)
    fit = sampled if engine == "nuts" else approximate
    quick = {"mode": "FAST_COMPILE"}
    with hz.build_model(small_panel, SMALL):
        tree = fit.inference_data()
        found = pm.sample_posterior_predictive(
            fit.pymc_draws(),  # builds a model of its own, inside this one
            random_seed=1,
            progressbar=False,
            compile_kwargs=quick,
        )
        prior = pm.sample_prior_predictive(200, random_seed=1, compile_kwargs=quick)
    exits = found["posterior_predictive"]["exits"]
    for code in (1, 2):
        theirs = (exits == code).mean("row")
        own = (tree["posterior_predictive"]["exits"] == code).mean("row")
        error = np.hypot(float(theirs.std()), float(own.std())) / np.sqrt(own.size)
        assert abs(float(theirs.mean()) - float(own.mean())) < 5 * error
    wild = (prior["prior_predictive"]["exits"] == 1).mean("row")  # the control
    assert float(wild.std()) > 5 * float((exits == 1).mean("row").std())


def test_normals_give_back_the_coefficients(small_panel: hz.Panel) -> None:
    """Of a correlated group and of a random walk, by the graph of PyMC."""
    model = SMALL.with_prior("office", CORRELATED).with_prior("course_own", WALK)
    fit = hz.fit(small_panel, model, engine="laplace", draws=4, show_progress=False)
    tree = fit.pymc_draws()
    sd = fit.draws["sigma_office"].squeeze()
    r = fit.draws["correlation_office"].squeeze().sel(exit="job", other_exit="education")
    by_pencil = -0.5 * ((sd / 0.5) ** 2).sum("exit") + (3.0 - 1) * np.log(1 - r**2)
    stated = fit.posterior["log_prior"]["office"].squeeze()
    np.testing.assert_allclose(stated, by_pencil, rtol=1e-9)
    assert not np.allclose(stated, by_pencil - np.log(1 - r**2), rtol=1e-6)  # the control
    graph = hz.build_model(small_panel, model)
    names = ["u_office", "beta_course_own", "correlation_office"]
    values = [graph[name] for name in ("intercept", *FREE)]
    function = graph.compile_fn(
        [graph[name] for name in names],
        inputs=values,
        on_unused_input="ignore",
        mode="FAST_COMPILE",
    )
    for draw in range(4):
        at = tree["posterior"].to_dataset().isel(chain=0, draw=draw)
        found = function({v.name: at[v.name].to_numpy() for v in values})
        for name, expected in zip(names, found, strict=True):
            np.testing.assert_allclose(at[name].to_numpy(), expected, rtol=1e-6, atol=1e-9)
        shifted = function({v.name: at[v.name].to_numpy() + 0.1 for v in values})  # the control
        assert not np.allclose(at["u_office"].to_numpy(), shifted[0], rtol=1e-2)


FREE = ("z_age", "sigma_office", "partial_office", "z_office", "z_course_own")
REASON = "an example only"
CORRELATED = {"family": "correlated", "scale": 0.5, "concentration": 3.0, "reason": REASON}
WALK = {"family": "random_walk", "start": 1.0, "scale": 0.5, "reason": REASON}


def test_a_sampler_in_jax_draws_the_same_posterior(sampled: hz.Fit, small_panel: hz.Panel) -> None:
    """Means of numpyro and of nutpie, within five Monte Carlo errors; a shifted one is not."""
    with hz.build_model(small_panel, SMALL):
        drawn = pm.sample(
            draws=400,
            tune=400,
            chains=2,
            random_seed=3,
            progressbar=False,
            nuts_sampler="numpyro",
            nuts={"chain_method": "vectorized"},
        )["posterior"]
    for name in ("beta_age", "beta_course_own"):
        ours, theirs = (each[name] for each in (sampled.draws, drawn))
        error = np.hypot(*(az.mcse(each).to_numpy() for each in (ours, theirs)))
        apart = np.abs(ours.mean(("chain", "draw")) - theirs.mean(("chain", "draw"))).to_numpy()
        assert (apart < 5 * error).all()
        shift = theirs.std(("chain", "draw")).to_numpy()
        assert (apart + shift > 5 * error).all()  # the control


def test_the_brief_says_what_makes_it_again(fit: hz.Fit, panel: hz.Panel) -> None:
    assert "hazard run jobs --panel TABLE --out RUN" in fit.brief("en").html
    other = hz.load_model("jobs").replace(question="What comes after a course, and when?")
    changed = hz.fit(panel, other, engine="laplace", draws=20, show_progress=False)
    assert "hazard run MODEL.toml --panel TABLE --out RUN" in changed.brief("en").html
