"""Inference: the posterior mode, draws from it or from a sampler, and whether they can be used.

In the order of imports:

    newton.py         maximum of a penalised log-likelihood, by Newton steps
    sandwich.py       draws as wide as dependent rows say
    laplace.py        posterior mode, learned scales and the covariance around them
    gibbs.py          coefficients whose prior is not normal, given a normal likelihood
    laplace_draws.py  the Laplace approximation as a map of normals, and as draws
    nuts.py           NUTS in whitened coordinates -> DataTree
    thinning.py       fewer draws of a posterior
    chains.py         finished chains, kept beside a run until it is written
    convergence.py    the convergence gate
    new_levels.py     effects of a centre or a nationality that the rows did not have
"""
