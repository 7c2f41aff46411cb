"""Arrays in, numbers out: rates, paired differences, robustness, aggregates, ranking, sequential tests.

All of them answer one of two questions, about these very tasks or about tasks like these (`tasks.TasksAs`).

Outcomes are bool arrays, True for a success. Episodes that ended in an error are no outcomes: leave them out before
calling. Differences are second − first, as fractions: −0.2 means that the second succeeds 20 points less often.
Every figure comes with its interval, at the 95 % level unless another is asked for.
"""

from vlabench.stats.aggregates import iqm, probability_of_improvement, stratified_bootstrap
from vlabench.stats.by_task import attainable, discrete_holm, loss_p
from vlabench.stats.differences import NO_DIFFERENCE, Difference, difference
from vlabench.stats.ranking import Met, Strengths, bradley_terry, strengths
from vlabench.stats.rates import NOTHING, Bools, Estimate, holm, pair, rate
from vlabench.stats.robustness import mce, retention, severity_area
from vlabench.stats.sequential import PairedSequence, Sequential, Verdict, log_evalue, sequential_paired, task_evalues
from vlabench.stats.tasks import FEW, LEVEL, TASKS_AS, Tasks, TasksAs, Worth, question
from vlabench.stats.trainings import TrainingsDifference, TrainingsRate, trainings, trainings_difference

__all__ = [
    "FEW", "LEVEL", "NOTHING", "NO_DIFFERENCE", "TASKS_AS", "Bools", "Difference", "Estimate", "Met",
    "PairedSequence", "Sequential", "Strengths", "Tasks", "TasksAs", "TrainingsDifference", "TrainingsRate",
    "Verdict", "Worth", "attainable", "bradley_terry", "difference", "discrete_holm", "holm", "iqm", "log_evalue",
    "loss_p", "mce", "pair", "probability_of_improvement", "question", "rate", "retention", "sequential_paired",
    "severity_area", "stratified_bootstrap", "strengths", "task_evalues", "trainings", "trainings_difference",
]  # fmt: skip
