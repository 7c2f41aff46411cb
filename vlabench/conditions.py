"""A condition: a named composition of perturbations, and the digest of all their parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlabench import registry
from vlabench.errors import CardError, UnknownName
from vlabench.problems import one_line_each

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

    perturbation: str
    severity: int | None = Field(default=None, ge=SEVERITIES[0], le=SEVERITIES[-1])

    @property
    def parameters(self) -> dict[str, Any]:
        """What the card sets beside the severity."""
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class Condition:
    """Perturbations in the order in which they act; `where` is the card that says so, for messages.

    Perturbations are looked up, and their parameters checked, when first asked for: `perturbations` and `digest` raise
    UnknownName or CardError.
    """

    name: str
    parts: tuple[Part, ...] = ()
    where: str = ""

    @cached_property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """The perturbations with all their parameters."""
        return tuple(self._resolve(number, part) for number, part in enumerate(self.parts))

    @cached_property
    def digest(self) -> str:
        """sha256 over kinds and resolved parameters, whether the card writes them out or leaves them at defaults."""
        return digest_of(
            [
                [part.perturbation, type(made).revision, made.model_dump(mode="json")]
                for part, made in zip(self.parts, self.perturbations, strict=True)
            ]
        )

    def _resolve(self, number: int, part: Part) -> Perturbation:
        place = f"{self.where}: conditions.{self.name}.{number}" if self.where else f"condition {self.name}"
        try:
            kind = registry.perturbation(part.perturbation)
        except UnknownName as error:
            raise UnknownName(error.kind, error.name, registry.names("perturbation"), where=place) from None
        base = {} if part.severity is None else dict(kind.severities[part.severity])
        try:
            return kind.model_validate_json(json.dumps({**base, **part.parameters}, default=str), strict=True)
        except ValidationError as error:
            raise CardError(one_line_each(error, kind, f"{place}: {part.perturbation}")) from None


def at_severity(perturbation: str, where: str) -> list[Condition]:
    """The conditions `<perturbation>-s1` … `-s5` of a sweep."""
    return [
        Condition(f"{perturbation}-s{k}", (Part(perturbation=perturbation, severity=k),), where) for k in SEVERITIES
    ]


def digest_of(content: Any) -> str:
    """sha256 (hexadecimal) over canonical JSON: sorted keys, no blanks."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
