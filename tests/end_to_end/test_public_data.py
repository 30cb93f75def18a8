"""Public data, or panels of their structure: what `hazard run` and `hazard survival` let one read.

Every number is taken from what a user reads: ``estimates.csv``, ``cox.csv``, ``incidence.csv``, the
file of ``hazard tables`` and the page of ``hazard brief``. Where the data are at hand it is set
beside what was published; elsewhere the panel is drawn from known hazards, of the structure of the
liver transplants (three exits by blood type), of the federal judges (years, late entry), of spells
without work (fortnights, two exits), of the prostate cancer trial (causes of death by treatment)
and of the Stanford heart transplants (a treatment that goes on once it has begun).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import public_data
from classical_panels import PRIOR, TERM, reference
from hazard import cli
from hazard.arrays import FloatArray
from small_pages import cells, printed

LOGIT, MODEL = "multinomial logit", "hazard model"
DRAWS = 200
# Standard errors within which a number lies that was drawn with a known truth.
SURE = 5.0
# The reference holds intervals without exits by a prior of a thousand standard deviations, which
# moves a covariate by less than a millionth.
HAIR = 1e-5
PRINTED = 0.5e-4
"""Half a unit of the last digit that Singer and Willett print."""


@dataclass(frozen=True)
class Read:
    """What a user reads of a run: its estimates, the table of covariates and the brief."""

    folder: Path
    estimates: pd.DataFrame
    table: pd.DataFrame
    page: str


def command(*arguments: object) -> str:
    """Output of a command that ends well."""
    done = CliRunner().invoke(cli.app, [str(each) for each in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def run(model: str | Path, panel: Path, folder: Path) -> Read:
    """Files of the commands run, tables and brief."""
    few = ("--engine", "laplace", "--draws", DRAWS, "--chains", 1)
    command("run", model, "--panel", panel, "--out", folder / "run", *few)
    command("tables", folder / "run", "--kind", "covariates", "--out", folder / "table.csv")
    command("brief", folder / "run", "--lang", "en", "--out", folder / "brief.html")
    read = {"keep_default_na": False, "na_values": [""], "dtype": {"level": str}}
    return Read(
        folder=folder,
        estimates=pd.read_csv(folder / "run" / "estimates.csv", low_memory=False, **read),
        table=pd.read_csv(folder / "table.csv", **read),
        page=(folder / "brief.html").read_text(encoding="utf-8"),
    )


def drawn_by(text: str) -> np.random.Generator:
    """Generator of a fixture, from its name."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


# --- reading ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Place:
    """Where a coefficient stands: its exit and term, its level, and what the brief calls them."""

    exit: str
    term: str
    row: str
    level: str | None = None
    label: str = ""


def one(rows: pd.DataFrame, **where: object) -> pd.Series:
    """The only row of some labels."""
    for name, wanted in where.items():
        rows = rows[rows[name].isna() if wanted is None else rows[name].eq(wanted)]
    assert len(rows) == 1, where
    return rows.iloc[0]


def estimate(read: Read, place: Place, estimator: str) -> pd.Series:
    """Row of a coefficient in estimates.csv."""
    where = {"exit": place.exit, "term": place.term, "level": place.level}
    return one(read.estimates, estimator=estimator, quantity="coefficient", **where)


def in_brief(page: str, name: str, place: Place) -> list[str]:
    """Cells of a coefficient in a table of the brief, after its labels."""
    label = ""
    for row in cells(page, name):
        if len(row) == 5:
            label = row[0]
        if label == (place.label or place.exit) and row[-4] == place.row:
            return row[-3:]
    raise AssertionError(place)


def misprinted(read: Read, place: Place) -> list[str]:
    """Numbers of the table or of the brief that are not those of estimates.csv."""
    problems = []
    names = {MODEL: "hazard_model", LOGIT: "mnlogit"}
    shown = in_brief(read.page, "table-covariates", place)
    for (estimator, short), text in zip(names.items(), shown, strict=False):
        row = estimate(read, place, estimator)
        exact = row[["estimate", "lower", "upper"]].to_numpy(dtype=float)
        beside = one(read.table, exit=place.exit, term=place.term, level=place.level)
        own = [beside[f"{short}_{end}"] for end in ("estimate", "lower", "upper")]
        if not np.array_equal(exact, own):
            problems.append(f"tables: {estimator} {own}")
        if unlike(text, np.exp(exact)):
            problems.append(f"brief: {estimator} {text}")
    return problems


