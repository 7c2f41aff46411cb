"""A policy of LeRobot's, in process: any `PreTrainedPolicy`, a folder or a repository of the hub, as it was saved.

What it reads and gives, its own `config.json` says; the card says which camera is which of its pictures, and which
parts of the proprioception its state is made of. LeRobot's versions do not go together with ours: a card names the
Python of an environment of its own (`python`), where the policy then lives.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from vlabench.adapters.base import Policy
from vlabench.adapters.wire.shaping import PARTS, Flip, Moves, Sends
from vlabench.errors import DataError, OptionError, near, words_of
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Floats, Observation

ENVIRONMENT = ("python3 -m venv lerobot && lerobot/bin/pip install 'lerobot[smolvla]' pydantic\n"
               "       and on the card: python = \"lerobot/bin/python\"")
PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")
NOISED = ("smolvla", "pi0", "pi05")
"""Types whose `predict_action_chunk` hands `noise` on to what draws. Its parameters do not tell: π0's takes any
keyword, and X-VLA's has one by that name that it does not use."""
MEMORY = ("_queues", "_action_queue", "temporal_ensembler", "_prev_mean")
"""Where LeRobot's policies keep what they remember of an episode."""


class Lerobot(Policy):
    """Asks the policy for a chunk at every look; one that remembers observations for an action at every step.

    What it draws comes from the episode's stream. Rows are answered one by one, unless the card says `exact = false`
    and the policy takes its noise as an argument (SmolVLA, π0, π0.5).
    """

    libraries = ("lerobot", "torch", "transformers")
    needs = ("lerobot",)
    heeds = ("cameras", "image_size", "replan", "exact")
    exact_in_batches = True  # one row at a time, where that matters

    def __init__(
        self,
        weights: Path | None = None,
        repo: Annotated[str, Field(
            description="Repository of the Hugging Face hub, such as `lerobot/smolvla_libero`, instead of weights "
                        "beside the card.")] = "",
        revision: Annotated[str, Field(
            description="Commit of the repository, 40 hexadecimal digits.")] = "",
        pictures: Annotated[dict[str, str], Field(
            description="Camera → the policy's key of its picture, such as `observation.images.image`.")] = {},  # noqa: B006
        flips: Annotated[dict[str, Flip], Field(
            description="Camera → the axes on which its picture, which is upright, is turned round.")] = {},  # noqa: B006
        state: Annotated[list[str], Field(
            description="Parts of the proprioception that `observation.state` is made of, one after the other: "
                        + ", ".join(PARTS) + ".")] = [],  # noqa: B006
        moves: Annotated[Moves, Field(description="What its actions mean.")] = Moves(),  # noqa: B008
        device: Annotated[str, Field(description="Device of torch that it computes on, such as `cuda`.")] = "cpu",
        *, cameras: Sequence[str] = (), image_size: int = 256, replan: int = 1, exact: bool = True,
    ) -> None:
        """Raises OptionError for what does not fit the policy's config, or does not go with LeRobot; DataError for a
        folder that holds no such policy.
        """
        self._moves = Moves.model_validate(moves)
        self._draws: dict[int, Draws] = {}
        self._kept: dict[int, dict[str, Any]] = {}
        folder = _folder(weights, repo, revision)
        config = _config(folder, device)
        self._looks = _looks(config, dict(pictures), dict(flips), list(state), tuple(cameras), image_size)
        self._state = _state_size(config)
        self._size = _size(config.action_feature, "action")
        self._policy, self._before, self._after = _loaded(folder, config)
        self._stepwise = _remembers(self._policy)
        self._noise = _noise(config)
        self._together = not exact and bool(self._noise) and not self._stepwise
        _check_replan(config, self._stepwise, replan)

    def configure(self, space: ActionSpace) -> None:
        """Raises OptionError for a robot whose actions have another number of dimensions."""
        if self._size != space.size:
            raise OptionError(f"the policy's actions have {self._size} numbers, the robot's here {space.size}: "
                              f"{', '.join(space.names)}\n  fix: a policy that was trained on this robot")
        super().configure(space)

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These slots start with nothing remembered."""
        self._draws |= zip(slots, draws, strict=True)
        for slot in slots:
            for name in self._memory:  # what it has now is another slot's, and some of it is emptied where it is
                setattr(self._policy, name, copy.deepcopy(getattr(self._policy, name)))
            self._policy.reset()
            self._kept[slot] = {name: getattr(self._policy, name) for name in self._memory}

    def act(self, obs: Observation) -> Decision:
        """Float64 [B, T, D]. Raises DataError for proprioception of another size than the policy's state."""
        rows = [self._row(obs, row) for row in range(len(obs.slots))]
        groups = [list(range(len(rows)))] if self._together else [[row] for row in range(len(rows))]
        found = [self._asked([rows[row] for row in group], obs.slots[group].tolist(), obs.steps[group].tolist())
                 for group in groups]
        chunks = np.concatenate(found)
        return Decision(np.stack([self._moves.actions(chunk, self.space, proprio)
                                  for chunk, proprio in zip(chunks, obs.proprio, strict=True)]))

    @property
    def _memory(self) -> list[str]:
        return [name for name in MEMORY if hasattr(self._policy, name)]

    def _row(self, obs: Observation, row: int) -> dict[str, Any]:
        """One robot's pictures, float32 [1, 3, H, W] in 0 … 1; its state [1, S]; its task."""
        import torch

        look = self._looks.look(obs, row)
        found: dict[str, Any] = {
            key: torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
            for key, picture in look.pictures.items()}  # laid out as LeRobot's: convolutions' last bits depend on it
        for key, numbers in look.state.items():
            if len(numbers) != self._state:
                raise DataError(f"the policy's state has {self._state} numbers, options.state gives {len(numbers)}")
            found[key] = torch.from_numpy(numbers)[None]
        return {**found, "task": [look.instruction]}

    def _asked(self, rows: Sequence[dict[str, Any]], slots: Sequence[int], steps: Sequence[int]) -> Floats:
        """Float [B, T, D] as the policy was trained on them."""
        import torch

        batch: dict[str, Any] = {
            key: sum((row[key] for row in rows), []) if key == "task" else torch.cat([row[key] for row in rows])
            for key in rows[0]}
        noise = {}
        if self._noise:
            drawn = np.stack([self._draws[slot].at(step, "noise").standard_normal(self._noise)
                              for slot, step in zip(slots, steps, strict=True)])
            noise["noise"] = torch.from_numpy(drawn.astype(np.float32)).to(self._policy.config.device)
        seed = int(self._draws[slots[0]].at(steps[0], "seed").integers(2**63))
        devices = [] if self._policy.config.device == "cpu" else [self._policy.config.device]
        with torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            seen = self._before(batch)
            if not self._stepwise:
                return _numpy(self._after(self._policy.predict_action_chunk(seen, **noise)))
            for name, value in self._kept[slots[0]].items():
                setattr(self._policy, name, value)
            action = self._policy.select_action(seen, **noise)
            self._kept[slots[0]] = {name: getattr(self._policy, name) for name in self._memory}
            return _numpy(self._after(action))[:, None]


