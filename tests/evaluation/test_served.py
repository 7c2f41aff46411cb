"""Runs of policies behind a server, in the toy simulator: by whom they are played, and what becomes of trouble."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.adapters.wire.fakes import http_server, openpi, seeking, sockets
from tests.toy.toy import SPACE, Seeker
from vlabench import cards
from vlabench.adapters.base import Actor
from vlabench.adapters.wire.arrays import from_json, to_json
from vlabench.cards import lineage
from vlabench.cards.served import introduced
from vlabench.cli.app import app
from vlabench.episode.player import EpisodePlayer, Failed, Finished, Job
from vlabench.errors import OptionError, ServerError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import Evaluation, evaluate, run
from vlabench.records.store import Store
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec

pytestmark = pytest.mark.usefixtures("toy_plugin")

CARD = """title = "t"
source = "s"
adapter = "openpi"
simulator = "toy"
assets = ["plain"]
cameras = ["top"]
image_size = 16
replan = 3
[options.sends]
pictures = {top = "top"}
size = 16
state = {state = ["proprio"]}
[options.limits]
patience = 5
answer = 5
"""


class Mortal:
    """A server that hangs up at one answer, then at whoever calls for a while, and is back with another model or not.
    """

    def __init__(self, at: int, after: str = "a") -> None:
        self.at, self.after, self.model, self.until = at, after, "a", 0.0
        self.answers = 0

    def __call__(self, socket: Any) -> None:
        if time.monotonic() < self.until:
            return
        openpi(self.answer, {"model": self.model})(socket)

    def answer(self, observation: Any) -> Any:
        self.answers += 1
        if self.answers == self.at:
            self.until, self.model = time.monotonic() + 0.4, self.after
            raise ConnectionAbortedError
        if len(observation["state"]) != 2:  # the probe
            return {"actions": np.zeros((4, 3))}
        return seeking(observation)


def steady(observation: Any) -> Any:
    return Mortal(0).answer(observation)


@pytest.fixture
def card(home: Path) -> str:
    (home / "served.toml").write_text(CARD)
    return "served.toml"


def played(card: str, url: str, episodes: int = 6) -> Evaluation:
    options = RunOptions(episodes, ("toy_points/0",), ("clean",))
    return evaluate(card, "toy", "results", options=options, workers=1, url=url, name="mine")


def test_episodes_are_those_of_the_same_policy_in_process(card: str) -> None:
    specs = [EpisodeSpec(task, "clean", index) for task in find_simulator("toy")("plain").tasks("toy_points")
             for index in range(3)]
    with sockets(openpi(steady)) as url:
        served = introduced(cards.load_policy(card), SPACE, url, "mine")
        ends = []
        for actor in (served.actor(), Actor(Seeker, ("top",), 16, 3)):
            player = EpisodePlayer(Job("toy", "plain", actor, {"clean": {}}))
            results = [player.play((spec,))[0] for spec in specs]
            ends.append([(each.played.status, each.played.steps, each.played.state) for each in results
                         if isinstance(each, Finished)])
            looks = sum(-(-end[1] // 3) for end in ends[-1])
            assert sum(len(each.waits) for each in results if isinstance(each, Finished)) in (looks, 0)
            player.policy.close()
    assert ends[0] == ends[1] and len(ends[0]) == 9


def test_a_server_that_dies_costs_the_episode_in_flight_and_one_that_is_exchanged_costs_no_record(card: str) -> None:
    mortal = Mortal(9)
    with sockets(mortal) as url:
        done = played(card, url)
        (failed,) = [record for record in done.records if record.status == "error"]
        assert (failed.phase, failed.error, failed.policy) == ("act", "Lost", "mine") and url in failed.message
        assert {record.policy_digest for record in done.records} == {done.policy.digest} and len(done.records) == 6
        mortal.at, mortal.after = mortal.answers + 5, "b"  # two to be introduced, one of the worker, two looks
        ended = played(card, url, episodes=8).summary
    assert re.match("another policy is at .* now: it says another `model`", str(ended)) and ended.exit_code == 3
    assert "ended with 1 episode left" in str(ended)
    lines = [json.loads(line) for line in (done.folder / "toy_points" / "clean.jsonl").read_text().splitlines()]
    assert [line["status"] == "error" for line in lines].count(True) == 3 and len(lines) == 8
    assert {line["policy_digest"] for line in lines} == {done.policy.digest}
    waits = done.summary.waits
    assert waits is not None and 0 < waits.median <= waits.most and str(waits) in str(done.summary)
    noted = [json.loads(line) for line in (done.folder / "runs.jsonl").read_text().splitlines()]
    assert [sorted(line) for line in noted if "waits" in line] == [["format", "policy_digest", "started", "waits"]]
    found = CliRunner().invoke(app, ["table", "results/mine"])  # the server has gone
    assert found.exit_code == 0 and f"mine on plain: {waits}" in " ".join(found.output.split())


class Swap:
    """A server of OpenVLA's protocol: another model as soon as it was asked by two workers who it is."""

    def __init__(self) -> None:
        self.probes, self.both = 0, threading.Event()

    def __call__(self, body: bytes) -> tuple[int, bytes]:
        if len(from_json(body)["state"]) == 2:
            self.both.wait(5)  # a look
        else:
            self.probes += 1
        if self.probes == 4:  # two to be introduced
            self.both.set()
        return 200, to_json([np.full(3, 0.1 * (self.probes > 4))] * 3)