def unlike(text: str, exact: FloatArray) -> bool:
    """Whether an estimate with its interval is another than the exact one, rounded as printed."""
    unit = 10.0 ** -len(text.split(maxsplit=1)[0].partition(".")[2])
    return not np.allclose(printed(text), exact, rtol=0, atol=0.5001 * unit)


def far(read: Read, place: Place, wanted: Mapping[str, tuple[float, float]]) -> list[str]:
    """Estimators whose coefficient is farther from a value than its tolerance allows."""
    found = {name: estimate(read, place, name)["estimate"] for name in wanted}
    return [
        f"{place} {name}: {found[name]:.5f} for {value:.5f}"
        for name, (value, tolerance) in wanted.items()
        if not abs(found[name] - value) <= tolerance
    ]


def allowed(read: Read, place: Place, steps: Sequence[float]) -> dict[str, float]:
    """How far from the published value the two estimators may be.

    ``steps``, as another program finds them, lead from the published coefficient to the maximum of
    the discrete likelihood (months and intervals), to that under the priors, and to the mean of
    that posterior, to first order. The logit may differ by the first step; the estimate of the
    hazard model, which lies between the last two and a Monte Carlo error around, by all.
    """
    months, priors, lean = np.abs(np.diff(steps)).tolist()
    noise = SURE * estimate(read, place, MODEL)["mcse"]
    return {LOGIT: months + HAIR, MODEL: months + priors + lean + noise + HAIR}


# --- MGUS and AIDS: published cause-specific Cox models -----------------------------------------
PLACES = {
    ("mgus2", "age"): ("Age, one more", None),
    ("mgus2", "sex"): ("Sex: M, against F", "M"),
    ("aidssi", "ccr5"): ("Ccr5: WM, against WW", "WM"),
}
LABELS = {
    "pcm": "Progressed to malignancy (pcm)",
    "death": "Died",
    "died": "Died",
    "retired": "Retired",
    "SI": "SI phenotype",
}


@pytest.fixture(scope="module", params=["mgus2", "aidssi"])
def causes(
    request: pytest.FixtureRequest,
    public: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Read]:
    name = request.param
    return name, run(name, public(name), tmp_path_factory.mktemp(name))


def against_published(read: Read, rows: pd.DataFrame) -> list[str]:
    problems = []
    for row in rows.itertuples():
        text, level = PLACES[row.data, row.term]
        place = Place(row.exit, row.term, text, level, LABELS.get(row.exit, row.exit))
        steps = (row.cox, row.discrete, row.penalised, row.mean)
        tolerance = allowed(read, place, steps)
        assert max(tolerance.values()) < row.cox_error  # or the test could hardly fail
        problems += far(read, place, {name: (row.cox, t) for name, t in tolerance.items()})
        lean, noise = abs(row.mean - row.penalised), SURE * estimate(read, place, MODEL)["mcse"]
        exact = {LOGIT: (row.discrete, HAIR), MODEL: (row.penalised, lean + noise + HAIR)}
        problems += far(read, place, exact) + misprinted(read, place)
        error = estimate(read, place, LOGIT)["sd"]
        if error != pytest.approx(row.discrete_error, rel=1e-3):
            problems.append(f"{place}: error {error:.5f} for {row.discrete_error:.5f}")
    return problems


def test_reference_published_coefficients_of_two_causes(causes: tuple[str, Read]) -> None:
    name, read = causes
    rows = reference("public", data=name)
    assert against_published(read, rows) == []
    swapped = rows.assign(exit=rows["exit"].to_numpy()[::-1])  # negative control
    assert len(against_published(read, swapped)) >= 2 * len(rows) - 2


# --- Rossi and first intercourse: one exit, published coefficients ------------------------------
def slopes(eta: FloatArray, left: FloatArray, link: str) -> FloatArray:
    """Derivative of the log-likelihood of every row in its linear predictor."""
    odds = np.exp(eta)
    if link == "logit":
        return left - odds / (1 + odds)
    p = -np.expm1(-odds)
    return (left - p) * odds / p


