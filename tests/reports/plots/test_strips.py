"""Strips show what each policy saw at the same steps of one start, and how its episode ended; only if it ends so again.

Two seekers of the toy's, played and put on record here: one finds the goal, the other sees too much noise to.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import episodes, write_records
from tests.reports.page.test_replays import change
from tests.toy.toy import Toy
from vlabench import cards
from vlabench.cards.conditions import named
from vlabench.cards.policy import PolicyCard
from vlabench.episode.loop import play
from vlabench.episode.recording import ActionRecorder, FrameRecorder
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.records.store import Store
from vlabench.reports import plots
from vlabench.reports.plots.episodes import Seen, choose, ordered, outcome, sizes
from vlabench.reports.plots.episodes import play as replayed
from vlabench.reports.plots.strips import drawn
from vlabench.types import EpisodeSpec

TASK = Toy("plain").tasks("toy_points")[1]
SPEC = EpisodeSpec(TASK, "dark", 2)
CARD = """title = "Too much noise"
source = "made for tests"
adapter = "toy_seeker"
assets = ["plain"]
cameras = ["side", "top"]
image_size = 16
replan = 2
options = {noise = 9.0}
"""


def quiet(text: str) -> None:
    pass


def enact(root: Path, policy: PolicyCard, spec: EpisodeSpec, keep: bool) -> FrameRecorder:
    """Play an episode, put it on record, with its actions if they are to be kept; what was seen."""
    condition = cards.load_suite("toy").conditions[spec.condition]
    acting, film = policy.make(), FrameRecorder()
    acting.configure(Toy.action_space)
    recorder = ActionRecorder(acting, policy.replan)
    (played,) = play(Toy("plain").open(TASK, 1, policy.cameras), acting, [spec], [named(condition)],
                     replan=policy.replan, cameras=policy.cameras, success=Toy.success, listeners=[film, recorder])
    write_records(root, [played.record(policy=policy.name, assets="plain", policy_digest=policy.digest, versions={},
                                       condition_digest=condition.digest, finished="2025-01-01T00:00:00+00:00")])
    if keep and recorder.recording:
        recorder.recording.save(Store(root, policy.name, "plain").recording(spec.identity))
    return film


@pytest.fixture
def films(tmp_path: Path, toy_plugin: None) -> dict[str, FrameRecorder]:
    """In `tmp_path/r`: `lost` with its recording and its card, and toy-seeker, which is to play again itself."""
    root = tmp_path / "r"
    root.mkdir()
    (root / "lost.toml").write_text(CARD)
    policies = {"lost": cards.load_policy(str(root / "lost.toml")), "toy-seeker": cards.load_policy("toy-seeker")}
    return {name: enact(root, card, SPEC, keep=name == "lost") for name, card in policies.items()}


@pytest.mark.slow
def test_rows_are_what_each_policy_saw_at_the_same_steps(tmp_path: Path, films: dict[str, FrameRecorder]) -> None:
    data = plots.load([tmp_path / "r"], "toy")
    said: list[str] = []
    choice = plots.Choice(policies=["toy*", "lost"])
    figure: Any = plots.strips(data, choice, 4, said.append)
    assert said == [f"playing {TASK.key} dark 2"]
    grid = np.array([axes for axes in figure.axes]).reshape(2, 4)
    longest = len(films["lost"].seen) - 1
    steps = [round(longest * k / 3) for k in range(4)]
    assert [axes.get_title() for axes in grid[0]] == [f"step {steps[0]}", *map(str, steps[1:])]
    for row, (policy, camera) in zip(grid, [("toy-seeker", "top"), ("lost", "side")], strict=True):
        seen = films[policy].seen
        for axes, step in zip(row, steps, strict=True):
            image = axes.images[0]
            np.testing.assert_array_equal(image.get_array(), seen[min(step, len(seen) - 1)][camera])
            assert (image.get_alpha() == 1.0) == (step < len(seen))
    ended = len(films["toy-seeker"].seen) - 1
    assert 0 < ended < longest
    assert grid[0, 0].get_ylabel() == f"toy-seeker\nsuccess at step {ended}"
    assert grid[1, 0].get_ylabel() == f"lost\nfailure after {longest} steps"
    assert figure.get_suptitle() == f"“seek goal 1”\n{TASK.key}, dark, episode 2"
    assert "Pale: the episode is over." in figure.get_supxlabel().replace("\n", " ")


@pytest.mark.slow
def test_an_episode_that_does_not_end_as_on_record_is_not_drawn(tmp_path: Path, films: object) -> None:
    data = plots.load([change(tmp_path / "r", tmp_path / "other", state="0" * 16)], "toy", policies=["toy*"])
    with pytest.raises(StoreError, match="toy-seeker on plain: .* does not end as on record.*\n  fix: vlabench run"):
        replayed(data, SPEC, quiet)


def test_a_policy_or_condition_that_is_not_here_as_it_was_played_is_refused(tmp_path: Path, films: object) -> None:
    root = tmp_path / "r"
    other = plots.load([change(root, tmp_path / "other", policy_digest="0" * 64)], policies=["toy*"])
    with pytest.raises(OptionError, match=r"no card here is of the version on record \(00000000\)"):
        replayed(other, SPEC, quiet)
    with pytest.raises(UnknownName, match="unknown condition 'far'"):
        replayed(other, replace(SPEC, condition="far"), quiet)


@pytest.fixture
def many(tmp_path: Path, toy_plugin: None) -> plots.Data:
    """Outcomes of `a` and `b` on two tasks under three conditions."""
    letters = {"a": {"clean": "sf", "far": "ssf", "near": "ss"}, "b": {"clean": "ss", "far": "sff", "near": "ss"}}
    clean = cards.load_suite("toy").conditions["clean"].digest
    return plots.load([write_records(tmp_path / "many", [
        each for policy, said in letters.items() for condition, word in said.items() for number in (0, 1)
        for each in episodes(f"toy_points/{number}", condition, word, policy=policy, condition_digest=clean)])])


@pytest.mark.parametrize(("choice", "condition", "task", "index", "differ"), [
    (plots.Choice(), "far", 0, 1, True),  # perturbed before clean
    (plots.Choice(tasks=["toy_points/1"]), "far", 1, 1, True),
    (plots.Choice(["clean"]), "clean", 0, 1, True), (plots.Choice(["n*"], ["toy_points"]), "near", 0, 0, False),
    (plots.Choice(index=0), "far", 0, 0, False),
])
def test_the_first_start_that_tells_policies_apart_is_chosen(choice: plots.Choice, condition: str, task: int,
                                                             index: int, differ: bool, many: plots.Data) -> None:
    spec, told_apart = choose(many, choice)
    assert (spec.condition, spec.task.number, spec.index, told_apart) == (condition, task, index, differ)


def test_rows_are_in_the_order_of_the_names_that_were_given(many: plots.Data) -> None:
    for names in (["b", "a"], ["a", "b"]):
        assert [side.owner.policy for side in ordered(many, plots.Choice(policies=names)).sides] == names


def test_choices_that_fit_nothing_are_explained(many: plots.Data) -> None:
    with pytest.raises(OptionError, match=r"a and b share no episode that fits --index 9\n  fix: .* clean, far"):
        choose(many, plots.Choice(index=9))
    with pytest.raises(OptionError, match="records are of a alone"):
        choose(replace(many, sides=many.sides[:1]), plots.Choice())
    with pytest.raises(OptionError, match="--frames 1: must be in 2 … 16"):
        plots.strips(many, plots.Choice(), 1, quiet)


@pytest.mark.parametrize(("held", "won", "said"), [
    ([], False, "failure after 9 steps"), ([4, 5, 6, 7, 8, 9], True, "success at step 4"),
    ([3, 4, 7, 8, 9], True, "success at step 7"), ([3, 4, 9], True, "success at step 9"),
    ([3, 4, 6], True, "success at step 3"), ([3, 4, 6], False, "failure: the goal held at step 3, not at the end"),
])
def test_an_outcome_in_words(held: list[int], won: bool, said: str) -> None:
    assert outcome(Seen("p", {}, held, 9, won, "do it", False)) == said


def test_who_reads_no_pictures_is_shown_what_the_others_see() -> None:
    sees, blind = cards.load_policy("maniskill-random"), cards.load_policy("expert")
    other = sees.model_copy(update={"image_size": 224})
    assert sizes([blind, sees, other]) == [128, 128, 224] and sizes([other, blind]) == [224, 224]
    assert sizes([blind]) == [blind.image_size]


def test_a_policy_that_reads_no_pictures_is_said_to(many: plots.Data) -> None:
    pictures = {0: np.zeros((8, 8, 3), np.uint8)}
    figure = drawn(many, SPEC, [Seen("p", pictures, [1], 1, True, "do it", True)] * 2, 2)
    assert "p, p: reads no pictures, and would have seen these" in figure.get_supxlabel().replace("\n", " ")
