"""Coordinates in which the prior of every coefficient is an independent normal.

A prior with a fixed covariance K over the coefficients of a block is written beta = F z with
F F' = K and z standard normal; F is multiplied into the basis of the block. A pooled block keeps
its coefficients, u ~ Normal(0, sigma), with one learned sigma per exit. Sampler and Laplace
approximation share these coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hazard.design import Design
from hazard.priors import covariance
from hazard.spec import InterceptPrior, PooledPrior
from hazard.terms.block import FloatArray


@dataclass(frozen=True)
class Pooled:
    """A block whose coefficients share a learned standard deviation per exit.

    ``scale`` is the scale of the half-normal prior of that standard deviation.
    """

    name: str
    span: slice
    scale: float


@dataclass(frozen=True)
class Coordinates:
    """A design in standard coordinates z (or u, in pooled blocks).

    Attributes
    ----------
    design : Design
        Bases multiplied with the prior factors.
    factors : dict of str to ndarray, shape (coefficient, coefficient)
        beta = factor @ z, for every block that is not pooled.
    pooled : tuple of Pooled
    intercept : InterceptPrior
    """

    design: Design
    factors: dict[str, FloatArray]
    pooled: tuple[Pooled, ...]
    intercept: InterceptPrior

    def prior_mean(self) -> FloatArray:
        """Prior mean of the coordinates, shape (coefficient, exit)."""
        mean = np.zeros((self.design.n_coefficients, len(self.design.exits)))
        mean[self.design.span("intercept")] = self.intercept.mean
        return mean

    def prior_precision(self, sigma: FloatArray) -> FloatArray:
        """Prior precision of the coordinates, given the learned scales.

        Parameters
        ----------
        sigma : ndarray, shape (pooled block, exit)

        Returns
        -------
        ndarray, shape (coefficient, exit)
        """
        precision = np.ones((self.design.n_coefficients, len(self.design.exits)))
        precision[self.design.span("intercept")] = self.intercept.scale**-2
        for group, own in zip(self.pooled, sigma, strict=True):
            precision[group.span] = own**-2
        return precision

    def coefficients(self, coordinates: FloatArray) -> FloatArray:
        """Coefficients of coordinates, both of shape (coefficient, exit)."""
        beta = coordinates.copy()
        for name, factor in self.factors.items():
            span = self.design.span(name)
            beta[span] = factor @ coordinates[span]
        return beta


def standard(design: Design) -> Coordinates:
    """Standard coordinates of a design, from the priors of its blocks."""
    blocks, factors, pooled = [], {}, []
    intercept = InterceptPrior()
    for block in design.blocks:
        prior = block.prior
        if isinstance(prior, InterceptPrior):
            intercept = prior
            blocks.append(block)
        elif isinstance(prior, PooledPrior):
            pooled.append(Pooled(block.name, design.span(block.name), prior.scale))
            blocks.append(block)
        elif prior is not None:
            lags = block.coefficients if block.kind == "lagged" else None
            factor = np.linalg.cholesky(covariance(prior, block.n_coefficients, lags=lags))
            factors[block.name] = factor
            blocks.append(replace(block, basis=block.matrix() @ factor))
    return Coordinates(replace(design, blocks=tuple(blocks)), factors, tuple(pooled), intercept)
