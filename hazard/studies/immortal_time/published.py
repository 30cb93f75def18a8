"""What Proba (2016) printed about the talks, and what that leaves open."""

from __future__ import annotations

from functools import cache
from importlib import resources

import pandas as pd

ASSISTED, TALKS_2014, TALKS_2015 = 1322, 723, 263
"""Persons, as printed in section 10.1: returned assisted, and with a talk in each year."""

ENGLISH = {"Irak": "Iraq", "Etiopia": "Ethiopia", "Russland": "Russia"}
"""Nationalities with coefficients of their own whose Norwegian name differs."""

OTHERS = "other"
N_OTHERS = 70
"""The report prints nationalities with 100 rejections or more; Oslo Economics counts 89 in all."""


@cache
def nationalities() -> pd.DataFrame:
    """Persons, share with a talk and share returned assisted, of each nationality.

    Returns
    -------
    DataFrame, columns nationality, persons, talk, assisted
        The printed nationalities, then ``N_OTHERS`` equal ones that share what is left of the
        totals; shares in [0, 1].

    Notes
    -----
    The tables describe 10,297 persons; the regression has 10,277, and the report does not say who
    the twenty are. The three talks of 2013 are left out, since that year was not registered
    systematically.

    References
    ----------
    .. [1] Proba samfunnsanalyse (2016), Evaluering av pilotprosjekt om saksflyt og retur, section
       10.1 and tables 10.1 and 10.3.

    Examples
    --------
    >>> table = nationalities()
    >>> len(table), int(table["persons"].sum().round())
    (89, 10297)
    """
    printed = _bundled("proba2016_table_10_3.csv")
    total = _bundled("proba2016_table_10_1_10_2.csv")["rejected"].sum()
    named = pd.DataFrame(
        {
            "nationality": printed["nationality"].replace(ENGLISH),
            "persons": printed["rejected"],
            "talk": printed["percent_orientation_talk"] / 100,
            "assisted": printed["percent_returned_assisted"] / 100,
        }
    )
    n_others = total - named["persons"].sum()
    talks = TALKS_2014 + TALKS_2015 - (named["persons"] * named["talk"]).sum()
    returns = ASSISTED - (named["persons"] * named["assisted"]).sum()
    sizes = [n_others // N_OTHERS + (place < n_others % N_OTHERS) for place in range(N_OTHERS)]
    unprinted = pd.DataFrame(
        {
            "nationality": [f"{OTHERS} {place:02d}" for place in range(1, N_OTHERS + 1)],
            "persons": sizes,
            "talk": talks / n_others,
            "assisted": returns / n_others,
        }
    )
    return pd.concat([named, unprinted], ignore_index=True)


@cache
def published_coefficients() -> pd.DataFrame:
    """Printed coefficients of an orientation talk, by sample and year of the talk.

    Returns
    -------
    DataFrame, columns sample, term, published, published_se
        ``sample`` is ``all`` or a nationality, ``term`` ``talk_2014`` or ``talk_2015``; change of
        the probability of ever having returned assisted.

    References
    ----------
    .. [1] Proba samfunnsanalyse (2016), Evaluering av pilotprosjekt om saksflyt og retur, table
       10.4 and tables 1 to 8 of the appendix.

    Examples
    --------
    >>> published_coefficients().iloc[:2].to_numpy().tolist()
    [['all', 'talk_2014', -0.031, 0.018], ['all', 'talk_2015', -0.092, 0.028]]
    """
    printed = _bundled("proba2016_lpm_coefficients.csv")
    talks = printed[printed["variable"].str.startswith("os_")]
    return pd.DataFrame(
        {
            "sample": talks["sample"].replace({"Pooled": "all"} | ENGLISH),
            "term": talks["variable"].str.replace("os_", "talk_"),
            "published": talks["coefficient"],
            "published_se": talks["se"],
        }
    ).reset_index(drop=True)


def _bundled(name: str) -> pd.DataFrame:
    with resources.files("hazard").joinpath("published", name).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False, na_values=[""])
