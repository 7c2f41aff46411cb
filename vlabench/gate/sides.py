"""Which records a side of a comparison means: `FOLDER`, `FOLDER:POLICY`, `POLICY`, each also with `@DIGEST`."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vlabench import cards
from vlabench.cards.policy import PolicyCard
from vlabench.errors import OptionError, UnknownName
from vlabench.records.store import RUNS, Store, content_of
from vlabench.types import EpisodeRecord
from vlabench.util.messages import shown
from vlabench.util.parsing import json_line
from vlabench.util.text import counted

_VERSION = re.compile("@([0-9a-f]{4,64})$")


@dataclass(frozen=True)
class Address:
    """A side as it was named. policy: a name or a card's path; digest: how the digest begins, where one is named."""

    text: str
    root: Path
    policy: str | None
    digest: str | None


@dataclass
class Holding:
    """What a results folder holds of one policy on one asset pack.

    versions: policy digest → number of lines. conditions: name → condition digest → number of lines.
    """

    policy: str
    assets: str
    versions: Counter[str] = field(default_factory=Counter)
    conditions: dict[str, Counter[str]] = field(default_factory=dict)
    task_sets: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One version of a policy on one asset pack. card: its card, where it is here and means this version."""

    name: str
    root: Path
    policy: str
    assets: str
    digest: str
    card: PolicyCard | None
    holding: Holding

    @property
    def store(self) -> Store:
        """Its records."""
        return Store(self.root, self.policy, self.assets)

    @property
    def label(self) -> str:
        """`nano-sft (4b8abc3b)`."""
        return f"{self.policy} ({self.digest[:8]})"

    def read(self, conditions: Mapping[str, str]) -> tuple[EpisodeRecord, ...]:
        """Its records under these conditions (name → digest). Raises StoreError."""
        return tuple(self.store.read(self.holding.task_sets, conditions, self.digest).records.values())

    def left_out(self, conditions: Mapping[str, str]) -> list[str]:
        """Why its other records are none of these, a sentence each. Raises StoreError."""
        return self.store.read(self.holding.task_sets, conditions, self.digest).warnings()


def address(text: str, results: Path) -> Address:
    """What a side's text names; `results` is the folder of a policy that is named without one.

    With a colon it is a folder and a policy; else a folder with results, a folder `<results>/<policy>`, or a policy.
    """
    version = _VERSION.search(text)
    rest = text[: version.start()] if version else text
    digest = version[1] if version else None
    if ":" in rest:
        root, _, policy = rest.rpartition(":")
        return Address(text, Path(root or results), policy or None, digest)
    folder = Path(rest)
    if folder.is_dir():
        if any(folder.glob("*/*/*/*.jsonl")):
            return Address(text, folder, None, digest)
        if any(folder.glob("*/*/*.jsonl")):
            return Address(text, folder.absolute().parent, folder.absolute().name, digest)
        if "/" in rest or folder == Path():
            return Address(text, folder, None, digest)
    return Address(text, results, rest, digest)


def holdings(root: Path, policy: str | None = None) -> list[Holding]:
    """What lies in a results folder, by policy and asset pack; of one policy alone, if it is named.

    Raises StoreError if it cannot be read.
    """
    found: dict[tuple[str, str], Holding] = {}
    for path in sorted(root.glob(f"{'*' if policy is None else glob.escape(policy)}/*/*/*.jsonl")):
        policy, assets, task_set = path.relative_to(root).parts[:3]
        if path.name == RUNS:
            continue
        holding = found.setdefault((policy, assets), Holding(policy, assets))
        holding.task_sets.setdefault(task_set)
        meant = holding.conditions.setdefault(path.stem, Counter())
        for line in content_of(path).splitlines():
            digests = _digests(line)
            if digests is not None:
                holding.versions[digests[0]] += 1
                meant[digests[1]] += 1
    return [holding for holding in found.values() if holding.versions]


def sides(first: Address, second: Address, assets: str | None, *, playing: bool = False) -> tuple[Side, Side]:
    """Both sides, on one asset pack: `assets`, or the only one that both have.

    playing: sides may have no records yet, and the second is its policy as its card has it now. Raises OptionError
    and UnknownName for sides that name nothing, or more than one thing.
    """
    lying = {address: _of_policy(address, playing) for address in (first, second)}
    if assets is None:
        packs = [[holding.assets for holding in lying[address]] for address in (first, second)]
        if playing:
            wanted = _card(second).assets
            packs = [packs[0] or list(wanted[:1]), [pack for pack in wanted if pack in (packs[0] or wanted[:1])][:1]]
        common = [pack for pack in packs[0] if pack in packs[1]]
        if len(common) != 1:
            raise OptionError(f"baseline {first.text!r} has results on {_listed(packs[0])}, candidate {second.text!r} "
                              f"on {_listed(packs[1])}\n  fix: --assets PACK, with one that both have")
        assets = common[0]
    return (_side(first, lying[first], assets, playing, as_is=False),
            _side(second, lying[second], assets, playing, as_is=playing))


def _side(address: Address, lying: list[Holding], assets: str, playing: bool, *, as_is: bool) -> Side:
    holding = next((each for each in lying if each.assets == assets), None)
    if holding is None:
        if not playing:
            others = _listed([holding.assets for holding in lying])
            raise OptionError(f"{address.text!r} has no results on {assets!r}, but on {others}")
        holding = Holding(_card(address).name, assets)
    card = _known_card(address, holding.policy)
    if as_is:
        card = _card(address)
    digest = _version(address, holding, card, as_is)
    return Side(address.text, address.root, holding.policy, assets, digest,
                card if card is not None and card.digest == digest else None, holding)


def _version(address: Address, holding: Holding, card: PolicyCard | None, as_is: bool) -> str:
    """The policy digest that is meant."""
    known = dict(holding.versions)
    if card is not None and (as_is or not known):
        known.setdefault(card.digest, 0)
    if address.digest is not None:
        fitting = [digest for digest in known if digest.startswith(address.digest)]
        if len(fitting) != 1:
            raise UnknownName("version", address.digest, known, where=address.text)
        return fitting[0]
    if card is not None and (as_is or card.digest in known):
        return card.digest
    if len(known) > 1:
        listed = ", ".join(f"{digest[:8]} ({counted(count, 'record')})"
                           for digest, count in holding.versions.most_common())
        raise OptionError(f"{address.text!r} holds several versions of policy {holding.policy!r}: {listed}\n"
                          f"  fix: {address.text}@{next(iter(known))[:8]}")
    return next(iter(known))


def _of_policy(address: Address, playing: bool) -> list[Holding]:
    """The holdings of the side's policy, one a pack. Raises OptionError unless there is exactly one policy."""
    wanted = _stem(address.policy)
    lying = holdings(address.root, wanted)
    if wanted is None:
        names = sorted({holding.policy for holding in lying})
        if len(names) != 1:
            what = f"holds results of {', '.join(names)}" if names else "holds no results"
            raise OptionError(f"{address.text!r}: the folder {shown(address.root)} {what}\n  fix: FOLDER:POLICY names "
                              f"the policy, as in {address.root}:{names[0] if names else 'POLICY'}")
    elif not lying and not playing and not address.root.is_dir():
        raise OptionError(f"{address.text!r}: there is no folder {shown(address.root)}\n"
                          f"  fix: FOLDER:POLICY, or --results FOLDER for policies named without one")
    elif not lying and not playing:
        there = sorted({holding.policy for holding in holdings(address.root)})
        raise UnknownName("policy", wanted, there, where=f"{shown(address.root)}, which {address.text!r} means",
                          fix="fix: FOLDER:POLICY, or --results FOLDER for policies named without one")
    return lying


def _card(address: Address) -> PolicyCard:
    """The card of the side's policy. Raises UnknownName, CardError."""
    name = address.policy or holdings(address.root)[0].policy
    try:
        return cards.load_policy(name, foreign=not address.policy)
    except UnknownName as error:
        if name.endswith(".toml"):
            raise
        raise UnknownName("policy", error.name, cards.policy_names(), where=f"{address.text!r}",
                          fix="fix: leave --run out, which plays policies whose card is here; those behind a server "
                              "only `vlabench run` asks") from None


def _known_card(address: Address, policy: str) -> PolicyCard | None:
    try:
        return cards.load_policy(address.policy or policy, foreign=not address.policy)
    except UnknownName:
        return None


def _stem(policy: str | None) -> str | None:
    return Path(policy).stem if policy is not None and policy.endswith(".toml") else policy


def _digests(line: bytes) -> tuple[str, str] | None:
    content = json_line(line) or {}
    if "policy_digest" not in content or "condition_digest" not in content:
        return None
    return str(content["policy_digest"]), str(content["condition_digest"])


def _listed(names: list[str]) -> str:
    return " and ".join(names) if names else "nothing"
