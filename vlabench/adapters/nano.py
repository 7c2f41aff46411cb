"""The bundled compact policy: a NanoVLA that acts by the mean or the mode of its distribution, or by a draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import numpy as np
from pydantic import Field, ValidationError

from vlabench.adapters.base import Facts, Foundation, TrainablePolicy
from vlabench.errors import CardError, DataError, MissingExtra, OptionError
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Observation
from vlabench.util.files import write_data
from vlabench.util.messages import one_line_each

if TYPE_CHECKING:
    import torch

    from vlabench.models import critics
    from vlabench.models.distributions import BinnedActions
    from vlabench.models.nano import Inputs, NanoVLA, Trunk

Decoding = Literal["mean", "mode", "sample", "normal", "mixed"]
FILE = "weights.safetensors"
"""What `save` calls its file."""


class Nano(TrainablePolicy):
    """A NanoVLA. weights: the file of `models.checkpoint`; or, with a `base`, that of `models.lora`.

    On a CPU with one thread, the same inputs give the same outputs bit for bit.
    """

    libraries = ("torch",)
    builds_on = ("base",)
    module: NanoVLA

    def __init__(
        self,
        weights: Path,
        decode: Annotated[Decoding, Field(
            description="How a chunk is taken from the distribution: its `mean` (the gripper all open or closed), its "
                        "`mode`, a `sample`, a draw from a `normal` distribution around the mean, or `mixed`: so, "
                        "but the gripper all open or closed, as probable as the distribution finds either.")] = "mean",
        temperature: Annotated[float, Field(
            description="Temperature of `sample`, above 0; standard deviation of `normal` and `mixed`.")] = 1.0,
        device: Annotated[str, Field(
            description="Device of torch that it computes on, such as `cuda`.")] = "cpu",
        base: Annotated[Foundation | None, Field(
            description="Another policy of this adapter, by name or card, which the LoRA weights change.")] = None,
    ) -> None:
        try:
            from vlabench.models import checkpoint
        except ImportError as error:
            raise MissingExtra(error.name or "torch", "train", "the compact policy") from error
        if temperature <= 0:
            raise OptionError(f"temperature {temperature:g}: must be above 0")
        self.decode, self.temperature = decode, temperature
        self.module = checkpoint.load(weights, device) if base is None else _with_lora(weights, base, device)
        self._draws: dict[int, Draws] = {}
        self._unit: torch.Tensor | None = None

    def configure(self, space: ActionSpace) -> None:
        """The network's numbers, in [−1, 1], count units of the action space."""
        import torch

        super().configure(space)
        ones = all(unit == 1.0 for unit in space.unit)
        self._unit = None if ones else torch.tensor(space.unit, device=self.module.device)

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Keep the episodes' streams, for samples."""
        self._draws |= zip(slots, draws, strict=True)

    def act(self, obs: Observation) -> Decision:
        """Chunks of actions, float64 [B, T, D]."""
        import torch

        from vlabench.models.distributions import drawn, explored

        with torch.inference_mode():
            bins = self.distribution(obs)
            if self.decode == "sample" or self.decode == "normal" or self.decode == "mixed":
                acted = explored(bins, self.decode, self.temperature,
                                 self.space if self.decode == "mixed" else None)
                shape = tuple(acted.mean.shape[1:])
                uniform = np.stack([self._draws[slot].at(step, "action").random(shape)
                                    for slot, step in zip(obs.slots.tolist(), obs.steps.tolist(), strict=True)])
                sampled = acted.sample(uniform).double().cpu().numpy()
                return Decision(sampled, drawn(acted, sampled))
            if self.decode == "mode":
                actions = bins.mode
            else:
                actions = bins.mean
                hand = self.space.gripper
                if hand is not None:
                    low, high = self.space.low[hand], self.space.high[hand]
                    actions[..., hand] = torch.where(actions[..., hand] > (low + high) / 2, high, low)
        return Decision(actions.double().cpu().numpy())

    def distribution(self, obs: Observation, actions: torch.Tensor | None = None,
                     embedding: torch.Tensor | None = None) -> BinnedActions:
        """Over chunks of actions [B, T, D], all numbers at once."""
        return replace(self.module.act(self.embedding(obs) if embedding is None else embedding), unit=self._unit)

    def embedding(self, obs: Observation) -> torch.Tensor:
        """float32 [B, E]. Raises DataError for pictures of another size than the network's."""
        return self._trunk(obs).embedding

    def _trunk(self, obs: Observation) -> Trunk:
        return self.module.trunk(self._inputs(obs))

    def _inputs(self, obs: Observation) -> Inputs:
        config = self.module.config
        for camera in config.cameras:
            if camera not in obs.images or obs.images[camera].shape[1:3] != (config.image_size, config.image_size):
                found = ", ".join(f"{name} {list(a.shape[1:3])}" for name, a in obs.images.items()) or "none"
                raise DataError(f"the weights need pictures of {', '.join(config.cameras)} with {config.image_size} "
                                f"pixels a side, not {found}\n  fix: `cameras` and `image_size` of the policy's card")
        return self.module.inputs(obs.images, obs.proprio, obs.instruction)

    @property
    def auxiliary(self) -> frozenset[str]:  # type: ignore[override]
        """The K named `points` [B, K, 3] relative to the hand (m), and their log-maps [B, K, cells²] in pictures."""
        return frozenset({"points", *(f"maps/{camera}" for camera in self.module.config.cameras)})

    def encode(self, obs: Observation, actions: torch.Tensor | None = None) -> Mapping[str, torch.Tensor]:
        """All of it. Raises DataError, as `embedding` does."""
        trunk = self._trunk(obs)
        return {"embedding": trunk.embedding, "points": trunk.points,
                **{f"maps/{camera}": log_maps for camera, log_maps in trunk.seen.items()}}

    @classmethod
    def fresh(cls, folder: Path, data: Facts, sizes: Mapping[str, Any]) -> None:
        """sizes: those that differ from NanoConfig's."""
        import torch

        from vlabench.models import checkpoint
        from vlabench.models.nano import NanoConfig, NanoVLA, Vocabulary

        given = {"cameras": data.cameras, "image_size": data.image_size, "action_size": data.action_size,
                 "proprio_mean": data.proprio_mean, "proprio_std": data.proprio_std,
                 "words": Vocabulary.of(data.instructions).words, "named": len(data.points), **sizes}
        try:
            config = NanoConfig.model_validate(given)
        except ValidationError as error:
            raise CardError(one_line_each(error, NanoConfig, "training.options.network")) from None
        write_data(folder / FILE, checkpoint.to_bytes(NanoVLA(config), torch.float32))

    def value(self, obs: Observation, embedding: torch.Tensor | None = None) -> torch.Tensor:
        """Expected return [B]; a critic with a network of its own has no use for the policy's embedding."""
        judge = self.module.judge
        if embedding is None or judge is not self.module:
            embedding = judge.trunk(self._inputs(obs)).embedding
        return judge.value(embedding)

    @property
    def critic(self) -> torch.nn.Module:
        """The value head, or the network that is the critic's own."""
        return self.module.worth

    @property
    def critics(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of `models.critics`."""
        from vlabench.models import critics

        return get_args(critics.Kind)

    def renew_critic(self, kind: str) -> None:
        """In the memory format of the rest."""
        from vlabench.models import checkpoint

        self.module.renew_critic(cast("critics.Kind", kind))
        checkpoint.ready(self.module, self.module.device)

    def save(self, folder: Path, exact: bool = False) -> None:
        """One file, of `models.checkpoint`."""
        import torch

        from vlabench.models import checkpoint

        write_data(folder / FILE, checkpoint.to_bytes(self.module, torch.float32 if exact else torch.float16))

    def load(self, folder: Path) -> None:
        """Take such a file."""
        from vlabench.models import checkpoint

        self.module = checkpoint.load(folder / FILE, self.module.device)


def _with_lora(path: Path, base: Foundation, device: str) -> NanoVLA:
    """The network of the policy `base` with the LoRA weights of a file merged in. Raises CardError, DataError."""
    from vlabench.models import checkpoint, lora

    if base.weights is None:
        raise CardError(f"policy {base.name!r} has no weights that LoRA could change")
    network = checkpoint.load(base.weights, device)
    lora.apply(path, network, base.sha256)
    return network
