"""The verdict over all simulations, and the file that a brief can cite."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hazard.files.atomic import write_file
from hazard.fitting import versions
from hazard.studies.sbc.simulation import CalibrationPlan, Problem, checksum, pieces, remove_pieces
from hazard.studies.sbc.uniformity import chi_square, detectable, p_value

Progress = Callable[[str, float], None]


def calibrate(
    problem: Problem, plan: CalibrationPlan, out: Path, progress: Progress
) -> dict[str, Any]:
    """Simulation-based calibration of an engine on a model, written as a certificate.

    Parameters
    ----------
    problem : Problem
    plan : CalibrationPlan
    out : Path
        Certificate; finished simulations wait in a folder beside it until all are done, so that a
        call that was interrupted is taken up by the next one.
    progress : callable
        Called with the stage and the share of it that is done.

    Returns
    -------
    dict
        The certificate (see :func:`certificate`).

    References
    ----------
    .. [1] Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian inference
       algorithms with simulation-based calibration, arXiv:1804.06788.
    """
    folder = out.with_name(f"{out.name}.pieces")
    finished = []
    for piece in pieces(problem, plan, folder):
        finished.append(piece)
        progress("simulate", len(finished) / plan.simulations)
    verdict = certificate(problem, plan, finished)
    text = json.dumps(verdict, indent=1, ensure_ascii=False) + "\n"
    write_file(out, lambda draft: draft.write_text(text, encoding="utf-8"))
    remove_pieces(problem, plan, folder)
    return verdict


def certificate(
    problem: Problem, plan: CalibrationPlan, finished: list[dict[str, Any]]
) -> dict[str, Any]:
    """What all simulations say; holds no date, so that the same plan gives the same text.

    Parameters
    ----------
    problem : Problem
    plan : CalibrationPlan
    finished : list of dict
        From :func:`hazard.studies.sbc.simulation.pieces`.

    Returns
    -------
    dict
        ``passed`` if every simulation had a posterior and no quantity is outside; ``failed`` gives
        the reason, by number, where there was none. ``quantities``: for each, ``p`` of its
        simultaneous band, ``p_chi_square``, ``counts`` of ranks in bins, ``mean`` rank (0.5 is
        right, less where the posterior lies too high), ``outside`` if ``p`` is at most
        ``level_each``, the level over the number of quantities. ``detectable``: errors that so many
        simulations find nine times in ten. ``digest`` of all the rest.
    """
    ranked = [piece["ranks"] for piece in finished if "ranks" in piece]
    names = list(ranked[0]) if ranked else []
    level_each = plan.level / max(len(names), 1)
    quantities = [
        _uniformity(name, [piece[name] for piece in ranked], plan.draws + 1, level_each)
        for name in names
    ]
    failed = {str(piece["number"]): piece["failed"] for piece in finished if "failed" in piece}
    outside = [quantity["name"] for quantity in quantities if quantity["outside"]]
    content = {
        "kind": "calibration",
        "model": problem.spec.name,
        "model_digest": problem.spec.digest,
        "passed": bool(ranked) and not failed and not outside,
        "outside": outside,
        **asdict(plan),
        "level_each": level_each,
        "failed": failed,
        "divergences": sum(piece.get("divergences", 0) for piece in finished),
        "smallest_effective": min(
            (piece["effective"] for piece in finished if "ranks" in piece), default=0
        ),
        "detectable": detectable(len(ranked), plan.draws + 1, level_each) if ranked else {},
        "panel": {
            "source": problem.source,
            "rows": len(problem.coordinates.original.row),
            "persons": len(np.unique(problem.person_in_design)),
        },
        "versions": versions(),
        "pieces_digest": checksum(finished),
        "quantities": quantities,
    }
    return {**content, "digest": checksum(content)}


def summary(verdict: Mapping[str, Any]) -> str:
    """One sentence with the verdict of a certificate.

    Examples
    --------
    >>> summary({"engine": "nuts", "simulations": 100, "failed": {}, "outside": ["log_likelihood"],
    ...          "quantities": [{}] * 12, "level": 0.05, "passed": False})
    'nuts does not pass: 1 of 12 quantities outside (log_likelihood), 0 of 100 simulations failed.'
    """
    outside, failed = verdict["outside"], len(verdict["failed"])
    named = f" ({', '.join(outside[:3])}{', ...' if len(outside) > 3 else ''})" if outside else ""
    return (
        f"{verdict['engine']} {'passes' if verdict['passed'] else 'does not pass'}: "
        f"{len(outside)} of {len(verdict['quantities'])} quantities outside{named}, {failed} of "
        f"{verdict['simulations']} simulations failed."
    )


def _uniformity(name: str, ranks: list[int], cells: int, level: float) -> dict[str, Any]:
    p = p_value(ranks, cells)
    counts, p_chi_square = chi_square(ranks, cells)
    return {
        "name": name,
        "p": _short(p),
        "p_chi_square": _short(p_chi_square),
        "mean": _short(float(np.mean(ranks)) / (cells - 1)),
        "counts": counts.tolist(),
        "outside": p <= level,
    }


def _short(value: float) -> float | None:
    """Six digits; what could not be computed is null, which JSON knows."""
    return None if math.isnan(value) else float(f"{value:.6g}")
