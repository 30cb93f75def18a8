"""The exception tree; each error carries the exit code that the command line returns.

HazardError
├── UsageError            2   a path, an option or a combination of options
├── SpecError             2   a model file
├── DataError             3   what was read
│   ├── RegisterError         the registers
│   ├── PanelError            the person-period panel
│   └── HistoryError          the exposure histories
├── DesignError           3   panel and model file do not fit
├── DomainError           3   a number outside its domain
├── ConvergenceError      4   the sampler did not pass the gate; carries what was drawn
├── DisclosureError       5   a result that describes too few persons
├── IntegrityError        6   a folder that is not as it was written
└── EstimandError         3   a quantity that the fit cannot answer

A message is one sentence of the form ``<where> <what> must <rule>; got <value> in <k> of <n> rows
(first: row <number>). <what to do>``. It never holds an id or another value of a person.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class HazardError(Exception):
    """Root of every error that a user can cause and cure."""

    exit_code = 1


class UsageError(HazardError):
    """A path, an option or a combination of options that cannot be used."""

    exit_code = 2


class SpecError(HazardError):
    """A model file that breaks a rule."""

    exit_code = 2


class DataError(HazardError):
    """Data that break a rule."""

    exit_code = 3


class RegisterError(DataError):
    """Registers that break a rule."""


class PanelError(DataError):
    """A person-period panel that breaks a rule."""


class HistoryError(DataError):
    """Exposure histories that do not fit the panel or the stated rule."""


class DesignError(HazardError):
    """A panel and a model file that do not fit each other."""

    exit_code = 3


class DomainError(HazardError):
    """A number outside the domain of the function."""

    exit_code = 3


class DisclosureError(HazardError):
    """A result that would describe a person, or too few of them."""

    exit_code = 5


class IntegrityError(HazardError):
    """A folder is not as a command wrote it."""

    exit_code = 6


class EstimandError(HazardError):
    """A quantity that this fit cannot answer."""

    exit_code = 3


class ConvergenceError(HazardError):
    """Sampling that did not pass the gate; ``posterior`` is what was drawn."""

    exit_code = 4

    def __init__(self, message: str, posterior: Any = None) -> None:
        super().__init__(message)
        self.posterior = posterior


class ConvergenceWarning(UserWarning):
    """Draws that did not pass the gate; each sentence names a broken limit."""


def nearest_column(word: object, columns: Iterable[object]) -> str:
    """Sentence that proposes the nearest other column by its place, or an empty text.

    What stands in a header may be the first row of a table without one.

    Examples
    --------
    >>> nearest_column("sex", ["person", "sexx"])
    ' Did you mean column 2?'
    """
    index = _nearest(word, [str(column) for column in columns])
    return "" if index is None else f" Did you mean column {index + 1}?"


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Sentence that proposes the nearest other known word, or an empty text.

    Case and spaces around a word do not count.

    Examples
    --------
    >>> did_you_mean("dissapeared", ["assisted", "disappeared", "stay"])
    " Did you mean 'disappeared'?"
    >>> did_you_mean("x", ["assisted"])
    ''
    """
    others = [str(candidate) for candidate in known if str(candidate) != str(word)]
    index = _nearest(word, others)
    return "" if index is None else f" Did you mean '{others[index]}'?"


def _nearest(word: object, words: Sequence[str]) -> int | None:
    """Place of the nearest word, whatever its case and the spaces around it."""
    plain = [candidate.strip().casefold() for candidate in words]
    matches = difflib.get_close_matches(str(word).strip().casefold(), plain, n=1)
    return plain.index(matches[0]) if matches else None
