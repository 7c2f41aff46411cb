"""What a submission's `submission.json` says: who, what, under which conditions, and the hash of every file beside it.

A submission is a folder of text, which may come from anyone:

    submission.json                                             the manifest
    cards/policies/<policy>.toml  cards/suites/<suite>.toml     the cards as they were
    records/<policy>/<assets>/<task set>/<condition>.jsonl      the episodes; `records` can be read as a results folder
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from vlabench.cards import SUBMISSION
from vlabench.cards.conditions import condition_digest
from vlabench.cards.schema import EPISODES
from vlabench.types import Success, TaskKey
from vlabench.util.text import LINE, MARKS, NAME, check_told_apart, file_name, line

MANIFEST = SUBMISSION
SUBMISSIONS = "submissions"
"""The folder of a leaderboard that they lie in."""
SCHEMA = "submission.schema.json"
SEED = 0
"""Of the board's episodes: all entries of a track played the same ones."""


def day(text: str) -> str:
    """The text, if it is a day that has begun somewhere, `2026-01-31`. Raises ValueError."""
    begun = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=14)
    if datetime.date.fromisoformat(text) > begun.date():
        raise ValueError("is in the future")
    return text


def _in_a_folder(key: str) -> str:
    file_name(key.rpartition("/")[0])
    return key


Name = Annotated[str, Field(pattern=f"^{NAME}$"), AfterValidator(file_name)]
RelativePath = Annotated[str, Field(pattern=f"^{NAME}(/{NAME}){{0,5}}$")]
"""Relative, with `/`; no part of it can be `..`, or begin with a dot."""
MOST = 10**9
"""Of what is counted."""
_LETTERS = LINE * (1 + MARKS)
"""A line's characters at most, those that are not visible by themselves among them."""
Text = Annotated[str, Field(min_length=1, max_length=_LETTERS), AfterValidator(line)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Form(BaseModel):
    """What all tables of a manifest have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ConditionForm(Form):
    """A condition as it was played. parts: [perturbation, revision, all its parameters] each; protocol: the simulator's
    revision; digest: over both.
    """

    digest: Sha256
    parts: tuple[tuple[Name, Count, dict[str, Any]], ...] = Field(max_length=100)
    protocol: Count = 1

    @model_validator(mode="after")
    def _digest_is_of_parts(self) -> Self:
        if condition_digest([list(part) for part in self.parts], self.protocol) != self.digest:
            raise ValueError("the digest is not that of the parts and the protocol")
        return self


class Claim(Form):
    """What the episodes of a condition came to, over all tasks; rate is a fraction, to six places."""

    episodes: Count
    successes: int = Field(ge=0, le=MOST)
    rate: float = Field(ge=0, le=1)


class FileForm(Form):
    """A file of the submission; size in bytes."""

    path: RelativePath
    size: int = Field(ge=0, le=2**53)
    sha256: Sha256


class Manifest(Form):
    """One policy on one suite and asset pack: the suite's tasks × conditions × `episodes`, all of them, without errors.

    contact: where the submitter can be reached. revision: of the policy's adapter, a part of `policy_digest`. success:
    the one that the suite counts, where it says so.
    """

    format: Literal[1]
    name: Name
    contact: Text
    notes: Annotated[str, Field(max_length=_LETTERS), AfterValidator(line)] = ""
    created: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(day)]
    policy: Name
    policy_digest: Sha256
    revision: Count
    simulator: Name
    assets: Name
    suite: Name
    episodes: int = Field(ge=1, le=EPISODES)
    success: Success | None = None
    tasks: tuple[Annotated[TaskKey, AfterValidator(_in_a_folder)], ...] = Field(min_length=1, max_length=1000)
    conditions: dict[Name, ConditionForm] = Field(min_length=1, max_length=1000)
    versions: dict[Name, Text] = Field(min_length=1, max_length=100)
    rates: dict[Name, Claim] = Field(max_length=1000)
    files: tuple[FileForm, ...] = Field(max_length=10_000)

    @model_validator(mode="after")
    def _files_are_told_apart_everywhere(self) -> Self:
        task_sets = dict.fromkeys(key.rpartition("/")[0] for key in self.tasks)
        for field, names in (("conditions", self.conditions), ("tasks", task_sets)):
            try:
                check_told_apart(names)
            except ValueError as error:
                raise ValueError(f"{field}: {error}") from None
        return self

    def expected_files(self) -> dict[str, int]:
        """Path → number of episodes in it; 0 for a card."""
        sets: dict[str, int] = {}
        for key in self.tasks:
            sets[key.rpartition("/")[0]] = sets.get(key.rpartition("/")[0], 0) + 1
        cards = {f"cards/policies/{self.policy}.toml": 0, f"cards/suites/{self.suite}.toml": 0}
        return cards | {f"records/{self.policy}/{self.assets}/{task_set}/{condition}.jsonl": count * self.episodes
                        for task_set, count in sets.items() for condition in self.conditions}


def schema() -> str:
    """The JSON Schema of a manifest, as it lies in the leaderboard's folder."""
    content: Mapping[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema",
                                  **Manifest.model_json_schema()}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
