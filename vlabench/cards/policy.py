"""A policy's card: what it holds, what follows from that, and how one is read."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import inspect
import json
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from vlabench import registry
from vlabench.cards.conditions import CLEAN, Condition, digest_of
from vlabench.cards.elsewhere import MAKE, Elsewhere, inspected
from vlabench.cards.files import find, read, unknown, validate
from vlabench.cards.schema import PolicyFile, Weights, engine_of
from vlabench.errors import CardError, OptionError, UnknownName
from vlabench.util.messages import one_line_each, options_model, shown
from vlabench.util.weights import digest

if TYPE_CHECKING:
    from vlabench.adapters.base import Actor, Foundation, Policy
    from vlabench.adapters.wire.base import Introduction
    from vlabench.perturbations.base import Perturbation
    from vlabench.simulators.base import Simulator

SUBMISSION = "submission.json"
"""What the folder of a submission holds."""


class PolicyCard(PolicyFile):
    """An adapter, what it needs to see, and where its weights come from."""

    name: str = Field(
        description="Name of the policy, which is its file's.")
    path: Path = Field(
        description="The card's file.")
    _met: Introduction | None = PrivateAttr(default=None)

    def __getstate__(self) -> dict[Any, Any]:
        """Without what was worked out: a class would be looked for by its name alone where it is unpickled."""
        state = super().__getstate__()
        return {**state, "__dict__": {key: value for key, value in state["__dict__"].items()
                                      if key in type(self).model_fields}}

    @property
    def engine(self) -> type[Simulator] | None:
        """The class of the simulator that it names, if it names one. Raises UnknownName, PluginError."""
        return None if self.simulator is None else engine_of(self.simulator, self.path)

    @cached_property
    def _adapter(self) -> type[Policy]:
        from vlabench.adapters.base import Policy, find_adapter

        try:
            if ":" in self.adapter:
                where = f"{shown(self.path)}: adapter"
                return registry.class_at(self.adapter, where, Policy, self.path.parent)
            return find_adapter(self.adapter)
        except UnknownName as error:
            valid = registry.names("adapter")
            raise UnknownName("adapter", error.name, valid, where=f"{shown(self.path)}: adapter") from None

    @property
    def kind(self) -> type[Policy]:
        """The class of its adapter. Raises UnknownName, PluginError."""
        return self._adapter

    @property
    def adapter_options(self) -> type[BaseModel]:
        """What `options` may hold: the arguments of its adapter's constructor. Raises UnknownName, PluginError."""
        return options_model(self._adapter, ("weights", *self._adapter.heeds), self._adapter.builds_on)

    @cached_property
    def resolved_options(self) -> dict[str, Any]:
        """The constructor's arguments, defaults written out. Raises CardError for keys or types it does not take."""
        model = self.adapter_options
        try:
            return model.model_validate_json(json.dumps(self.options)).model_dump(mode="json")
        except ValidationError as error:
            raise CardError(one_line_each(error, model, f"{shown(self.path)}: options")) from None

    @cached_property
    def digest(self) -> str:
        """sha256 over all on this card, and the adapter's own code, that can change what the policy does."""
        return self.digest_with(self.code)

    def digest_with(self, code: str) -> str:
        """The digest, were `code` that of the adapter."""
        return digest_of(
            {
                **({"code": code} if code else {}),
                "adapter": self.adapter,
                "revision": self._adapter.revision,
                "options": {key: value for key, value in self.resolved_options.items()
                            if key not in self._adapter.whereabouts},
                **({"name": self.name, "server": self._met.facts} if self._met else {}),
                "cameras": self.cameras,
                "image_size": self.image_size if self.cameras else None,
                "replan": self.replan,
                "privileged": self.privileged,
                "weights": self.weights.sha256 if self.weights else None,
                **({} if self.exact else {"exact": False}),
            }
        )

    @cached_property
    def code(self) -> str:
        """How the sha256 of the adapter's module begins (16 digits); "" for our own, whose `revision` says so, and a
        module that is no file of its own (in a zip archive), of which nothing can be told.
        """
        path = Path(getattr(inspect.getmodule(self._adapter), "__file__", None) or "")
        if self._adapter.__module__.partition(".")[0] == "vlabench" or not path.is_file():
            return ""
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    def notices(self, perturbation: Perturbation) -> bool:
        """Whether anything that the perturbation changes can reach this policy or the robot it drives."""
        felt = {f"images/{camera}" for camera in self.cameras} | {"action", "scene"}
        felt |= {"look"} if self.cameras else set()
        if self.cameras or not self.privileged:
            felt |= {"proprio", "instruction"}
        return bool(felt & perturbation.channels(self.cameras))

    def feels(self, condition: Condition) -> bool:
        """Whether it notices any perturbation of the condition; `clean` has none that it could miss."""
        return condition.name == CLEAN or any(map(self.notices, condition.perturbations))

    def versions(self) -> Mapping[str, str]:
        """Package → version, of those of the adapter's that are installed; without the build (`+cpu`).

        `adapter` → `code`, where that is the user's own.
        """
        found = {"adapter": self.code} if self.code else {}
        if self.python:
            return {**found, **self._elsewhere.versions}
        for name in self._adapter.libraries:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[name] = importlib.metadata.version(name).partition("+")[0]
        return found

    def make(self) -> Policy:
        """The policy itself. Raises what `check` raises."""
        path = self.check()
        options = {**self.resolved_options, **{key: card and card.foundation() for key, card in self._others().items()}}
        heeded = {key: getattr(self, key) for key in self._adapter.heeds}
        policy = self._adapter(**options, **heeded, **({} if path is None else {"weights": path}))
        if self._met is not None:
            from vlabench.adapters.wire.base import Served

            assert isinstance(policy, Served)
            policy.expected = self._met
        return policy

    @property
    def met(self) -> bool:
        """Whether its server has been met (`cards.served`), so that the digest is that of the policy which it has."""
        return self._met is not None

    @property
    def introduction(self) -> Introduction | None:
        """Whom its server has turned out to be, once it has been met."""
        return self._met

    def known_as(self, name: str, options: Mapping[str, Any], met: Introduction | None = None) -> PolicyCard:
        """This card under another name, with other options. met: whom its policy's server has turned out to be."""
        fields = {key: getattr(self, key) for key in type(self).model_fields}
        made = type(self).model_construct(**{**fields, "name": name, "options": dict(options)})
        made._met = met
        return made

    @property
    def served(self) -> bool:
        """Whether a server is asked for its actions, so that the card alone does not say which policy it is."""
        from vlabench.adapters.wire.base import Served

        return issubclass(self._adapter, Served)

    def foundation(self) -> Foundation:
        """What a policy that is built on this one gets to know. Raises what `check` raises."""
        from vlabench.adapters.base import Foundation

        path = self.check()
        return Foundation(self.name, self.make, self.replan, path, self.weights.sha256 if self.weights else "")

    @property
    def hosted(self) -> bool:
        """Whether it lives once for all workers: because the card says so or names another Python, or because it
        computes on a GPU.
        """
        return self.host or bool(self.python) or self.on_gpu

    @property
    def on_gpu(self) -> bool:
        """Whether it computes on a GPU."""
        device = self.resolved_options.get("device")
        return isinstance(device, str) and device.partition(":")[0] not in ("", "cpu")

    @cached_property
    def _elsewhere(self) -> Elsewhere:
        """The environment of its `python`. Raises CardError for one in which it cannot live."""
        assert self.python is not None
        return inspected(self._interpreter, self._adapter.needs, self._adapter.libraries,
                         f"{shown(self.path)}: python")

    @property
    def _interpreter(self) -> Path:
        return self.path.parent / Path(self.python or "").expanduser()

    def actor(self, host: bool | None = None) -> Actor:
        """Who acts in workers. host: whether it lives once for all of them; by default what `hosted` says.

        Raises what `check` raises; OptionError if it cannot be hosted, or must be, or is behind a server that was not
        met; CardError for another Python in which it cannot live.
        """
        from vlabench.adapters.base import Actor

        self.check()
        hosted = self.hosted if host is None else host
        if self.python and not hosted:
            raise OptionError(f"policy {self.name!r} lives in another Python, {self.python}: workers cannot hold it\n"
                              f"  fix: leave out --no-host")
        if hosted and self.served:
            raise OptionError(f"policy {self.name!r} lives in its server already, which every worker asks by itself\n"
                              f"  fix: --no-host, and no `host` on its card")
        if self.served and not self.met:
            raise OptionError(f"policy {self.name!r} is whichever its server has, which has not been asked\n"
                              f"  fix: vlabench run --policy {self.name} asks it; everything else takes its records")
        if hosted and self.privileged:
            raise OptionError(f"policy {self.name!r} reads the simulator's state, which workers alone have: no host "
                              f"can hold it\n  fix: --no-host, and no `host` on its card")
        return Actor(self.make, self.cameras, self.image_size, self.replan, self.privileged, hosted, self.exact,
                     python=self._elsewhere.python if self.python else "", gpu=self.on_gpu)

    def check(self) -> Path | None:
        """The file or folder of the weights, or None for a policy without; those of a policy that it builds on are
        checked, too. They are read once in a process, and not by workers (`weights.believe`).

        Raises CardError if the file is absent or not the one of the checksum, or if the card names none although the
        adapter needs one, or one that it does not take; UnknownName for a policy that it builds on.
        """
        for other in filter(None, self._others().values()):
            other._own_weights()
        return self._own_weights()

    def _others(self) -> dict[str, PolicyCard | None]:
        """By option, the policies that this one is built on. Raises UnknownName, CardError."""
        named = {key: self.resolved_options.get(key) for key in self._adapter.builds_on}
        return {key: load_policy(name) if name else None for key, name in named.items()}

    @property
    def absent(self) -> str:
        """What it needs and is not where the card says, its Python or its weights: "has no weights yet"; "" if all is
        there. Whether the weights are the right ones, only `check` knows.
        """
        if self.python and not self._interpreter.exists():
            return f"has no Python to live in yet, {shown(self._interpreter)}"
        needed = inspect.signature(self._adapter).parameters.get("weights")
        there = (needed is None or needed.default is not needed.empty if self.weights is None
                 else (self.path.parent / self.weights.path).exists())
        return "" if there else "has no weights yet"

    def _own_weights(self) -> Path | None:
        fix = f"\n  fix: {self.train}" if self.train else ""
        if self.weights is not None:
            path = self._checked_weights(self.weights, fix)
            taken = inspect.signature(self._adapter).parameters.values()
            if not any(each.name == "weights" or each.kind is each.VAR_KEYWORD for each in taken):
                raise CardError(f"{shown(self.path)}: weights: {self.adapter} takes none\n"
                                f"  fix: add a parameter `weights: Path` to {self._adapter.__name__}.__init__")
            return path
        if self.absent:
            fix = fix or (f"\n  fix: {MAKE}" if self.python else "")
            raise CardError(f"{shown(self.path)}: policy {self.name!r} {self.absent}{fix}")
        return None

    def _checked_weights(self, weights: Weights, fix: str) -> Path:
        path = self.path.parent / weights.path
        try:
            found = digest(path)
        except OSError as error:
            raise CardError(f"{shown(self.path)}: weights.path: {path}: {error.strerror}{fix}") from error
        if found != weights.sha256:
            raise CardError(
                f"{shown(self.path)}: weights.sha256: {path} has the checksum {found}, not {weights.sha256}{fix}"
            )
        return path