def maximum(
    x: FloatArray, left: FloatArray, link: str, precision: FloatArray, middle: float
) -> tuple[FloatArray, FloatArray]:
    """Maximum of a binary likelihood under normal priors, and from there to the mean.

    ``precision`` is that of the priors, 0 for none; their mean is 0, of the intercept ``middle``.
    The mean is off, to first order, by half of the third derivatives of the log-likelihood,
    contracted with the covariance; derivatives are differences of the slopes.
    """
    mean = np.zeros(x.shape[1])
    mean[0] = middle
    b, e = mean.copy(), 1e-3
    for _ in range(100):
        near = [slopes(x @ b + off, left, link) for off in (-e, 0.0, e)]
        bend = (near[0] - near[2]) / (2 * e)
        covariance = np.linalg.inv((x * bend[:, None]).T @ x + precision)
        step = covariance @ (x.T @ near[1] - precision @ (b - mean))
        b += step
        if np.abs(step).max() < 1e-10:
            third = (near[0] - 2 * near[1] + near[2]) / e**2
            variance = ((x @ covariance) * x).sum(axis=1)
            return b, 0.5 * covariance @ (x.T @ (third * variance))
    raise AssertionError("Newton steps do not settle")


def prisoners() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows of released prisoners by week, with the work of the week before, and the priors."""
    raw = public_data.rossi()
    rows = []
    for person in raw.to_dict("records"):
        own = [person["fin"] == "yes", person["age"], person["race"] != "black"]
        own += [person["wexp"] == "yes", person["mar"] != "married", person["paro"] == "yes"]
        for week in range(2, person["week"] + 1):
            quarter = [start <= week < start + 13 for start in (14, 27)] + [week >= 40]
            ends = week == person["week"] and person["arrest"] == 1
            before = person[f"emp{week - 1}"] == "yes"
            rows.append([1.0, *quarter, *own, person["prio"], before, ends])
    matrix = np.array(rows, dtype=float)
    matrix[:, 5] -= raw["age"].mean()
    matrix[:, 10] -= raw["prio"].mean()
    steps = np.array([[1.0, 0, 0], [-1, 1, 0], [0, -1, 1]]) / 0.5
    scales = np.array([1.0, 0.25, 1, 1, 1, 1, 0.5, 2.5])
    precision = np.zeros((12, 12))
    precision[0, 0] = 2.5**-2
    precision[1:4, 1:4] = steps.T @ steps
    precision[4:, 4:] = np.diag(scales**-2.0)
    return matrix[:, :-1], matrix[:, -1], precision


def test_reference_work_of_the_week_before(public: Callable[[str], Path], tmp_path: Path) -> None:
    """Fox and Weisberg print -0.787 (0.218); for work in the same week -1.328."""
    read = run("rossi_employment", public("rossi"), tmp_path)
    rows = read.estimates[read.estimates["quantity"].eq("lag_coefficient")]
    found = {name: one(rows, estimator=name, lag=1) for name in (LOGIT, MODEL)}
    x, left, precision = prisoners()
    assert len(left) == 19_377
    plain = maximum(x, left, "cloglog", 0 * precision, -5.0)[0][-1]
    pulled, lean = (each[-1] for each in maximum(x, left, "cloglog", precision, -5.0))
    months, noise = abs(plain + 0.7869), abs(lean) + SURE * found[MODEL]["mcse"]
    tolerance = {LOGIT: months, MODEL: months + abs(pulled - plain) + noise}
    for name, exact in ((LOGIT, plain), (MODEL, pulled)):
        near = 0.0 if name == LOGIT else noise
        assert found[name]["estimate"] == pytest.approx(exact, abs=near + HAIR)
        assert found[name]["estimate"] == pytest.approx(-0.7869, abs=tolerance[name] + HAIR)
        same_week = -1.3283  # negative control: the lag off by one
        assert abs(found[name]["estimate"] - same_week) > tolerance[name]
    assert found[LOGIT]["sd"] == pytest.approx(0.2181, rel=0.02)
    [row] = [row for row in cells(read.page, "table-employed_own") if row[-4] == "1"]
    for name, text in zip((MODEL, LOGIT), row[-3:], strict=False):
        exact = np.exp(found[name][["estimate", "lower", "upper"]].astype(float))
        assert not unlike(text, exact.to_numpy())
    place = Place("arrest", "fin", "Financial aid (fin): yes, against no", "yes", "Arrested again")
    assert misprinted(read, place) == []


def test_reference_first_intercourse(public: Callable[[str], Path], tmp_path: Path) -> None:
    """Table 11.3 of Singer and Willett: .6605 (.2367) and .2964 (.1254)."""
    read = run("first_sex", public("first_sex"), tmp_path)
    raw = public_data.first_sex()
    rows = raw.loc[raw.index.repeat(raw["grade"] - 6)].reset_index(drop=True)
    grade = 7 + rows.groupby("id").cumcount().to_numpy()
    columns = ["parental_transition", "parental_antisociality"]
    levels = [grade == g for g in range(8, 13)]
    x = np.column_stack([np.ones(len(rows)), *levels, rows[columns] - raw[columns].mean()])
    left = 1.0 * ((grade == rows["grade"]) & (rows["censor"] == 0)).to_numpy()
    prior = np.eye(8) / 2.5**2
    plain, _ = maximum(x.astype(float), left, "logit", 0 * prior, 0.0)
    pulled, lean = maximum(x.astype(float), left, "logit", prior, -2.0)
    found = np.column_stack([plain, pulled, np.abs(lean)])[-2:].tolist()
    texts = ("Parental_transition: 1, against 0", "Parental_antisociality, one more")
    published = zip(columns, texts, (0.6605, 0.2964), (0.2367, 0.1254), found, strict=True)
    for column, text, value, error, (own, shrunk, leans) in published:
        place = Place("first_sex", column, text, label="First intercourse")
        noise = leans + SURE * estimate(read, place, MODEL)["mcse"] + HAIR
        assert own == pytest.approx(value, abs=PRINTED)
        assert far(read, place, {LOGIT: (value, PRINTED), MODEL: (shrunk, noise)}) == []
        assert far(read, place, {MODEL: (value, abs(shrunk - value) + noise)}) == []
        assert estimate(read, place, LOGIT)["sd"] == pytest.approx(error, abs=PRINTED)
        assert misprinted(read, place) == []
        alone = {"parental_transition": 0.8736, "parental_antisociality": 0.4428}[column]
        assert far(read, place, {LOGIT: (alone, PRINTED)})  # negative control: without the other


# --- panels with known hazards ------------------------------------------------------------------
HEAD = 'name = "drawn"\nquestion = "Who leaves how, of persons whose hazards are known?"\n'


@dataclass(frozen=True)
class Known:
    """Hazards exp(level + effect * z) of every exit, constant, per period that begins at risk."""

    exits: tuple[str, ...]
    levels: tuple[float, ...]
    effects: Mapping[str, tuple[float, ...]]

    def rates(self, z: Mapping[str, FloatArray]) -> FloatArray:
        """Rates of persons, shape (person, exit)."""
        eta = [np.outer(z[name], effect) for name, effect in self.effects.items()]
        return np.exp(np.array(self.levels) + sum(eta))

    def incidence(self, z: Mapping[str, FloatArray], period: int) -> FloatArray:
        """Probability of having left through each exit by a period, shape (person, exit)."""
        rates = self.rates(z)
        total = rates.sum(axis=1, keepdims=True)
        return rates / total * -np.expm1(-period * total)

    def drawn(
        self, z: Mapping[str, FloatArray], last: int, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Periods and exits of persons who are followed to the period ``last``."""
        rates = self.rates(z)
        total = rates.sum(axis=1)
        time = np.ceil(rng.exponential(1 / total)).astype(int)
        share = rates.cumsum(axis=1) / total[:, None]
        which = (rng.random(len(total))[:, None] > share).sum(axis=1)
        names = np.array([*self.exits, "going on"])
        how = names[np.where(time <= last, which, len(self.exits))]
        person = np.arange(len(total))
        ends = {"person": person, "time": np.minimum(time, last), "how": how}
        return pd.DataFrame({**ends, **z})

    def swapped(self) -> Known:
        """The same hazards with the first two exits under the names of one another."""
        order = [1, 0, *range(2, len(self.exits))]
        effects = {name: tuple(each[j] for j in order) for name, each in self.effects.items()}
        return Known(self.exits, tuple(self.levels[j] for j in order), effects)


