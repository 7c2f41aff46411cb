"""The folder of a published OpenVLA or OpenVLA-OFT checkpoint, read without running any code from it, and written."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vlabench.errors import DataError, DeviceError, near
from vlabench.models import room
from vlabench.models.openvla import LlamaConfig, LlamaRotaryEmbedding, OpenVLA
from vlabench.models.openvla_vision import Sizes, idle
from vlabench.util.messages import shown
from vlabench.util.parsing import Unreadable, strict_json

INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
CONFIG, STATISTICS, PICTURES, WORDS = ("config.json", "dataset_statistics.json", "preprocessor_config.json",
                                       "tokenizer.json")
HEAD, STATE = "action_head", "proprio_projector"
WITHOUT = {HEAD: 'options.head = "tokens" or "parallel"', STATE: "options.proprio = false"}
"""Part → what a card says where there is none."""
CRITIC = "value_head.safetensors"
"""Ours: of the value head."""
EYES = ("vision_backbone.featurizer.", "vision_backbone.fused_featurizer.")
UNKNOWN = {"noisy_action_projector": "a diffusion head", "vision_backbone": "FiLM in its eyes"}
"""Files of OFT's that make it something which is not read here."""
AGAIN = "  fix: download the checkpoint again, whole"


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds. rest: published parameters that compute nothing. statistics: of each data set. means,
    deviations: by which pictures are normalised for each eye.
    """

    folder: Path
    network: OpenVLA
    rest: Mapping[str, Tensor]
    statistics: Mapping[str, Any]
    means: tuple[tuple[float, ...], ...]
    deviations: tuple[tuple[float, ...], ...]
    tokenizer: Any

    @property
    def size(self) -> int:
        """Pixels per side of its pictures."""
        eye = self.network.vision_backbone.featurizer.sizes
        return eye.side * eye.patch

    def statistics_of(self, key: str) -> tuple[str, Mapping[str, Any]]:
        """(name, what there is) of a data set; "" for the only one. Raises DataError."""
        known = sorted(self.statistics)
        if not key and len(known) == 1:
            key = known[0]
        if key not in self.statistics:
            why = f"unknown unnorm_key {key!r}: {near(key, known)}" if key else (
                f"statistics of {len(known)} data sets: {', '.join(known[:12])}")
            raise DataError(f"{shown(self.folder)}: {why}\n  fix: options.unnorm_key, the one whose actions it is to "
                            f"give")
        return key, self.statistics[key]


def read(folder: Path, device: str, regressing: bool, feeling: bool, critic: bool) -> Checkpoint:
    """The network of a folder on a device, in float32 on a CPU and else in bfloat16. regressing, feeling: with OFT's L1
    head and its projector of proprioception. critic: with the folder's value head, or a new one that reads the state of
    the first number. Raises DataError, DeviceError.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(f"device {device!r}: {' '.join(str(error).split())[:160]}\n"
                          f"  fix: options.device on the card, such as \"cpu\"") from None
    if not folder.is_dir():
        raise DataError(f"{shown(folder)}: a checkpoint of OpenVLA's is a folder")
    config, pictures = _json(folder / CONFIG), _json(folder / PICTURES)
    for name, what in UNKNOWN.items():
        if any(folder.glob(f"{name}--*")):
            raise DataError(f"{shown(folder)}: a checkpoint with {what}, which is not read here")
    dtype = torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16
    state = _tensors(folder, device, dtype)
    head = _pickled(folder, HEAD, dtype) if regressing else None
    felt = _pickled(folder, STATE, dtype) if feeling else None
    try:
        eyes = [{name.removeprefix(eye): value for name, value in state.items() if name.startswith(eye)}
                for eye in EYES]
        sizes = [Sizes.told_by({name: tuple(value.shape) for name, value in eye.items()}) for eye in eyes if eye]
        if not eyes[0]:
            raise KeyError(f"{EYES[0]}…")
        rest = {eye + name for eye, found in zip(EYES, eyes, strict=True) for name in idle(found)}
        llama = LlamaConfig(**{key: value for key, value in config["text_config"].items() if "dtype" not in key})
        llama._attn_implementation = "sdpa"
        state |= {f"action_head.{name}": value for name, value in (head or {}).items()}
        state |= {f"proprio_projector.{name}": value for name, value in (felt or {}).items()}
        with torch.device("meta"):
            network = OpenVLA(llama, sizes, regressing=regressing,
                              size=head["model.fc2.bias"].shape[0] if head else 7,
                              proprio=felt["fc1.weight"].shape[1] if felt else 0)
        network.load_state_dict({name: value for name, value in state.items() if name not in rest}, assign=True)
        means, deviations = (tuple(tuple(float(x) for x in eye) for eye in pictures[key]) for key in ("means", "stds"))
        if not len(sizes) == len(means) == len(deviations):
            raise KeyError(f"{len(sizes)} eyes, and means and stds of {len(means)} and {len(deviations)}")
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        first = " ".join(str(error).split())[:300]
        raise DataError(f"{shown(folder)}: no checkpoint of OpenVLA's: {type(error).__name__}: {first}") from error
    network.language_model.model.rotary_emb = LlamaRotaryEmbedding(llama)  # computed, and so in no file
    if critic:
        _add_critic(network, folder / CRITIC)
    statistics = _json(folder / STATISTICS) if (folder / STATISTICS).exists() else config.get("norm_stats") or {}
    return Checkpoint(folder, network.to(device).eval(), {name: state[name] for name in sorted(rest)}, statistics,
                      means, deviations, _tokenizer(folder / WORDS))