def _numpy(actions: Any) -> Floats:
    found: Floats = actions.double().cpu().numpy()
    return found


def _folder(weights: Path | None, repo: str, revision: str) -> Path:
    """Where the policy lies; that of a repository is fetched. Raises OptionError, DataError."""
    if (weights is None) == (not repo):
        raise OptionError("a policy of LeRobot's is either beside its card or on the hub\n"
                          "  fix: [weights] with path and sha256 of its folder; or options.repo and options.revision")
    if weights is not None:
        return weights
    if not re.fullmatch("[0-9a-f]{40}", revision):
        raise OptionError(f"options.revision = {revision!r}: records are of one commit of {repo}\n  fix: the 40 "
                          f"hexadecimal digits of one of https://huggingface.co/{repo}/commits/main")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise _absent(error) from None
    try:
        return Path(snapshot_download(repo, revision=revision))
    except Exception as error:
        raise DataError(f"options.repo = {repo!r}: cannot be fetched from the hub: {words_of(error)}\n  fix: "
                        f"hf download {repo} --revision {revision} on a machine that reaches it, and [weights] with "
                        f"its folder") from None


def _absent(error: ImportError) -> OptionError:
    package = (error.name or "lerobot").partition(".")[0]
    return OptionError(f"LeRobot's policies need the Python package {package!r}, which is not in this environment, "
                       f"and cannot be beside vlabench's own\n  fix: {ENVIRONMENT}")


def _config(folder: Path, device: str) -> Any:
    """The policy's own. Raises OptionError without LeRobot; DataError."""
    if not folder.is_dir() or not (folder / "config.json").is_file():
        what = "it has no config.json" if folder.is_dir() else "no folder"
        raise DataError(f"{folder}: no policy of LeRobot's: {what}\n"
                        f"  fix: the folder that its save_pretrained wrote (…/checkpoints/last/pretrained_model)")
    lacking = [name for name in (*PROCESSORS, "model.safetensors") if not (folder / name).is_file()]
    if lacking:
        old = " (it is of a LeRobot before 0.4)" if "model.safetensors" not in lacking else ""
        raise DataError(f"{folder}: lacks {', '.join(lacking)}{old}\n  fix: " + (
            f"python -m lerobot.processor.migrate_policy_normalization --pretrained-path {folder}" if old else
            "download it again, all its files"))
    try:
        import lerobot.policies  # noqa: F401  # registers the configs of all policies
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies import factory  # noqa: F401
    except ImportError as error:
        raise _absent(error) from None
    try:
        config = PreTrainedConfig.from_pretrained(folder)
    except Exception as error:  # of many kinds, as its parser has it
        raise DataError(f"{folder / 'config.json'}: not read by LeRobot {_version()}: {words_of(error)}\n"
                        f"  fix: the release of LeRobot that wrote it") from None
    config.device = device
    return config


