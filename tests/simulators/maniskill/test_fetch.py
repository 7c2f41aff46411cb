"""The official pack is unpacked from archives as the repositories give them, whole or not at all."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from vlabench.errors import AssetsError
from vlabench.simulators.maniskill import fetch, packs

JOINTS = "waist shoulder elbow forearm_roll wrist_angle wrist_rotate left_finger right_finger".split()
ROBOT = ('<robot><link><mesh filename="meshes_wx250s/base.stl"/></link>'
         + "".join(f'<joint name="{name}"/>' for name in JOINTS) + "</robot>")


def archive(path: Path, names: list[str]) -> str:
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(f"Repository-abc/{name}", ROBOT if name.endswith(".urdf") else "<robot/>")
    return path.as_uri()


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two archives; the names of the first, which a test may take some from before it calls `publish`."""
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VLABENCH_ASSETS", raising=False)
    things = [path.removeprefix(f"{packs.THINGS}/") for path in packs.parts() if path.startswith(packs.THINGS)]
    return things + [f"{path.removesuffix('collision.obj')}textured.glb" for path in things if path.endswith(".obj")]


def publish(things: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = ["wx250s.urdf", "wx250s.srdf", "meshes_wx250s/base.stl"]
    carrot = fetch.ARCHIVES[0].folder
    monkeypatch.setattr(fetch, "ARCHIVES", (
        fetch.Archive(archive(tmp_path / "things.zip", [f"{carrot}/{name}" for name in things] + ["README.md"]), carrot,
                      packs.THINGS),
        fetch.Archive(archive(tmp_path / "robot.zip", robot), "", packs.ROBOT)))


def test_the_pack_is_found_once_it_is_fetched(
        repositories: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(repositories, tmp_path, monkeypatch)
    with pytest.raises(AssetsError, match=r"not complete in .*wx250s.urdf, .* and \d+ more.*\n  fix: vlabench assets "
                                          "fetch maniskill"):
        packs.official()
    said: list[str] = []
    folder = fetch.fetch(said.append)
    assert packs.official() == folder.resolve() and len(said) == 2
    assert (folder / "widowx/meshes_wx250s/base.stl").is_file() and not list(folder.rglob("README.md"))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    before = packs.digest("official")
    (folder / "widowx/wx250s.urdf").write_text(ROBOT + "<!-- another -->")
    packs._digest.cache_clear()
    assert packs.digest("official") != before


def test_files_that_are_there_but_damaged_are_told_before_anything_is_played(
        repositories: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(repositories, tmp_path, monkeypatch)
    folder = fetch.fetch(lambda text: None)
    (folder / "rl4vla/more_carrot/013_banana_1/collision.obj").write_text("")
    with pytest.raises(AssetsError, match="missing there: rl4vla/more_carrot/013_banana_1/collision.obj"):
        packs.official()
    (folder / "rl4vla/more_carrot/013_banana_1/collision.obj").write_text("a hull")
    robot = (folder / "widowx/wx250s.urdf").read_text()
    for name, text, said in (("urdf", robot.replace('name="elbow"', 'name="knee"'), "no joint elbow"),
                             ("srdf", "<robot>", "wx250s.srdf does not say which links may overlap: no element found")):
        (folder / "widowx" / f"wx250s.{name}").write_text(text)
        with pytest.raises(AssetsError, match=said):
            packs.official()
        (folder / "widowx/wx250s.urdf").write_text(robot)


def test_archives_that_lack_a_part_leave_nothing_behind(
        repositories: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish([name for name in repositories if "013_banana_1/collision" not in name], tmp_path, monkeypatch)
    with pytest.raises(AssetsError, match=r"missing: rl4vla/more_carrot/013_banana_1/collision.obj\)"):
        fetch.fetch(lambda text: None)
    assert not list((tmp_path / "cache").iterdir())


def test_an_archive_that_cannot_be_had_is_told_by_its_address(
        repositories: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(repositories, tmp_path, monkeypatch)
    (tmp_path / "things.zip").unlink()
    with pytest.raises(AssetsError, match=r"cannot download file://.*things.zip: .*\n  fix: check the network"):
        fetch.fetch(lambda text: None)
    (tmp_path / "things.zip").write_text("not a zip file")
    with pytest.raises(AssetsError, match="gave no zip file"):
        fetch.fetch(lambda text: None)


def test_a_robot_without_one_of_its_meshes_is_not_whole(
        repositories: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else sapien would build it without that link's collisions, and say nothing."""
    publish(repositories, tmp_path, monkeypatch)
    folder = fetch.fetch(lambda text: None)
    (folder / "widowx/meshes_wx250s/base.stl").unlink()
    with pytest.raises(AssetsError, match=r"missing there: widowx/meshes_wx250s/base.stl\)"):
        packs.official()
    (folder / "widowx/wx250s.urdf").write_text("<robot")
    with pytest.raises(AssetsError, match="wx250s.urdf is no description of a robot: .*\n  fix: vlabench assets fetch"):
        packs.official()
