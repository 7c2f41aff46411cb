"""Where packs are found and what is said when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlabench.errors import AssetsError, MissingExtra, UnknownName
from vlabench.simulators.libero import package, packs


def complete(folder: Path) -> Path:
    for part in packs.PARTS:
        (folder / part).mkdir(parents=True)
    return folder


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No assets anywhere; returns the cache folder."""
    monkeypatch.delenv("VLABENCH_ASSETS", raising=False)
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(package, "root", lambda: tmp_path / "site")
    return tmp_path / "cache"


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
    with pytest.raises(AssetsError, match=r"(?s)nowhere' holds no LIBERO assets.*mend: point it at the folder"):
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


def test_no_official_assets_says_how_to_get_them(empty_machine: Path) -> None:
    with pytest.raises(AssetsError) as caught:
        packs.folder("official")
    message = str(caught.value)
    assert "vlabench assets fetch libero" in message and "--assets primitive" in message
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
    with pytest.raises(AssetsError, match=r"(?s)cannot write the primitive pack.*mend: set VLABENCH_CACHE"):
        packs.folder("primitive")


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VLABENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert packs.cache() == tmp_path / ".cache" / "vlabench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert packs.cache() == tmp_path / "xdg" / "vlabench"
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "own"))
    assert packs.cache() == tmp_path / "own"


def test_an_unknown_pack_is_named_with_the_valid_ones() -> None:
    with pytest.raises(UnknownName, match=r"asset pack 'offical': did you mean 'official'"):
        packs.folder("offical")


def test_fetching_says_why_it_failed(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def broken(**options: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "snapshot_download", broken)
    with pytest.raises(AssetsError, match=r"(?s)ConnectionError: no route.*mend: check the network"):
        packs.fetch_official()
    monkeypatch.setattr(hub, "snapshot_download", lambda **options: None)
    with pytest.raises(AssetsError, match="arrived incomplete"):
        packs.fetch_official()
    monkeypatch.setattr(hub, "snapshot_download", lambda local_dir, **options: complete(Path(local_dir)))
    assert packs.fetch_official() == empty_machine / "libero-official" == packs.official()
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match="huggingface_hub"):
        packs.fetch_official()