def test_another_model_in_mid_episode_costs_all_that_is_in_flight_and_is_told_first(home: Path) -> None:
    (home / "rest.toml").write_text(CARD.replace('"openpi"', '"openvla_oft_rest"'))
    with http_server(Swap()) as url:
        done = evaluate("rest.toml", "toy", "results", workers=2, url=url, name="mine",
                        options=RunOptions(8, ("toy_points/0",), ("clean",)))
    assert [(record.status, record.error, record.phase) for record in done.records] == [
        ("error", "ServerGone", "act")] * 2
    assert re.match("another policy is at .* answers the probe otherwise", str(done.summary))
    assert "2 episodes played" in str(done.summary) and "ended with 6 episodes left" in str(done.summary)
    assert done.summary.exit_code == 3 and len(list(Path("results").rglob("clean.jsonl"))) == 1


def jittery(at: float) -> Any:
    rng = np.random.default_rng(0)
    return openpi(lambda obs: {"actions": at + 1e-5 * rng.normal(size=(4, 3))})


def test_another_model_is_not_taken_for_one_whose_answers_jitter_as_its_own_do(card: str) -> None:
    for at in (0.0, 0.0, 0.5):
        with sockets(jittery(at)) as url:
            if at:
                with pytest.raises(ServerError, match="another policy is at .* whose records mine has: .*\n  fix") as n:
                    played(card, url, 1)
            else:
                done = played(card, url, 1)
    assert url in str(n.value) and done.summary.held == 1
    noted = [json.loads(line) for line in (done.folder / "runs.jsonl").read_text().splitlines()]
    assert len([line for line in noted if "probe" in line]) == 1


def test_of_a_server_that_samples_and_says_nothing_a_user_is_told(card: str) -> None:
    rng, notes = np.random.default_rng(0), list[str]()
    for said in ({}, {"model": "a"}):
        with sockets(openpi(lambda obs: {"actions": rng.uniform(size=(4, 3))}, said)) as url:
            introduced(cards.load_policy(card), SPACE, url, "mine", notes.append)
    (text,) = notes
    assert "says nothing of itself" in text and "cannot be seen" in text


def test_a_policy_is_its_name_its_card_and_its_server_wherever_that_is(card: str, home: Path) -> None:
    (home / "other.toml").write_text(CARD.replace('size = 16\nstate', 'size = 32\nstate'))
    digests = {}
    for model in ("a", "b"):
        for port in range(2):
            with sockets(openpi(steady, {"model": model})) as url:
                digests[model, port] = introduced(cards.load_policy(card), SPACE, url, "mine").digest
                if model == "a":
                    digests["name", port] = introduced(cards.load_policy(card), SPACE, url, "yours").digest
                    digests["card", port] = introduced(cards.load_policy("other.toml"), SPACE, url, "mine").digest
    assert len(set(digests.values())) == 4 and all(digests[key, 0] == digests[key, 1] for key, _ in digests)


