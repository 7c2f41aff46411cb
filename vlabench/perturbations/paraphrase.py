"""paraphrase: the policy is told the same in other words, written by hand: politely, with a reason, rearranged, …

Each sentence that the file has for the task is equally likely, of one kind or of all, and held for the episode. Of each
of LIBERO's forty tasks the package has ten, two of a kind; of put-on-plate scenes ten that serve whatever the thing and
the place. The severities are the kinds, by how many of the task's own words (11 on average) are lost, none, none,
none, 0.7, 4.1, and, where none is, by how many are added, 2.2, 4.5, 5.9. What is harder is for policies to say.
LIBERO-plus, LIBERO-PRO, VLATest and RL4VLA have paraphrases, 3 to 16 a task; these sentences and their kinds are
vlabench's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self

from vlabench.errors import UnsupportedError
from vlabench.perturbations._language import ToldOtherwise
from vlabench.perturbations._paraphrases import Book, Sentences, built_in, read
from vlabench.seeding import Draws
from vlabench.types import Task

_SHOWN = 12  # tasks named in a message


class Paraphrase(ToldOtherwise):
    """Other words for the instruction."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"kind": "politeness"}, 2: {"kind": "attribute"}, 3: {"kind": "context"}, 4: {"kind": "order"},
        5: {"kind": "synonym"}}

    kind: Literal["any", "politeness", "context", "attribute", "order", "synonym"] = Field(
        default="any", description="What is done to the sentence: asked politely (`politeness`), given a reason "
                                   "(`context`), things described (`attribute`), words otherwise arranged (`order`) "
                                   "or exchanged (`synonym`); `any` draws from all.")
    file: str = Field(
        default="", max_length=1000, description="A file of paraphrases instead of the package's own, as a path from "
                                                 "the current directory: TOML, a table for each instruction, in it a "
                                                 "list of sentences for each kind.")
    sha256: str = Field(
        default="", pattern="^([0-9a-f]{64})?$", description="Of that file, which must have it; filled in, so that "
                                                             "records tell files apart.")

    _kind: str = PrivateAttr(default="")
    _own: Book | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _pinned(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("sha256") and isinstance(given.get("file"), str) and given["file"]:
            return {**given, "sha256": read(Path(given["file"])).sha256}
        return given

    @model_validator(mode="after")
    def _opened(self) -> Self:
        if self.file:
            self._own = read(Path(self.file))
        if self._own is None and self.sha256:
            raise ValueError("sha256 goes with a file")
        if self._own is not None and self._own.sha256 != self.sha256:
            raise ValueError(f"sha256: that of {self.file} is {self._own.sha256}")
        return self

    def fresh(self) -> Self:
        """A copy; the file is not read again, which lies on the machine where the run was started."""
        copy = self.model_copy()
        copy._told = copy._kind = ""
        return copy

    @property
    def knows_own_words(self) -> bool:
        """But with a file, which may have any."""
        return not self.file

    def check_tasks(self, tasks: Sequence[Task]) -> None:
        lost = [f"{task.key} ({task.instruction!r})" for task in tasks if not self._sentences(task.instruction)]
        if lost:
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            raise UnsupportedError(f"{self._source} for {', '.join(lost[:_SHOWN])}{more}\n  fix: {self._mend}")

    def others(self, text: str) -> Sequence[str]:
        found = [sentence for those in self._sentences(text).values() for sentence in those]
        if not found:
            raise UnsupportedError(f"{self._source} for the instruction {text!r}\n  fix: let paraphrase act before "
                                   f"what else changes instructions, or {self._mend}")
        return found

    def instruction(self, text: str, rng: Draws) -> str:
        told = super().instruction(text, rng)
        self._kind = next((kind for kind, those in self._sentences(text).items() if told in those), "")
        return told

    def realised(self) -> dict[str, Any]:
        return {**super().realised(), "kind": self._kind}

    def _sentences(self, text: str) -> Sentences:
        found = (self._own or built_in()).of(text)
        return {kind: those for kind, those in found.items() if self.kind in ("any", kind)}

    @property
    def _source(self) -> str:
        of_kind = "" if self.kind == "any" else f" of kind {self.kind!r}"
        return f"{self.file or 'the package'} has no paraphrase{of_kind}"

    @property
    def _mend(self) -> str:
        if self.file:
            return f"add them to {self.file}, in tables that have the instructions as their names"
        return "give paraphrase a file = 'words.toml' that has them, or choose other --tasks"
