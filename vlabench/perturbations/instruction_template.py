"""instruction_template: the policy is told the same in other words, one of RL4VLA's 16 unseen phrasings (appendix A.4).

Each is equally likely, held for the episode; capitals and full stops are the paper's. It takes instructions of the form
"put X on Y".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.errors import UnsupportedError
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace

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
OWN = re.compile(r"put (?:the )?(?P<object>.+) on (?:the )?(?P<receptacle>.+)")


class InstructionTemplate(Perturbation):
    """Unseen phrasings of the instruction."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.2}, 2: {"share": 0.4}, 3: {"share": 0.6}, 4: {"share": 0.8}, 5: {"share": 1.0}}
    paper: ClassVar[int | None] = 5
    group: ClassVar[str] = "language"

    share: float = Field(default=1.0, ge=0, le=1, description="Share of the episodes that are told in other words.")

    _told: str = PrivateAttr(default="")

    @property
    def from_start(self) -> bool:
        return self.certain

    @property
    def certain(self) -> bool:
        return self.share == 1

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"instruction"})

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._told = ""

    def instruction(self, text: str, rng: Draws) -> str:
        found = OWN.fullmatch(text)
        if found is None:
            raise UnsupportedError(f"instruction {text!r} has no other phrasing: instruction_template knows those of "
                                   "'put X on Y'\n  fix: play it on ManiSkill's tasks")
        unit = rng.episode()
        reworded, which = unit.random() < self.share, int(unit.integers(len(TEMPLATES)))
        self._told = TEMPLATES[which].format(**found.groupdict()) if reworded else text
        return self._told

    def realised(self) -> dict[str, Any]:
        return {"instruction": self._told}
