"""Which contexts are played, what their rollouts share, and dynamic sampling on worked examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from vlabench.cards.noise import Noise
from vlabench.seeding import choices, stream
from vlabench.training.rl.contexts import SEED, Gathered, Group, Schedule, gather
from vlabench.training.rl.curriculum import Level
from vlabench.training.rl.rollouts import Assignment, Rollout
from vlabench.types import EpisodeSpec, Task

TASKS = [Task("toy", "set", n, f"t{n}", "do it", 10, 50) for n in range(5)]


def test_every_task_has_its_turn_in_a_new_order_each_time_round() -> None:
    schedule = Schedule(TASKS, 3, per_task=2)
    rounds = [[schedule.task(number).number for number in range(10 * k, 10 * k + 10)] for k in range(6)]
    assert all(sorted(each) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] and each[::2] == each[1::2] for each in rounds)
    assert len(set(map(tuple, rounds))) > 3
    assert [Schedule(TASKS, 4, 2).task(n) for n in range(10)] != [schedule.task(n) for n in range(10)]


def test_rollouts_of_a_context_share_the_start_and_sample_other_actions() -> None:
    specs = [each.spec for each in Schedule(TASKS, 0, 1).context(7, 4, None, Level())]
    assert all(spec.sampled and spec.seed == SEED and spec.index == 7 and spec.condition == "clean" for spec in specs)
    assert len({stream(spec, "start") for spec in specs}) == 1
    assert len({choices(spec) for spec in specs}) == 4
    assert choices(specs[0]) != stream(specs[0], "policy")
    other = Schedule(TASKS, 0, 1).context(8, 1, None, Level())[0].spec
    assert stream(other, "start") != stream(specs[0], "start")


@pytest.mark.parametrize("draw", ["rollout", "context"])
def test_noise_is_each_rollout_s_or_the_context_s(draw: str) -> None:
    noise = Noise.model_validate({"draw": draw, "clean": 0.3})
    context = Schedule(TASKS, 0, 1).context(5, 8, noise, Level(0.5, 0.1))
    chains = [tuple(each.chain.values()) for each in context]
    streams = {stream(each.spec, f"perturbation/{name}") for each in context for name in each.chain}
    if draw == "context":
        assert all(chain == chains[0] for chain in chains) and len({each.spec.condition for each in context}) == 1
        assert len(streams) == len(context[0].chain)
    else:
        assert () in chains and len(set(map(repr, chains))) > 3
        assert len(streams) == sum(map(len, chains)), "two rollouts draw the same numbers"
    assert all(each.spec.condition == ("+".join(each.chain) or "clean") for each in context)


def rollout(spec: EpisodeSpec, success: bool) -> Rollout:
    none = np.zeros((1, 1, 1), np.float32)
    return Rollout(spec, {}, none[0], "", none, none, none, np.ones(1, np.int64), success, {}, {})


def played(outcomes: Sequence[Sequence[int | None]], wanted: int) -> tuple[Gathered, list[int]]:
    """Gather from contexts whose rollouts end so (None: in an error); what was kept, and the contexts of each wave."""
    candidates = [tuple(Assignment(EpisodeSpec(TASKS[0], "clean", n, repeat=k), {}) for k in range(len(row)))
                  for n, row in enumerate(outcomes)]
    waves = []

    def play(specs: Sequence[EpisodeSpec]) -> Mapping[EpisodeSpec, Rollout]:
        waves.append(len({spec.index for spec in specs}))
        ends = {spec: outcomes[spec.index][spec.repeat] for spec in specs}
        return {spec: rollout(spec, bool(end)) for spec, end in reversed(ends.items()) if end is not None}

    return gather(candidates, wanted, play, lambda each: float(each.success), lambda group: group.informative), waves


def test_dynamic_sampling_by_hand() -> None:
    """Two wanted: of contexts 0 and 1 the second is kept, 2 fails throughout, 3 is kept; 4 is never played."""
    found, waves = played([[1, 1], [0, 1], [0, 0], [1, 0], [0, 1]], wanted=2)
    assert [group.number for group in found.kept] == [1, 3] and found.tried == 4 and waves == [2, 1, 1]
    assert [group.scores for group in found.kept] == [(0, 1), (1, 0)]
    assert list(found.outcomes) == [1, 1, 0, 1, 0, 0, 1, 0] and found.success == 0.5


def test_it_gives_up_when_the_candidates_are_used_up() -> None:
    found, waves = played([[1, 1, 1]] * 5, wanted=2)
    assert (found.kept, found.tried, found.success, waves) == ((), 5, 1.0, [2, 2, 1])


def test_rollouts_that_failed_are_missing_and_one_alone_teaches_nothing() -> None:
    found, _ = played([[1, None, 0], [None, 1, None], [None, None, None], [0, 1, 1]], wanted=2)
    assert [group.number for group in found.kept] == [0, 3]
    assert [each.spec.repeat for each in found.kept[0].rollouts] == [0, 2] and found.kept[0].scores == (1, 0)
    assert found.success == pytest.approx(4 / 6)


def test_scores_decide_not_success_alone() -> None:
    spec = EpisodeSpec(TASKS[0], "clean", 0)
    group = Group(0, (rollout(spec, True), rollout(spec, True)), (1.02, 1.03))
    assert group.informative and not Group(0, group.rollouts, (1.02, 1.02)).informative
