"""Public tables that come with an installed package, for models that need no file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from hazard.errors import UsageError, did_you_mean


def bundled(source: str) -> pd.DataFrame:
    """Table of a bundled example, one row per person or spell, numbered in the column ``person``.

    Parameters
    ----------
    source : {"lifelines.rossi", "lifelines.canadian_senators"}
        432 released prisoners, followed for a year: week of the first arrest, or 52. Or 933
        appointments to the Senate of Canada, 1867 to October 2013, with ``start``, ``end`` and
        ``reason`` (both empty of those who still sat), ``province`` and ``party`` at appointment,
        and ``appointed`` for life or until the age of 75.

    Raises
    ------
    UsageError
        If there is no such example.

    Notes
    -----
    Senators have a name only, and three names belong to two persons. A person is a name in a
    province: no such person sits twice at a time, and seven sat again.

    References
    ----------
    .. [1] Rossi, Berk and Lenihan (1980), Money, Work, and Crime: Experimental PublishedFolder.
    .. [2] Constitution Act, 1965 (Canada): who is appointed from 2 June 1965 on retires at 75.
    """
    if source not in _LOADED:
        raise UsageError(
            f"bundled table must be one of {sorted(_LOADED)}; got {source!r}."
            + did_you_mean(source, _LOADED)
        )
    return _LOADED[source]()


def _rossi() -> pd.DataFrame:
    from lifelines.datasets import load_rossi  # takes seconds

    raw: pd.DataFrame = load_rossi()
    return raw.assign(person=np.arange(1, len(raw) + 1))


def _canadian_senators() -> pd.DataFrame:
    from lifelines.datasets import load_canadian_senators

    raw: pd.DataFrame = load_canadian_senators()
    day = raw[["start_date", "end_date"]].apply(lambda moment: moment.str[:10])
    return pd.DataFrame(
        {
            "person": raw.groupby(["Name", "Province / Territory"]).ngroup() + 1,
            "start": day["start_date"],
            "end": day["end_date"].where(raw["observed"]),
            "reason": raw["reason"],
            "province": raw["Province / Territory"],
            "party": raw["Political Affiliation at Appointment"],
            "appointed": np.where(day["start_date"] < "1965-06-02", "for life", "until 75"),
        }
    )


_LOADED: Mapping[str, Callable[[], pd.DataFrame]] = MappingProxyType(
    {"lifelines.rossi": _rossi, "lifelines.canadian_senators": _canadian_senators}
)
