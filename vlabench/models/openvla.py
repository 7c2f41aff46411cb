"""OpenVLA and OpenVLA-OFT: pictures and an instruction in, through Llama, tokens or a chunk of actions out.

The published networks (Kim et al. 2024; Kim, Finn and Liang 2025) in plain torch, but for Llama, which is
transformers'. Parameters have the published names. A sequence is [BOS][patches of each picture][proprioception][the
prompt's other tokens][what acts]: tokens that come one after the other and see what was before them; or, in OFT, a
place without content for each number of the chunk and a stop token, where every token sees every other. What acts at a
number is the state of the place before it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vlabench.models import critics
from vlabench.models.openvla_vision import Eyes, Sizes
from vlabench.util import torchvision

torchvision.hide_broken()

from transformers.models.llama.configuration_llama import LlamaConfig as LlamaConfig  # noqa: E402
from transformers.models.llama.modeling_llama import LlamaForCausalLM  # noqa: E402
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding as LlamaRotaryEmbedding  # noqa: E402

PAD, STOP, BLANK = 32000, 2, 29871
"""Tokens: that fills up, that ends a sequence, and the blank after the prompt's last colon."""
ACTIONS = 32000
"""The first token above those of actions: bin k is token ACTIONS − 1 − k."""
BINS = 255
"""Of an action's number. There are 256 tokens of actions: the last stands for what is beyond the last bin, and acts as
that bin does."""
LAST = ACTIONS - 1 - BINS
"""That token, which stands for 1: what training data are clipped to, and an open gripper."""


class Projector(nn.Module):
    """Features of patches → Llama's embeddings; three layers behind two eyes, two behind one."""

    def __init__(self, seen: int, width: int, fused: bool) -> None:
        super().__init__()
        self.fc1 = nn.Linear(seen, 4 * seen if fused else width)
        self.fc2 = nn.Linear(4 * seen if fused else width, width)
        self.fc3 = nn.Linear(width, width) if fused else None

    def forward(self, x: Tensor) -> Tensor:
        """[…, seen] → […, width]."""
        x = self.fc2(functional.gelu(self.fc1(x)))
        return x if self.fc3 is None else self.fc3(functional.gelu(x))


class ProprioProjector(nn.Module):
    """Proprioception → one of Llama's embeddings."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, size] → [B, width]."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class Residual(nn.Module):
    """One layer of the action head, added to what goes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """[…, width] → the same."""
        out: Tensor = x + self.ffn(x)
        return out


class Regression(nn.Module):
    """The states of an action's places, side by side → its numbers."""

    def __init__(self, seen: int, width: int, size: int, blocks: int = 2) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(seen)
        self.fc1 = nn.Linear(seen, width)
        self.mlp_resnet_blocks = nn.ModuleList(Residual(width) for _ in range(blocks))
        self.layer_norm2 = nn.LayerNorm(width)
        self.fc2 = nn.Linear(width, size)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, seen] → [B, T, size]."""
        x = functional.relu(self.fc1(self.layer_norm1(x)))
        for block in self.mlp_resnet_blocks:
            x = block(x)
        out: Tensor = self.fc2(self.layer_norm2(x))
        return out


class ActionHead(nn.Module):
    """OFT's L1 head."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.model = Regression(width * size, width, size)

    def forward(self, states: Tensor) -> Tensor:
        """[B, T, size · width] → actions as training data have them, [B, T, size]."""
        out: Tensor = self.model(states)
        return out


