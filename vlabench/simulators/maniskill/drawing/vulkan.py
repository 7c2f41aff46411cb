"""Whether sapien can draw here, found out before the first step; if not, what is wrong and the lines that mend it.

Physics alone needs none of this: a scene without a `RenderSystem` runs without Vulkan.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import platform
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlabench.errors import MissingExtra, RenderingError

MESA = (24, 3)
"""The first Mesa whose software driver, lavapipe, sapien accepts."""
OWN_PACKAGES = "sudo apt-get update && sudo apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers"
INSTALL = {
    "debian 12": "echo \"deb $(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Component: main' | "
                 "head -n 1) bookworm-backports main\" | "
                 "sudo tee /etc/apt/sources.list.d/backports.list && sudo apt-get update && sudo apt-get install -y "
                 "--no-install-recommends libvulkan1 mesa-vulkan-drivers/bookworm-backports",
    "debian": OWN_PACKAGES,
    "ubuntu 22.04": "use Ubuntu 24.04, whose updates have Mesa 25 (22.04's is 23.2, which sapien does not accept)",
    "ubuntu": OWN_PACKAGES,
}
"""What brings a driver that draws on the CPU, by distribution and release; in a checkout, `make setup` does it. On
Debian 12 the one package (it takes libdrm along), never `-t bookworm-backports`, which would bring another OSMesa, too,
and so other pictures of LIBERO."""
_CHECKED = "VLABENCH_VULKAN"
"""Tells the processes that this one starts that drawing has been tried: only the first pays for it."""
_LIMIT = 60.0  # seconds for a driver to say that it is there
_REFUSED = 3
_TRY = f"""
import sys
from vlabench.errors import RenderingError
from vlabench.simulators.maniskill.drawing import vulkan
try:
    print(vulkan.device())
except RenderingError as error:
    print(error)
    sys.exit({_REFUSED})
"""
_FOLDERS = ("/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d",
            "~/.local/share/vulkan/icd.d")
_CHOICES = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES")


def engine() -> Any:
    """The module `sapien`, imported without what it warns of while it looks for Vulkan: `check` says that better.

    It draws without threads of its own (lavapipe's `LP_NUM_THREADS`; the pictures are the same): there is a worker for
    every core. Raises MissingExtra.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Failed to find (system libvulkan|Vulkan ICD file|glvnd ICD file)")
        try:
            import sapien
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "sapien", "maniskill", "ManiSkill") from None
    return sapien


def device() -> str:
    """What sapien would draw on, as it calls it. Raises RenderingError where sapien finds nothing."""
    render = engine().render
    try:
        system = render.RenderSystem()
        summary = render.get_device_summary()
    except RuntimeError as error:
        raise RenderingError(_explained(str(error))) from None
    del system
    found = re.search(r"GPU:\s*(.+)", summary)
    return found[1].strip() if found else summary.strip()


def check() -> None:
    """Raises RenderingError if sapien cannot draw here, and MissingExtra without sapien.

    Tried in a process of its own, as a broken driver may take it along (0.4 s, once for a run and its workers).
    """
    if importlib.util.find_spec("sapien") is None:
        raise MissingExtra("sapien", "maniskill", "ManiSkill")
    if os.environ.get(_CHECKED) == _choice():
        return
    try:
        done = subprocess.run([sys.executable, "-c", _TRY], capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise RenderingError(_explained(f"the driver does not answer within {_LIMIT:g} s")) from None
    if done.returncode == _REFUSED:
        raise RenderingError(done.stdout.strip())
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RenderingError(_explained(f"trying it ends the process with status {done.returncode} ({last})"))
    os.environ[_CHECKED] = _choice()


def _choice() -> str:
    """The environment's choice of a driver: another one is tried anew."""
    return "drawn " + ":".join(os.environ.get(name, "") for name in (*_CHOICES, "LD_LIBRARY_PATH"))


def _explained(failure: str) -> str:
    """What is wrong, as far as this machine shows it, else the failure that came of it; and what mends it."""
    for name in _CHOICES:
        missing = [each for each in os.environ.get(name, "").split(":") if each and not Path(each).exists()]
        if missing:
            return (f"no Vulkan driver to draw with: {name} names {missing[0]}, which is not there\n"
                    f"  fix: unset {' '.join(each for each in _CHOICES if os.environ.get(each))}")
    version, found = mesa(), drivers()
    if not found:
        lacks = "" if ctypes.util.find_library("vulkan") else ", nor libvulkan1"
        return f"no Vulkan driver to draw with{lacks}\n  fix: {install()}"
    if version and version < MESA:
        old = ".".join(map(str, version))
        return (f"Mesa {old} is too old for sapien to draw with: {'.'.join(map(str, MESA))} or newer is needed\n"
                f"  fix: {install()}")
    return f"sapien cannot draw with {', '.join(each.name for each in found)}: {failure}\n  fix: {install()}"


def drivers() -> list[Path]:
    """The files by which Vulkan's loader finds drivers: those of the environment, else all that are installed."""
    for name in _CHOICES:
        if named := os.environ.get(name):
            return [Path(each) for each in named.split(":") if each]
    return sorted(path for folder in _FOLDERS for path in Path(folder).expanduser().glob("*.json"))


def mesa() -> tuple[int, int] | None:
    """The version of the Vulkan drivers that the distribution's package brought; None without one."""
    if any(os.environ.get(name) for name in _CHOICES):
        return None  # whatever those are
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "mesa-vulkan-drivers"], capture_output=True,
                              text=True, check=False)
    except OSError:
        return None
    version = re.match(r"(?:\d+:)?(\d+)\.(\d+)", done.stdout)
    return (int(version[1]), int(version[2])) if version else None


def install(release: Mapping[str, str] | None = None) -> str:
    """The line of INSTALL for this machine, or for another's os-release."""
    if release is None:
        try:
            release = platform.freedesktop_os_release()
        except OSError:
            release = {}
    name, version = release.get("ID", ""), release.get("VERSION_ID", "")
    families = (name, *release.get("ID_LIKE", "").split())
    known = next((INSTALL[key] for key in (f"{name} {version}", *families) if key in INSTALL), None)
    return known or f"install Mesa's Vulkan drivers, {'.'.join(map(str, MESA))} or newer (lavapipe), and libvulkan"
