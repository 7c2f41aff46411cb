"""What the doctor says of drawing."""

from __future__ import annotations

import pytest

from vlabench.errors import RenderingError
from vlabench.simulators.maniskill.drawing import diagnosis, vulkan
from vlabench.util.diagnosis import Check


def test_a_real_picture_is_drawn_or_what_fails_is_said(sapien: object, monkeypatch: pytest.MonkeyPatch) -> None:
    driver, picture = diagnosis.checks()
    assert driver.works and picture.works and picture.found.startswith("the first picture took ")
    monkeypatch.setattr(diagnosis, "_DRAW", "import os; os.abort()")
    assert diagnosis._picture() == Check("ManiSkill drawing", False, "ended with exit status -6", vulkan.install())


def test_without_a_driver_there_is_one_line_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RenderingError("no Vulkan driver to draw with\n  fix: unset VK_DRIVER_FILES")

    monkeypatch.setattr(vulkan, "check", refuse)
    assert diagnosis.checks() == [Check("Vulkan", False, "no Vulkan driver to draw with", "unset VK_DRIVER_FILES")]