@dataclass(frozen=True)
class Study:
    """A panel to be drawn: its hazards, a column of levels (the first the reference), its unit."""

    known: Known
    unit: str
    column: str
    levels: tuple[str, ...]
    persons: int
    last: int
    month: int

    def dummies(self, level: npt.NDArray[np.str_]) -> dict[str, FloatArray]:
        """Columns of the levels but the reference."""
        return {name: 1.0 * (level == name) for name in self.levels[1:]}


STUDIES = {
    # blood types, and three ways off the list of those who wait for a liver
    "transplants": Study(
        Known(
            ("ltx", "died", "withdraw"),
            (-3.0, -4.4, -4.8),
            {"A": (0.6, 0.0, 0.0), "AB": (0.9, -0.3, 0.0), "B": (0.2, 0.4, -0.5)},
        ),
        *("day", "blood", ("O", "A", "AB", "B"), 1200, 60, 30),
    ),
    # spells without work in fortnights, by whether somebody claims an insurance
    "work": Study(
        Known(("full_time", "part_time"), (-2.2, -3.2), {"yes": (-0.9, -0.2)}),
        *("fortnight", "insured", ("no", "yes"), 900, 26, 13),
    ),
    # causes of death by the dose of a treatment that acts on two of them, against each other
    "prostate": Study(
        Known(("cancer", "heart", "other"), (-3.4, -5.2, -4.2), {"high": (-0.4, 0.6, 0.0)}),
        *("month", "dose", ("low", "high"), 900, 60, 24),
    ),
}