def _version() -> str:
    from importlib.metadata import version

    return version("lerobot")


def _loaded(folder: Path, config: Any) -> tuple[Any, Any, Any]:
    """The policy, what goes before it and what comes after. Raises OptionError for a package that it needs; DataError.
    """
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    try:
        policy = get_policy_class(config.type).from_pretrained(folder, config=config)
        before, after = make_pre_post_processors(
            config, pretrained_path=str(folder), preprocessor_overrides={"device_processor": {"device": config.device}})
    except ImportError as error:
        raise OptionError(f"a policy of type {config.type!r} needs more than is installed: {words_of(error)}\n  fix: "
                          f"pip install 'lerobot[{config.type}]' in the environment of the card's `python`") from None
    except Exception as error:
        raise DataError(f"{folder}: not loaded by LeRobot {_version()}: {type(error).__name__}: {words_of(error)}"
                        ) from error
    return policy.eval(), before, after


def _looks(config: Any, pictures: dict[str, str], flips: dict[str, Flip], state: list[str], cameras: tuple[str, ...],
           image_size: int) -> Sends:
    """What the policy is shown of an observation. Raises OptionError for what does not fit its features."""
    wanted = {key: tuple(feature.shape) for key, feature in config.image_features.items() if "empty_camera" not in key}
    if sorted(pictures.values()) != sorted(wanted):
        pairs = ", ".join(f'{camera} = "{key}"' for camera, key in zip(cameras, wanted, strict=False))
        raise OptionError(
            f"options.pictures names {', '.join(pictures.values()) or 'no picture'}; the policy looks at "
            f"{', '.join(wanted) or 'none'}\n  fix: " + (
                f"pictures = {{ {pairs} }}, if it is so" if len(cameras) == len(wanted) else
                f"as many `cameras` on the card as pictures, {len(wanted)}, and options.pictures of them"))
    if set(pictures) != set(cameras):
        raise OptionError(f"options.pictures has a key for {', '.join(pictures) or 'no camera'}, the card's `cameras` "
                          f"are {', '.join(cameras) or 'none'}\n  fix: make them the same")
    for key, shape in wanted.items():
        if shape != (3, image_size, image_size):
            raise OptionError(f"{key} of the policy is {list(shape)}, the card's image_size is {image_size}\n  fix: "
                              + (f"image_size = {shape[1]}" if shape[0] == 3 and shape[1] == shape[2] else
                                 "a policy that looks at square pictures of three channels"))
    _check_state(_state_size(config), state)
    return Sends(pictures={camera: pictures[camera] for camera in cameras}, flips=flips, size=image_size,
                 state={"observation.state": state} if state else {})


def _check_state(size: int, state: list[str]) -> None:
    for part in state:
        if part not in PARTS:
            raise OptionError(f"options.state: unknown part {part!r}: {near(part, PARTS)}")
    given = sum(len(PARTS[part](np.zeros(8))) for part in state)
    if state != ["proprio"] and given != size:
        raise OptionError(f"the policy's state has {size} numbers, options.state gives {given}\n  fix: "
                          f"state = [{'PART, …' if size else ''}]" + (f" of {', '.join(PARTS)}; LIBERO's is "
                          f'["position", "axis_angle", "fingers"]' if size else ""))


def _state_size(config: Any) -> int:
    feature = config.robot_state_feature
    return 0 if feature is None else _size(feature, "observation.state")


def _size(feature: Any, what: str) -> int:
    """Raises OptionError for one that is no row of numbers."""
    if feature is None or len(feature.shape) != 1:
        raise OptionError(f"the policy's config has no `{what}` of one row of numbers"
                          f"\n  fix: a policy that was trained with one")
    return int(feature.shape[0])


def _remembers(policy: Any) -> bool:
    """Whether it must be asked at every step: it keeps observations, or joins overlapping chunks."""
    policy.reset()
    queues = getattr(policy, "_queues", None) or {}
    return any(key != "action" for key in queues) or getattr(policy, "temporal_ensembler", None) is not None


def _noise(config: Any) -> tuple[int, ...]:
    """[chunk, D] of what it takes as `noise`; () for a policy that draws by itself, or not at all."""
    return (config.chunk_size, config.max_action_dim) if config.type in NOISED else ()


def _check_replan(config: Any, stepwise: bool, replan: int) -> None:
    length = 1 if stepwise else len(config.action_delta_indices or [0])
    if replan > length:
        why = "is asked at every step" if stepwise else f"gives {length} actions at a look"
        raise OptionError(f"replan = {replan} on the card: the policy {why}\n  fix: replan = {length}")
