"""Any folder of which there is a brief, read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hazard.files import seal
from hazard.fitting.draws_file import DRAWS
from hazard.fitting.records import Fit
from hazard.fitting.store import read_run
from hazard.studies.estimators.folder import ConcordanceFolder, read_concordance
from hazard.studies.published.folder import Evidence, read_evidence

_READERS: dict[str, Callable[[Path], Fit | Evidence | ConcordanceFolder]] = {
    "evidence": read_evidence,
    "concordance": read_concordance,
}


def read(path: Path) -> Fit | Evidence | ConcordanceFolder:
    """Folder of a run, of evidence or of a concordance read back, without the draws.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    return _READERS.get(seal.read(path, may_lack=DRAWS)["kind"], read_run)(path)
