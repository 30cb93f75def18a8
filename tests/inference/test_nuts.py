"""Chains one by one: the same draws on any number of cores, and after an interruption."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from hazard.fitting.draws_file import content_digest
from hazard.inference import nuts
from hazard.inference.chains import kept_chains

SETTINGS = nuts.SamplerSettings(draws=60, tune=60, chains=4, cores=2, seed=5)


@cache
def compiled() -> Any:
    with pm.Model(coords={"place": range(3)}) as graph:
        x = pm.Normal("x", 0, 1, dims="place")
        pm.Potential("steep", -(x**4).sum())
    return nuts.compile_model(graph)


def draws(tree: xr.DataTree) -> np.ndarray[Any, Any]:
    return np.asarray(tree["posterior"]["x"])


def test_same_seed_same_draws_on_any_number_of_cores() -> None:
    found = [draws(nuts.sample(compiled(), replace(SETTINGS, cores=n))) for n in (1, 2, 4)]
    assert found[0].shape == (4, 60, 3)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    other = draws(nuts.sample(compiled(), replace(SETTINGS, seed=6)))  # negative control
    assert not np.array_equal(found[0], other)
    assert not np.array_equal(found[0][0], found[0][1])  # nor are two chains the same


def test_fewer_chains_are_the_first_ones() -> None:
    whole = draws(nuts.sample(compiled(), SETTINGS))
    part = draws(nuts.sample(compiled(), replace(SETTINGS, chains=2)))
    np.testing.assert_array_equal(whole[:2], part)


def test_the_compiler_is_not_begun_with_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuts.resource, "getrlimit", lambda _: (2**30, -1))
    with pytest.raises(MemoryError):
        nuts.compile_model(pm.Model())


class CutError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("ended", [0, 1, 3])
def test_sampling_goes_on_where_it_was_cut(ended: int, tmp_path: Path) -> None:
    whole = nuts.sample(compiled(), SETTINGS)
    out, sampled = tmp_path / "run", []

    def sample(most: int) -> xr.DataTree:
        with kept_chains(out) as kept:
            pieces = kept("key" * 10)

            def save(chain: int, drawn: xr.DataTree) -> None:
                if len(sampled) == most:
                    raise CutError
                sampled.append(chain)
                pieces.save(chain, drawn)

            own = nuts.ChainStore(pieces.load, save)
            return nuts.sample(compiled(), replace(SETTINGS, cores=1), store=own)

    with pytest.raises(CutError):
        sample(ended)
    assert len(list(tmp_path.glob(".run.chains/*.nc"))) == ended
    again = sample(99)
    assert sorted(sampled) == [0, 1, 2, 3]  # none twice
    np.testing.assert_array_equal(draws(again), draws(whole))
    assert content_digest(again) == content_digest(whole)
    assert not list(tmp_path.glob(".run.chains"))


def test_chains_of_another_key_or_damaged_are_not_used(tmp_path: Path) -> None:
    drawn = nuts.sample(compiled(), replace(SETTINGS, chains=1))
    with kept_chains(tmp_path / "run") as kept:
        kept("a" * 20).save(0, drawn)
        found = kept("a" * 20).load(0)
        assert found is not None
        np.testing.assert_array_equal(draws(found), draws(drawn))
        assert kept("b" * 20).load(0) is None
        assert kept("a" * 20).load(1) is None
        [file] = tmp_path.glob(".run.chains/*.nc")
        assert file.stat().st_mode & 0o777 == 0o600
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(bytes(content))
        assert kept("a" * 20).load(0) is None
