"""NanoVLA: two small pictures, an instruction and proprioception in, a distribution over chunks of actions out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from vlabench.models import critics, portable
from vlabench.models.distributions import BINS, BinnedActions

STRIDE = 8
"""Pixels per cell of the map that points are read from."""

PAD = 0
_BYTES = 256
LENGTH = 48
"""Tokens of an instruction; LIBERO's longest has 19 words. What goes beyond is cut off."""
_WORD = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_OWN = ("bins", "worth")
"""What a network and the one of its critic do not share."""

NAMED = 3
"""Points with a meaning, in pictures and relative to the hand: the thing to work on, its place, the next waypoint …"""
_UNSAID = {"critic": "embedding", "proprio": True, "named": NAMED}


class NanoConfig(BaseModel):
    """Sizes of a NanoVLA; they are stored with its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    cameras: tuple[str, ...] = Field(
        description="Cameras, in the order in which the network has them.")
    image_size: int = Field(
        default=128, ge=STRIDE, multiple_of=STRIDE, description="Side of its square pictures, in pixels.")
    chunk: int = Field(
        default=8, ge=1, description="Actions per decision.")
    action_size: int = Field(
        ge=1, description="Numbers of an action.")
    proprio_mean: tuple[float, ...] = Field(
        description="Mean of each number of proprioception in the training data.")
    proprio_std: tuple[float, ...] = Field(
        description="Standard deviation of each number of proprioception in the training data.")
    proprio: bool = Field(
        default=True, description="Whether it is told proprioception; without, it knows the arm from pictures alone.")
    words: tuple[str, ...] = Field(
        default=(), description="Vocabulary of the instructions.")
    text_width: int = Field(
        default=128, description="Width of the instruction's code.")
    widths: tuple[int, int] = Field(
        default=(32, 64), description="Channels of a camera's network before and after its pictures are halved.")
    blocks: tuple[int, int] = Field(
        default=(1, 2), description="Residual blocks of a camera's network before and after its pictures are halved.")
    named: int = Field(
        default=NAMED, ge=1,
        description="Points with a meaning, as a simulator's expert has them; by default those of the data.")
    points: int = Field(
        default=32, ge=1, description="Points that a camera's network finds, the named ones among them.")
    features: int = Field(
        default=32, description="Features read at each point.")
    embedding: int = Field(
        default=512, ge=1, description="Width of the embedding, which is all that the action head reads.")
    head: int = Field(
        default=256, description="Width of the action head per action of a chunk.")
    critic: critics.Kind = Field(
        default="embedding",
        description="What the critic reads: the `embedding`, by a head of two layers; or, as RL4VLA has it, by one of "
                    "three, the action head's hidden state for the first action of a chunk (`h0`), for the last "
                    "(`hn`), or for `all` of them; or `apart`: it has a network of its own, of which it reads `h0`.")

    @model_validator(mode="after")
    def _all_are_found(self) -> Self:
        if self.points < self.named:
            raise ValueError(f"points = {self.points}: the {self.named} named ones are among them")
        return self

    def as_file(self) -> str:
        """JSON, without what files did not say before there was a choice."""
        return self.model_dump_json(exclude={name for name, usual in _UNSAID.items() if getattr(self, name) == usual})


@dataclass(frozen=True)
class Inputs:
    """A batch for the network: pictures uint8 [B, S, S, 3] per camera, proprio [B, P], tokens int64 [B, LENGTH]."""

    pictures: Mapping[str, Tensor]
    proprio: Tensor
    tokens: Tensor


@dataclass(frozen=True)
class Trunk:
    """What the network makes of its inputs before it acts.

    embedding: [B, E]. points: [B, K, 3], of the K named things relative to the hand (m). seen: camera → log-maps
    [B, K, cells²] of where the named things are in the picture.
    """

    embedding: Tensor
    points: Tensor
    seen: Mapping[str, Tensor]


class NanoVLA(nn.Module):
    """Pictures go through a FiLM-conditioned convolutional network with spatial softmax per camera, the instruction
    through a transformer over its tokens; an MLP joins them with proprioception into the embedding, which the action
    head and the critic read.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = Vocabulary(config.words)
        width = config.text_width
        self.tokens = nn.Embedding(len(self.vocabulary), width, padding_idx=PAD)
        self.places = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.reader = portable.EncoderLayer(width, 4, 2 * width, dropout=0.0, activation="gelu", batch_first=True,
                                            norm_first=True)
        self.eyes = nn.ModuleDict({
            camera: Eye(config.image_size, width, config.widths, config.blocks, config.points, config.features)
            for camera in config.cameras})
        seen = sum(config.points * (2 + config.features) for _ in config.cameras)
        size = config.embedding
        self.join = portable.Linear(seen + width + (len(config.proprio_mean) if config.proprio else 0), size)
        self.mix = nn.Sequential(nn.GELU(), portable.Linear(size, size), nn.GELU())
        self.locate = portable.Linear(size, 3 * config.named)
        self.embed = portable.Linear(size + 3 * config.named, size)
        self.steps = portable.Linear(size, config.chunk * config.head)
        self.bins = portable.Linear(config.head, config.action_size * BINS)
        self.worth = self._fresh_critic()
        self.register_buffer("proprio_mean", torch.tensor(config.proprio_mean), persistent=False)
        self.register_buffer("proprio_std", torch.tensor(config.proprio_std), persistent=False)
        self.proprio_mean: Tensor
        self.proprio_std: Tensor

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.places.device

    def inputs(self, images: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]],
               proprio: np.ndarray[tuple[int, ...], np.dtype[np.float32]], instructions: Sequence[str]) -> Inputs:
        """An observation as tensors on the network's device."""
        ids = torch.tensor([self.vocabulary.encode(text) for text in instructions])
        return Inputs({camera: torch.as_tensor(images[camera]).to(self.device) for camera in self.config.cameras},
                      torch.as_tensor(proprio).to(self.device), ids.to(self.device))

    def read(self, tokens: Tensor) -> Tensor:
        """The code [B, text_width] of token ids [B, LENGTH]; equal rows are read once."""
        unique, back = torch.unique(tokens, dim=0, return_inverse=True)
        empty = unique == PAD
        empty[:, 0] = False  # an empty instruction still has one token to attend to
        words = self.reader(self.tokens(unique) + self.places, src_key_padding_mask=empty)
        present = (~empty).unsqueeze(-1).to(words.dtype)
        code: Tensor = ((words * present).sum(1) / present.sum(1))[back]
        return code

    def trunk(self, inputs: Inputs) -> Trunk:
        """Look and read."""
        code = self.read(inputs.tokens)
        parts, seen = [code.float()], {}
        if self.config.proprio:
            parts.append((inputs.proprio - self.proprio_mean) / self.proprio_std)
        for camera, eye in self.eyes.items():
            points, features, log_maps = eye(inputs.pictures[camera], code)
            parts += [points.flatten(1), features]
            seen[camera] = log_maps[:, : self.config.named]
        joined = self.mix(self.join(torch.cat([part.float() for part in parts], dim=1)))
        points = self.locate(joined).float()
        embedding = torch.tanh(self.embed(torch.cat([joined, 10.0 * points], dim=1)).float())
        return Trunk(embedding, points.view(-1, self.config.named, 3), seen)

    def act(self, embedding: Tensor) -> BinnedActions:
        """Embedding [B, E] → distribution over chunks of actions."""
        config = self.config
        return BinnedActions(self.bins(self._hidden(embedding)).view(-1, config.chunk, config.action_size, BINS))

    def _hidden(self, embedding: Tensor) -> Tensor:
        """Of the action head, [B, chunk, head]."""
        return functional.gelu(self.steps(embedding)).view(-1, self.config.chunk, self.config.head)

    # the critic

    @property
    def judge(self) -> NanoVLA:
        """The network whose trunk and `value` are the critic's: this one, or the one that it has apart."""
        return self.worth if isinstance(self.worth, NanoVLA) else self

    def value(self, embedding: Tensor) -> Tensor:
        """Embedding [B, E] of the judge's trunk → expected return [B]. Only a judge can be asked."""
        kind = self.config.critic
        read = embedding if kind == "embedding" else critics.read(kind, self._hidden(embedding))
        worth: Tensor = self.worth(read).squeeze(-1)
        return worth.float()

    def renew_critic(self, kind: critics.Kind) -> None:
        """Another critic, which knows nothing yet; a network apart begins as a copy of this one."""
        self.config = self.config.model_copy(update={"critic": kind})
        self.worth = self._fresh_critic().to(self.device)
        if isinstance(self.worth, NanoVLA):
            mine = {name: tensor for name, tensor in self.state_dict().items() if name.split(".")[0] not in _OWN}
            self.worth.load_state_dict(mine, strict=False)

    def _fresh_critic(self) -> nn.Module:
        config = self.config
        if config.critic != "apart":
            return critics.head(config.critic, config.embedding, config.head, config.chunk)
        apart = NanoVLA(config.model_copy(update={"critic": "h0"}))
        del apart.bins
        return apart


