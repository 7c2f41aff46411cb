"""empty_instruction: the policy is told nothing; where there is but one thing to do, whoever looks can still do it.

A control, no published perturbation: the drop is what the instruction is worth to a policy.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlabench.perturbations._language import ToldOtherwise


class EmptyInstruction(ToldOtherwise):
    """No instruction."""

    def others(self, text: str) -> Sequence[str]:
        return [""]
