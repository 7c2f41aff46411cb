"""A run verifies its own perturbations: each condition changed what it says it changes, and nothing else.

The loop notes in every record which channels reached the policy (or the robot) changed. A perturbation that never
arrives, starts a frame late, touches one camera too many or moves the scene in passing shows here as a Fault.

A policy that asks for one action all the time gets what it asked for however late it comes or whatever is lost on the
way: then the action channel is judged only where a condition promises a change for certain, and `unjudged` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vlabench.cards.conditions import Condition
from vlabench.episode.chain import ASKED
from vlabench.errors import AuditError
from vlabench.types import EpisodeRecord

ENOUGH = 5
"""Episodes after which a change that comes only with some probability per step should have been seen once."""
NO_FREAK = 2
"""Episodes after which one should have been seen that is there from the start in all but freak draws."""
_SHOWN = 5  # episodes named in a message


@dataclass(frozen=True)
class Fault:
    """What is wrong with a channel of a condition, and in which episodes; `always`: in every one of them, for sure."""

    condition: str
    channel: str
    problem: str
    episodes: tuple[str, ...]
    always: bool

    def __str__(self) -> str:
        more = len(self.episodes) - _SHOWN
        named = ", ".join(self.episodes[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"condition {self.condition!r}, channel {self.channel!r}: {self.problem} ({named})"


@dataclass(frozen=True)
class Promise:
    """What a condition says about itself, for a policy that receives certain cameras.

    may: channels it may change. must: those that every episode changes. first: those changed from the first look or
    step on. in_state: every episode changes the scene in a way that its state's digest shows.
    """

    may: frozenset[str]
    must: frozenset[str]
    first: frozenset[str]
    in_state: bool = False


def promise(condition: Condition, cameras: Sequence[str]) -> Promise:
    """What the condition's perturbations together declare."""
    declared = [(kind, kind.channels(cameras)) for kind in condition.perturbations]
    return Promise(
        may=frozenset().union(*(channels for _, channels in declared)),
        must=frozenset().union(*(channels for kind, channels in declared if kind.certain)),
        first=frozenset().union(*(channels for kind, channels in declared if kind.from_start)),
        in_state=any(kind.in_state and kind.certain for kind, _ in declared),
    )


def audit(records: Iterable[EpisodeRecord], conditions: Mapping[str, Condition],
          cameras: Sequence[str]) -> list[Fault]:
    """Everything wrong with these records; those of errors and of other conditions are left aside.

    `conditions`: those to be judged. The records of a condition without perturbations are the clean twins, by which
    the scene is judged where they are among `records`.
    """
    kept = [record for record in records if record.status != "error" and record.condition in conditions]
    twins = {(r.task, r.index, r.seed): r.frame for r in kept if not conditions[r.condition].parts}
    faults: list[Fault] = []
    for name, condition in conditions.items():
        mine = [record for record in kept if record.condition == name]
        if mine:
            says = promise(condition, cameras)
            faults += _judge_channels(name, says, mine)
            faults += _judge_scene(name, says, mine, twins)
    return faults


def unjudged(records: Iterable[EpisodeRecord], conditions: Mapping[str, Condition],
             cameras: Sequence[str]) -> list[str]:
    """Sentences for people: if there are conditions whose change of actions could not show with this policy, and what
    the perturbations of those played say of themselves (`caution`)."""
    names, cautions = list[str](), list[str]()
    kept = [record for record in records if record.status != "error"]
    for name, condition in conditions.items():
        mine = [record for record in kept if record.condition == name]
        says = promise(condition, cameras)
        if mine and "action" in says.may - says.must and _monotonous(mine) and not any(
                record.changed.get("action") for record in mine):
            names.append(name)
        cautions += [f"condition {name!r}: {kind.caution}" for kind in condition.perturbations if mine and kind.caution]
    same = [f"the policy asks for the same action at every step, so nothing can be said of what these conditions do to "
            f"actions: {', '.join(names)}"] if names else []
    return [*same, *cautions]


