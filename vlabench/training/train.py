"""`vlabench train` as a function: a policy's card in, weights and a card that names them out."""

from __future__ import annotations

import datetime
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vlabench import __version__
from vlabench.cards import load_policy, write_policy
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import COMMAND, Made, Weights
from vlabench.episode.resources import processes
from vlabench.errors import CardError, DataError, DeviceError, MissingExtra, OptionError, VlabenchError
from vlabench.records import provenance
from vlabench.training.display import Display
from vlabench.training.methods.base import find_method
from vlabench.training.shipping import copied, ship
from vlabench.util import weights
from vlabench.util.files import LOCK, held, write_data
from vlabench.util.messages import one_line_each, shown
from vlabench.util.parsing import strict_json
from vlabench.util.text import short

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vlabench.training.methods.base import Method, TrainingContext

FACTS = "training.json"
SEEDED = r"-seed-[0-9]+$"
"""How the names end of policies whose training had another seed than 0."""
LAST_WORDS = 10.0
"""Seconds that others leave the first process to say what is wrong."""


@dataclass(frozen=True)
class Trained:
    """What a training left: the card, which `--policy` takes, the weights beside it, and how long it took in all."""

    card: Path
    weights: Path
    sha256: str
    seconds: float


def train(policy: str, out: Path, *, data: Sequence[Path] = (), device: str = "auto", workers: int | None = None,
          on: str | None = None, seed: int = 0, display: Display | None = None) -> Trained:
    """Make a policy's weights as its card says, in `out`; a folder that a killed run left is where it goes on. What is
    made has the name that `named` says.

    data: folders of demonstrations to use in place of collecting the first ones. device: of torch, or auto. on: a Ray
    cluster that plays the rollouts, as in `ray_workers.cluster`; learning and trials stay on this machine.

    Raises UnknownName, CardError, OptionError, MissingExtra; DataError for data or a folder that do not fit, or where
    another process trains; DivergedError if the loss is not finite, and the last checkpoint stays; DeviceError if the
    device is absent or its memory is too small; KeyboardInterrupt when a user ends it.
    """
    with _one_voice():
        return _train(load_policy(policy), out, data, device, workers, on, seed, display or Display())


def named(policy: str, seed: int) -> str:
    """What a training makes is called as the policy, and with another seed than 0 also by that: `robustvla-seed-1`."""
    return f"{re.sub(SEEDED, '', policy)}-seed-{seed}" if seed else policy


def _repeated(card: PolicyCard, seed: int) -> PolicyCard:
    """The card by its name for that seed, with the command that trains it so."""
    if not seed:
        return card
    command = f"{re.sub(r' --seed[ =][0-9]+', '', card.train)} --seed {seed}" if card.train else None
    return card.model_copy(update={"name": named(card.name, seed), "train": command})


def _train(card: PolicyCard, out: Path, data: Sequence[Path], device: str, workers: int | None, on: str | None,
           seed: int, display: Display) -> Trained:
    method = method_of(card)
    chosen = choose_device(device)
    processes(workers)
    if on is not None and not method.rollouts:
        assert card.training is not None
        raise OptionError(f"--on {on}: method {card.training.method!r}, of policy {card.name!r}, plays no rollouts for "
                          f"a cluster\n  fix: leave it out")
    from vlabench.training.curves import Curves
    from vlabench.training.methods.base import TrainingContext
    from vlabench.training.team import join

    team = join(chosen)
    place = TrainingContext(out, _repeated(card, seed), chosen, workers, seed, Curves(out), display, tuple(data), on)
    with team.together():
        if team.first:
            with held(out):
                done = _trained(method, place, card)
        else:
            with team.folder(out) as folder, _memory_told(chosen):
                method.train(replace(place, folder=folder, curves=Curves(folder), display=Display()))
        return team.share(lambda: done)


def method_of(card: PolicyCard) -> Method:
    """The training method that a card names, with its options. Raises CardError, UnknownName, PluginError."""
    if card.training is None:
        raise CardError(f"{shown(card.path)}: policy {card.name!r} has no [training]: nothing says how to train it\n"
                        f"  fix: choose a policy that has an entry under `trained by` in vlabench list policies")
    kind = find_method(card.training.method)
    try:
        options = kind.Options.model_validate_json(json.dumps(card.training.options))
    except ValidationError as error:
        raise CardError(one_line_each(error, kind.Options, f"{shown(card.path)}: training.options")) from None
    _check_decoding(card, options)
    _check_views(card, options)
    return kind(options)


def _check_decoding(card: PolicyCard, options: BaseModel) -> None:
    """Raises CardError where the policy is to act by something else than the bins that an objective shapes."""
    from vlabench.training.objectives.base import SummedOptions, made

    decode = card.options.get("decode")
    if decode in ("normal", "mixed") and isinstance(options, SummedOptions):
        shaping = [repr(name) for name, objective in made(options.objectives).items() if objective.shapes]
        if shaping:
            raise CardError(f'{shown(card.path)}: options.decode = "{decode}" draws actions from a normal distribution '
                            f"around the mean, and objective {', '.join(shaping)} shapes the bins\n"
                            f'  fix: decode = "mode" or "sample", or leave the objective out')


