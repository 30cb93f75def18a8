"""Studies: questions that take more than one fit, or none.

In the order of imports:

    classical.py    the classical survival analysis of a panel, as tidy tables
    scores/         how well a model predicts a person, a centre, the months to come
    sensitivity/    the model under every lag prior, on the same rows
    sbc/            simulation-based calibration: prior -> exits -> posterior -> ranks
    scenario/       the whole system month by month: exits that others see, and what they do
    immortal_time/  a treatment coded as ever, and as it happens; a simulation of both
    published/      published coefficient tables -> posterior of lag curves
    estimators/     three estimators on one scale, why they differ, and the published two
    describe/       the published descriptive tables and figures, from any panel
    appendix.py     coefficients of a run in the layout of the published table
"""
