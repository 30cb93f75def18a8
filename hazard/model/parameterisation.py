"""Coordinates in which the prior of every coefficient is an independent normal.

A normal prior over the coefficients of a block is written beta = F z with z standard normal; F is
multiplied into the basis of the block. Where the prior has a scale to be learned, z ~ Normal(0, S)
over exits for every coordinate, with one learned S per block. A prior that is not normal keeps its
coefficients; its Gaussian surrogate in the normal approximation has its marginal sd. Sampler and
Laplace approximation share these coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hazard.arrays import FloatArray
from hazard.model import correlations
from hazard.model.design import Design
from hazard.model.likelihood import Rows, fast_rows
from hazard.model.terms.block import Block
from hazard.spec.intercept import InterceptPrior
from hazard.spec.priors import LearnedFamily, TransformedFamily


@dataclass(frozen=True)
class Learned:
    """A block whose coordinates share a learned covariance over exits.

    Attributes
    ----------
    name : str
    span : slice
        Of its coordinates among all.
    scale : float
        Of the half-normal prior of every standard deviation.
    concentration : float or None
        Of the prior of the correlations between exits; None where exits are independent.
    """

    name: str
    span: slice
    scale: float
    concentration: float | None

    def n_parameters(self, n_exits: int) -> int:
        """Number of parameters of the covariance: log sds and, if learned, partial correlations."""
        return n_exits + (len(correlations.pairs(n_exits)) if self.concentration else 0)


@dataclass(frozen=True)
class Anchor:
    """What the rows say of the effects of one term, as one normal observation per coordinate.

    Attributes
    ----------
    information : ndarray, shape (coordinate, exit, exit)
        Positive semi-definite.
    weighted_mean : ndarray, shape (coordinate, exit)
        Precision-weighted mean: the information times the observed value.
    """

    information: FloatArray
    weighted_mean: FloatArray

    @classmethod
    def empty(cls, n_coordinates: int, n_exits: int) -> Anchor:
        """The anchor of rows that say nothing."""
        return cls(np.zeros((n_coordinates, n_exits, n_exits)), np.zeros((n_coordinates, n_exits)))


@dataclass(frozen=True)
class Coordinates:
    """A design in standard coordinates.

    Attributes
    ----------
    design : Design
        Bases multiplied with the prior factors; its coefficients are the coordinates.
    original : Design
        The design in coefficients.
    factors : dict of str to ndarray, shape (coefficient, coordinate)
        beta = factor @ z, for every block but the intercept and those of ``transformed``.
    widths : dict of str to float
        Prior sd of the coordinates of every block that is not in standard units: those whose levels
        are their coefficients, so that their basis stays the identity.
    learned : tuple of Learned
    transformed : dict of str to TransformedFamily
        Blocks whose prior is not normal; their coordinates are coefficients over ``factors``.
    intercept : InterceptPrior
    """

    design: Design
    original: Design
    factors: dict[str, FloatArray]
    widths: dict[str, float]
    learned: tuple[Learned, ...]
    transformed: dict[str, TransformedFamily]
    intercept: InterceptPrior

    @property
    def n_exits(self) -> int:
        """Number of exits."""
        return len(self.design.exits)

    @cached_property
    def rows(self) -> Rows:
        """The rows with as few look-ups as possible."""
        return fast_rows(self.design)

    def prior_mean(self) -> FloatArray:
        """Prior mean of the coordinates, shape (coordinate, exit)."""
        mean = np.zeros((self.design.n_coefficients, self.n_exits))
        mean[self.design.span("intercept")] = self.intercept.mean
        return mean

    def start(self) -> tuple[FloatArray, ...]:
        """Parameters of every learned covariance, at half a log-odds without correlation."""
        return tuple(
            np.r_[
                np.full(self.n_exits, np.log(min(0.5, group.scale))),
                np.zeros(group.n_parameters(self.n_exits) - self.n_exits),
            ]
            for group in self.learned
        )

    def prior_precision(self, theta: tuple[FloatArray, ...]) -> FloatArray:
        """Prior precision over exits of every coordinate, given the learned covariances.

        Parameters
        ----------
        theta : tuple of ndarray
            Parameters of each learned covariance (see
            :func:`hazard.model.correlations.covariance`).

        Returns
        -------
        ndarray, shape (coordinate, exit, exit)
        """
        identity = np.eye(self.n_exits)
        precision = np.repeat(identity[None], self.design.n_coefficients, axis=0)
        precision[self.design.span("intercept")] = identity / self.intercept.scale**2
        for name, width in self.widths.items():
            precision[self.design.span(name)] = identity / width**2
        for group, parameters in zip(self.learned, theta, strict=True):
            precision[group.span] = np.linalg.inv(correlations.covariance(parameters, self.n_exits))
        return precision

    def coefficients(self, coordinates: FloatArray) -> FloatArray:
        """Coefficients of coordinates.

        Parameters
        ----------
        coordinates : ndarray, shape (coordinate, exit)

        Returns
        -------
        ndarray, shape (coefficient, exit)
        """
        others = (
            self.factors[block.name] @ coordinates[self.design.span(block.name)]
            for block in self.original.blocks[1:]
        )
        return np.concatenate([coordinates[self.design.span("intercept")], *others])


def standard(design: Design) -> Coordinates:
    """Standard coordinates of a design, from the priors of its blocks."""
    blocks, factors, widths, spreads = [], {}, {}, {}
    transformed: dict[str, TransformedFamily] = {}
    intercept = InterceptPrior()
    for block in design.blocks:
        prior = block.prior
        if isinstance(prior, InterceptPrior):
            intercept = prior
            blocks.append(block)
            continue
        if prior is None:
            raise TypeError(f"block {block.name!r} has no prior")
        if isinstance(prior, TransformedFamily):
            transformed[block.name] = prior
        if isinstance(prior, LearnedFamily):
            spreads[block.name] = prior.spread
        lag = np.asarray(block.places(), dtype=np.float64)
        factor = np.asarray(np.kron(np.eye(block.copies), prior.factor(lag)), dtype=np.float64)
        if block.basis is None and prior.known_sd is not None:
            widths[block.name], factor = prior.known_sd, np.eye(block.n_coefficients)
        factors[block.name] = factor
        blocks.append(_in_coordinates(block, factor))
    standardised = replace(design, blocks=tuple(blocks))
    learned = tuple(
        Learned(name, standardised.span(name), spread.scale, spread.concentration)
        for name, spread in spreads.items()
    )
    return Coordinates(standardised, design, factors, widths, learned, transformed, intercept)


def _in_coordinates(block: Block, factor: FloatArray) -> Block:
    if factor.shape[0] == factor.shape[1] and np.array_equal(factor, np.eye(len(factor))):
        return block
    labels = block.coefficients if factor.shape[1] == len(factor) else np.arange(factor.shape[1])
    return replace(block, basis=block.matrix() @ factor, coefficients=labels)
