"""The regression gate: is a candidate policy worse than a baseline, by more than a margin, on the same episodes?

For each condition there are three verdicts. `no regression`: the difference candidate − baseline lies above −margin, at
a one-sided error of at most alpha. `regression`: it lies below −margin, with Holm's correction over the conditions, so
that alpha bounds the chance of accusing any condition wrongly. `inconclusive`: neither can be said yet. The gate passes
if every condition passes (which needs no correction: a regression slips through only if its own condition's test errs),
and fails if one fails.
"""
