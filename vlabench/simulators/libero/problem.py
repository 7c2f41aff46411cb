"""What a task's BDDL file says, before any scene is opened: what there is, and what is to become of it."""

from __future__ import annotations

import functools
import re

from vlabench.simulators.libero import hf_libero

NOTHING_CARRIED = "nothing is carried in this task"
FIXED = "what the object is put on or into is fixed"
"""Why tasks have no `carried` thing, and no `receptacle`."""


def section(text: str, name: str) -> str:
    """What stands between `(:name` and its bracket; "" where there is none."""
    found = re.search(rf"\(:{name}([^)]*)\)", text)
    return found.group(1) if found else ""


@functools.cache
def carried(task_set: str, name: str) -> str:
    """The first thing that the goal names and nothing is fixed to; "" for a task that moves nothing."""
    objects, fixtures, goal = _read(task_set, name)
    for first, *_ in goal:
        if (thing := _owner(first, objects + fixtures)) in objects:
            return thing
    return ""


@functools.cache
def receptacle(task_set: str, name: str) -> str:
    """What this thing is to come onto or into, where that stands free; else ""."""
    objects, fixtures, goal = _read(task_set, name)
    thing = carried(task_set, name)
    for first, *others in goal:
        place = _owner(others[-1], objects + fixtures) if others else ""
        if first == thing and place in objects:
            return place
    return ""


def _read(task_set: str, name: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Names of objects and of fixtures, and the goal's predicates without their names."""
    text = hf_libero.bddl_file(task_set, name).read_text(encoding="utf-8")
    objects, fixtures = (tuple(re.findall(r"\b\w+_\d+\b", section(text, kind))) for kind in ("objects", "fixtures"))
    goal = re.findall(r"\(\w+((?:\s+\w+)+)\s*\)", text[text.index("(:goal"):])
    return objects, fixtures, tuple(tuple(each.split()) for each in goal)


def _owner(name: str, there: tuple[str, ...]) -> str:
    """The thing of which something of this name is a region, or itself; "" for a region of table or floor."""
    owners = [each for each in there if name == each or name.startswith(f"{each}_")]
    return max(owners, key=len, default="")
