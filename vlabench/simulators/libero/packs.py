"""Asset packs: where `primitive` is built and `official` is found, and what to do when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

from vlabench.errors import AssetsError, MissingExtra, UnknownName

PACKS = ("primitive", "official")
OFFICIAL_REPOSITORY = "lerobot/libero-assets"
"""The hub's data set that holds LIBERO's own assets (named in hf-libero's download_utils)."""
PARTS = ("articulated_objects", "stable_scanned_objects", "stable_hope_objects", "turbosquid_objects", "scenes",
         "textures")
"""The folders of a complete `assets` directory."""
FETCH = "vlabench assets fetch libero"


def cache() -> Path:
    """Where packs are built and fetched: `VLABENCH_CACHE`, else `$XDG_CACHE_HOME/vlabench`, else ~/.cache/vlabench."""
    if "VLABENCH_CACHE" in os.environ:
        return Path(os.environ["VLABENCH_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vlabench"


def complete(folder: Path) -> bool:
    """Whether a folder holds all parts of LIBERO's assets."""
    return all((folder / part).is_dir() for part in PARTS)


def _installed() -> Path | None:
    from vlabench.simulators.libero.package import root

    folder = root() / "assets"
    return folder if complete(folder) else None


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
                          f"  mend: point it at the folder that holds {PARTS[0]}/, or unset it and run {FETCH}")
    fetched = cache() / "libero-official"
    if complete(fetched):
        return fetched
    installed = _installed()
    if installed:
        return installed
    raise AssetsError("the official LIBERO assets are not on this machine (looked at VLABENCH_ASSETS, "
                      f"{fetched} and hf-libero's own folder)\n"
                      f"  mend: {FETCH}   (a download), or run with --assets primitive")


def fetch_official() -> Path:
    """Download LIBERO's own pack from the hub into the cache; returns the folder. Raises AssetsError, MissingExtra."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "libero", "fetching LIBERO's assets") from error
    target = cache() / "libero-official"
    try:
        snapshot_download(repo_id=OFFICIAL_REPOSITORY, repo_type="dataset", local_dir=target)
    except Exception as error:  # the hub client raises many kinds: network, authentication, disk
        raise AssetsError(f"cannot fetch {OFFICIAL_REPOSITORY} from the hub: {type(error).__name__}: {error}\n"
                          "  mend: check the network, or copy the assets by hand and set VLABENCH_ASSETS") from error
    if not complete(target):
        raise AssetsError(f"{OFFICIAL_REPOSITORY} arrived incomplete in {target}\n  mend: {FETCH}")
    return target


def primitive(target: Path | None = None) -> Path:
    """The folder of the generated pack, written on first use, into the cache unless `target` names another folder.

    Raises AssetsError if that fails.
    """
    from vlabench.simulators.libero import primitive as pack

    target = target or cache() / f"libero-primitive-{pack.digest()[:16]}"
    try:
        pack.build(target)
    except OSError as error:
        raise AssetsError(f"cannot write the primitive pack to {target}: {error}\n"
                          "  mend: set VLABENCH_CACHE (or --out) to a folder that can be written") from error
    return target


def folder(pack: str) -> Path:
    """The assets directory of a pack. Raises UnknownName or AssetsError."""
    if pack == "primitive":
        return primitive()
    if pack == "official":
        return official()
    raise UnknownName("asset pack", pack, PACKS)