def model_file(folder: Path, known: Known, head: str, rest: str) -> Path:
    """Model of spells with the exits of ``how`` at ``time``."""
    ends = ", ".join(
        f'{{ name = "{name}", time = "time", event = "how", code = "{name}" }}'
        for name in known.exits
    )
    outcome = f'[outcome]\nexits = {list(known.exits)}\nlink = "cloglog"\n'
    path = folder / "drawn.toml"
    path.write_text(f"{HEAD}[table]\nlayout = 'spells'\n{head}exit = [{ends}]\n{outcome}{rest}")
    return path


def uncovered(read: Read, known: Known, places: Mapping[str, Place]) -> list[str]:
    """Coefficients farther from the truth than five standard errors and what the prior pulls.

    A normal prior with the scale 1 pulls an estimate with the error s by the share s^2 / (1 + s^2).
    """
    problems = []
    for name, place in places.items():
        for j, exit_name in enumerate(known.exits):
            here = replace(place, exit=exit_name, label=LABELS.get(exit_name, exit_name))
            truth = known.effects[name][j]
            errors = {each: estimate(read, here, each)["sd"] for each in (LOGIT, MODEL)}
            share = errors[LOGIT] ** 2 / (1 + errors[LOGIT] ** 2)
            pull = {LOGIT: 0.0, MODEL: abs(truth) * share}
            near = {each: (truth, SURE * error + pull[each]) for each, error in errors.items()}
            problems += far(read, here, near) + misprinted(read, here)
    return problems


def off(shares: Mapping[str, float], truth: FloatArray, errors: FloatArray) -> list[str]:
    """Incidences farther from the truth than five standard errors."""
    pairs = zip(shares.items(), truth, errors, strict=True)
    return [
        f"{name}: {share:.4f} for {value:.4f}"
        for (name, share), value, error in pairs
        if not abs(share - value) <= SURE * error
    ]


def counted(folder: Path, **where: object) -> dict[str, float]:
    """Aalen-Johansen estimate of every exit in incidence.csv."""
    rows = pd.read_csv(folder / "incidence.csv", dtype={"group": str})
    rows = rows[rows["estimator"].eq("Aalen-Johansen")]
    return {name: one(rows, exit=name, **where)["estimate"] for name in rows["exit"].unique()}


def in_table(page: str, period: str) -> dict[str, list[list[float]]]:
    """Numbers of the table of incidences within a period, by exit."""
    found, label = {}, ""
    for row in cells(page, "table-incidence"):
        label = row.pop(0) if row[1][:1].isdigit() and not row[0][:1].isdigit() else label
        if row[0] == period:
            found[label] = [printed(cell) for cell in row[1:]]
    return found