def _add_critic(network: OpenVLA, path: Path) -> None:
    """The one that a file holds, or a new one. Raises DataError."""
    if not path.is_file():
        network.add_critic("h0", 1)
        return
    try:
        with safe_open(path, framework="pt") as file:
            kind = (file.metadata() or {}).get("reads", "h0")  # earlier ones do not say
            state = {name: file.get_tensor(name) for name in file.keys()}
        network.add_critic(kind, 0 if kind == "apart" else state["0.weight"].shape[1] // network.width)
        assert network.worth is not None
        network.worth.load_state_dict(state)
    except torch.OutOfMemoryError as error:
        raise DeviceError(f"{shown(path)}: no memory left for the critic's own network, which is as large as the "
                          f"policy's: {' '.join(str(error).split())[:160]}\n"
                          f"  fix: critic = \"h0\" in training.options, which reads the policy's") from None
    except (KeyError, RuntimeError, OSError, SafetensorError) as error:
        raise DataError(f"{shown(path)}: no value head of this network's: "
                        f"{' '.join(str(error).split())[:200]}\n{AGAIN}") from error


def write(checkpoint: Checkpoint, network: OpenVLA, folder: Path, exact: bool) -> None:
    """A folder like the one that was read, with a network's parameters; bfloat16 unless `exact`."""
    dtype = torch.float32 if exact else torch.bfloat16
    for path in sorted(checkpoint.folder.iterdir()):
        if path.is_file() and path.name != INDEX and path.suffix in (".json", ".model", ".md"):
            shutil.copyfile(path, folder / path.name)
    state = {name: value.detach().to("cpu", dtype).contiguous()
             for name, value in {**network.state_dict(), **checkpoint.rest}.items()}
    for part in (HEAD, STATE):
        found = {name.partition(".")[2]: state.pop(name) for name in sorted(state) if name.startswith(f"{part}.")}
        if found:
            torch.save(found, folder / f"{part}--0_checkpoint.pt")
    critic = {name.partition(".")[2]: state.pop(name) for name in sorted(state) if name.startswith("worth.")}
    head = "worth." if network.reads == "apart" else ""
    critic = {name: value.float() if name.startswith(head) else value for name, value in critic.items()}
    if critic:
        save_file(critic, folder / CRITIC, metadata={"reads": network.reads})
    save_file(state, folder / WHOLE, metadata={"format": "pt"})


def _json(path: Path) -> dict[str, Any]:
    try:
        found = strict_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{shown(path.parent)}: {path.name} is missing\n{AGAIN}") from None
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        raise DataError(f"{shown(path)}: cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(found, dict):
        raise DataError(f"{shown(path)}: no table in JSON")
    return found


def _tensors(folder: Path, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """All parameters of the model's own files."""
    if (folder / INDEX).exists():
        names = sorted({str(name) for name in dict(_json(folder / INDEX).get("weight_map", {})).values()})
    else:
        names = [WHOLE] if (folder / WHOLE).exists() else []
    if not names:
        pickles = sorted(path.name for path in folder.glob("*.bin")) + sorted(
            path.name for path in folder.glob("*.pt") if "--" not in path.name)
        raise DataError(f"{shown(folder)}: neither {INDEX} nor {WHOLE}"
                        + (f"; {pickles[0]} is a pickle, which could run code and is not read\n"
                           f"  fix: the checkpoint in safetensors" if pickles else f"\n{AGAIN}"))
    lacking = [name for name in names if not (folder / name).is_file()]
    if lacking:
        raise DataError(f"{shown(folder)}: {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing, of "
                        f"{len(names)} files with its parameters\n{AGAIN}")
    room.check([folder / name for name in names], device, dtype)
    found: dict[str, Tensor] = {}
    for name in names:
        found |= _safe(folder / name, device, dtype)
    return found


def _safe(path: Path, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device=device) as file:
            return {name: file.get_tensor(name).to(dtype) for name in file.keys()}
    except torch.OutOfMemoryError as error:
        raise DeviceError(f"{shown(path)}: no memory left on {device} for its parameters: "
                          f"{' '.join(str(error).split())[:160]}") from None
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(f"{shown(path)}: no file in safetensors (a pickle is not read): "
                        f"{' '.join(str(error).split())[:200]}\n{AGAIN}") from error


def _pickled(folder: Path, part: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """The parameters in one of OFT's own files, which are pickles: nothing but tensors is read from them."""
    found = sorted(folder.glob(f"{part}--*checkpoint.pt"))
    if len(found) != 1:
        why = f"{len(found)} files {part}--…_checkpoint.pt: {', '.join(path.name for path in found)}" if found else (
            f"no {part}--…_checkpoint.pt")
        raise DataError(f"{shown(folder)}: {why}\n  fix: " + ("leave one of them there" if found else
                        f"download it, or {WITHOUT[part]} for a checkpoint without"))
    try:
        state = torch.load(found[0], map_location="cpu", weights_only=True)
        return {str(name).removeprefix("module."): value.to(dtype) for name, value in state.items()}
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
        raise DataError(f"{shown(found[0])}: holds something else than tensors, or nothing that can be read: "
                        f"{' '.join(str(error).split())[:160]}") from error


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    if not path.is_file():
        raise DataError(f"{shown(path.parent)}: the tokenizer, {path.name}, is missing\n{AGAIN}")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise DataError(f"{shown(path)}: no tokenizer: {' '.join(str(error).split())[:200]}") from error

