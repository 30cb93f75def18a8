"""Finished chains of a run, kept beside its folder until the run is written."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import xarray as xr

from hazard.files.atomic import netcdf, write_bytes, write_file
from hazard.inference.nuts import ChainStore


@contextmanager
def kept_chains(path: Path) -> Iterator[Callable[[str], ChainStore]]:
    """Finished chains of a run, kept beside its folder until the run is written.

    Yields
    ------
    callable
        From a digest of all that the draws depend on to the chains that are there for it. The name
        of a file of draws holds a checksum of this digest, the number of the chain and the content;
        a file that was changed, or copied to another name, is not used. When the run is written its
        own chains are removed; those of another call for the same folder stay.
    """
    folder = path.parent / f".{path.name}.chains"
    keys: set[str] = set()

    def store(key: str) -> ChainStore:
        keys.add(key)

        def load(chain: int) -> xr.DataTree | None:
            for file in _files(folder, key, chain):
                content = file.read_bytes()
                if file.stem.rsplit("-", 1)[-1] == _seal(key, chain, content):
                    return xr.load_datatree(io.BytesIO(content), engine="h5netcdf")
            return None

        def save(chain: int, draws: xr.DataTree) -> None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = netcdf(draws)
            name = f"{key[:16]}-{chain}-{_seal(key, chain, content)}.nc"
            write_file(folder / name, lambda draft: write_bytes(draft, content))

        return ChainStore(load, save)

    try:
        yield store
        for key in keys:
            for file in _files(folder, key, "*"):
                file.unlink()
    finally:
        with suppress(OSError):  # there is none, or chains are kept in it
            folder.rmdir()


def _files(folder: Path, key: str, chain: int | str) -> Iterator[Path]:
    return folder.glob(f"{key[:16]}-{chain}-*.nc")


def _seal(key: str, chain: int, content: bytes) -> str:
    """SHA-256 of a chain, of its number and of all that its draws depend on."""
    return hashlib.sha256(f"{key} {chain} ".encode() + content).hexdigest()
