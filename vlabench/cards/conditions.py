"""A condition: a named composition of perturbations on a simulator, and the digest of all that decides what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlabench import registry
from vlabench.errors import CardError, UnknownName
from vlabench.util.messages import one_line_each

if TYPE_CHECKING:
    from vlabench.perturbations.base import Perturbation

CLEAN = "clean"
"""The empty condition, the control of every comparison."""
SEVERITIES = (1, 2, 3, 4, 5)


class Part(BaseModel):
    """One perturbation of a condition as a card has it: `{perturbation = "shift", severity = 3, <parameters>}`.

    Without a severity the parameters change the perturbation's defaults, with one they change that severity's.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    perturbation: str = Field(
        min_length=1, max_length=1000, description="Name of the perturbation.")
    severity: int | None = Field(
        default=None, ge=SEVERITIES[0], le=SEVERITIES[-1],
        description="Severity, from 1 (mild) to 5 (severe), whose parameters are taken; by default the perturbation's "
                    "defaults. Further keys change single parameters.")

    @property
    def parameters(self) -> dict[str, Any]:
        """What the card sets beside the severity."""
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class Condition:
    """Perturbations in the order in which they act; `where` is the card that says so, for messages.

    simulator: the name of the one that the condition is for. Names are looked up, and parameters checked, when first
    asked for: `perturbations` and `digest` raise UnknownName or CardError.
    """

    name: str
    simulator: str
    parts: tuple[Part, ...] = ()
    where: str = ""

    @cached_property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """The perturbations with all their parameters."""
        return tuple(self._resolve(number, part) for number, part in enumerate(self.parts))

    @cached_property
    def digest(self) -> str:
        """`condition_digest` of its parts, whether the card writes parameters out or leaves them at defaults."""
        from vlabench.simulators.base import find_simulator

        return condition_digest(
            [
                [part.perturbation, type(made).revision, made.model_dump(mode="json")]
                for part, made in zip(self.parts, self.perturbations, strict=True)
            ],
            find_simulator(self.simulator).revision,
        )

    def _resolve(self, number: int, part: Part) -> Perturbation:
        from vlabench.perturbations.base import find_perturbation

        place = f"{self.where}: conditions.{self.name}.{number}" if self.where else f"condition {self.name}"
        try:
            kind = find_perturbation(part.perturbation)
        except UnknownName as error:
            raise UnknownName(error.kind, error.name, registry.names("perturbation"), where=place) from None
        if part.severity is not None and not kind.severities:
            raise CardError(f"{place}: severity = {part.severity}: there is no more and no less of "
                            f"{part.perturbation}\n  fix: leave out the severity")
        base = {} if part.severity is None else dict(kind.severities[part.severity])
        try:
            return kind.model_validate_json(json.dumps({**base, **part.parameters}, default=str), strict=True)
        except ValidationError as error:
            raise CardError(one_line_each(error, kind, f"{place}: {part.perturbation}")) from None


def at_severity(perturbation: str, simulator: str, where: str) -> list[Condition]:
    """The conditions `<perturbation>-s1` … `-s5` of a sweep."""
    return [Condition(f"{perturbation}-s{k}", simulator, (Part(perturbation=perturbation, severity=k),), where)
            for k in SEVERITIES]


def condition_digest(parts: Sequence[Sequence[Any]], revision: int) -> str:
    """sha256 over parts ([perturbation, its revision, all its parameters] each) and the simulator's revision.

    Of a simulator that was never revised, over the parts alone: a first revision invalidates what came before it, the
    absence of one nothing.
    """
    return digest_of(list(parts) if revision == 1 else {"revision": revision, "perturbations": list(parts)})


def digest_of(content: Any) -> str:
    """sha256 (hexadecimal) over canonical JSON: sorted keys, no blanks."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def named(condition: Condition) -> dict[str, Perturbation]:
    """A condition's perturbations by the name of their random stream: the kind, from its second use on with a number.

    The name says nothing of condition or severity, so the same kind draws the same numbers wherever it is used.
    """
    chain: dict[str, Perturbation] = {}
    for part, perturbation in zip(condition.parts, condition.perturbations, strict=True):
        earlier = sum(name.partition("#")[0] == part.perturbation for name in chain)
        chain[f"{part.perturbation}#{earlier + 1}" if earlier else part.perturbation] = perturbation
    return chain
