"""Turns pydantic's complaints into one line per problem: file, key, what is wrong, what would be valid."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from vlabench.errors import near
from vlabench.util.text import exact, safe, short, shows

TOLD = 20
"""Problems of a file that are told."""


def shown(path: Path) -> str:
    """A path as messages show it: relative where it lies below the current directory."""
    absolute = os.path.abspath(path)
    relative = os.path.relpath(absolute)
    return absolute if relative.startswith(os.pardir) else relative


def one_line_each(error: ValidationError, model: type[BaseModel], where: str, hide: Collection[str] = ()) -> str:
    """The problems of `error`, met when reading `where` as `model`. `hide`: fields that are no keys of the file."""
    problems = error.errors(include_url=False)
    above = {problem["loc"][:length] for problem in problems for length in range(len(problem["loc"]))}
    lines: list[str] = []
    for number, problem in enumerate(problems):
        if len(lines) == TOLD:
            lines.append(f"{where}: and more: {len(problems)} problems in all, {number} are looked at here")
            break
        kind, loc = problem["type"], problem["loc"]
        place = loc[:-1]
        if kind == "extra_forbidden":
            valid = [name for name in _fields_at(model, place) if place or name not in hide]
            text = f"unknown key {short(str(loc[-1]))!r}: {_valid_keys(short(str(loc[-1])), valid)}"
        elif kind == "missing":
            text = f"the key {loc[-1]!r} is missing"
        elif kind == "too_short":
            if loc in above:
                continue  # a list is also called too short when its entries are what is wrong
            place, text = loc, "must not be empty"
        elif kind == "too_long":
            place, text = loc, f"must have at most {problem['ctx']['max_length']} entries"
        elif kind == "json_invalid" or kind == "value_error" and isinstance(problem["input"], dict):
            place, text = loc, _plain(problem["msg"])  # the whole file or table that it is about tells nobody more
        else:
            place, text = loc, f"{_plain(problem['msg'])}, not {_short(problem['input'])}"
        lines.append(": ".join([where, *([told(place)] if place else []), text]))
    return "\n".join(lines)


def told(place: Iterable[int | str]) -> str:
    """Where in a file: `conditions.joint.0.severity`, each part on one line and not too long."""
    return ".".join(short(safe(str(part).replace("\n", "\\n"))) for part in place)


def options_model(cls: type[Any], without: Collection[str] = (), names: Collection[str] = ()) -> type[BaseModel]:
    """A strict model of what a constructor takes, so that a table of options can be checked before it is called.

    A parameter may say what it is: `chunk: Annotated[int, Field(description="Actions per decision.")] = 8`.
    names: parameters for which a table has the name of a card, "" for none.
    """
    fields: dict[str, Any] = {}
    extra = "forbid"
    for parameter in inspect.signature(cls, eval_str=True).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind is not parameter.VAR_POSITIONAL and parameter.name not in without:
            annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
            default = ... if parameter.default is parameter.empty else parameter.default
            if parameter.name in names:
                told = getattr(annotation, "__metadata__", ())
                annotation, default = Annotated[(str, *told)] if told else str, default or ""
            fields[parameter.name] = (annotation, default)
    config = ConfigDict(extra="allow" if extra == "allow" else "forbid", strict=True, arbitrary_types_allowed=True,
                        allow_inf_nan=False)
    return create_model(cls.__name__, __config__=config, **fields)


def _valid_keys(key: str, valid: list[str]) -> str:
    hint = near(key, valid)
    listed = "valid keys: " + (", ".join(sorted(valid)) or "none")
    return listed if hint.startswith("valid") else f"{hint} ({listed})"


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The field names of the model that lies at `loc` inside `model`."""
    for part in loc:
        if part in model.model_fields:
            inner = _model_in(model.model_fields[str(part)].annotation)
            model = inner if inner is not None else model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _plain(message: str) -> str:
    for start in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(start)
    message = re.sub("^(Input|String) should", "must", message)
    for theirs, ours in (("an object", "a table"), ("a valid array", "a list")):
        message = message.replace(theirs, ours)
    return re.sub(r"^must be a valid (\w)", lambda m: f"must be a{'n' * (m[1] in 'aeiou')} {m[1]}", message)


def _short(value: Any) -> str:
    try:
        text = json.dumps(exact(value), ensure_ascii=isinstance(value, str) and not shows(value[:60]))
    except (TypeError, ValueError):
        text = repr(value)
    return short(text)
