"""The regression gate: is a candidate policy worse than a baseline, by more than a margin, on the same episodes?

For each condition there are three verdicts. `no regression`: the mean difference candidate − baseline over tasks lies
above −margin, at an error of at most alpha, and no task is flagged. `regression`: it lies below −margin, corrected for
all conditions, or a task is flagged: it certainly lost something, and as much as the task margin. Each of these two
accusations has half of alpha for all conditions and tasks together. `inconclusive`: neither can be said yet. The gate
passes if every condition passes (which needs no correction: a regression slips through only if its own condition's test
errs), and fails if one fails. Played with `--run`, the same hypotheses are tested so that one may look after every
round.
"""