class OpenVLA(nn.Module):
    """The network. proprio: numbers of proprioception, 0 for none. size: numbers of an action. regressing: whether it
    has the L1 head.
    """

    def __init__(self, llama: LlamaConfig, eyes: Sequence[Sizes], size: int = 7, proprio: int = 0,
                 regressing: bool = False) -> None:
        super().__init__()
        width, first, second = llama.hidden_size, eyes[0], eyes[1] if len(eyes) > 1 else None
        self.width, self.size = width, size
        self.vision_backbone = Eyes(first, second)
        self.projector = Projector(sum(eye.width for eye in eyes), width, second is not None)
        self.language_model: Any = LlamaForCausalLM(llama)
        self.proprio_projector = ProprioProjector(proprio, width) if proprio else None
        self.action_head = ActionHead(width, size) if regressing else None
        self.worth: nn.Module | None = None
        self.reads: critics.Kind = "h0"
        self.frugal = False

    def add_critic(self, kind: critics.Kind, numbers: int) -> None:
        """RL4VLA's value head of three layers, which knows nothing yet: the first returns it tells are about 0.
        numbers: of a chunk, whose states it reads. One `apart` reads them of a copy of the network, which takes as much
        memory again.
        """
        self.worth, self.reads = None, kind
        self.worth = (self._copied() if kind == "apart" else
                      critics.head(kind, self.width, self.width, numbers).to(self.device))

    def _copied(self) -> OpenVLA:
        """This network without what acts, and with a critic of its own."""
        apart = copy.deepcopy(self)
        apart.action_head = apart.language_model.lm_head = None
        apart.add_critic("h0", 1)
        return apart

    @property
    def judge(self) -> OpenVLA:
        """The network whose states are the critic's: this one, or the one that it has apart."""
        return self.worth if isinstance(self.worth, OpenVLA) else self

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.projector.fc1.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """In which it computes."""
        return self.projector.fc1.weight.dtype

    def save_memory(self) -> None:
        """From now on what training needs of the layers is computed again instead of kept."""
        self.frugal = True
        llama = self.language_model  # of transformers 5, whose older name warns, or 4
        enable = getattr(llama, "activation_checkpointing_enable", None) or llama.gradient_checkpointing_enable
        enable({"use_reentrant": False})
        if self.judge is not self:
            self.judge.save_memory()

    def look(self, pictures: Tensor, proprio: Tensor | None = None) -> Tensor:
        """The embeddings of what is seen and felt [B, N, width]."""
        pictures = pictures.to(self.device, self.dtype)
        if self.frugal and torch.is_grad_enabled():
            seen = checkpoint(self.vision_backbone, pictures, use_reentrant=False)
        else:
            seen = self.vision_backbone(pictures)
        found: Tensor = self.projector(seen)
        if self.proprio_projector is None or proprio is None:
            return found
        felt = self.proprio_projector(proprio.to(self.device, self.dtype))
        return torch.cat([found, felt.unsqueeze(1)], dim=1)

    def given(self, seen: Tensor, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """(embeddings [B, L, width], where there is something, bool [B, L]) of what is seen [B, N, width] and prompts,
        which begin with BOS; shorter ones are filled up at the left.
        """
        longest = max(map(len, prompts))
        ids = torch.tensor([[PAD] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=self.device)
        words = self._embedded(ids)
        rows = []
        for row, prompt in enumerate(prompts):
            start = longest - len(prompt)
            rows.append(torch.cat([words[row, : start + 1], seen[row], words[row, start + 1 :]]))
        places = torch.arange(longest + seen.shape[1], device=self.device)
        begins = torch.tensor([longest - len(prompt) for prompt in prompts], device=self.device)
        return torch.stack(rows), places >= begins.unsqueeze(1)

    def parallel(self, seen: Tensor, prompts: Sequence[Sequence[int]], steps: int) -> Tensor:
        """OFT's states of a chunk's numbers [B, steps · size, width]."""
        known, there = self.given(seen, prompts)
        numbers = steps * self.size
        stop = self._embedded(torch.full((len(known), 1), STOP, device=self.device))
        whole = torch.cat([known, known.new_zeros(len(known), numbers, self.width), stop], dim=1)
        there = torch.cat([there, there.new_ones(len(known), numbers + 1)], dim=1)
        hidden = self._read(whole, there, everywhere=True).last_hidden_state
        begin = known.shape[1] - 1
        states: Tensor = hidden[:, begin : begin + numbers]
        return states

    def forced(self, seen: Tensor, prompts: Sequence[Sequence[int]], tokens: Tensor) -> Tensor:
        """The states [B, K, width] that give tokens [B, K], each after those before it."""
        known, there = self.given(seen, prompts)
        more = tokens.shape[1] - 1
        whole = torch.cat([known, self._embedded(tokens[:, :more])], dim=1)
        there = torch.cat([there, there.new_ones(len(known), more)], dim=1)
        states: Tensor = self._read(whole, there).last_hidden_state[:, known.shape[1] - 1 :]
        return states

    def spoken(self, seen: Tensor, prompts: Sequence[Sequence[int]], choose: Any) -> tuple[Tensor, Tensor]:
        """(tokens [B, size], the states that gave them [B, size, width]), one token after the other. choose: (logits of
        bins [B, BINS + 1], which number) → tokens [B].
        """
        known, there = self.given(seen, prompts)
        learning = self.language_model.training
        self.language_model.eval()  # one that saves memory forgets in training what it has read; it has no dropout
        try:
            found = self._read(known, there, remember=True)
            tokens, states = [], [found.last_hidden_state[:, -1]]
            for number in range(self.size):
                tokens.append(choose(self.logits(states[-1]), number))
                if number + 1 < self.size:
                    there = torch.cat([there, there.new_ones(len(known), 1)], dim=1)
                    found = self._read(self._embedded(tokens[-1].unsqueeze(1)), there, past=found.past_key_values)
                    states.append(found.last_hidden_state[:, -1])
        finally:
            self.language_model.train(learning)
        return torch.stack(tokens, 1), torch.stack(states, 1)

    def logits(self, states: Tensor) -> Tensor:
        """Of the tokens of actions, as bins from the lowest number to the highest and the one beyond [..., 256]."""
        spoken: Tensor = self.language_model.lm_head(states)
        return spoken[..., LAST:ACTIONS].flip(-1).float()

    def value(self, states: Tensor) -> Tensor:
        """Expected return [B], of the states [B, numbers, width] that give a chunk's numbers. Only a judge can be
        asked.
        """
        assert self.worth is not None
        worth: Tensor = self.worth(critics.read(self.reads, states.float())).squeeze(-1)
        return worth

    def _embedded(self, ids: Tensor) -> Tensor:
        found: Tensor = self.language_model.model.embed_tokens(ids)
        return found

    def _read(self, embedded: Tensor, there: Tensor, everywhere: bool = False, remember: bool = False,
              past: Any = None) -> Any:
        """Llama's states. there: bool, of all tokens, those in `past` among them. everywhere: later tokens are seen,
        too.
        """
        places = (there.long().cumsum(1) - 1).clamp(min=0)[:, -embedded.shape[1] :]
        mask = there.long()
        if everywhere:
            low = torch.finfo(embedded.dtype).min
            mask = torch.zeros(there.shape, dtype=embedded.dtype, device=there.device).masked_fill(~there, low)
            mask = mask[:, None, None, :].expand(-1, 1, embedded.shape[1], -1)
        return self.language_model.model(inputs_embeds=embedded, attention_mask=mask, position_ids=places,
                                         past_key_values=past, use_cache=remember or past is not None)
