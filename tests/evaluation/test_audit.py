"""What the audit finds in records, by hand-made records of conditions that keep or break their word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from tests.factories import record
from vlabench.cards.conditions import CLEAN, Condition, Part
from vlabench.episode.chain import ASKED
from vlabench.errors import AuditError
from vlabench.evaluation.audit import audit, check, unjudged
from vlabench.perturbations.base import Perturbation
from vlabench.records.read import acted
from vlabench.types import EpisodeRecord

TOP, SIDE = "images/top", "images/side"
CAMERAS = ("top", "side")


class Promising(Perturbation):
    """Promises what it is told to promise."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    may: tuple[str, ...]
    surely: bool = True
    at_once: bool = True

    @property
    def certain(self) -> bool:
        return self.surely

    @property
    def from_start(self) -> bool:
        return self.at_once

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset(c for c in self.may if not c.startswith("images/") or c[7:] in cameras)


def conditions(*promises: Promising) -> dict[str, Condition]:
    """`clean`, and `c` with these perturbations."""
    made = Condition("c", "libero", tuple(Part(perturbation="promising") for _ in promises))
    made.__dict__["perturbations"] = promises
    return {CLEAN: Condition(CLEAN, "toy"), "c": made}


def played(n: int, changed: Iterable[str] = (), first: Iterable[str] | None = None, **more: Any) -> list[EpisodeRecord]:
    """n records of condition `c`, from index `start` on, of a policy that asks for something new at 9 of 10 steps."""
    changed, start = list(changed), more.pop("start", 0)
    given = {"condition": "c", "changed": {c: 0.5 for c in changed} | {ASKED: more.pop("asked", 0.9)},
             "changed_first": tuple(changed if first is None else first), "frame": {"top": "a", "side": "b"}, **more}
    return [record(index=start + i, **given) for i in range(n)]


def clean(n: int) -> list[EpisodeRecord]:
    """n clean twins."""
    return played(n, condition=CLEAN)


def problems(records: Iterable[EpisodeRecord], *promises: Promising, cameras: Sequence[str] = CAMERAS) -> list[str]:
    return [str(fault) for fault in audit(records, conditions(*promises), cameras)]


BOTH = Promising(may=(TOP, SIDE))


def test_conditions_that_keep_their_word_pass() -> None:
    assert problems(clean(3) + played(3, [TOP, SIDE]), BOTH) == []
    assert problems(played(3, [TOP, SIDE, "action"]), BOTH, Promising(may=("action",))) == []


@pytest.mark.parametrize("promise", [BOTH, Promising(may=(TOP, SIDE), surely=False)])
def test_a_change_that_nobody_declared(promise: Promising) -> None:
    found = problems(played(4, [TOP, SIDE]) + played(1, [TOP, SIDE, "proprio"], start=7), promise)
    assert found == ["condition 'c', channel 'proprio': changed, although no perturbation declares it in 1 of 5 "
                     "episodes (kitchen/0:7)"]


def test_clean_must_stay_clean() -> None:
    (found,) = problems(played(1, [TOP], condition=CLEAN))
    assert "condition 'clean', channel 'images/top': changed, although" in found


def test_a_certain_change_must_be_in_each_episode() -> None:
    found = problems(played(9, [TOP, SIDE]) + played(1, [TOP], start=9), BOTH)
    assert found == ["condition 'c', channel 'images/side': not changed at all in 1 of 10 episodes (kitchen/0:9)"]


def test_an_uncertain_change_must_be_seen_once_in_five_episodes() -> None:
    rare = Promising(may=("action",), surely=False, at_once=False)
    assert problems(played(4), rare) == []
    assert problems(played(99) + played(1, ["action"], start=99), rare) == []
    (found,) = problems(played(7), rare)
    assert found == ("condition 'c', channel 'action': not changed in any episode in 7 of 7 episodes "
                     "(kitchen/0:0, kitchen/0:1, kitchen/0:2, kitchen/0:3, kitchen/0:4 and 2 more)")


