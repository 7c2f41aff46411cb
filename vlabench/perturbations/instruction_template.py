"""instruction_template: the policy is told the same in other words, one of RL4VLA's 16 unseen phrasings (appendix A.4).

Each is equally likely, held for the episode; capitals and full stops are the paper's. It takes instructions of the form
"put X on Y".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from vlabench.errors import UnsupportedError
from vlabench.perturbations._language import ToldOtherwise

TEMPLATES = (
    "Place the {object} on the {receptacle}",
    "set {object} on {receptacle}",
    "move the {object} to the {receptacle}",
    "Take the {object} and put it on the {receptacle}",
    "pick up {object} and set it down on {receptacle}",
    "please put the {object} on the {receptacle}",
    "Put {object} onto {receptacle}.",
    "place the {object} onto the {receptacle} surface",
    "Make sure {object} is on {receptacle}.",
    "on the {receptacle}, put the {object}",
    "put the {object} where the {receptacle} is",
    "Move the {object} from the table to the {receptacle}",
    "Move {object} so it’s on {receptacle}.",
    "Can you put {object} on {receptacle}?",
    "{object} on the {receptacle}, please.",
    "the {object} should be placed on the {receptacle}.",
)
OWN = re.compile(r"put (?:the )?(?P<object>[^,]+) on (?:the )?(?P<receptacle>[^,]+)")


class InstructionTemplate(ToldOtherwise):
    """Unseen phrasings of the instruction."""

    paper: ClassVar[int | None] = 5

    @property
    def knows_own_words(self) -> bool:
        return True

    def others(self, text: str) -> Sequence[str]:
        found = OWN.fullmatch(text)
        if found is None:
            raise UnsupportedError(f"instruction {text!r} has no other phrasing: instruction_template knows those of "
                                   "'put X on Y'\n  fix: play it on ManiSkill's tasks, and before what else changes "
                                   "instructions")
        return [template.format(**found.groupdict()) for template in TEMPLATES]
