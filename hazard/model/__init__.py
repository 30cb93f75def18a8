"""The model: terms, design, priors, likelihood, and the graph that PyMC samples.

In the order of imports:

    naming.py            names of the draws, by what they are
    links.py             linear predictor <-> exit probabilities: the one hazard formula
    memory.py            how much memory a model will need, before anything is made
    terms/               one term of the linear predictor per module
    dependence.py        which rows may depend on each other, by group and period
    design.py            panel + histories + spec -> the linear predictor as index tables
    equivalent.py        a design in another form: fewer rows or blocks, reference levels
    priors.py            priors in numbers: covariances and draws; a table with the reasons
    correlations.py      learned covariances over exits, from sds and partial correlations
    kernels.py           loops over rows: log-likelihood, gradient, curvature of a table of levels
    likelihood.py        log-likelihood of a design, its gradient and curvature in coefficients
    units.py             rows put together by person, centre or another unit
    unit_likelihood.py   log-likelihood of every unit in every draw
    parameterisation.py  coordinates in which every prior is an independent normal
    pymc_model.py        build_model(coordinates) -> pm.Model; never samples
    jax_likelihood.py    the same likelihood in JAX, for samplers that are written in it
"""
