"""OpenVLA's and OpenVLA-OFT's published checkpoints in process: tokens one by one, all at once, or the L1 head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
from pydantic import Field

from vlabench.adapters.base import ActionDistribution, TrainablePolicy
from vlabench.adapters.wire.shaping import Look
from vlabench.errors import DataError, MissingExtra, OptionError
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Floats, Observation

if TYPE_CHECKING:
    import torch

    from vlabench.models import critics
    from vlabench.models.openvla import OpenVLA
    from vlabench.models.openvla_actions import Scaling

Head = Literal["tokens", "parallel", "l1"]
Decoding = Literal["mode", "mean", "sample", "normal", "mixed"]


class Openvla(TrainablePolicy):
    """A checkpoint in its published folder. It looks at the pictures of its card's cameras, in their order."""

    libraries = ("torch", "transformers", "tokenizers")
    critics = ("h0", "hn", "all", "apart")
    heeds = ("cameras",)
    module: OpenVLA

    def __init__(
        self,
        weights: Path,
        head: Annotated[Head, Field(
            description="How it acts: by `tokens`, one after the other (OpenVLA); by a chunk of tokens in `parallel`, "
                        "or by its `l1` head, which takes the proprioception where the folder has a projector for it "
                        "(both OpenVLA-OFT).")] = "tokens",
        unnorm_key: Annotated[str, Field(
            description="Data set whose statistics scale actions and proprioception, as its dataset_statistics.json "
                        "calls it; none where there is but one.")] = "",
        pictures: Annotated[int, Field(
            ge=1, description="Pictures that it was trained with: as many as the card has cameras.")] = 1,
        chunk: Annotated[int, Field(
            ge=1, description="Actions of a chunk of OpenVLA-OFT's.")] = 8,
        recorded: Annotated[bool, Field(
            description="Whether pictures go through JPEG and a Lanczos kernel first, as in training data that were "
                        "LIBERO's; else they are squashed.")] = True,
        crop: Annotated[float, Field(
            gt=0, le=1, description="Share of a picture's area that is shown, in its middle: 0.9 for a checkpoint that "
                                    "was trained with random crops, as LIBERO's were.")] = 1.0,
        decode: Annotated[Decoding, Field(
            description="How actions are taken from the distribution: its `mode`, token by token; its `mean`; a "
                        "`sample`; or, where all numbers come at once, a draw from a `normal` distribution around the "
                        "mean, or `mixed`: so, but the gripper by its two commands' probability.")] = "mode",
        temperature: Annotated[float, Field(
            gt=0, description="Temperature of `sample`; standard deviation of `normal` and `mixed`.")] = 1.0,
        proprio: Annotated[bool, Field(
            description="Whether the L1 head is given proprioception; false for a checkpoint trained without.")] = True,
        device: Annotated[str, Field(
            description="Device of torch that it computes on, such as `cuda`: there in bfloat16, on a `cpu` in "
                        "float32.")] = "cpu",
        critic: Annotated[bool, Field(
            description="Whether it has a value head, for methods that train a critic.")] = False,
        checkpointing: Annotated[bool, Field(
            description="Whether training computes layers again instead of keeping what they made: slower, with far "
                        "less memory.")] = True,
        cameras: Sequence[str] | None = None,
    ) -> None:
        try:
            import vlabench.models.openvla  # noqa: F401  # before anything of transformers
        except ImportError as error:
            raise MissingExtra(error.name or "transformers", "openvla", "OpenVLA in process") from error
        if head == "tokens" and decode in ("normal", "mixed"):
            raise OptionError(f"decode {decode!r}: tokens are drawn one after the other, each by those before it\n"
                              f"  fix: 'sample'")
        if head == "l1" and decode == "sample" and temperature != 1.0:
            raise OptionError(f"temperature {temperature:g}: what is drawn around locations knows no temperature\n"
                              f"  fix: 1")
        self.head: Head = head
        self.decode, self.temperature, self.pictures = decode, temperature, pictures
        if cameras is not None:
            self._fits(cameras)
        self._pictures, self.chunk = (recorded, crop), 1 if head == "tokens" else chunk
        self._how = device, head == "l1", head == "l1" and proprio, critic
        self.key, self._checkpointing = unnorm_key, checkpointing
        self._draws: dict[int, Draws] = {}
        self._scaling: Scaling | None = None
        self.binned = head != "l1"
        self.load(weights)

    def load(self, folder: Path) -> None:
        """Take a published folder, or what `save` wrote. Raises DataError."""
        from vlabench.models import openvla_folder
        from vlabench.models.openvla_inputs import Inputs

        for held in ("module", "_checkpoint", "_inputs"):  # a GPU need not have room for both
            self.__dict__.pop(held, None)
        self._checkpoint = openvla_folder.read(folder, *self._how)
        self.module = self._checkpoint.network
        self.key, self._statistics = self._checkpoint.statistics_of(self.key)
        self._inputs = Inputs(self._checkpoint, self.key, self._statistics, *self._pictures)
        if self.module.proprio_projector is not None and "proprio" not in self._statistics:
            raise DataError(f"{folder}: takes proprioception, of which {self.key!r} has no statistics\n"
                            f"  fix: another options.unnorm_key")
        if self._checkpointing:
            self.module.save_memory()

    def save(self, folder: Path, exact: bool = False) -> None:
        """The published format; the critic in a file of its own."""
        from vlabench.models import openvla_folder

        openvla_folder.write(self._checkpoint, self.module, folder, exact)

    def configure(self, space: ActionSpace) -> None:
        """Raises OptionError for a robot with another number of numbers."""
        from vlabench.models.openvla_actions import Scaling

        super().configure(space)
        told = len(self._statistics["action"]["q01"])
        if not told == space.size == self.module.size:
            raise OptionError(f"actions of {self.key!r} have {told} numbers, of the network {self.module.size}, here "
                              f"{space.size}")
        self._scaling = Scaling.of(self._statistics["action"], space, self.module.device)

    def units(self) -> Floats:
        """What a number of 1 moves [D], as the statistics have it."""
        return self._scaled().unit.double().cpu().numpy()

    def request(self, obs: Observation) -> Look:
        """What the model's own server is asked at one robot's look, to do what `act` does. OpenVLA's takes a picture
        that is resized and cropped; OFT's does so itself, and scales proprioception.
        """
        pictures = [picture[0] for picture in obs.images.values()]
        if self.head == "tokens":
            return Look({"image": self._inputs.shaped(pictures[0])}, {}, obs.instruction[0])
        keys = ("full_image", *(f"wrist_image_{number}" for number in range(1, len(pictures))))
        state = {} if self.module.proprio_projector is None else {"state": obs.proprio[0]}
        return Look(dict(zip(keys, pictures, strict=True)), state, obs.instruction[0])

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Keep the episodes' streams, for samples."""
        self._draws |= zip(slots, draws, strict=True)

    def act(self, obs: Observation) -> Decision:
        """Chunks of actions, float64 [B, T, D]."""
        import torch

        from vlabench.models.distributions import drawn, explored

        with torch.inference_mode():
            if self.decode in ("mode", "mean"):
                states, _ = self._states(obs)
                if self.decode == "mode" and self.head != "l1":
                    actions = self._scaled().acted(self._modes(states))
                else:
                    acts = self._acts(states)
                    actions = acts.mode if self.decode == "mode" else acts.mean
                return Decision(actions.double().cpu().numpy())
            uniform = np.stack([self._draws[slot].at(step, "action").random((self.chunk, self.module.size))
                                for slot, step in zip(obs.slots.tolist(), obs.steps.tolist(), strict=True)])
            states, tokens = self._states(obs, uniform=uniform)
            acted = explored(self._acts(states), "sample" if self.decode == "sample" else
                             "normal" if self.decode == "normal" else "mixed", self.temperature, self.space)
            found = acted.sample(uniform) if tokens is None else self._acted(tokens)
            sampled = found.double().cpu().numpy()
            return Decision(sampled, drawn(acted, sampled))

    def distribution(self, obs: Observation, actions: torch.Tensor | None = None,
                     embedding: torch.Tensor | None = None) -> ActionDistribution:
        """Over chunks of actions [B, T, D]: bins of every number, or a Laplace distribution around it."""
        if embedding is None:
            return self._acts(self._states(obs, actions)[0])
        return self._acts(embedding.view(len(embedding), -1, self.module.width).to(self.module.dtype))

    def embedding(self, obs: Observation) -> torch.Tensor:
        """float32 [B, T · D · width]: what Llama makes of the places of an action's numbers. Of tokens one after the
        other, it is that on the way which is most probable.
        """
        return self._states(obs)[0].flatten(1).float()

    def encode(self, obs: Observation, actions: torch.Tensor | None = None) -> Mapping[str, torch.Tensor]:
        """The embedding, on the way of given actions [B, T, D]."""
        return {"embedding": self._states(obs, actions)[0].flatten(1).float()}

    @property
    def action_head(self) -> torch.nn.Module | None:
        """OFT's L1 head; of tokens, Llama's own last layer is one like the others."""
        return self.module.action_head

    @property
    def critic(self) -> torch.nn.Module | None:
        """The value head or the network that is the critic's own, if there is one."""
        return self.module.worth

    @property
    def value_head(self) -> torch.nn.Module | None:
        """The head alone."""
        return self.module.judge.worth

    def renew_critic(self, kind: str) -> None:
        """RL4VLA's value head, on the state of the first number of a chunk (`h0`), of the last (`hn`), of `all`, or of
        the first in a network of its own (`apart`); from now on it reads one in folders, too.
        """
        if kind not in self.critics:
            super().renew_critic(kind)
        self._how = *self._how[:3], True
        self.module.add_critic(cast("critics.Kind", kind), self.chunk * self.module.size)

    def value(self, obs: Observation, embedding: torch.Tensor | None = None) -> torch.Tensor:
        """Expected return [B]. All states but the first depend on the numbers before: those of the actions that
        `encode` was told, if its embedding is given, else the most probable. A critic with a network of its own has no
        use for the policy's embedding. Raises TypeError without a critic.
        """
        if self.module.worth is None:
            return super().value(obs, embedding)
        if self.module.judge is not self.module:
            return self.module.judge.value(self._judged(obs))
        states = self.embedding(obs) if embedding is None else embedding
        return self.module.value(states.view(len(states), -1, self.module.width))

    # what the network is asked

    def _states(self, obs: Observation, actions: torch.Tensor | None = None,
                uniform: Floats | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(states [B, T · D, width] of the numbers' places; the tokens [B, D] that were chosen on the way, if any)."""
        self._fits(tuple(obs.images))
        seen, prompts = self._inputs.looked(self.module, obs)
        if self.head != "tokens":
            return self.module.parallel(seen, prompts, self.chunk), None
        if actions is not None:
            return self.module.forced(seen, prompts, self._tokens(actions[:, 0])), None
        tokens, states = self.module.spoken(seen, prompts, lambda logits, number: self._chosen(
            logits, None if uniform is None else uniform[:, 0, number]))
        return states, tokens

    def _judged(self, obs: Observation) -> torch.Tensor:
        """The states [B, …, width] of the critic's own network, that of the first number first."""
        import torch

        judge = self.module.judge
        seen, prompts = self._inputs.looked(judge, obs)
        if self.head != "tokens":
            return judge.parallel(seen, prompts, self.chunk)
        return judge.forced(seen, prompts, torch.zeros((len(prompts), 1), dtype=torch.long, device=judge.device))

    def _chosen(self, logits: torch.Tensor, uniform: Floats | None) -> torch.Tensor:
        """One number's tokens [B] of logits [B, 256]: the most probable, or drawn."""
        import torch

        from vlabench.models import openvla
        from vlabench.models.openvla_actions import merged

        if uniform is None:
            return openvla.ACTIONS - 1 - logits.argmax(-1)
        shares = torch.softmax(merged(logits).double() / self.temperature, dim=-1).cumsum(-1)
        drawn = torch.as_tensor(uniform, device=logits.device).unsqueeze(-1) * shares[:, -1:]
        return self._token(torch.searchsorted(shares, drawn, right=True).squeeze(-1).clamp(max=openvla.BINS - 1))

    def _token(self, bins: torch.Tensor) -> torch.Tensor:
        """The tokens of bins; of the last, the one that stands for 1 in training data."""
        import torch

        from vlabench.models import openvla

        return torch.where(bins == openvla.BINS - 1, openvla.LAST, openvla.ACTIONS - 1 - bins)

    def _tokens(self, actions: torch.Tensor) -> torch.Tensor:
        """Those of actions [B, D]."""
        from vlabench.models import openvla
        from vlabench.models.distributions import to_bins

        return self._token(to_bins(self._scaled().found(actions.to(self.module.device)), openvla.BINS))

    def _acted(self, tokens: torch.Tensor) -> torch.Tensor:
        """The actions [B, 1, D] of tokens [B, D]."""
        from vlabench.models import openvla
        from vlabench.models.distributions import centres

        bins = (openvla.ACTIONS - 1 - tokens).clamp(0, openvla.BINS - 1)
        return self._scaled().acted(centres(tokens.device, openvla.BINS)[bins]).unsqueeze(1)

    def _modes(self, states: torch.Tensor) -> torch.Tensor:
        """The numbers [B, T, D] of the most probable tokens."""
        from vlabench.models import openvla
        from vlabench.models.distributions import centres

        bins = self.module.logits(states).argmax(-1).clamp(max=openvla.BINS - 1)
        return centres(bins.device, openvla.BINS)[bins].view(len(states), self.chunk, -1)

    def _acts(self, states: torch.Tensor) -> ActionDistribution:
        from vlabench.models.openvla_actions import CommandedBins, around, merged

        shape = (len(states), self.chunk, self.module.size)
        if self.module.action_head is not None:
            known = states.reshape(*shape[:2], -1)
            located = self.module.action_head(known.to(next(self.module.action_head.parameters()).dtype))
            return around(located.float(), self._scaled())
        return CommandedBins(merged(self.module.logits(states)).view(*shape, -1), scaling=self._scaled())

    def _fits(self, cameras: Sequence[str]) -> None:
        """Raises OptionError for another number of cameras than of its pictures."""
        if len(cameras) != self.pictures:
            raise OptionError(f"options.pictures = {self.pictures}, and `cameras` are {', '.join(cameras) or 'none'}\n"
                              f"  fix: as many cameras as it was trained with pictures")

    def _scaled(self) -> Scaling:
        assert self._scaling is not None, "configure comes first"
        return self._scaling
