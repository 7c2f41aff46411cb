"""What `check` says of cards: every mistake at once, and nothing of cards that are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vlabench import cards
from vlabench.cards.find import simulators_for
from vlabench.cards.policy import PolicyCard
from vlabench.cli.app import app
from vlabench.cli.checks import check
from vlabench.errors import UnknownName, UnsupportedError

pytestmark = pytest.mark.usefixtures("toy_plugin")

SUITE = 'title = "t"\nsource = "s"\nsimulator = "toy"\ntask_sets = ["toy_points"]\nepisodes = 5\n'
POLICY = 'title = "t"\nsource = "s"\nadapter = "toy_seeker"\nassets = ["plain"]\ncameras = ["top"]\nimage_size = 16\n'


def wrong(tmp_path: Path, text: str) -> str:
    """What is said of the card of this text."""
    path = tmp_path / "card.toml"
    path.write_text(text)
    return "\n".join(finding.text for finding in check(str(path), play=False) if finding.wrong)


@pytest.mark.parametrize("name", [*cards.suite_names(), *cards.policy_names()])
def test_nothing_is_wrong_with_what_is_shipped(name: str) -> None:
    assert not [finding for finding in check(name, play=False) if finding.wrong]


def test_all_mistakes_of_a_suite_are_told_at_once(tmp_path: Path) -> None:
    said = wrong(tmp_path, SUITE.replace("episodes = 5", "episodes = 51") + """
        success = "end"
        [conditions]
        a = [{perturbation = "toy_jolt", sigma = "x"}]
        b = [{perturbation = "toy_jotl"}]
        c = [{perturbation = "toy_jolt"}]
    """)
    assert "success = 'end': simulator Toy ends an episode" in said
    assert "51 episodes: 50 init states are published" in said
    assert "conditions.a.0: toy_jolt: sigma: must be a number, not \"x\"" in said
    assert "unknown perturbation 'toy_jotl'" in said and "conditions.b.0" in said
    assert len(said.splitlines()) == 6 and "conditions.c" not in said  # two of them with a fix


@pytest.mark.parametrize(("axis", "said"), [
    ("toy_jotl.sigma", "unknown perturbation 'toy_jotl'"), ("toy_jolt.sgima", "unknown parameter 'sgima'")])
def test_an_axis_of_a_plot_that_is_no_parameter_is_told(axis: str, said: str, tmp_path: Path) -> None:
    assert said in wrong(tmp_path, f'{SUITE}[axes]\n"{axis}" = {{ clean = 0.0 }}\n')


@pytest.mark.parametrize(("text", "said"), [
    (SUITE + 'episodes = 6\n', "card.toml: not valid TOML: "),
    (SUITE + '[conditions]\na = [{perturbation = "toy_jolt", sigma = nan}]\n', "card.toml: conditions.a.0.sigma: must"),
    (POLICY.replace("toy_seeker", "no_such_module:X"), "card.toml: adapter (no_such_module:X) cannot be imported: No"),
])
def test_a_card_that_cannot_be_read_is_one_finding_and_the_next_card_is_looked_at(
        text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("card.toml").write_text(text)
    done = CliRunner().invoke(app, ["check", "card.toml", "toy", "--no-play"])
    assert done.exit_code == 1 and done.stderr == ""
    (first, second) = done.stdout.splitlines()
    assert first.startswith(f"card.toml: wrong: {said}") and second == "toy: nothing wrong"


def test_what_a_simulator_does_not_offer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.toy.toy import Jolt

    class Gravity:
        """A capability."""

    monkeypatch.setattr(Jolt, "needs", frozenset({Gravity}))
    said = wrong(tmp_path, SUITE + '[conditions]\na = [{perturbation = "toy_jolt"}]\n')
    assert "perturbation 'toy_jolt' needs Gravity, which simulator Toy does not offer" in said


def test_tasks_that_a_condition_is_not_for_are_told(tmp_path: Path) -> None:
    said = wrong(tmp_path, SUITE + '[conditions]\na = [{perturbation = "paraphrase", kind = "order"}]\n')
    assert "condition 'a': the package has no paraphrase of kind 'order' for toy_points/0 (" in said


def test_what_would_happen_after_the_last_step_is_told(tmp_path: Path) -> None:
    libero = SUITE.replace("toy_points", "libero_object").replace('"toy"', '"libero"')
    said = wrong(tmp_path, libero + '[conditions]\na = [{perturbation = "object_moved", step = 1000}]\n')
    assert said == ("condition 'a': object_moved happens after 1000 steps, when 10 tasks of 10 have ended: "
                    "libero_object/0 (280), libero_object/1 (280), libero_object/2 (280), …\n  fix: fewer than 280")
    assert not wrong(tmp_path, libero + '[conditions]\na = [{perturbation = "lights_out", step = 279}]\n')


@pytest.mark.parametrize(("text", "parts"), [
    (POLICY + "noise = 1\n", ["unknown key 'noise'"]),
    (POLICY.replace("toy_seeker", "toy_seeer"), ["unknown adapter 'toy_seeer'"]),
    (POLICY.replace('"top"', '"tpo"') + 'trained_on = ["raain"]\noptions = {chunk = "four"}\n',
     ["cameras: no simulator has 'tpo': did you mean 'top'?", "'raain'", "options: chunk: must be an integer"]),
    (POLICY + '[training]\nmethod = "sft"\noptions = {stepz = 1}\n', ["training.options: unknown key 'stepz'"]),
    (POLICY + '[training]\nmethod = "sfft"\n', ["unknown method 'sfft'"]),
    (POLICY + f'[weights]\npath = "none.bin"\nsha256 = "{"0" * 64}"\n', ["none.bin: No such file"]),
])
def test_all_mistakes_of_a_policy_are_told_at_once(text: str, parts: list[str], tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    said = wrong(tmp_path, text)
    for part in parts:
        assert part in said


def test_a_policy_that_is_still_to_be_trained_is_no_mistake(tmp_path: Path) -> None:
    text = cards.load_policy("nano-sft").path.read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text[: text.index("[weights]")] + text[text.index("[training]") :])
    (finding,) = check(str(path))
    assert not finding.wrong and "nothing was played" in finding.text and "has no weights yet" in finding.text


def test_an_unknown_name_and_a_card_that_cannot_be_read_are_findings_like_others(tmp_path: Path) -> None:
    (finding,) = check("toy-seker")
    assert finding.wrong and "unknown suite or policy 'toy-seker': did you mean 'toy-seeker'" in finding.text
    assert "sigma: must be a finite number, not nan" in wrong(
        tmp_path, SUITE + '[conditions]\na = [{perturbation = "toy_jolt", sigma = nan}]\n')
    assert "not valid TOML" in wrong(tmp_path, "title = ")
    assert "no file" in "".join(finding.text for finding in check(str(tmp_path / "nobody.toml")))


def test_a_policy_plays_where_its_card_says_or_where_its_cameras_and_packs_are() -> None:
    def card(**fields: object) -> PolicyCard:
        return cards.load_policy("toy-seeker").model_copy(update=fields)

    assert simulators_for(card()) == ["toy"]
    assert simulators_for(card(cameras=("agentview",), assets=("official",))) == ["libero"]
    assert simulators_for(card(cameras=(), assets=("primitive", "plain"))) == ["libero", "maniskill", "toy"]
    assert simulators_for(card(cameras=(), assets=("primitive", "plain"), simulator="toy")) == ["toy"]
    with pytest.raises(UnsupportedError, match="looks at camera 'top', which simulator Libero has not"):
        simulators_for(card(simulator="libero"))
    with pytest.raises(UnknownName, match=r"toy-seeker.toml: simulator: did you mean 'toy'\?"):
        simulators_for(card(simulator="tyo"))
    with pytest.raises(UnsupportedError, match="no simulator has all of top, side, official"):
        simulators_for(card(assets=("official",)))
    with pytest.raises(UnsupportedError, match="no simulator has all of top, wrist, plain"):
        simulators_for(card(cameras=("top", "wrist")))
