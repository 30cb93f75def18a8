"""The file of draws of a folder: bound to the manifest and the tables, read within bounds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5netcdf  # type: ignore[import-untyped]
import xarray as xr

from hazard.errors import IntegrityError
from hazard.files import seal
from hazard.files.atomic import write_netcdf
from hazard.fitting import recheck

DRAWS = "posterior.nc"
AGAIN = "Make the folder again."
_MANIFEST = (
    "manifest"  # attribute of the draws: the facts of the folder and the digests of its tables
)
_MAX_DEPTH, _MAX_BYTES, _MAX_RATIO = 3, 2**26, 100  # of groups; of what is packed in a file
_SEAL_KEYS = ("files", "digest", "posterior_digest")


def write_draws(folder: Path, posterior: xr.DataTree, facts: Mapping[str, Any]) -> None:
    """Write draws with the facts of the folder as an attribute, and seal the folder."""
    tree = posterior.copy()
    tree.attrs = {_MANIFEST: seal.json_text({**facts, "tables": table_digests(folder)})}
    write_netcdf(tree, folder / DRAWS)
    seal.write(folder, {**facts, "posterior_digest": content_digest(tree)})


def bound_draws(path: Path, facts: Mapping[str, Any]) -> xr.DataTree | None:
    """Draws of a folder, if the facts in them are those of its manifest; None without draws."""
    if not (path / DRAWS).exists():
        return None
    tree = read_posterior(path)
    embedded = seal.parsed(str(tree.attrs.get(_MANIFEST, "")), f"what draws of {str(path)!r} say")
    tables = embedded.pop("tables", None)
    stated = {name: facts[name] for name in facts if name not in _SEAL_KEYS}
    pairs = {
        "the manifest": (embedded, seal.parsed(seal.json_text(stated), "manifest")),
        "the tables": (tables, table_digests(path)),
        "posterior_digest": (
            of_draws(path, lambda: content_digest(tree)),
            facts["posterior_digest"],
        ),
        "the engine": (recheck.is_sampled(tree), facts["settings"]["engine"] == "nuts"),
    }
    differing = [name for name, (actual, expected) in pairs.items() if actual != expected]
    if differing:
        raise IntegrityError(
            f"draws of {str(path)!r} must be those that the folder tells of; {', '.join(differing)}"
            f" differ. {AGAIN}"
        )
    return tree


def of_draws[Result](path: Path, compute: Callable[[], Result]) -> Result:
    """What is computed from draws of a file that anybody may have written."""
    try:
        return compute()
    except (LookupError, ArithmeticError, ValueError, TypeError, AttributeError, RuntimeError):
        raise IntegrityError(
            f"draws of {str(path)!r} must be those of a run of its model; they are not. {AGAIN}"
        ) from None


def table_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every table of a folder, by the name of its file."""
    return {item.name: seal.digest(item) for item in sorted(folder.glob("*.csv"))}


def read_posterior(path: Path) -> xr.DataTree:
    """Draws of a folder, in memory.

    Raises
    ------
    IntegrityError
        If the file does not hold a group of draws.
    """
    try:
        _refuse_strange(path / DRAWS)
        with xr.open_datatree(path / DRAWS, engine="h5netcdf") as tree:
            loaded: xr.DataTree = tree.load()
            sizes = loaded["posterior"].sizes
            if not sizes["chain"] * sizes["draw"] or any(map(_hides_draws, loaded.subtree)):
                raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        raise IntegrityError(
            f"{DRAWS} of {str(path)!r} must hold draws of a run; it does not. {AGAIN}"
        ) from None
    return loaded


def _refuse_strange(path: Path) -> None:
    """Raise for groups within groups without end, and for more numbers than a file can hold."""
    with h5netcdf.File(path, "r") as file:
        if sum(_bytes(file)) > _MAX_BYTES + _MAX_RATIO * path.stat().st_size:
            raise ValueError


def _bytes(group: h5netcdf.Group, depth: int = 0) -> Iterator[int]:
    if depth > _MAX_DEPTH:
        raise ValueError
    for variable in group.variables.values():
        yield math.prod(variable.shape) * variable.dtype.itemsize
    for child in group.groups.values():
        yield from _bytes(child, depth + 1)


def _hides_draws(node: xr.DataTree) -> bool:
    """Whether draws are called labels, as an attribute of the file can say: nobody judges these."""
    return any("draw" in values.dims and name != "draw" for name, values in node.coords.items())


def content_digest(tree: xr.DataTree) -> str:
    """SHA-256 of draws and their labels, whatever file they are in and whatever its attributes."""
    total = hashlib.sha256()
    for node in sorted(tree.subtree, key=lambda group: group.path):
        arrays = node.to_dataset(inherit=False).variables
        for name in sorted(arrays, key=str):
            values = arrays[name]
            if values.dtype.kind not in "OUSbiuf":
                raise TypeError(f"no draws or labels: {values.dtype}")
            labels = values.dtype.kind in "OUS"
            texts = list(map(str, values.to_numpy().ravel())) if labels else []
            role = "label" if name in node.coords else "draws"
            description = [node.path, str(name), role, list(values.dims), list(values.shape), texts]
            total.update(json.dumps(description).encode())
            if not labels:
                total.update(values.to_numpy().astype("<f8").tobytes())
    return total.hexdigest()