def check(faults: Collection[Fault]) -> None:
    """Raise AuditError if there are faults."""
    if faults:
        raise AuditError(
            "the run's perturbations did not do what they say; its records are kept, but do not use them:\n  "
            + "\n  ".join(str(fault) for fault in faults)
            + "\n  fix: correct the perturbation, raise its `revision` (its episodes are then played anew), run again"
        )


def _judge_channels(name: str, says: Promise, records: Sequence[EpisodeRecord]) -> list[Fault]:
    faults = []
    for channel in sorted(set().union(*(record.changed for record in records)) - says.may - {ASKED}):
        wrong = [record for record in records if record.changed.get(channel)]
        if wrong:
            faults.append(_fault(name, channel, "changed, although no perturbation declares it", wrong, records))
    for channel in sorted(says.may - {"scene"}):
        same = [record for record in records if not record.changed.get(channel)]
        if channel in says.must and same:
            faults.append(_fault(name, channel, "not changed at all", same, records))
        elif channel == "action" and channel not in says.must and _monotonous(records):
            continue
        elif len(same) == len(records) >= (NO_FREAK if channel in says.first else ENOUGH):
            sure = channel in says.first
            faults.append(_fault(name, channel, "not changed in any episode", same, records, sure=sure))
        if channel in says.first and len(same) < len(records) and not any(channel in r.changed_first for r in records):
            problem = "never changed at the first look or step, only later"
            faults.append(_fault(name, channel, problem, records, records))
    return faults


def _judge_scene(name: str, says: Promise, records: Sequence[EpisodeRecord],
                 twins: Mapping[tuple[str, int, int], Mapping[str, str]]) -> list[Fault]:
    """By the first unperturbed pictures: those of the clean twin, if and only if the scene was left alone.

    A look that changed at the start has to show there, one that changes later must not; that it left the physical state
    alone shows in the channels: `scene` is not among them. A changed state need not show in pictures.
    And by the state's digest, where it shows what a perturbation does.
    """
    paired = [(record, twins[key]) for record in records if (key := (record.task, record.index, record.seed)) in twins]
    other = [record for record, twin in paired if record.frame != twin]
    if not {"look", "scene"} & says.may or ("scene" not in says.may and "look" not in says.first):
        if other:
            problem = "the first unperturbed picture is not the clean twin's, although no perturbation declares it"
            return [_fault(name, "scene", problem, other, records)]
        return []
    unmoved = [record for record in records if not record.changed.get("scene")] if says.in_state else []
    if unmoved:
        return [_fault(name, "scene", "the state is the same as without it", unmoved, records)]
    if "look" in says.may:
        hidden = [record for record, twin in paired if record.frame and record.frame == twin
                  and record.changed.get("look")]
        return [_fault(name, "look", "not to be seen in the first picture", hidden, records)] if hidden else []
    # Without pictures or twins a change that the physical state does not show (light, a camera) cannot be judged.
    same = [record for record, twin in paired if record.frame and record.frame == twin
            and not record.changed.get("scene")]
    if "scene" in says.must and same:
        return [_fault(name, "scene", "not changed at all", same, records)]
    if len(same) == len(records) >= ENOUGH:
        return [_fault(name, "scene", "not changed in any episode", same, records, sure=False)]
    return []


def _monotonous(records: Iterable[EpisodeRecord]) -> bool:
    """Whether the policy asked for one action throughout each of these episodes."""
    return not any(record.changed.get(ASKED) for record in records)


def _fault(condition: str, channel: str, problem: str, wrong: Sequence[EpisodeRecord],
           records: Sequence[EpisodeRecord], *, sure: bool = True) -> Fault:
    episodes = tuple(f"{record.task}:{record.index}" for record in wrong)
    return Fault(condition, channel, f"{problem} in {len(wrong)} of {len(records)} episodes", episodes,
                 always=sure and len(wrong) == len(records))
