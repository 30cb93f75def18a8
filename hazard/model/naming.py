"""Names of the draws of a posterior, by what they are; nothing else builds one from parts.

A term ``t`` has the coefficients ``beta_t``, or ``u_t`` if it is a group, with the dimension
``t_level``. A group has the standard deviations ``sigma_t`` and, where its effects on several exits
are correlated, their correlations ``correlation_t``. A sampler makes them from coordinates:
``z_t``, ``v_t`` and ``x_t``, and ``partial_t`` of the correlations.
"""

from __future__ import annotations

import xarray as xr

__all__ = [
    "correlation",
    "effects",
    "groups",
    "is_coordinate",
    "level",
    "partial",
    "scaled",
    "sigma",
    "slopes",
    "standard",
    "term",
    "transformed",
]

_EFFECTS = "u_"
_STANDARD, _SCALED, _TRANSFORMED, _PARTIAL = "z_", "v_", "x_", "partial_"


def slopes(name: str) -> str:
    """Name of the coefficients of a term that is no group.

    Examples
    --------
    >>> slopes("sex"), effects("centre"), level("centre")
    ('beta_sex', 'u_centre', 'centre_level')
    """
    return f"beta_{name}"


def effects(name: str) -> str:
    """Name of the effects of a group's levels."""
    return f"{_EFFECTS}{name}"


def level(name: str) -> str:
    """Name of the dimension of the coefficients of a term."""
    return f"{name}_level"


def sigma(name: str) -> str:
    """Name of the standard deviations of a group's effects, one per exit."""
    return f"sigma_{name}"


def correlation(name: str) -> str:
    """Name of the correlations of a group's effects between exits."""
    return f"correlation_{name}"


def standard(name: str) -> str:
    """Name of the coordinates of a term that are standard normal, or normal of a known width."""
    return f"{_STANDARD}{name}"


def scaled(name: str) -> str:
    """Name of the coordinates of a group that carry its standard deviation already."""
    return f"{_SCALED}{name}"


def transformed(name: str) -> str:
    """Name of the standard normals that a prior which is not normal transforms."""
    return f"{_TRANSFORMED}{name}"


def partial(name: str) -> str:
    """Name of the partial correlations, moved to (0, 1), of a group's effects."""
    return f"{_PARTIAL}{name}"


def is_coordinate(name: str) -> bool:
    """Whether draws are of a sampler's coordinates, and not of what is read.

    Examples
    --------
    >>> is_coordinate("z_centre"), is_coordinate("u_centre")
    (True, False)
    """
    return name.startswith((_STANDARD, _SCALED, _TRANSFORMED, _PARTIAL))


def groups(posterior: xr.Dataset) -> list[str]:
    """Names of the groups that a posterior has effects of, in its order.

    Examples
    --------
    >>> groups(xr.Dataset({"beta_sex": 0.0, "u_centre": 0.0}))
    ['centre']
    """
    names = [str(name) for name in posterior.data_vars]
    return [name.removeprefix(_EFFECTS) for name in names if name.startswith(_EFFECTS)]


def term(posterior: xr.Dataset, name: str) -> xr.DataArray:
    """Coefficients of a term: the effects of a group, the slopes of any other.

    Examples
    --------
    >>> term(xr.Dataset({"beta_sex": 0.5}), "sex").item()
    0.5
    """
    return posterior[slopes(name) if slopes(name) in posterior else effects(name)]
