"""Writes a policy's card, as a training does that has made its weights, and a run beside its records."""

from __future__ import annotations

import json
from typing import Any

from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError
from vlabench.util.files import replacing
from vlabench.util.messages import shown


def write_policy(card: PolicyCard) -> None:
    """Write a policy's card to its path. Raises CardError."""
    fields = card.model_dump(mode="json", exclude={"name", "path"}, exclude_none=True, exclude_defaults=True)
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in fields.items())
    try:
        with replacing(card.path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CardError(f"{shown(card.path)}: cannot be written: {error.strerror}") from error


def _toml(value: Any) -> str:
    """A JSON value in TOML; its strings, numbers and flags are written alike, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
