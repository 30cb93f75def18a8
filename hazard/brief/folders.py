"""Any folder of which there is a brief, read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hazard.files import seal
from hazard.fitting.draws_file import DRAWS
from hazard.fitting.records import Fit
from hazard.fitting.store import read_run
from hazard.studies.estimators.folder import ComparisonFolder, read_comparison
from hazard.studies.published.folder import PublishedFolder, read_published

_READERS: dict[str, Callable[[Path], Fit | PublishedFolder | ComparisonFolder]] = {
    "published": read_published,
    "comparison": read_comparison,
}


def read(path: Path) -> Fit | PublishedFolder | ComparisonFolder:
    """Folder of a run, of published estimates or of a comparison read back, without the draws.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    return _READERS.get(seal.read(path, may_lack=DRAWS)["kind"], read_run)(path)
