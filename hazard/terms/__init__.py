"""One term of the linear predictor per module: ``build(term, rows) -> (block, level of row)``."""
