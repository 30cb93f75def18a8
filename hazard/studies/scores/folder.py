"""The folder of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hazard.files import seal
from hazard.files.atomic import new_folder
from hazard.fitting import versions
from hazard.fitting.folders import write_tables
from hazard.fitting.status import Status, worst
from hazard.studies.scores import Score
from hazard.studies.scores import table as score_table


def write_scores(path: Path, scores: Sequence[Score], statuses: Mapping[str, Status]) -> None:
    """Folder of how well models predict what they have not seen; nothing of a single person.

    ``statuses`` are those of the runs, by the name of the model in the scores.
    """
    rows = score_table(scores)
    pairs = zip(rows["model"], rows["versus"], strict=True)
    status = [worst([statuses[m] for m in pair if m in statuses]) for pair in pairs]
    with new_folder(path) as folder:
        columns = write_tables(folder, {"scores": rows.assign(checked=status)})
        facts = [
            {"model": score.model, "unit": score.unit, "engine": score.engine, **score.facts}
            for score in scores
        ]
        manifest = {"kind": "scores", "columns": columns, "scores": facts}
        seal.write(folder, {**manifest, "versions": versions()})
