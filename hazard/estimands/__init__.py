"""Estimands: draws -> probabilities, and their differences between arms.

In the order of imports:

    survival.py          hazards -> survival, cumulative incidence, expected months
    interventions/       persons as if nobody left, and histories as if other things had happened
    incidence.py         draws -> lag curves, cumulative incidence with an event and without
    g_formula/           parametric g-formula: risks under arms, total, direct, separable; contrasts
    displacement/        what an event adds to an exit, and what it only brings forward
    marginal_effects.py  average marginal effects of an event on a month's probability, lag by lag
    lag_shapes.py        whether a lag curve has a shape, such as a peak or being gone, draw by draw
    group_curves.py      lag curves of every level by which a term varies
"""
