"""Digests depend on resolved parameters and on nothing else."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlabench import registry
from vlabench.cards.conditions import CLEAN, Condition, Part, at_severity, condition_digest
from vlabench.errors import CardError, UnknownName
from vlabench.perturbations.base import find_perturbation
from vlabench.simulators.base import find_simulator


def condition(*parts: dict[str, Any]) -> Condition:
    return Condition("c", "libero", tuple(Part.model_validate(part) for part in parts), "cards/x.toml")


def test_the_empty_condition_has_no_perturbations() -> None:
    clean = Condition(CLEAN, "libero")
    assert clean.perturbations == ()
    # sha256 of the two characters of an empty JSON list, and of what a revised simulator makes of it
    assert condition_digest([], 1) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    assert clean.digest == hashlib.sha256(b'{"perturbations":[],"revision":2}').hexdigest()


def test_a_revision_of_the_simulator_makes_other_conditions_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    before = condition({"perturbation": "rotation"}).digest
    monkeypatch.setattr(find_simulator("libero"), "revision", 3)
    assert condition({"perturbation": "rotation"}).digest != before


@pytest.mark.parametrize("name", registry.names("perturbation"))
def test_a_severity_and_all_its_parameters_written_out_are_one_condition(name: str) -> None:
    kinds = {str(parameters) for parameters in find_perturbation(name).severities.values()}
    if not kinds:  # a setting of RL4VLA's is there or not
        with pytest.raises(CardError, match=f"severity = 2: there is no more and no less of {name}\n  fix: leave out"):
            _ = condition({"perturbation": name, "severity": 2}).digest
        return
    digests = set()
    for severity in at_severity(name, "libero", ""):
        written = severity.perturbations[0].model_dump(mode="json")
        assert condition({"perturbation": name, **written}).digest == severity.digest
        digests.add(severity.digest)
    assert len(digests) == len(kinds) == 5


@given(st.floats(0, 180), st.floats(0, 2))
def test_order_of_keys_is_nothing_and_order_of_perturbations_something(degrees: float, sigma: float) -> None:
    turn = {"perturbation": "rotation", "degrees": degrees}
    noise = {"perturbation": "action_noise", "sigma": sigma, "clip": True}
    base = condition(turn, noise).digest
    assert condition(dict(reversed(turn.items())), dict(reversed(noise.items()))).digest == base
    assert condition(turn, {"perturbation": "action_noise", "sigma": sigma}).digest == base
    assert condition(noise, turn).digest != base
    assert condition(turn, {**noise, "clip": False}).digest != base
    assert condition(turn, {**noise, "sigma": sigma / 2 + 0.01}).digest != base or sigma == pytest.approx(0.02)


def test_whole_numbers_and_fractions_are_the_same_parameter() -> None:
    digests = {condition({"perturbation": "rotation", "degrees": value}).digest for value in (30, 30.0)}
    assert digests == {condition({"perturbation": "rotation"}).digest}


def test_a_changed_default_and_a_new_revision_change_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    original = find_perturbation("rotation")
    before = condition({"perturbation": "rotation"}).digest

    class Other(original):  # type: ignore[valid-type,misc]
        degrees: float = 31.0

    class Newer(original):  # type: ignore[valid-type,misc]
        revision = original.revision + 1

    seen = {before}
    for changed in (Other, Newer):
        monkeypatch.setattr(registry, "load", lambda kind, name, contract, changed=changed: changed)
        seen.add(condition({"perturbation": "rotation"}).digest)
    assert len(seen) == 3


def test_a_misspelt_parameter_names_file_place_and_valid_keys() -> None:
    with pytest.raises(CardError) as caught:
        _ = condition({"perturbation": "rotation", "severity": 1, "degres": 3.0}).digest
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(
        "cards/x.toml: conditions.c.0: rotation: unknown key 'degres': did you mean 'degrees'? (valid keys: "
    )
    assert not rest


def test_wrong_types_and_ranges_are_one_line_each() -> None:
    with pytest.raises(CardError) as caught:
        _ = condition({"perturbation": "action_noise", "sigma": "much", "clip": 1}).perturbations
    assert str(caught.value).splitlines() == [
        'cards/x.toml: conditions.c.0: action_noise: sigma: must be a number, not "much"',
        "cards/x.toml: conditions.c.0: action_noise: clip: must be a boolean, not 1",
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.usefixtures("toy_plugin")
def test_a_parameter_without_limits_of_its_own_is_finite_all_the_same(value: float) -> None:
    shaky = Condition("c", "toy", (Part.model_validate({"perturbation": "toy_jolt", "sigma": value}),), "card.toml: c")
    with pytest.raises(CardError, match="card.toml: c.*sigma: must be a finite number"):
        _ = shaky.perturbations


def test_an_unknown_perturbation_names_the_place() -> None:
    with pytest.raises(UnknownName) as caught:
        _ = condition({"perturbation": "ocluson"}).digest
    assert str(caught.value) == (
        "unknown perturbation 'ocluson' in cards/x.toml: conditions.c.0: did you mean 'occlusion'?"
    )