def load_policy(name: str, *, foreign: bool = False) -> PolicyCard:
    """The policy of a name or of a path that ends in `.toml`; its own path is absolute, as other machines may read it.
    foreign: the path is nobody's choice, but lay in what may be a stranger's. Raises UnknownName, CardError.
    """
    path = find("policies", name)
    card = validate(PolicyCard, path, {"name": path.stem, "path": str(path.absolute())})
    if ":" in card.adapter:
        _check_class(card, "it lies in a submission, of which nothing is run" if _submitted(path)
                     else "it is not the card that was given by its path" if foreign or not name.endswith(".toml")
                     else "")
    return card


def _check_class(card: PolicyCard, refused: str) -> None:
    """Raises CardError unless the card may name a class (refused: why not), and does it as it should."""
    where = f"{shown(card.path)}: adapter: {card.adapter!r}"
    if refused:
        raise CardError(f"{where} names a class, which this card may not: {refused}\n"
                        f"  fix: --policy CARD.toml, or --card CARD.toml of a report, with your own card's path; or "
                        f"a name among the entry points vlabench.adapters of a package")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", card.adapter):
        raise CardError(f"{where} is no class\n  fix: \"module:Class\", as in \"my_policy:MyPolicy\"")


def _submitted(path: Path) -> bool:
    """Whether a card lies in the folder of a submission, or is a link to one that does."""
    return any((folder / SUBMISSION).exists() for way in (Path(os.path.abspath(path)), path.resolve())
               for folder in way.parents)


def is_policy(path: str) -> bool:
    """Whether the card of this path is a policy's: it names an adapter. Raises UnknownName, CardError."""
    if not Path(path).is_file():
        raise unknown(path, "suites", "policies")
    return "adapter" in read(find("suites", path))