@pytest.mark.parametrize(("policy", "given", "words"), [
    ("served.toml", {}, "records need a name of their own\n  fix: --url URL --as NAME"),
    ("served.toml", {"url": "ws://localhost:1"}, "stands for whichever policy such a server has"),
    ("served.toml", {"name": "mine"}, "url '': such a server is at an address like ws://localhost:8000"),
    ("served.toml", {"url": "ws://localhost:1", "name": "a/b"}, "--as 'a/b' is no name for records"),
    ("served.toml", {"url": "ws://localhost:1", "name": "toy-seeker"}, "--as toy-seeker: another policy has this name"),
    ("toy-seeker", {"url": "ws://localhost:1"}, "--url ws://localhost:1: policy 'toy-seeker' is not behind a server"),
    ("toy-seeker", {"name": "mine"}, "policy 'toy-seeker' is not behind a server"),
])
def test_what_is_missing_or_too_much_is_said(policy: str, given: Any, words: str, card: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        evaluate(policy, "toy", "results", **given)
    assert not Path("results").exists()


def test_a_card_that_says_where_its_server_is_has_a_name(card: str, home: Path) -> None:
    with sockets(openpi(steady)) as url:
        (home / "whole.toml").write_text(CARD.replace("[options.sends]", f'options.url = "{url}"\n[options.sends]', 1))
        assert introduced(cards.load_policy("whole.toml"), SPACE).name == "whole"
    with pytest.raises(ServerError, match="no policy to be asked at"):
        evaluate("whole.toml", "toy", "results")
    shown = CliRunner().invoke(app, ["show", "served.toml"]).output
    assert "--url URL --as NAME" in shown and "which its server turns out to be" in shown
    assert "nothing was played: the card names no server" in CliRunner().invoke(app, ["check", card]).output


def test_what_a_policy_behind_a_server_was_trained_on_its_card_says_for_all_its_versions(card: str, home: Path) -> None:
    (home / "policies" / "mine.toml").write_text(CARD.replace("replan", 'trained_on = ["rotation"]\nreplan'))
    found = lineage.recorded("mine", "0" * 64, Path("results"))
    assert found is not None and lineage.seen(found).perturbations == {"rotation"}


def test_a_server_is_no_matter_of_a_host(card: str) -> None:
    with sockets(openpi(steady)) as url, pytest.raises(OptionError, match="lives in its server already"):
        evaluate(card, "toy", "results", url=url, name="mine", host=True)


def test_nobody_plays_whom_he_has_not_met(card: str) -> None:
    policy, engine = cards.load_policy(card), find_simulator("toy")("plain")
    todo = plan.make(cards.load_suite("toy"), policy, engine)
    with pytest.raises(OptionError, match="whichever its server has, which has not been asked"):
        run(todo, policy, engine, Store(Path("results"), "mine", "plain"))


def test_what_a_server_did_can_be_seen_again_when_it_has_gone_and_not_be_asked_for(card: str, home: Path) -> None:
    options = RunOptions(2, ("toy_points/0",), ("clean",))
    with sockets(openpi(steady)) as url:
        done = evaluate(card, "toy", "results", options=options, workers=1, record=True, url=url, name="mine")
    episode = ["toy_points/0", "clean", "0", "--out", "film.gif", "--size", "64"]
    played = CliRunner().invoke(app, ["replay", card, *episode, "--as", "mine"])
    assert played.exit_code == 0 and f"the final state is the recorded one ({done.records[0].state})" in played.output
    judged = CliRunner().invoke(app, ["gate", "--baseline", "mine", "--candidate", "mine"])
    assert judged.exit_code == 3 and "inconclusive" in judged.output  # of two episodes
    gate = ["gate", "--run", "--suite", "toy", "--baseline", "mine", "--candidate"]
    for command, words in (
            (["replay", "mine", *episode], "unknown policy 'mine'.*--as mine: vlabench replay openpi … --as mine"),
            (["replay", card, *episode], "its records need a name of their own\n  fix: --as NAME, the name that its"),
            (["replay", "toy-seeker", *episode, "--as", "mine"], "policy 'toy-seeker' is not behind a server"),
            (["submit", "results", "--policy", card, "--suite", "toy", "--name", "n", "--contact", "c"],
             "policy 'served' is behind a server, so that nobody else can play its episodes again"),
            ([*gate, card], "policy 'served' is behind a server, which only `vlabench run` asks"),
            ([*gate, "mine"], "unknown policy 'mine' in 'mine'.*fix: leave --run out"),
            (["probe", "--policy", card, "--suite", "toy", "--out", "p.npz"], "is whichever its server has")):
        found = CliRunner().invoke(app, command)
        assert found.exit_code == 2 and re.search(words, found.output, re.DOTALL), found.output
    assert not (home / "leaderboard").exists() and not (home / "p.npz").exists()


@pytest.mark.parametrize(("trouble", "error", "words"), [
    ({"actions": np.full((4, 3), np.nan)}, "ValueError", "returned 9 action values that are not finite at step 0"),
    ({"actions": np.zeros((4, 14))}, "ServerError", r"actions are of shape \[4, 14\]; expected \[T, 3\]"),
    ({"actions": np.zeros((1, 3))}, "ValueError", "T ≥ 3"), ({}, "Garbled", "an answer whose actions are nothing"),
    (b"\xc1", "Garbled", "not a message in msgpack"), ("Traceback\nMemoryError", "ServerError", "error: MemoryError"),
    (None, "Lost", "no answer within 0.3 s")])
def test_trouble_at_a_look_costs_its_episode_alone(card: str, home: Path, trouble: Any, error: str, words: str) -> None:
    (home / "served.toml").write_text(CARD.replace("answer = 5", "answer = 0.3"))
    met: list[int] = []

    def troubled(observation: Any) -> Any:
        if len(observation["state"]) == 2 and not met:  # at the first look of an episode; the probe has 8
            met.append(1)
            time.sleep(0.5 * (trouble is None))
            return {} if trouble is None else trouble
        return steady(observation)

    specs = [EpisodeSpec(find_simulator("toy")("plain").tasks("toy_points")[0], "clean", index) for index in range(3)]
    with sockets(openpi(troubled)) as url:
        player = EpisodePlayer(Job("toy", "plain", introduced(cards.load_policy(card), SPACE, url, "mine").actor(),
                                   {"clean": {}}))
        failed, *others = [player.play((spec,))[0] for spec in specs]
        player.policy.close()
    assert isinstance(failed, Failed) and (failed.phase, failed.error) == ("act", error)
    assert re.search(words, failed.message) and all(isinstance(other, Finished) for other in others)
