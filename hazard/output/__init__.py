"""Output: draws and fits as tidy tables, tables as figures.

In the order of imports:

    summaries.py     draws -> estimate, intervals, probabilities, Monte Carlo errors
    simultaneous.py  draws of a curve -> a band that holds all of it
    tables.py        draws and fits -> tidy tables with interval, unit and error
    shapes.py        draws of lag curves -> probabilities of the shapes that are asked for
    coefficients.py  coefficients that are no lags: covariates, calendar, baseline, spreads
    digits.py        estimates -> text with no digit finer than the Monte Carlo error
    figures/         tidy tables -> figures of a brief, in words; no computation
    plots.py         tidy tables -> one axes each, for a notebook
"""
