"""A checkpoint read here against the model's own server, on looks of the simulator: `vlabench check --against`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from vlabench.adapters.wire.base import LIMITS
from vlabench.adapters.wire.rest import RestLine
from vlabench.adapters.wire.shaping import Moves, Sends
from vlabench.cards.policy import PolicyCard
from vlabench.errors import OptionError, ServerError
from vlabench.evaluation.rehearsal import Remark
from vlabench.simulators.base import Simulator
from vlabench.types import EpisodeSpec, Floats, Observation

if TYPE_CHECKING:
    from vlabench.adapters.openvla import Openvla

LOOKS = 20
NEAR = 0.05
"""Units, on the average, that an arm's numbers may be apart: a GPU computes in bfloat16, and a bin is 0.008 wide."""
AGREEING = 0.9
"""Share of the gripper's commands that have to be the same."""


def against(card: PolicyCard, url: str, stage: tuple[str, Simulator, tuple[str, ...]],
            say: Callable[[str], None] = lambda text: None) -> Remark:
    """What there is to say of how far a policy's actions are from its server's, at the first looks of LOOKS episodes.

    Raises OptionError for a policy of another adapter, ServerError for a server that does not answer.
    """
    from vlabench.adapters.openvla import Openvla

    if not issubclass(card.kind, Openvla):
        raise OptionError(f"--against: {card.adapter!r} is not compared with a server, openvla is\n  fix: leave it out")
    policy = card.known_as(card.name, {**card.options, "decode": "mode", "temperature": 1.0}).make()
    assert isinstance(policy, Openvla)
    _, simulator, task_sets = stage
    policy.configure(simulator.action_space)
    line = RestLine(url, LIMITS, Sends(instruction="instruction", extra=_extra(policy)))
    moves = Moves(gripper="open_is_one", gripper_all_or_nothing=True)
    ours, theirs = [], []
    try:
        line.open()
        for number, obs in enumerate(looks(card, simulator, task_sets)):
            say(f"look {number + 1} of {LOOKS}: {obs.instruction[0]}")
            ours.append(policy.act(obs).actions[0])
            reply = moves.actions(line.ask(policy.request(obs)), simulator.action_space, obs.proprio[0])
            if reply.shape != ours[-1].shape:
                raise ServerError(f"it answers with actions {list(reply.shape)}; here they are {list(ours[-1].shape)}")
            theirs.append(reply)
    except ServerError as error:
        raise type(error)(f"the server at {url}: {error}") from None
    finally:
        policy.close()
    return judged(np.stack(ours), np.stack(theirs), np.asarray(policy.units()), simulator.action_space.gripper)


def judged(ours: Floats, theirs: Floats, units: Floats, gripper: int | None) -> Remark:
    """Of actions [N, T, D]. units: [D]."""
    arm = [number for number in range(ours.shape[-1]) if number != gripper]
    apart = np.abs(ours - theirs)[..., arm] / units[arm]
    same = 1.0 if gripper is None else float((ours[..., gripper] == theirs[..., gripper]).mean())
    wrong = bool(apart.mean() > NEAR or same < AGREEING)
    return Remark(wrong, f"{len(ours)} looks: its server's actions are {apart.mean():.4f} units away on the average, "
                          f"{apart.max():.4f} at most; the gripper's command is the same in {same:.0%}"
                          + (f" (expected: {NEAR} and {AGREEING:.0%}); see that the server has the same checkpoint, "
                             f"unnorm_key and crop" if wrong else ""))


def looks(card: PolicyCard, simulator: Simulator, task_sets: tuple[str, ...]) -> Iterator[Observation]:
    """The first ones of episodes, of one task after the other."""
    tasks = [task for name in task_sets for task in simulator.tasks(name)]
    for number in range(LOOKS):
        spec = EpisodeSpec(tasks[number % len(tasks)], "clean", number // len(tasks))
        scene = simulator.open(spec.task, cameras=card.cameras, image_size=card.image_size)
        try:
            scene.place([spec])
            scene.settle()
            yield scene.observe()
        finally:
            scene.close()


def _extra(policy: Openvla) -> dict[str, Any]:
    """OpenVLA's server is told the data set; OFT's knows it from its start."""
    return {"unnorm_key": policy.key} if policy.head == "tokens" else {}
