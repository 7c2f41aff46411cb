"""Arrays in, numbers out: rates, paired differences, robustness, aggregates, ranking, sequential tests.

Outcomes are bool arrays, True for a success. Episodes that ended in an error are no outcomes: leave them out before
calling. Differences are second − first, as fractions: −0.2 means that the second succeeds 20 points less often.
Every figure comes with its interval, at the 95 % level unless another is asked for.
"""

from vlabench.stats.aggregates import iqm, probability_of_improvement, stratified_bootstrap
from vlabench.stats.clusters import LEVEL, RESAMPLES, Clusters
from vlabench.stats.ranking import Strengths, bradley_terry
from vlabench.stats.rates import (
    Bools,
    Estimate,
    Rate,
    holm,
    mcnemar,
    newcombe_paired,
    pair,
    paired_difference,
    success_rate,
    wilson,
)
from vlabench.stats.robustness import Worst, mce, retention, severity_area, worst_condition
from vlabench.stats.sequential import PairedSequence, Sequential, Verdict, log_evalue, sequential_paired

__all__ = [
    "LEVEL", "RESAMPLES", "Bools", "Clusters", "Estimate", "PairedSequence", "Rate", "Sequential", "Strengths",
    "Verdict", "Worst", "bradley_terry", "holm", "iqm", "log_evalue", "mce", "mcnemar", "newcombe_paired", "pair",
    "paired_difference", "probability_of_improvement", "retention", "sequential_paired", "severity_area",
    "stratified_bootstrap", "success_rate", "wilson", "worst_condition",
]  # fmt: skip
