"""`vlabench submit`: a policy's records of a whole suite, as a folder that anyone can check and replay."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shlex
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from vlabench import cards
from vlabench.adapters.base import find_adapter
from vlabench.cards.policy import PolicyCard
from vlabench.errors import OptionError, StoreError, SubmissionError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import Plan
from vlabench.leaderboard.definitions import Definition, Definitions, check_plausible
from vlabench.leaderboard.manifest import MANIFEST, FileForm, Manifest
from vlabench.leaderboard.submission import Submission, rates, read
from vlabench.records import provenance, store
from vlabench.records.store import Store
from vlabench.types import EpisodeRecord
from vlabench.util.messages import one_line_each, shown
from vlabench.util.text import counted, why_no_name

NAMED = 5
"""Episodes that a message names."""


def submit(results: Path, policy_name: str, suite_name: str, *, name: str, contact: str, out: Path,
           assets: str | None = None, notes: str = "") -> Submission:
    """Write a submission of a policy's records on a suite to the folder `out`, which must not exist, and read it back.

    assets: by default the first pack on the policy's card. The folder is written whole or not at all.
    Raises what cards and plan raise; OptionError for a name, contact or folder that cannot be; SubmissionError for
    records that are incomplete, errors, of several versions, contradictory, or made with another card.
    """
    why = why_no_name(name)
    if why:
        raise OptionError(f"--name {name!r}: {why}")
    if out.name != name:
        raise OptionError(f"--out {out}: the folder must be called {name!r}, as the submission")
    if out.exists() or out.is_symlink():
        raise OptionError(f"--out {out}: exists\n  fix: remove it, or choose another --name")
    twin = next((path for path in out.parent.glob("*") if path.name.casefold() == name.casefold()), None)
    if twin:
        raise OptionError(f"--name {name!r}: {shown(twin)} differs only in case: on some systems they are one folder\n"
                          f"  fix: choose another --name")
    policy = cards.load_policy(policy_name)
    if ":" in policy.adapter:
        raise SubmissionError(f"{shown(policy.path)}: adapter: {policy.adapter!r}: nobody else finds this class by it\n"
                              f"  fix: give it a name among the entry points vlabench.adapters of a package that can "
                              f"be installed; the card names that, and its episodes are played anew")
    if policy.served:
        raise SubmissionError(f"policy {policy.name!r} is behind a server, so that nobody else can play its episodes "
                              f"again\n  fix: vlabench report shows them; to submit, an adapter that runs it, and its "
                              f"weights")
    pack = assets or policy.assets[0]
    definition = Definitions().of(suite_name, pack)
    planned = plan.make(definition.card, policy, definition.card.engine(pack))
    command = ["vlabench", "run", "--policy", policy_name, "--suite", suite_name, "--assets", pack]
    records = _records(planned, policy, Store(results, policy.name, pack), command)
    check_plausible(records, policy, definition, f"{shown(results)}: {policy.name}")
    manifest = _manifest(name, contact, notes, policy, definition, pack, records)
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out.absolute().parent) as staging:
            write(Path(staging) / name, manifest, _texts(policy, definition, records))
            read(Path(staging) / name)
            (Path(staging) / name).rename(out)
    except OSError as error:
        raise StoreError(f"{shown(out)}: the submission cannot be written: {error.strerror}\n"
                         f"  fix: choose another folder with --out") from error
    return read(out)


def _records(planned: Plan, policy: PolicyCard, results: Store, command: Sequence[str]) -> tuple[EpisodeRecord, ...]:
    """All episodes of the plan. Raises SubmissionError if one is absent, an error or played with other versions.

    command: plays them, by default into the folder `results`.
    """
    digests = {name: condition.digest for name, condition in planned.conditions.items()}
    reading = results.read(dict.fromkeys(task.task_set for task in planned.tasks), digests, policy.digest)
    records = planned.records(reading.records)
    where = f"{shown(results.folder)}: policy {policy.name!r} on {results.assets!r}"
    lacking = planned.todo(reading.held)
    if lacking:
        errors = sum(record.status == "error" for record in records)
        named = ", ".join(f"{spec.task.key} {spec.condition} {spec.index}" for spec in lacking[:NAMED])
        reasons = "".join(f"\n  {warning}" for warning in reading.warnings())
        raise SubmissionError(f"{where}: {len(lacking)} of {counted(len(planned.specs), 'episode')} "
                              f"{'is' if len(lacking) == 1 else 'are'} lacking ({errors} of them "
                              f"ended in errors): {named}{', …' if len(lacking) > NAMED else ''}{reasons}\n"
                              f"  fix: {shlex.join([*command, '--results', str(results.root)])}")
    versions = Counter(json.dumps(record.versions, sort_keys=True) for record in records)
    if len(versions) > 1:
        told = "; ".join(f"{count} with {each}" for each, count in versions.most_common(3))
        raise SubmissionError(f"{where}: the episodes were played with different versions: {told}\n"
                              f"  fix: {shlex.join(command)} --results NEW, where nothing is on record yet")
    return records


def _manifest(name: str, contact: str, notes: str, policy: PolicyCard, definition: Definition, pack: str,
              records: Sequence[EpisodeRecord]) -> Manifest:
    """Without files yet. Raises OptionError for a name, contact or notes that cannot be."""
    fields = {
        "format": 1, "name": name, "contact": contact, "notes": notes, "created": provenance.now()[:10],
        "policy": policy.name, "policy_digest": policy.digest, "revision": find_adapter(policy.adapter).revision,
        "simulator": definition.card.simulator, "assets": pack, "suite": definition.card.name,
        "episodes": definition.card.episodes, "success": definition.card.success, "tasks": tuple(definition.tasks),
        "conditions": definition.conditions,
        "versions": dict(records[0].versions), "rates": {}, "files": (),
    }  # fmt: skip
    try:
        manifest = Manifest.model_validate(fields)
    except ValidationError as error:
        raise OptionError(one_line_each(error, Manifest, "vlabench submit")) from None
    return manifest.model_copy(update={"rates": rates(records, manifest)})


def _texts(policy: PolicyCard, definition: Definition, records: Sequence[EpisodeRecord]) -> dict[str, bytes]:
    """Path → content of all files beside the manifest."""
    texts = {f"cards/policies/{policy.name}.toml": policy.path.read_bytes(),
             f"cards/suites/{definition.card.name}.toml": definition.card.path.read_bytes()}
    for record in records:
        path = f"records/{record.policy}/{record.assets}/{record.task.rpartition('/')[0]}/{record.condition}.jsonl"
        texts[path] = texts.get(path, b"") + line(record)
    return texts


def line(record: EpisodeRecord) -> bytes:
    """A record as a line of the store."""
    return (json.dumps({"format": store.FORMAT, **dataclasses.asdict(record)}) + "\n").encode()


def write(folder: Path, manifest: Manifest, texts: Mapping[str, bytes]) -> None:
    """Put the files of a submission (path → content) into a folder, and a manifest that lists them. Raises OSError."""
    files = []
    for path, content in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        files.append(FileForm(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest()))
    whole = manifest.model_copy(update={"files": tuple(files)})
    (folder / MANIFEST).write_text(whole.model_dump_json(indent=1) + "\n", encoding="utf-8")
