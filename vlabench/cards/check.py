"""Checks every card there is: readable, names known, parameters valid, one content per condition name.

`python -m vlabench.cards.check` prints one line per problem and exits with 2 if there is one.
"""

from __future__ import annotations

import sys
from functools import partial

from vlabench import cards
from vlabench.cards import lineage
from vlabench.cards.conditions import Condition
from vlabench.errors import CardError, VlabenchError
from vlabench.util.text import counted


def problems() -> list[str]:
    """What is wrong with the cards, one line each; empty if nothing is."""
    homes: dict[tuple[str, str], Condition] = {}
    checks = [partial(_check_suite, name, homes) for name in cards.suite_names()]
    checks += [partial(_check_policy, name) for name in cards.policy_names()]
    found = []
    for check in checks:
        try:
            check()
        except VlabenchError as error:
            found += str(error).splitlines()
    return found


def _check_suite(name: str, homes: dict[tuple[str, str], Condition]) -> None:
    suite = cards.load_suite(name)
    _ = suite.engine
    suite.check_axes()
    for condition in suite.conditions.values():
        other = homes.setdefault((suite.simulator, condition.name), condition)
        if other.digest != condition.digest:
            raise CardError(
                f"{condition.where}: condition {condition.name!r} has other parameters in {other.where}: "
                f"records are kept by the condition's name, so a name means one thing"
            )


def _check_policy(name: str) -> None:
    card = cards.load_policy(name)
    _ = card.digest
    lineage.seen(card)


def main() -> int:
    """Print the problems; 2 if there are any, else 0."""
    found = problems()
    print("\n".join(found) or f"{counted(len(cards.suite_names()), 'suite')} and "
          f"{counted(len(cards.policy_names()), 'policy', 'policies')}: OK")
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main())
