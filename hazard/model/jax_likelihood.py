"""The log-likelihood in JAX: the same operation of the graph for samplers that are written in it.

Importing this module registers the twin of :class:`hazard.model.pymc_model.LogLikelihood`; it needs
the package jax. JAX derives the gradient from the value itself, so that a sampler in JAX checks the
gradient of the compiled likelihood as well as the sampler in use.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch.basic import jax_funcify

from hazard.model.links import CLOGLOG, SOFTMAX
from hazard.model.pymc_model import LogLikelihood

__all__ = ["log_likelihood"]

_SERIES = 1e-4


def log_likelihood(link: int, table: Any, index: Any, outcome: Any, weight: Any) -> Any:
    """Log-likelihood of all rows.

    Parameters
    ----------
    link : int
        ``SOFTMAX`` or ``CLOGLOG``.
    table : array, shape (level, exit)
        Stacked table of all blocks.
    index : array of int, shape (row, block)
    outcome : array of int, shape (row,)
        0 for who stays, else the number of the exit.
    weight : array, shape (row,)

    Returns
    -------
    scalar

    Notes
    -----
    The sum over rows of weight times log P(outcome | eta), eta_j the sum of the levels of a row,
    with P of :func:`hazard.model.links.hazard`.

    Examples
    --------
    One row who leaves through the first of two exits, each as likely as staying: log(1/3).

    >>> table = jnp.zeros((1, 2))
    >>> row = jnp.array([[0]]), jnp.array([1]), jnp.ones(1)
    >>> round(float(log_likelihood(SOFTMAX, table, *row)), 4)
    -1.0986
    """
    eta = table[index].sum(axis=1)
    exit_or_first = jnp.maximum(outcome.astype(int) - 1, 0)
    eta_of_exit = jnp.take_along_axis(eta, exit_or_first[:, None], axis=1)[:, 0]
    return (weight * _ROWS[link](eta, jnp.where(outcome > 0, eta_of_exit, 0.0), outcome)).sum()


def _softmax(eta: Any, eta_of_exit: Any, outcome: Any) -> Any:
    """Log-probability of each row; ``eta_of_exit`` is 0 of who stays."""
    stay = jnp.zeros_like(eta[:, :1])
    return eta_of_exit - jax.scipy.special.logsumexp(jnp.hstack([stay, eta]), axis=1)


def _cloglog(eta: Any, eta_of_exit: Any, outcome: Any) -> Any:
    """Log-probability of each row; log((1 - exp(-m)) / m) by its series where m is small."""
    total = jnp.exp(eta).sum(axis=1)
    large = jnp.where(total < _SERIES, 1.0, total)  # the branch that is not taken must stay finite
    ratio = jnp.log(-jnp.expm1(-large) / large)
    small = -total / 2 + total**2 / 24
    leaves = eta_of_exit + jnp.where(total < _SERIES, small, ratio)
    return jnp.where(outcome > 0, leaves, -total)


_ROWS = {SOFTMAX: _softmax, CLOGLOG: _cloglog}


@jax_funcify.register(LogLikelihood)  # type: ignore[untyped-decorator]
def _jax_log_likelihood(op: LogLikelihood, node: Apply, **_: Any) -> Any:
    def value_and_gradient(table: Any, index: Any, outcome: Any, weight: Any) -> Any:
        def value(levels: Any) -> Any:
            return log_likelihood(op.link, levels, index, outcome, weight)

        return value(table), jax.grad(value)(table)

    return value_and_gradient
