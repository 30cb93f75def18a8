"""Table 2-2 in the simulation, and the differences between places that bring it about.

Who has seen a forced return at the centre, or of the nationality, lives at other places than who
has not. The effects on others that table 7-1 states explain little of the table; what is left is
how places differ. ``tilts`` finds it as a smooth function of how often forced returns are seen at a
place: a combination of the shares of its family-months with one in each window of the table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.simulation.history import History
from hazard.simulation.margins import EXITS, EXPOSURES, NETWORKS, WINDOWS, printed
from hazard.simulation.world import FORCED

# Of the mean squared sensitivity: windows are so alike that their differences need a brake.
DAMPING = 0.003
# Log-odds by which a place moves in a round, at most.
LONGEST_STEP = 0.7


class Aftermath(NamedTuple):
    """Family-months of the window; ``place`` is (network, row), ``after`` (network, window, row).

    ``after`` says whether another family was returned by force in a window of table 2-2, as far as
    registers that begin with the window of the study can tell.
    """

    place: IntArray
    exit: IntArray
    after: BoolArray


def aftermath(history: History) -> Aftermath:
    """What registers show of the months after forced returns.

    Parameters
    ----------
    history : History

    Returns
    -------
    Aftermath
    """
    size, rows = history.truth.world.size, history.rows
    inside = rows.calendar >= size.first_month
    month, leaving = rows.calendar[inside] - size.first_month, rows.exit[inside]
    nationality = history.families.nationality[rows.family[inside]]
    place = np.stack([rows.centre[inside], nationality])
    returned = history.counts[EXPOSURES.index("forced_return"), size.first_month - history.first :]
    longest = max(last for _, last in WINDOWS.values())
    until = np.pad(returned.cumsum(axis=0), ((longest + 1, 0), (0, 0)))
    column = place + np.array([[0], [size.centres]])
    after = np.empty((len(NETWORKS), len(WINDOWS), len(month)), dtype=np.bool_)
    for k, (first, last) in enumerate(WINDOWS.values()):
        end = month + longest + 1
        n_returned = until[end - first, column] - until[end - last - 1, column]
        after[:, k] = n_returned > ((leaving == FORCED) if first == 0 else 0)
    return Aftermath(place, leaving, after)


def changes(observed: Aftermath) -> xr.DataArray:
    """Relative change of the monthly probability of an exit after forced returns.

    Parameters
    ----------
    observed : Aftermath

    Returns
    -------
    DataArray, dims (exit, network, window)
        0.1 is ten percent more than in all family-months.
    """
    hit = np.stack([observed.exit == j for j in range(len(EXITS))]).astype(np.float64)
    after = observed.after.astype(np.float64)
    mean = np.einsum("jr,nkr->jnk", hit, after) / after.sum(axis=2)
    coords = {"exit": list(EXITS), "network": list(NETWORKS), "window": list(WINDOWS)}
    return xr.DataArray(mean / hit.mean(axis=1)[:, None, None] - 1, coords)


def tilts(history: History) -> dict[str, FloatArray]:
    """Steps of the effects of places towards table 2-2.

    Parameters
    ----------
    history : History

    Returns
    -------
    dict of str to ndarray, shape (exit, place)
        By network, in log-odds; zero for exits that the table does not show.

    Notes
    -----
    The step of a place is z b, where z are the shares of its family-months with a forced return in
    each window, less those of the families that leave. To first order it changes the logarithm of
    1 + r in window k by the mean of z b over those who leave and have seen one in window k. b is
    the damped least-squares solution for the three windows.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, table 2-2.
    """
    observed, published = aftermath(history), printed()["value"]
    simulated = changes(observed)
    steps = {}
    for n, network in enumerate(NETWORKS):
        n_places = history.truth.effects.sizes[network]
        steps[network] = np.zeros((len(EXITS), n_places))
        months = np.bincount(observed.place[n], minlength=n_places)
        share = np.stack(
            [np.bincount(observed.place[n], after, n_places) for after in observed.after[n]]
        ) / np.maximum(months, 1)
        for j, name in enumerate(EXITS):
            if f"{name}_{network}_0-3" in published:
                target = np.array([published[f"{name}_{network}_{window}"] for window in WINDOWS])
                gap = np.log((1 + target) / (1 + simulated.sel(exit=name, network=network).values))
                steps[network][j] = _step(gap, share, observed, n, j)
    return steps


def _step(
    gap: FloatArray, share: FloatArray, observed: Aftermath, network: int, exit_code: int
) -> FloatArray:
    """Step of every place for one network and exit, given the log-ratios to be closed."""
    leaves = observed.exit == exit_code
    share = share - share[:, observed.place[network, leaves]].mean(axis=1)[:, None]
    sensitivity = np.stack(
        [
            share[:, observed.place[network, leaves & after]].mean(axis=1)
            for after in observed.after[network]
        ]
    )
    square = sensitivity.T @ sensitivity
    damped = square + DAMPING * np.trace(square) / len(square) * np.eye(len(square))
    step = np.linalg.solve(damped, sensitivity.T @ gap) @ share
    return np.asarray(np.clip(step, -LONGEST_STEP, LONGEST_STEP))
