"""Kept chains: each belongs to its key and its number, and to nobody else's run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hazard.inference.chains import kept_chains

KEY, OTHER = "a" * 40, "b" * 40
# the same first sixteen signs, which the name of a file begins with
NEAR = "a" * 16 + "c" * 24


def drawn(value: float) -> xr.DataTree:
    draws = xr.Dataset({"beta": (("chain", "draw"), np.full((1, 5), value))})
    return xr.DataTree.from_dict({"posterior": draws, "sample_stats": draws})


def names(folder: Path) -> list[str]:
    return sorted(each.name.split("-")[0] for each in folder.glob(".run.chains/*"))


class CutError(Exception):
    """Stands for a kill."""


def keep(out: Path, key: str, *chains: int) -> None:
    with pytest.raises(CutError), kept_chains(out) as kept:  # noqa: PT012
        for chain in chains:
            kept(key).save(chain, drawn(chain))
        raise CutError


def test_a_copied_chain_is_not_used(tmp_path: Path) -> None:
    keep(tmp_path / "run", KEY, 0)
    [file] = tmp_path.glob(".run.chains/*.nc")
    for name in (f"{KEY[:16]}-1-", f"{OTHER[:16]}-0-"):
        shutil.copy(file, file.with_name(name + file.name.rsplit("-", 1)[-1]))
    with kept_chains(tmp_path / "run") as kept:
        assert kept(KEY).load(0) is not None
        assert kept(KEY).load(1) is None  # the draws of chain 0 under another number
        assert kept(OTHER).load(0) is None  # under another key
        assert kept(NEAR).load(0) is None  # a key that begins like it


def test_only_own_chains_are_removed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    keep(out, KEY, 0, 1)
    with kept_chains(out):  # an engine that keeps none
        pass
    with kept_chains(out) as kept:  # another seed
        kept(OTHER).save(0, drawn(0.0))
    assert names(tmp_path) == [KEY[:16]] * 2
    with kept_chains(out) as kept:
        assert kept(KEY).load(1) is not None
    assert list(tmp_path.iterdir()) == []


def test_without_a_chain_no_folder_stays(tmp_path: Path) -> None:
    keep(tmp_path / "run", KEY)
    assert list(tmp_path.iterdir()) == []