@dataclass(frozen=True)
class Vocabulary:
    """Ids: 0 fills up, 1 … 256 are bytes, then come the words in their order."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Vocabulary:
        """The vocabulary of all words in some texts."""
        return cls(tuple(sorted({word for text in texts for word in _WORD.findall(text.lower())})))

    def __len__(self) -> int:
        return 1 + _BYTES + len(self.words)

    def encode(self, text: str) -> list[int]:
        """LENGTH ids. Case does not matter; a word in bytes ends where the next token begins."""
        known = {word: 1 + _BYTES + i for i, word in enumerate(self.words)}
        ids: list[int] = []
        for word in _WORD.findall(text.lower()):
            ids += [known[word]] if word in known else [1 + byte for byte in word.encode()]
        ids = ids[:LENGTH]
        return ids + [PAD] * (LENGTH - len(ids))


class Modulated(nn.Module):
    """A residual block of two 3 × 3 convolutions, scaled and shifted by the instruction in between (FiLM).

    No normalisation: the second convolution starts at zero instead (Zhang et al. 2019, Fixup), which is as stable at
    this depth, a third faster on a CPU, and makes a picture's features independent of its batch.
    """

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.first = portable.Conv2d(channels, channels, 3, padding=1)
        self.second = portable.Conv2d(channels, channels, 3, padding=1)
        self.film = portable.Linear(condition, 2 * channels) if condition else None
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias if self.second.bias is not None else self.second.weight)
        if self.film is not None:
            nn.init.normal_(self.film.weight, std=0.02)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[B, C, H, W] → the same; condition [B, condition]."""
        hidden = self.first(functional.relu(x))
        if self.film is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
            hidden = hidden * (1.0 + scale) + shift
        out: Tensor = x + self.second(functional.relu(hidden))
        return out


