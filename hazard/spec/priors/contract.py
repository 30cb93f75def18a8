"""The contract of a family of priors: what it must define, and what everything else may use.

A prior is one of the coefficients of a term, for each exit, on the scale of the linear predictor.
Every family is a module of this folder with one frozen record, which is of one of three kinds:

``NormalFamily``
    The coefficients are F z with z standard normal: ``factor`` is F.
``LearnedFamily``
    The same in units of a standard deviation that is learned: ``spread`` says how.
``TransformedFamily``
    The coefficients are another function of standard normals: ``transform`` and ``n_normals``.
    ``reach`` is the sd of its Gaussian surrogate, ``moments`` has mean and variance.

All have the fields ``family``, ``scale`` and ``reason``, a ``label`` and ``symbols`` for readers.
What is not said has the answer of most families. A family that lacks something is refused when the
package is imported (:func:`registered`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, get_args

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.claims import Claims
from hazard.spec.records import Record


class Moments(NamedTuple):
    """Prior mean and variance of every coefficient, each of shape (n,)."""

    mean: FloatArray
    variance: FloatArray


class Shape(NamedTuple):
    """A prior of a lag curve to compare others with: its name, a label, and the prior.

    Its scale is 1: :meth:`PriorFamily.times` gives it any other.
    """

    name: str
    label: str
    prior: PriorFamily


class Spread(NamedTuple):
    """A standard deviation that is learned.

    Attributes
    ----------
    scale : float
        Of its half-normal prior.
    quantity : str
        What it is the sd of: the effects of ``levels``, or the ``steps`` between them.
    concentration : float or None
        Of the prior of the correlations between exits; None where exits are independent.
    """

    scale: float
    quantity: Literal["levels", "steps"] = "levels"
    concentration: float | None = None


class Functions(NamedTuple):
    """Elementary functions, of numbers or of symbols."""

    erfc: Callable[[Any], Any]
    tan: Callable[[Any], Any]
    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]


class PriorFamily(Record):
    """A prior of a family, of any kind.

    Attributes
    ----------
    label : str
        The family in a few words, of a figure or a table.
    lengths : tuple of str
        Fields that are standard deviations.
    iid : bool
        Whether the coefficients are independent normals with the same sd, known or learned. Only
        then are levels exchangeable, and a further level has a distribution.
    singles_out_event : bool
        Whether it tells the month of the event from all others, so that lag 0 must have a
        coefficient of its own.
    implausible : tuple of Claim
        What the reason says, in numbers: checked when a model is read
        (:mod:`hazard.spec.tails`).
    """

    label: ClassVar[str]
    lengths: ClassVar[tuple[str, ...]] = ("scale",)
    iid: ClassVar[bool] = False
    singles_out_event: ClassVar[bool] = False

    implausible: Claims = ()

    if TYPE_CHECKING:  # fields, whose order is that of each family and enters the digest of a model
        family: str
        scale: float
        reason: str

    @property
    @abstractmethod
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""

    @abstractmethod
    def factor(self, lag: FloatArray) -> FloatArray:
        """Factor F of the coefficients F z, with z standard normal.

        Parameters
        ----------
        lag : ndarray of float, shape (n,)
            Lag of each coefficient (of a window of lags its middle), or its position 0, ..., n - 1.
            A lead is negative.

        Returns
        -------
        ndarray, shape (n, r)
            Of a learned family in units of its sd; of a transformed one that of its surrogate.
        """

    @abstractmethod
    def moments(self, lag: FloatArray) -> Moments:
        """Prior mean and variance of every coefficient; a learned sd is at the scale of its prior.

        The mean must be zero: surrogates and prior intervals are centred at it.
        """

    def times(self, factor: float) -> Self:
        """The prior of the same shape, all its standard deviations times a factor."""
        return self.model_copy(update={name: getattr(self, name) * factor for name in self.lengths})

    @property
    def known_sd(self) -> float | None:
        """Sd of every coefficient of an ``iid`` family whose sd is not learned, else None."""
        return None

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """Shapes of a lag curve for the sensitivity of a conclusion; none by default."""
        return ()


class NormalFamily(PriorFamily):
    """A prior whose coefficients are normal: F z."""

    def covariance(self, lag: FloatArray) -> FloatArray:
        """Prior covariance of the coefficients; a learned sd is at the scale of its prior."""
        factor = self.factor(lag)
        return np.asarray(factor @ factor.T)

    def moments(self, lag: FloatArray) -> Moments:
        """Zero, and the diagonal of the covariance."""
        return Moments(np.zeros(len(lag)), np.diag(self.covariance(lag)))

    @property
    def known_sd(self) -> float | None:
        """Sd of every coefficient of an ``iid`` family, else None."""
        return float(self.factor(np.zeros(1))[0, 0]) if self.iid else None


class LearnedFamily(NormalFamily):
    """A prior whose coefficients are normal with a learned sd: s F z, with s half-normal."""

    @property
    @abstractmethod
    def spread(self) -> Spread:
        """Prior of the learned sd."""

    def covariance(self, lag: FloatArray) -> FloatArray:
        """Prior covariance of the coefficients, with the sd at the scale of its prior."""
        scaled_factor = self.factor(lag) * self.spread.scale
        return np.asarray(scaled_factor @ scaled_factor.T)

    @property
    def known_sd(self) -> float | None:
        """Nothing: the sd is learned."""
        return None


class TransformedFamily(PriorFamily):
    """A prior that is not normal: its coefficients are a function of standard normals.

    Attributes
    ----------
    gibbs : str or None
        The exact step of :mod:`hazard.inference.gibbs` that draws the coefficients where the rows
        are one normal observation; without one they are drawn by elliptical slices.
    """

    gibbs: ClassVar[Literal["half_cauchy", "falling"] | None] = None

    @property
    @abstractmethod
    def reach(self) -> float:
        """Sd of its Gaussian surrogate, in whose units it is drawn."""

    @abstractmethod
    def n_normals(self, n: int) -> int:
        """Number of standard normals that :meth:`transform` turns into ``n`` coefficients."""

    @abstractmethod
    def transform(self, x: Any, n: int, functions: Functions) -> Any:
        """Coefficients from standard normals.

        Parameters
        ----------
        x : array, shape (n_normals, exit)
            Numbers or symbols.
        n : int
            Number of coefficients.
        functions : Functions
            Of numbers or of symbols.

        Returns
        -------
        array, shape (n, exit)
        """

    def factor(self, lag: FloatArray) -> FloatArray:
        """Factor of the surrogate: independent normals whose sd is the reach."""
        return np.diag(np.full_like(lag, self.reach))


# --- registration -------------------------------------------------------------------------------
def registered(name: str) -> type[PriorFamily]:
    """The family of a module of this folder.

    Parameters
    ----------
    name : str
        Of the module, and of the family in a model file.

    Raises
    ------
    TypeError
        If the module does not have one family, or the family lacks something; in one sentence.

    Examples
    --------
    >>> registered("normal").__name__
    'NormalPrior'
    """
    module = import_module(f"{__package__}.{name}")
    families = [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and issubclass(member, PriorFamily)
        and member.__module__ == module.__name__
    ]
    if len(families) != 1:
        raise TypeError(
            f"prior family {name!r} must be one class in {name}.py, a NormalFamily, LearnedFamily "
            f"or TransformedFamily; got {len(families)} of them."
        )
    if missing := lacking(families[0], name):
        raise TypeError(
            f"prior family {name!r} must have all that {__package__}.contract asks of it; "
            f"{families[0].__name__} lacks {', '.join(missing)}."
        )
    return families[0]


def lacking(family: type[PriorFamily], name: str) -> list[str]:
    """What a family does not say, though every family of its kind must.

    Examples
    --------
    >>> class StudentPrior(TransformedFamily):
    ...     label = "heavy tails"
    ...     family: Literal["student"]
    ...     scale: float
    >>> lacking(StudentPrior, "student")
    ['moments', 'n_normals', 'reach', 'symbols', 'transform', 'reason: Reason']
    """
    fields = family.model_fields
    missing = sorted(family.__abstractmethods__)
    if not getattr(family, "label", ""):
        missing.append("label")
    if "family" not in fields or get_args(fields["family"].annotation) != (name,):
        missing.append(f"family: Literal[{name!r}]")
    for field, kind in (("scale", "Scale"), ("reason", "Reason")):
        if field not in fields or not fields[field].is_required():
            missing.append(f"{field}: {kind}")
    missing += [f"{field}: Scale" for field in family.lengths if field not in {*fields, "scale"}]
    return missing
