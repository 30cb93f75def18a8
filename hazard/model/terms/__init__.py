"""One term of the linear predictor per module: ``build(term, rows) -> (block, level of row)``.

Where a block takes levels or a constant from the rows, ``build(term, rows, frozen)`` keeps those of
an earlier block, so that its coefficients mean the same for other rows. A group appends levels that
it does not know; other terms refuse them.
"""
