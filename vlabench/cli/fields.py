"""The options of a model: as rows for people, and as a JSON Schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import copy
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, create_model
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from rich.table import Table

from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import PolicyFile, Training
from vlabench.cli.listing import table
from vlabench.errors import OptionError
from vlabench.training.methods.base import find_method
from vlabench.util.text import exact, short

LONG = 48
"""Characters of a default that are shown."""


def options(model: type[BaseModel], what: str = "option") -> Table:
    """One row per field, the required ones first: its name, then type, range and default above what it is; the keys of
    a table follow it, indented.
    """
    return table([what, ""], _rows(model))


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what a card may hold. Raises OptionError for types that JSON has not."""
    try:
        return {"$schema": GenerateJsonSchema.schema_dialect, **model.model_json_schema()}
    except PydanticInvalidForJsonSchema as error:
        raise OptionError(f"{model.__name__} has options that no JSON Schema can say: {error.message}") from None


def of_policy(card: PolicyCard) -> type[BaseModel]:
    """The model of a policy's file, with the options of its adapter and of its training's method.

    Raises UnknownName, PluginError.
    """
    changed = {"options": card.adapter_options}
    if card.training:
        changed["training"] = _narrowed(Training, options=find_method(card.training.method).Options)
    return _narrowed(PolicyFile, **changed)


def _narrowed(model: type[BaseModel], **changed: type[BaseModel]) -> type[BaseModel]:
    kinds: dict[str, Any] = {key: (kind, copy(model.model_fields[key])) for key, kind in changed.items()}
    return create_model(model.__name__, __base__=model, **kinds)


def value(found: Any) -> str:
    """As JSON, which for single values is as TOML."""
    return json.dumps(exact(found), ensure_ascii=False, default=str)


def _rows(model: type[BaseModel], indent: str = "") -> Iterator[list[str]]:
    for key, field in sorted(model.model_fields.items(), key=lambda item: not item[1].is_required()):
        kind = " ".join(filter(None, (_type(field.annotation), _range(field.metadata))))
        yield [indent + key, "\n".join(filter(None, (f"{kind}, {_default(field)}", field.description)))]
        inner = _model_in(field.annotation)
        if inner is not None:
            yield from _rows(inner, indent + "  ")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    found = field.get_default(call_default_factory=True)
    return "optional" if found is None or isinstance(found, BaseModel) else f"default {short(value(found), LONG)}"


def _type(annotation: Any) -> str:
    """As a card's author knows it: `float`, `list`, `"episode" | "step"`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0])
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(_type(each) for each in inner if each is not type(None)))
    if origin is Literal:
        return " | ".join(map(value, inner))
    if origin in (tuple, list):
        return "list of tables" if _model_in(annotation) else "list"
    if origin is dict and _model_in(annotation):
        return "table of lists of tables" if _type(inner[1]).startswith("list") else "table of tables"
    if origin is dict or isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return "any" if annotation is Any else getattr(annotation, "__name__", str(annotation))


def _range(limits: Sequence[Any]) -> str:
    """pydantic's limits of a field: `≥ 0, ≤ 180`."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "multiple_of": "in steps of"}
    found = [(signs[key], getattr(limit, key)) for limit in limits for key in signs
             if getattr(limit, key, None) is not None]
    return ", ".join(f"{sign} {value(number)}" for sign, number in found)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of the table, or of each of the tables, that an annotation is for."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
