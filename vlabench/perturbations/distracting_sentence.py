"""distracting_sentence: beside the instruction something is said that has nothing to do with it.

The sentences are vlabench's own: they ask for nothing and name no thing or place of a scene. Which are said, and which
of them before the instruction, is drawn for the episode; a severity says what those below it say, and one more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from vlabench.perturbations._language import Told
from vlabench.seeding import Draws

SENTENCES = (
    "the weather is lovely today", "it has been raining since the morning", "the train was late again",
    "my sister lives in another town", "that song was popular years ago", "the neighbours are away on holiday",
    "it is nearly the weekend", "the meeting took longer than expected", "our team won by a single point",
    "winter came early this year", "the museum is free on mondays", "there was a lot of traffic this morning",
    "my uncle used to be a sailor", "the film was better than the novel", "summer seems so far away",
    "somebody is singing upstairs", "the children are learning to swim", "it gets dark early in november",
    "time flies when you are busy", "nobody knows who won the election",
)


class DistractingSentence(Told):
    """Sentences before or after the instruction."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {count: {"count": count} for count in range(1, 6)}

    count: int = Field(
        default=1, ge=1, le=len(SENTENCES), description="How many sentences are said beside the instruction.")
    where: Literal["before", "after", "either"] = Field(
        default="either", description="Whether they come before or after the instruction; `either`: drawn for each.")

    def told(self, text: str, rng: Draws) -> str:
        drawn = [SENTENCES[number] for number in rng.episode().permutation(len(SENTENCES))[:self.count]]
        ahead = rng.episode("ahead").random(len(SENTENCES)) < {"before": 1.0, "after": 0.0, "either": 0.5}[self.where]
        before = [sentence for sentence, first in zip(drawn, ahead, strict=False) if first]
        after = [sentence for sentence, first in zip(drawn, ahead, strict=False) if not first]
        return _joined([*before, *filter(None, [text]), *after])


def _joined(sentences: Sequence[str]) -> str:
    """With a full stop after each but the last, which ends as it did."""
    stops = ["" if sentence.endswith((".", "?", "!")) else "." for sentence in sentences[:-1]] + [""]
    return " ".join(sentence + stop for sentence, stop in zip(sentences, stops, strict=True))