@pytest.mark.parametrize("name", STUDIES)
def test_recovery_of_known_hazards_by_group(name: str, tmp_path: Path) -> None:
    study, rng = STUDIES[name], drawn_by(name)
    known = study.known
    level = np.array(study.levels)[rng.integers(0, len(study.levels), study.persons)]
    z = study.dummies(level)
    panel = known.drawn(z, study.last, rng)[["person", "time", "how"]].assign(
        **{study.column: level}
    )
    panel.to_csv(tmp_path / "p.csv", index=False)
    term = TERM.format(study.column) + f'reference = "{study.levels[0]}"\n' + PRIOR
    wanted = f'[[estimand]]\nkind = "cumulative_incidence"\nhorizon_months = {study.last}\n'
    model = model_file(tmp_path, known, f"unit = '{study.unit}'\n", term + wanted)
    read = run(model, tmp_path / "p.csv", tmp_path)
    label = f"{study.column.capitalize()}: {{}}, against {study.levels[0]}"
    places = {e: Place("", study.column, label.format(e), e) for e in study.levels[1:]}
    assert uncovered(read, known, places) == []
    assert uncovered(read, known.swapped(), places)  # negative control
    arguments = ("--panel", tmp_path / "p.csv", "--by", study.column, "--out", tmp_path / "s")
    command("survival", model, *arguments)
    for each in study.levels:
        n = (level == each).sum()
        of = study.dummies(np.array([each]))
        truth, other = (k.incidence(of, study.month)[0] for k in (known, known.swapped()))
        shares = counted(tmp_path / "s", group=each, month=study.month)
        assert off(shares, truth, np.sqrt(truth * (1 - truth) / n)) == []
        assert off(shares, other, np.sqrt(other * (1 - other) / n))
    # the brief, in percent: the model averaged over everybody, and the panel counted
    truth = known.incidence(z, study.month).mean(axis=0)
    errors = np.sqrt(truth * (1 - truth) / study.persons)
    for exit_name, numbers in in_table(read.page, f"{study.month} {study.unit}s").items():
        j = [LABELS.get(e, e) for e in known.exits].index(exit_name)
        for share, *_ in numbers:
            assert abs(share / 100 - truth[j]) <= SURE * errors[j] + 0.0005
        if j < 2:  # negative control: the first two exits changed places
            assert abs(numbers[0][0] / 100 - truth[1 - j]) > SURE * errors[j] + 0.0005


def test_recovery_of_hazards_of_judges_seen_from_some_year_on(tmp_path: Path) -> None:
    """Years of office through a window: who was there before it enters late."""
    rng, known = drawn_by("judges"), Known(("retired", "died"), (-2.6, -3.6), {"same": (0.7, -0.1)})
    z = {"same": 1.0 * (rng.random(2000) < 0.5)}
    panel = known.drawn(z, 30, rng)
    panel["since"] = np.where(rng.random(2000) < 0.6, rng.integers(1, 20, 2000), 0)
    seen = panel[panel["time"] > panel["since"]]
    term, head = TERM.format("same") + PRIOR, "unit = 'year'\nentry = 'since'\n"
    model = model_file(tmp_path, known, head, term)
    seen.to_csv(tmp_path / "p.csv", index=False)
    read = run(model, tmp_path / "p.csv", tmp_path)
    places = {"same": Place("", "same", "Same: 1, against 0")}
    assert uncovered(read, known, places) == []
    assert uncovered(read, known.swapped(), places)
    command("survival", model, "--panel", tmp_path / "p.csv", "--out", tmp_path / "s")
    # the share of the two kinds of judges among those at risk is that of all who were appointed
    truth = known.incidence(z, 10).mean(axis=0)
    errors = np.sqrt(truth * (1 - truth) / (panel["since"] == 0).sum())  # as if only they told
    assert off(counted(tmp_path / "s", month=10), truth, errors) == []
    model.write_text(model.read_text().replace("entry = 'since'\n", ""))  # negative control
    command("survival", model, "--panel", tmp_path / "p.csv", "--out", tmp_path / "t")
    assert off(counted(tmp_path / "t", month=10), truth, errors)
    cox = pd.read_csv(tmp_path / "s" / "cox.csv").set_index("exit")
    for j, name in enumerate(known.exits):
        row = cox.loc[name]
        assert abs(row["estimate"] - known.effects["same"][j]) <= SURE * row["standard_error"]


