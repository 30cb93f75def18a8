"""Estimators without a posterior, on the same panel."""
