"""Competing-risks discrete-time hazards, from registers to an uncertainty-aware brief.

The data flow one way, from the top of this list to its end, and so do the imports:
a module imports only from modules above it. Inside a room its own docstring is the map.

    errors.py    the exception tree, in its docstring
    arrays.py    names for the types of arrays
    months.py    calendar month arithmetic; the only module that knows dates
    units.py     units of time: their plurals, the round numbers that are printed
    compiled.py  loops as machine code: the decorators of numba, with types
    files/       files written whole or not at all, read within bounds, sealed with digests
    languages/   every text that a reader sees, one file per language
    spec/        a model as a file: frozen records, priors with their reasons, TOML in
    data/        registers or a ready table -> a panel, with what happened around each person
    model/       terms, design, priors, likelihood; the graph that PyMC samples
    simulation/  registers with a known truth, calibrated to the published margins
    inference/   Laplace approximation and NUTS -> draws; the convergence gate
    estimands/   draws -> lag curves, incidences, marginal effects, risks under interventions
    baselines/   linear probability, multinomial logit, Cox, Fine-Gray, life table
    checks/      predictive checks, and scores of what was left out
    output/      draws and fits -> tidy tables, digits, figures
    fitting/     the stages in line: rows -> everything a run holds, and its folder
    studies/     sensitivity, calibration, scenarios, comparison of estimators, published tables
    brief/       texts and template: a run folder -> HTML, in any of the languages
    cli/         arguments in, functions called, exit code out
"""
