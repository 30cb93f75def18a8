"""Competing-risks discrete-time hazards, from registers to an uncertainty-aware brief.

The data flow one way, from the top of this list to its end, and so do the imports:
a module imports only from modules above it.

    errors.py          the exception tree, in its docstring
    terminal.py        text without signs that move a cursor or turn an order
    toml.py            TOML that somebody wrote, within bounds
    files.py           output written whole or not at all, by one process at a time
    months.py          calendar month arithmetic; the only module that knows dates
    units.py           units of time: their plurals, the round numbers that are printed
    labels.py          texts as labels: one spelling, and what no label can be
    compiled.py        loops as machine code: the decorators of numba, with types
    links.py           linear predictor <-> exit probabilities: the one hazard formula
    survival.py        hazards -> survival, cumulative incidence, expected months
    prior_families.py  priors as frozen records, each with a scale and its reason
    spec/              a model as a file: frozen records, TOML in
    memory.py          how much memory a model will need, before anything is made
    left_out.py        how much was left out, by reason: persons, rows, exits
    contracts.py       the columns of a panel and the rules that they obey
    cells.py           cells of a table -> numbers or labels, and sentences for what is neither
    disclosure.py      at least ten persons, or nobody: levels of fewer are put together
    simulate/          registers with a known truth, calibrated to the published margins
    registers/         read, link, check and define: dated registers -> histories of families
    panel.py           histories of families -> one row per family and month at risk
    exposures/         peer and own histories: (row, lag), own events excluded
    roles.py           what a model needs of each column of a table
    spells.py          one row per person -> one row per person and month
    dated.py           dated spells, seen through a window of months -> the same
    examples.py        public tables that come with an installed package
    table_files.py     a CSV or Parquet file -> cells, each as the role of its column wants it
    table_columns.py   columns of a ready table, and their cells as a model wants them
    table.py           a ready table -> the same panel
    subset.py          the rows of some persons only, such as one nationality
    terms/             one term of the linear predictor per module
    design.py          panel + histories + spec -> the linear predictor as index tables
    equivalent.py      a design in another form: fewer rows or blocks, reference levels
    priors.py          prior families -> factors and transformations; a table with the reasons
    correlations.py    learned covariances over exits, from sds and partial correlations
    kernels.py         loops over rows: log-likelihood, gradient, curvature of a table of levels
    likelihood.py      log-likelihood of a design, its gradient and curvature in coefficients
    newton.py          maximum of a penalised log-likelihood, by Newton steps
    coordinates.py     coordinates in which every prior is an independent normal
    laplace.py         posterior mode, learned scales and the covariance around them
    gibbs.py           coefficients whose prior is not normal, given a normal likelihood
    approximation.py   the Laplace approximation as a map of normals, and as draws
    model.py           build_model(coordinates) -> pm.Model; never samples
    jax_likelihood.py  the same likelihood in JAX, for samplers that are written in it
    sampling.py        NUTS in whitened coordinates -> DataTree
    chains.py          finished chains, kept beside a run until it is written
    diagnostics.py     the convergence gate
    baselines/         linear probability, multinomial logit, Cox, Fine-Gray, life table
    new_levels.py      effects of a centre or a nationality that the rows did not have
    interventions/     persons as if nobody left, and histories as if other things had happened
    estimands.py       draws -> lag curves, standardised cumulative incidence
    standardised/      draws and paths -> risks under arms: total, direct, separable; contrasts
    more_or_earlier/   what an event adds to an exit, and what it only brings forward
    changes.py         draws -> change of the monthly probability by an event, lag by lag
    level_curves.py    draws -> lag curves of every level by which a term varies
    predictive/        exits drawn anew from a posterior, and probabilities under the prior
    scores/            how well a model predicts a person, a centre, the months to come
    evidence/          published coefficient tables -> posterior of lag curves
    summaries.py       draws -> estimate, intervals, probabilities, Monte Carlo errors
    tables.py          draws and fits -> tidy tables with interval, unit and error
    coefficients.py    coefficients that are no lags: covariates, calendar, baseline, spreads
    digits.py          estimates -> text with no digit finer than the Monte Carlo error
    scenario/          the whole system month by month: exits that others see, and what they do
    ever_treated/      a treatment coded as ever, and as it happens; a simulation of both
    figures/           tidy tables -> figures; no computation
    pipeline/          the stages in line: rows -> everything a run folder holds
    classical.py       the classical survival analysis of a panel, as tidy tables
    sensitivity/       the model under every lag prior, on the same rows
    concordance/       three estimators on one scale, why they differ, and the published two
    describe/          the published descriptive tables and figures, from any panel
    appendix.py        coefficients of a run in the layout of the published table
    tidy_csv.py        tidy tables as CSV; labels come back as they were
    seal.py            what a folder holds: a manifest with digests, and its own digest
    manifests.py       what a manifest holds, by the kind of its folder
    store.py           the run folder: netCDF, CSV, manifest
    calibration/       prior -> exits -> posterior -> ranks of the truth -> a certificate
    brief/             text and template: a run folder -> HTML, Norwegian and English
    cli/               arguments in, functions called, exit code out
"""