class Eye(nn.Module):
    """One camera's network: pictures and the instruction's code → points and features.

    Points are expected positions under softmax maps, in [−1, 1] from left to right and top to bottom; the first
    `named` of them are trained to be where named things are. A second set of channels is averaged under each map.
    """

    def __init__(self, size: int, condition: int, widths: tuple[int, int] = (32, 64), blocks: tuple[int, int] = (1, 2),
                 points: int = 32, features: int = 32) -> None:
        super().__init__()
        low, high = widths
        self.stem = portable.Conv2d(3, low, STRIDE // 2, stride=STRIDE // 2)
        self.fine = nn.ModuleList(Modulated(low) for _ in range(blocks[0]))
        self.down = portable.Conv2d(low, high, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(Modulated(high, condition) for _ in range(blocks[1]))
        self.maps = portable.Conv2d(high, points, 1)
        self.values = portable.Conv2d(high, features, 1)
        self.width = points * (2 + features)
        cells = size // STRIDE
        axis = (torch.arange(cells, dtype=torch.float32) + 0.5) * (2.0 / cells) - 1.0
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("grid", torch.stack([columns, rows], dim=-1).reshape(-1, 2), persistent=False)
        self.grid: Tensor

    def forward(self, pictures: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """uint8 [B, S, S, 3] → points [B, K, 2], features [B, K · F], log-maps [B, K, cells²]."""
        x = pictures.permute(0, 3, 1, 2).to(self.stem.weight.dtype) / 127.5 - 1.0
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for block in self.fine:
            x = block(x)
        x = self.down(functional.relu(x))
        for block in self.coarse:
            x = block(x, condition)
        x = functional.relu(x)
        log_maps = functional.log_softmax(self.maps(x).flatten(2).float(), dim=-1)
        weights = portable.exp(log_maps)
        values = self.values(x).flatten(2).transpose(1, 2).float()
        return portable.matmul(weights, self.grid), portable.matmul(weights, values).flatten(1), log_maps
