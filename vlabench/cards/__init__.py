"""What is asked for: the cards of suites and policies."""

from vlabench.cards.files import card_files, policy_names, suite_names
from vlabench.cards.policy import SUBMISSION, PolicyCard, is_policy, load_policy
from vlabench.cards.suite import SuiteCard, load_suite
from vlabench.cards.write import write_policy

__all__ = ["SUBMISSION", "PolicyCard", "SuiteCard", "card_files", "is_policy", "load_policy", "load_suite",
           "policy_names", "suite_names", "write_policy"]
