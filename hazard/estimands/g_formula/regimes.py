"""Whose odds each exit has in a branch: total, controlled direct and separable effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import xarray as xr

from hazard.errors import EstimandError, did_you_mean


@dataclass(frozen=True)
class Branch:
    """A branch: the odds of an arm, of which some are zero or those of another arm.

    Attributes
    ----------
    name : str
    arm : str
        Whose odds the exits have.
    dropped : tuple of str
        Exits through which nobody leaves: their odds are zero.
    exchanged : mapping of str to str
        From an exit to the arm whose odds it has instead.

    Notes
    -----
    Exit j has in a month of arm a the odds o_j(a) against staying (``softmax``), or the cumulative
    cause-specific hazard o_j(a) of the month (``cloglog``); both are exp(eta). A branch takes every
    o_j from an arm, or 0, and only then shares the month out
    (:func:`hazard.model.links.share_out`). With ``softmax`` h_j = o_j / (1 + sum_k o_k) over the
    exits that are left. An exit that is dropped so leaves h_j / (1 - h_dropped) to the others:
    their probability among those who do not leave through it in the month, whether by staying or
    otherwise. This is the hazard given that the competing event has not happened in the month, as
    in [1]_. With ``cloglog`` it is as if hazards were constant within the month, and those of the
    dropped exit removed.

    References
    ----------
    .. [1] Young, Stensrud, Tchetgen Tchetgen and Hernán (2020), A causal framework for classical
       statistical estimands in failure-time settings with competing events, Statistics in Medicine
       39(8).
    """

    name: str
    arm: str
    dropped: tuple[str, ...] = ()
    exchanged: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def sources(self, exits: Sequence[str], arms: Sequence[str]) -> list[int]:
        """Position of the arm of every exit, -1 where the odds are zero.

        Raises
        ------
        EstimandError
            If an arm or an exit is not there, or an exit is both dropped and exchanged.

        Examples
        --------
        >>> branch = Branch("apply only", "without", ("forced",), {"assisted": "with"})
        >>> branch.sources(["assisted", "disappeared", "forced"], ["with", "without"])
        [0, 1, -1]
        """
        for name in (*self.dropped, *self.exchanged):
            _check_known("exit", name, exits)
        for name in (self.arm, *self.exchanged.values()):
            _check_known("arm", name, arms)
        contradictory = sorted(set(self.dropped) & set(self.exchanged))
        if contradictory:
            raise EstimandError(
                f"exits of branch {self.name!r} must be dropped or exchanged; got both of "
                f"{contradictory}."
            )
        arm_of_exit = [self.exchanged.get(name, self.arm) for name in exits]
        return [
            -1 if exit_ in self.dropped else list(arms).index(arm)
            for exit_, arm in zip(exits, arm_of_exit, strict=True)
        ]


def total(arms: Sequence[str]) -> tuple[Branch, ...]:
    """The arms as they are: their contrast is total with regard to the competing exits.

    Notes
    -----
    It includes what an event does to an exit by way of the others, for who has left through
    another exit cannot leave through this one. It does not include what the event does by way of
    exposures that the arms hold as observed, such as applications of others: with regard to these
    it is a controlled direct effect.

    Examples
    --------
    >>> [branch.name for branch in total(["with", "without"])]
    ['with', 'without']
    """
    return tuple(Branch(name, name) for name in arms)


def controlled_direct(arms: Sequence[str], without: Sequence[str]) -> tuple[Branch, ...]:
    """The arms where nobody leaves through some competing exits: a controlled direct effect.

    Parameters
    ----------
    arms : sequence of str
    without : sequence of str
        Exits whose odds are zero in every month, in every arm.

    Returns
    -------
    tuple of Branch

    Raises
    ------
    EstimandError
        If no exit is named.

    Notes
    -----
    With one exit j left, F_j(t) = 1 - product over s <= t of (1 - o_j(s) / (1 + o_j(s))) [1]_. It
    speaks of a world in which the other exits are prevented, and is not seen in any register.

    References
    ----------
    .. [1] Young, Stensrud, Tchetgen Tchetgen and Hernán (2020), A causal framework for classical
       statistical estimands in failure-time settings with competing events, Statistics in Medicine
       39(8).

    Examples
    --------
    >>> controlled_direct(["with"], ["forced"])[0].dropped
    ('forced',)
    """
    if not without:
        raise EstimandError(
            "controlled direct effect must name exits that are prevented; got none. Name one, or "
            "take the total effect."
        )
    return tuple(Branch(name, name, dropped=tuple(without)) for name in arms)


def separable(through: str, arms: tuple[str, str]) -> tuple[Branch, Branch, Branch]:
    """The arms, and between them the one in which the event acts on one exit only.

    Parameters
    ----------
    through : str
        The exit of interest, through which the direct effect goes.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    tuple of Branch
        With the event; with it for the odds of that exit alone; without it. For
        :func:`separable_effects`.

    Notes
    -----
    With a_Y the arm of the odds of the exit and a_D that of the others, F(a_Y, a_D) is its
    cumulative incidence. The separable direct effect is F(1, 0) - F(0, 0), the indirect one
    F(1, 1) - F(1, 0), and their sum is the total effect [1]_. They are effects of a treatment that
    could be taken apart into one part that acts on the exit and one that acts on the competing
    exits only [2]_; the model does not say whether a forced return can be.

    The sources order the two events within a period, so that one of their hazards is that given
    that the other has not happened. Here neither is first: odds against staying are exchanged. The
    difference is of the order of a product of two monthly probabilities.

    References
    ----------
    .. [1] Stensrud, Young, Didelez, Robins and Hernán (2022), Separable effects for causal
       inference in the presence of competing events, Journal of the American Statistical
       Association 117(537).
    .. [2] Stensrud, Hernán, Tchetgen Tchetgen, Robins, Didelez and Young (2021), A generalized
       theory of separable effects in competing event settings, Lifetime Data Analysis 27.

    Examples
    --------
    >>> [branch.name for branch in separable("assisted", ("with", "without"))]
    ['with', 'with, for assisted only', 'without']
    """
    with_, without = arms
    between = Branch(_between(through, with_), without, exchanged={through: with_})
    return Branch(with_, with_), between, Branch(without, without)


def separable_effects(
    risk: xr.DataArray,
    through: str,
    *,
    arms: tuple[str, str] = ("with", "without"),
) -> xr.Dataset:
    """Total effect on a risk, and the direct and the indirect part of it.

    Parameters
    ----------
    risk : DataArray, dims (..., arm, ...)
        Of the branches of :func:`separable`: cumulative incidence, or months of anything.
    through : str
        The exit of the branches.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    Dataset
        ``total``, ``direct`` and ``indirect``, without ``arm``; direct + indirect is total.

    Raises
    ------
    EstimandError
        If a branch is missing.

    Examples
    --------
    >>> names = [branch.name for branch in separable("assisted", ("with", "without"))]
    >>> effects = separable_effects(xr.DataArray([0.5, 0.375, 0.25], {"arm": names}), "assisted")
    >>> {name: effects[name].item() for name in effects}
    {'total': 0.25, 'direct': 0.125, 'indirect': 0.125}
    """
    with_, between, without = (
        risk.sel(arm=name, drop=True)
        for name in known_arms(risk, (arms[0], _between(through, arms[0]), arms[1]))
    )
    return xr.Dataset(
        {"total": with_ - without, "direct": between - without, "indirect": with_ - between}
    )


def known_arms(risk: xr.DataArray, names: Sequence[str]) -> Sequence[str]:
    """The names, all of which are arms of the array.

    Raises
    ------
    EstimandError
        If one is not.
    """
    for name in names:
        _check_known("arm", name, [str(arm) for arm in risk["arm"].values])
    return names


def _between(exit_: str, arm: str) -> str:
    return f"{arm}, for {exit_} only"


def _check_known(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise EstimandError(
            f"{kind} of a branch must be one of {list(known)}; got {name!r}."
            + did_you_mean(name, known)
        )