# --- a treatment that goes on once it has begun -------------------------------------------------
HEART = """
[outcome]
exits = ["death"]
link = "cloglog"
[table]
unit = "day"
[[term]]
kind = "covariate"
column = "age"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
[[term]]
kind = "lagged"
exposure = "transplant"
network = "own"
lags = [0, 0]
history_before_start = "zero"
prior = { family = "normal", scale = 2.5, reason = "an example only" }
[[estimand]]
kind = "cumulative_incidence"
term = "transplant_own"
exposure = "sustained"
horizon_months = 60
"""
DAYS, WAIT = 60, 0.04
BASE, BY_AGE, BY_HEART = -3.6, 0.04, -1.1


def hearts(rng: np.random.Generator) -> pd.DataFrame:
    """Rows of 500 persons by day, who get a heart on one of them or not at all."""
    n = 500
    age = rng.integers(30, 65, n)
    from_day = rng.geometric(WAIT, n)
    rows, there = [], np.ones(n, dtype=bool)
    for day in range(1, DAYS + 1):
        with_heart = day >= from_day
        rate = np.exp(BASE + BY_AGE * (age - 48) + BY_HEART * with_heart)
        dies = rng.random(n) < -np.expm1(-rate)
        columns = {"person": np.arange(n), "month": day, "exit": np.where(dies, "death", "stay")}
        rows.append(pd.DataFrame({**columns, "age": age, "transplant": 1 * with_heart})[there])
        there = there & ~dies
    return pd.concat(rows).sort_values(["person", "month"])


def g_computation(draws: xr.Dataset, age: FloatArray, day: int) -> tuple[FloatArray, FloatArray]:
    """Share that died by a day, always and never with a heart: person by person, day by day."""
    beta = {name: draws[name].values.ravel() for name in draws.data_vars}
    found = []
    for with_heart in (1, 0):
        eta = beta["intercept"][:, None] + beta["beta_age"][:, None] * age
        eta = eta + with_heart * beta["beta_transplant_own"][:, None]
        alive = np.ones_like(eta)
        for _ in range(day):
            alive = alive * (1 - -np.expm1(-np.exp(eta)))
        found.append((1 - alive).mean(axis=1))
    return found[0], found[1]


def test_recovery_of_a_sustained_treatment(tmp_path: Path) -> None:
    panel = hearts(drawn_by("hearts"))
    panel.to_csv(tmp_path / "p.csv", index=False)
    (tmp_path / "heart.toml").write_text(HEAD + HEART, encoding="utf-8")
    read = run(tmp_path / "heart.toml", tmp_path / "p.csv", tmp_path)
    age = panel.groupby("person")["age"].first().to_numpy(dtype=float)
    true = xr.Dataset({"intercept": BASE, "beta_age": BY_AGE, "beta_transplant_own": BY_HEART})
    draws = xr.open_datatree(tmp_path / "run" / "posterior.nc")["posterior"].to_dataset()
    table = in_table(read.page, "30 days")["Died"]
    for day in (30, DAYS):
        always, never = g_computation(true, age - 48, day)
        own = g_computation(draws, age - age.mean(), day)
        rows = read.estimates.query("estimator == @MODEL and month == @day")
        shown = {
            arm: one(rows, exit="death", arm=arm) for arm in ("always", "never", "always - never")
        }
        pairs = {"always": own[0], "never": own[1], "always - never": own[0] - own[1]}
        for arm, values in pairs.items():
            assert shown[arm]["estimate"] == pytest.approx(values.mean(), abs=1e-9)
        truth = {"always": always[0], "never": never[0], "always - never": (always - never)[0]}
        for arm, value in truth.items():
            assert abs(shown[arm]["estimate"] - value) <= SURE * shown[arm]["sd"]
        # negative control: a heart for one day, and then none
        rate = np.exp(BASE + BY_AGE * (age - 48))
        pulse = np.mean(np.exp(-day * rate) - np.exp(-(day - 1 + np.exp(BY_HEART)) * rate))
        gap = shown["always - never"]
        assert abs(gap["estimate"] - pulse) > SURE * gap["sd"]
        if day == 30:
            for numbers, arm in zip(table, truth, strict=False):
                assert numbers[0] == pytest.approx(100 * shown[arm]["estimate"], abs=0.51)
    assert "in every day" in read.page
