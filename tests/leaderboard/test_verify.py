"""Replays find what was forged, and say what cannot be replayed."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from tests.leaderboard.made import altered, policy_card
from tests.places import ROOT
from vlabench import cards, stats
from vlabench.cli.app import app
from vlabench.errors import OptionError, OutdatedError, SubmissionError
from vlabench.evaluation import plan, run
from vlabench.leaderboard.submission import read
from vlabench.leaderboard.submit import submit
from vlabench.leaderboard.verify import Difference, Verification, compare, verify
from vlabench.records.store import Store
from vlabench.simulators.base import find_simulator

CLEAN = "records/seeker/plain/toy_points/clean.jsonl"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission that was really played; its policy's card is in `policies` beside it."""
    from tests.conftest import PLUGIN

    folder = tmp_path_factory.mktemp("played")
    entry = folder / "board" / "submissions" / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        path = policy_card(folder / "policies", "seeker")
        policy, suite = cards.load_policy(str(path)), cards.load_suite("toy")
        engine = find_simulator("toy")("plain")
        planned = plan.make(suite, policy, engine)
        run.run(planned, policy, engine, Store(folder / "results", "seeker", "plain"), workers=1)
        submit(folder / "results", str(path), "toy", name="mine", contact="me", out=entry)
    return entry


def check(folder: Path, card: Path, sample: int | str = 5, **options: Any) -> Verification:
    return verify(folder, str(sample), policy_name=str(card), workers=1, **options)


@pytest.fixture
def card(played: Path) -> Path:
    return played.parents[2] / "policies" / "seeker.toml"


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
        lines[3] = json.dumps({**record, "steps": record["steps"] + 1, "seconds": 99.0, "finished": ""})
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
    def stopped(*_: object, **__: object) -> run.RunSummary:
        return run.RunSummary(3, 0, 0, 0, 0, (), 1.0, interrupted=True)

    monkeypatch.setattr(run, "run", stopped)
    found = check(played, card, sample=3)
    assert found.exit_code == 130 and len(found.failed) == 3 and found.failed[0].endswith(": interrupted")


def test_what_is_not_here_cannot_be_replayed(played: Path, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="mine: cannot be replayed here: unknown policy 'seeker'"):
        verify(played)
    other = policy_card(tmp_path, "seeker", noise=0.4)
    with pytest.raises(SubmissionError, match="policy 'seeker' is another one: its card, adapter or weights"):
        check(played, other)


@pytest.mark.parametrize("sample", ["0", "-1", "some", "0%", "101%", "%", "nan%", "1.5"])
def test_samples_that_cannot_be(sample: str, played: Path, card: Path) -> None:
    with pytest.raises(OptionError, match=f"--sample {sample}: at least 1 episode is needed, .*\n  fix:"):
        check(played, card, sample)


@pytest.mark.slow
def test_a_sample_may_be_a_share(played: Path, card: Path) -> None:
    """12.5 % of 36 are 4.5 episodes: 5."""
    found = check(played, card, "12.5%")
    assert (found.sample, found.agreed, found.exit_code) == (5, 5, 0)


@pytest.mark.slow
def test_success_is_compared_where_episodes_differ(played: Path, card: Path) -> None:
    """One submitted failure that succeeds here: a 36th, too few episodes to be sure of 5 points."""
    def worse(folder: Path, manifest: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in (folder / CLEAN).read_text().splitlines()]
        first = next(line for line in lines if line["status"] == "success")
        first |= {"status": "failure", "success_once": False, "success_at_end": False, "steps": 20}
        (folder / CLEAN).write_text("".join(json.dumps(line) + "\n" for line in lines))
        clean = manifest["rates"]["clean"]
        manifest["rates"]["clean"] |= {"successes": clean["successes"] - 1,
                                       "rate": round((clean["successes"] - 1) / 12, 6)}

    found = check(altered(played, worse), card, "100%")
    assert found.rerun.n == 12 and found.rerun.value == pytest.approx(1 / 36) and found.rerun.lost == 0
    assert found.exit_code == 1 and found.shows is None
    assert "success, rerun − submitted: +2.8 [" in str(found) and "points: not within ±5" in str(found)
    assert "1 of 36 episodes did not come out equal to the bit; nor is it reproduced: all" in found.why_not_shown


def rerun(sample: int, gained: int, total: int = 2000, failed: int = 0, interrupted: bool = False,
          versions: tuple[str, ...] = ("toy 0.1 for 0.0",)) -> Verification:
    """A verification in which every episode differed and so many, of as many in each of 10 tasks, now succeed."""
    first = np.zeros(sample, dtype=np.bool_)
    second = np.arange(sample) < gained
    return Verification(
        "mine", "0" * 64, 1, sample, total, (Difference("t/0 clean 0", "state", "a", "b"),) * (sample - failed),
        ("t/0 clean 0: step",) * failed, versions,
        stats.difference(first, second, [n % 10 for n in range(sample)]), {"toy": "0.1"}, interrupted)


def test_a_rerun_within_the_band_is_reproduced_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlabench.records.provenance.revision", lambda folder: f"of {folder.name}")
    found = rerun(400, 8)
    assert found.rerun.high < 0.05 and found.exit_code == 0 and found.shows == "reproduced"
    assert "success, rerun − submitted: +2.0 [+" in str(found)
    assert "reproduced within ±5, but not replayed: not equal to the bit" in str(found)
    form = found.form("me")
    assert (form.what, form.share, form.band, form.agreed) == ("reproduced", 0.2, 0.05, 0)
    assert form.rerun is not None and form.rerun.value == pytest.approx(0.02)
    assert form.revision == "of vlabench"


@pytest.mark.parametrize(("found", "reason"), [
    (rerun(399, 8), "399 of 2,000 episodes were played again, 20 % are needed"),
    (rerun(400, 14), "the rerun's difference, .* to .* points, does not lie within ±5"),
    (rerun(400, 0, failed=1), "1 of 400 episodes could not be replayed"),
    (rerun(400, 0, interrupted=True), "could not be replayed"),
])
def test_what_is_no_reproduction(found: Verification, reason: str) -> None:
    assert found.exit_code in (3, 130) and found.shows is None
    assert re.search(reason, found.why_not_shown)
    with pytest.raises(ValidationError):
        found.form("me")


def test_with_the_very_same_versions_nothing_may_differ() -> None:
    """However small the difference of success."""
    found = rerun(400, 0, versions=())
    assert found.rerun.high < 0.05 and found.exit_code == 1 and found.shows is None
    assert "within ±5, but with the very same versions nothing may differ" in str(found)
    assert "reproduced" not in str(found) and "all versions here are those that" in found.why_not_shown
    with pytest.raises(ValidationError):
        found.form("me")


def test_a_policy_that_is_not_exact_is_judged_by_its_outcomes() -> None:
    found = dataclasses.replace(rerun(400, 8, versions=()), exact=False)
    assert (found.exit_code, found.shows) == (0, "reproduced")
    assert dataclasses.replace(rerun(400, 14, versions=()), exact=False).exit_code == 3


def test_the_submitted_card_is_never_made_into_a_policy(played: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a card that lies here is: a submission's own could name any adapter, with any options."""
    made: list[Path] = []
    monkeypatch.setattr("vlabench.cards.policy.PolicyCard.make", lambda card: made.append(card.path))
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
        found = verify(ROOT / "leaderboard" / "submissions" / name, sample="1", seed=0, workers=1)
    except OutdatedError as error:
        pytest.skip(str(error).partition("\n")[0])
    if found.versions:
        pytest.skip(f"played with other versions: {', '.join(found.versions)}")
    assert found.exit_code == 0, str(found)