def _check_views(card: PolicyCard, options: BaseModel) -> None:
    """Raises CardError where views are described that no objective looks at."""
    from vlabench.training.objectives.base import made
    from vlabench.training.rl.options import LearnerOptions
    from vlabench.training.rl.views import unseen

    if isinstance(options, LearnerOptions):
        idle = unseen(options.views, made(options.objectives))
        if idle:
            raise CardError(f"{shown(card.path)}: training.options.views: no objective looks at what {', '.join(idle)} "
                            f"describes\n  fix: leave it out, or objectives = {{ pair_invariance = {{}}, "
                            f"pair_sensitivity = {{}} }}")


def _trained(method: Method, place: TrainingContext, card: PolicyCard) -> Trained:
    """card: as it was given."""
    from vlabench.training.team import team

    facts = _Facts(place.folder, card, place.seed, [str(path) for path in place.data])
    began = place.display.clock()
    try:
        with team().folder(place.folder), _memory_told(place.device):
            made = method.train(place)
    finally:
        facts.spent(place.display.clock() - began)
    return _finish(place.folder, place.card, made, facts.made(method.data(place), method.spent(place)), facts.seconds)


@contextmanager
def _one_voice() -> Iterator[None]:
    """Of several processes the first alone says what is wrong; whoever started them ends the others then."""
    try:
        yield
    except VlabenchError:
        if os.environ.get("RANK", "0") == "0":
            raise
        time.sleep(LAST_WORDS)
        raise SystemExit(1) from None


@contextmanager
def _memory_told(device: str) -> Iterator[None]:
    """Raises DeviceError where a device's memory is full."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise DeviceError(f"out of memory on {device}: {str(error).splitlines()[0]}\n"
                          f"  fix: a smaller `batch` in the card's training.options, or another --device") from error


def choose_device(name: str) -> str:
    """`auto` → cuda where there is one, else cpu. Raises MissingExtra, OptionError, DeviceError."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "train", "training") from error
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise OptionError(f"--device {name}: no device is called so; valid: auto, cpu, cuda, cuda:1, …") from None
    if kind not in ("cpu", "cuda"):
        raise OptionError(f"--device {name}: trainings run on cpu or cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"--device {name}: torch sees no GPU here\n  fix: --device cpu, or vlabench doctor")
    return name


def _finish(out: Path, card: PolicyCard, weighed: Path, made: Made, seconds: float) -> Trained:
    """Write the weights and the card that names them and says how they were made."""
    place = ship(copied(weighed, card.name), out, card.name)
    digest = weights.digest(place)
    path = out / f"{card.name}.toml"
    write_policy(card.model_copy(update={"path": path, "weights": Weights(path=place.name, sha256=digest),
                                         "made": made}))
    return Trained(path, place, digest, seconds)


class _Facts:
    """What a training's folder says about it: the options it began with, every command, the time spent."""

    def __init__(self, out: Path, card: PolicyCard, seed: int, data: list[str]) -> None:
        assert card.training is not None
        self._path = out / FACTS
        mine: dict[str, Any] = {"policy": card.name, "training": card.training.model_dump(mode="json"), "seed": seed,
                                "data": data}
        try:
            begun = any(path.name not in (FACTS, LOCK) for path in out.iterdir())  # else it was refused at once
            known = begun and self._path.exists()
            self._facts = strict_json(self._path.read_bytes()) if known else {**mine, "runs": []}
        except (OSError, ValueError) as error:
            raise DataError(f"{shown(self._path)}: cannot be read: {error}") from error
        for key, value in mine.items():
            if self._facts.get(key) != value:
                raise DataError(f"{shown(out)} holds another training: {key} was {self._facts.get(key)!r}, is {value!r}"
                                f"\n  fix: --out another folder")
        self._count_killed()
        self._facts["runs"].append({**provenance.facts({"vlabench": __version__}), "seconds": 0.0})
        self._write()

    def _count_killed(self) -> None:
        """A run that was killed could not note how long it took: until it last wrote something."""
        for run in self._facts["runs"][-1:]:
            if not run["seconds"]:
                began = datetime.datetime.fromisoformat(run["started"]).timestamp()
                last = max(path.stat().st_mtime for path in self._path.parent.rglob("*") if path.name != LOCK)
                run["seconds"] = round(max(0.0, last - began), 1)

    @property
    def seconds(self) -> float:
        """Of all runs together."""
        return float(sum(run["seconds"] for run in self._facts["runs"]))

    def made(self, data: str, spent: Mapping[str, int]) -> Made:
        """For the card: the first command and revision, and the time of all runs."""
        first = self._facts["runs"][0]
        return Made(command=short(first["command"], COMMAND), revision=first["revision"] or "",
                    seed=self._facts["seed"], minutes=round(self.seconds / 60, 1), data=short(data, COMMAND),
                    spent=dict(spent))

    def spent(self, seconds: float) -> None:
        """Note how long this run took."""
        self._facts["runs"][-1]["seconds"] = round(seconds, 1)
        self._write()

    def _write(self) -> None:
        write_data(self._path, (json.dumps(self._facts, indent=1, ensure_ascii=False) + "\n").encode())