def test_a_change_that_only_freak_draws_lack_must_be_seen_once_in_two_episodes() -> None:
    likely = Promising(may=(TOP,), surely=False, at_once=True)
    assert problems(played(1), likely) == []
    assert problems(played(1) + played(1, [TOP], start=1), likely) == []
    assert problems(played(2), likely) == [
        "condition 'c', channel 'images/top': not changed in any episode in 2 of 2 episodes (kitchen/0:0, kitchen/0:1)"]


def test_a_change_from_the_start_must_be_there_at_the_first_look_of_some_episode() -> None:
    assert problems(played(2, [TOP, SIDE], first=[SIDE]) + played(1, [TOP, SIDE], start=2), BOTH) == []
    (found,) = problems(played(3, [TOP, SIDE], first=[SIDE]), BOTH)
    assert "channel 'images/top': never changed at the first look or step, only later in 3 of 3" in found
    assert problems(played(3, [TOP, SIDE], first=()), Promising(may=(TOP, SIDE), at_once=False)) == []


LATE = Promising(may=("action",), surely=False)


def test_a_policy_that_asks_for_one_action_all_the_time_shows_no_delay() -> None:
    same = played(9, asked=0.0)
    assert problems(same, LATE) == []
    (note,) = unjudged(same, conditions(LATE), CAMERAS)
    assert "the same action at every step" in note and note.endswith(": c")
    assert len(problems(same + played(1, asked=0.01, start=9), LATE)) == 1  # once it asked for something else
    assert unjudged(same + played(1, asked=0.01, start=9), conditions(LATE), CAMERAS) == []
    assert problems(played(1, asked=0.0) + played(8, ["action"], asked=0.0, start=1), LATE) == []


def test_only_actions_and_only_uncertain_changes_of_them_are_excused() -> None:
    noise = Promising(may=("action",))
    (found,) = problems(played(9, asked=0.0), noise)
    assert "channel 'action': not changed at all in 9 of 9" in found
    assert unjudged(played(9, asked=0.0), conditions(noise), CAMERAS) == []
    blur = Promising(may=(TOP,), surely=False)
    assert len(problems(played(9, asked=0.0), blur)) == 1
    assert unjudged(played(9, asked=0.0), conditions(blur), CAMERAS) == []
    assert unjudged(played(9, asked=0.0, status="error"), conditions(LATE), CAMERAS) == []
    assert unjudged(played(9, ["action"], asked=0.0), conditions(LATE), CAMERAS) == []


