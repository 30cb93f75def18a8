"""Checks of a fitted model against rows: those that it saw, and those that it did not.

In the order of imports:

    predictive/  exits drawn anew from a posterior, and probabilities under the prior
    scores/      how well a model predicts a person, a centre, the months to come
"""
