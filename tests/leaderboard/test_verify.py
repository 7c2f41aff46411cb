"""Replays find what was forged, and say what cannot be replayed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.leaderboard.made import altered, policy_card
from vlabench import cards, plan, registry, runner
from vlabench.cli import app
from vlabench.errors import OptionError, OutdatedError, SubmissionError
from vlabench.leaderboard.reading import read
from vlabench.leaderboard.submit import submit
from vlabench.leaderboard.verify import Verification, compare, verify
from vlabench.store import Store

CLEAN = "records/seeker/plain/toy_points/clean.jsonl"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission that was really played; its policy's card is in `policies` beside it."""
    from tests.conftest import PLUGIN

    folder = tmp_path_factory.mktemp("played")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        registry.refresh()
        path = policy_card(folder / "policies", "seeker")
        policy, suite = cards.load_policy(str(path)), cards.load_suite("toy")
        planned = plan.make(suite, policy, registry.simulator("toy")("plain"))
        runner.run(planned, policy, "toy", Store(folder / "results", "seeker", "plain"), workers=1)
        submit(folder / "results", str(path), "toy", name="mine", contact="me", out=folder / "board" / "mine")
    registry.refresh()
    return folder / "board" / "mine"


def check(folder: Path, card: Path, sample: int = 5, **options: Any) -> Verification:
    return verify(folder, sample, policy_name=str(card), workers=1, **options)


@pytest.fixture
def card(played: Path) -> Path:
    return played.parent.parent / "policies" / "seeker.toml"


@pytest.mark.slow
def test_an_honest_submission_agrees_in_every_respect(played: Path, card: Path) -> None:
    found = check(played, card, seed=7)
    assert (found.agreed, found.sample, found.total, found.exit_code) == (5, 5, 36, 0)
    assert "mine: 5 of 5 replayed episodes agree in every respect (5 of 36, drawn with --seed 7)" in str(found)
    # the chance that 5 episodes of which 45 % are forged show none: 0.55⁵ = 0.05
    assert "if more than 45 % of its episodes" in str(found)


@pytest.mark.slow
def test_a_forged_episode_is_found_and_named(played: Path, card: Path) -> None:
    def forged(folder: Path, manifest: dict[str, Any]) -> None:
        lines = (folder / CLEAN).read_text().splitlines()
        record = json.loads(lines[3])
        lines[3] = json.dumps({**record, "steps": record["steps"] + 1, "seconds": 99.0, "finished": "later"})
        (folder / CLEAN).write_text("\n".join(lines) + "\n")

    result = CliRunner().invoke(app, ["verify", str(altered(played, forged)), "--sample", "99", "--policy", str(card),
                                      "--workers", "1"])
    assert result.exit_code == 1
    assert "mine: 35 of 36 replayed episodes agree" in result.stdout
    assert "toy_points/0 clean 3: steps was " in result.stdout and "these are all" not in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("kept", "told"), [('"toy": "0.0"', "toy 0.1 for 0.0"), ("", "toy 0.1 for absent")])
def test_differences_under_other_versions_are_not_judged(kept: str, told: str, played: Path, card: Path) -> None:
    """Nor where the submission does not say what it was played with."""
    def shifted(folder: Path, manifest: dict[str, Any]) -> None:
        del manifest["versions"]["toy"]
        manifest["versions"] |= json.loads(f"{{{kept}}}")
        for path in folder.rglob("*.jsonl"):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            for line in lines:
                line["versions"] = manifest["versions"]
                line["state"] = "0" + line["state"]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    found = check(altered(played, shifted), card, sample=3)
    assert found.agreed == 0 and found.exit_code == 3
    assert f"other versions here: {told}; episodes may end otherwise with them" in str(found)
    assert ": state was 0" in str(found)


@pytest.mark.slow
def test_episodes_that_end_in_errors_here_are_said_to(played: Path, card: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MISCHIEF", json.dumps({f"{task}/{index}": "step" for task in range(3)
                                                   for index in range(4)}))
    found = check(played, card, sample=2)
    assert found.exit_code == 3 and len(found.failed) == 2
    assert "could not be replayed: toy_points/" in str(found) and "mischief at step" in str(found)


def test_ctrl_c_leaves_no_verdict(played: Path, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> runner.RunSummary:
        return runner.RunSummary(3, 0, 0, 0, 0, (), 1.0, interrupted=True)

    monkeypatch.setattr(runner, "run", stopped)
    found = check(played, card, sample=3)
    assert found.exit_code == 130 and len(found.failed) == 3 and found.failed[0].endswith(": interrupted")


def test_what_is_not_here_cannot_be_replayed(played: Path, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="mine: cannot be replayed here: unknown policy 'seeker'"):
        verify(played)
    other = policy_card(tmp_path, "seeker", noise=0.4)
    with pytest.raises(SubmissionError, match="policy 'seeker' is another one: its card, adapter or weights"):
        check(played, other)
    with pytest.raises(OptionError, match="--sample 0: at least 1"):
        check(played, other, sample=0)


def test_the_submitted_card_is_never_made_into_a_policy(played: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a card that lies here is: a submission's own could name any adapter, with any options."""
    made: list[Path] = []
    monkeypatch.setattr("vlabench.card_types.PolicyCard.make", lambda card: made.append(card.path))
    with pytest.raises(SubmissionError, match="unknown policy"):
        verify(played)
    assert made == []


def test_drawn_numbers_may_differ_in_the_last_place_only(played: Path) -> None:
    record = read(played).records[0]
    close = dataclasses.replace(record, realised={"a": {"x": [0.1 + 0.2, 1]}})
    assert compare(dataclasses.replace(record, realised={"a": {"x": (0.3, 1)}}), close) is None
    found = compare(dataclasses.replace(record, realised={"a": {"x": (0.30001, 1)}}), close)
    assert found is not None and found.field == "realised"
    found = compare(record, dataclasses.replace(record, steps=record.steps + 1, status="failure"))
    assert found is not None and str(found) == "toy_points/0 clean 0: status was success, is failure"
    assert compare(record, dataclasses.replace(record, seconds=9.0, finished="never")) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["expert-primitive", "nano-sft-joint"])
def test_the_submissions_here_are_played_again_to_the_last_bit(name: str) -> None:
    """On whatever processor this runs."""
    pytest.importorskip("libero", reason="needs the extra `libero`")
    pytest.importorskip("torch", reason="needs the extra `train`")
    try:
        found = verify(Path(__file__).parents[2] / "leaderboard" / "submissions" / name, sample=3, seed=0, workers=2)
    except OutdatedError as error:
        pytest.skip(str(error).partition("\n")[0])
    if found.versions:
        pytest.skip(f"played with other versions: {', '.join(found.versions)}")
    assert found.exit_code == 0, str(found)