def test_what_no_audit_can_judge_is_told_of_the_conditions_that_were_played(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Promising(may=(TOP,))
    assert unjudged(played(1, [TOP]), conditions(turn), CAMERAS) == []
    monkeypatch.setattr(Promising, "caution", "moves things")
    assert unjudged(played(1, [TOP]), conditions(turn), CAMERAS) == ["condition 'c': moves things"]
    assert unjudged(clean(1), conditions(turn), CAMERAS) == []


def test_what_the_policy_does_not_receive_cannot_change() -> None:
    assert problems(played(9, frame={}), BOTH, cameras=()) == []
    assert len(problems(played(9, [TOP]), BOTH, cameras=("top",))) == 0


def test_errors_and_other_conditions_are_left_aside() -> None:
    elsewhere = [record(condition="other", changed={"proprio": 1.0})]
    assert problems(played(9, status="error") + elsewhere, BOTH) == []


def test_the_first_unperturbed_picture_must_be_the_clean_twins() -> None:
    moved = played(1, [TOP, SIDE], start=1, frame={"top": "z", "side": "b"})
    assert problems(played(1, [TOP, SIDE]) + moved, BOTH) == []  # no twin to compare with
    assert problems(clean(1) + played(1, [TOP, SIDE]) + moved, BOTH) == []  # the twin of another index
    (found,) = problems(clean(2) + played(1, [TOP, SIDE]) + moved, BOTH)
    assert "channel 'scene': the first unperturbed picture is not the clean twin's" in found
    assert "in 1 of 2 episodes (kitchen/0:1)" in found
    other_seed = record(index=1, seed=4, condition="c", frame={"top": "z"}, changed={})
    assert problems([*clean(2), other_seed], Promising(may=())) == []


def test_a_scene_perturbation_must_show_in_state_or_picture() -> None:
    scene = Promising(may=("scene",))
    assert problems(clean(3) + played(3, ["scene"]), scene) == []  # moved something behind the camera
    assert problems(clean(3) + played(3, frame={"top": "z"}), scene) == []  # light is no part of the physical state
    assert problems(played(3), scene) == []  # without twins, light cannot be judged
    (found,) = problems(clean(3) + played(2, ["scene"]) + played(1, start=2), scene)
    assert "channel 'scene': not changed at all in 1 of 3 episodes (kitchen/0:2)" in found
    rarely = Promising(may=("scene",), surely=False)
    assert problems(clean(9) + played(4), rarely) == []
    assert "not changed in any episode" in problems(clean(9) + played(5), rarely)[0]


class Moving(Promising):
    """Its scene's state tells what it does."""

    in_state: ClassVar[bool] = True


def test_what_the_state_would_show_must_show_there_without_twins_and_pictures() -> None:
    moving = Moving(may=("scene",))
    assert problems(played(3, ["scene"], frame={}), moving) == []
    (found,) = problems(played(2, ["scene"]) + played(1, start=2, frame={}), moving)
    assert "channel 'scene': the state is the same as without it in 1 of 3 episodes (kitchen/0:2)" in found
    assert len(problems(clean(3) + played(3, frame={"top": "z"}), moving)) == 1
    assert problems(played(3, frame={}), Moving(may=("scene",), surely=False)) == []


def test_a_look_must_show_in_the_first_picture_and_leave_the_state_alone() -> None:
    look = Promising(may=("look",))
    assert problems(clean(3) + played(3, ["look"], frame={"top": "z"}), look) == []
    assert problems(played(3, ["look"]), look) == []  # without twins pictures say nothing
    assert problems(clean(3) + played(3, ["look"], frame={}), look, cameras=()) == []
    (found,) = problems(clean(3) + played(2, ["look"], frame={"top": "z"}) + played(1, ["look"], start=2), look)
    assert "channel 'look': not to be seen in the first picture in 1 of 3 episodes (kitchen/0:2)" in found
    (found,) = problems(clean(3) + played(3, ["look", "scene"], frame={"top": "z"}), look)
    assert "channel 'scene': changed, although no perturbation declares it in 3 of 3" in found
    assert "channel 'look': not changed at all" in problems(clean(3) + played(3, frame={"top": "z"}), look)[0]
    both = problems(clean(3) + played(3, ["look", "scene"], frame={"top": "z"}), look, Promising(may=("scene",)))
    assert both == []


def test_a_look_that_changes_later_must_not_show_in_the_first_picture() -> None:
    later = Promising(may=("look",), at_once=False)
    assert problems(clean(3) + played(3, ["look"], first=()), later) == []
    (found,) = problems(clean(3) + played(3, ["look"], first=(), frame={"top": "z"}), later)
    assert "the first unperturbed picture is not the clean twin's" in found
    assert "channel 'look': not changed at all" in problems(clean(3) + played(3), later)[0]


def test_only_what_holds_in_every_episode_for_sure_is_always() -> None:
    def always(records: list[EpisodeRecord], promise: Promising) -> list[bool]:
        return [fault.always for fault in audit(records, conditions(promise), CAMERAS)]

    assert always(played(5), BOTH) == [True, True]
    assert always(played(5, [TOP]) + played(1, [TOP, SIDE], start=5), BOTH) == [False]
    assert always(played(5), Promising(may=(TOP,), surely=False, at_once=False)) == [False]
    assert always(played(5), Promising(may=(TOP,), surely=False, at_once=True)) == [True]


def test_the_error_names_everything_and_how_to_mend_it() -> None:
    faults = audit(played(1, ["action"]), conditions(BOTH), CAMERAS)
    check([])
    with pytest.raises(AuditError) as caught:
        check(faults)
    for fault in faults:
        assert str(fault) in str(caught.value)
    assert len(faults) == 3 and "`revision`" in str(caught.value) and caught.value.exit_code == 3


def test_a_condition_acted_where_anything_but_the_asking_differed() -> None:
    assert acted({"action": 0.1, "action/asked": 0.9}) and acted({"images/wrist": 1.0}) and acted({"scene": 0.01})
    assert not acted({}) and not acted({"action/asked": 0.9}) and not acted({"action": 0.0})
