"""What `make setup` does of system libraries, with the system's own commands replaced by ones that take notes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.places import ROOT

REAL = ("bash", "grep", "sed", "head", "cat", "dpkg")
"""Taken from this machine; all others are made up, or absent."""
LIBRARIES = "libOSMesa.so libGL.so.1 libgthread-2.0.so.0"
MIRROR = "https://mirror.example/debian/"
PACKAGES = "libvulkan1 mesa-vulkan-drivers"
CANNOT = "no Vulkan driver for ManiSkill's pictures: "


class Machine:
    """Runs the script; `written` and `called` are what it left behind."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.log = folder, folder / "bin", folder / "log"
        self.bin.mkdir()
        self.log.touch()
        for name in REAL:
            path = shutil.which(name) or pytest.skip(f"needs {name}")
            (self.bin / name).symlink_to(path)
        for name in ("cmake", "g++", "python"):
            self.command(name, "")
        self.command("id", "echo 0")
        self.command("tee", f'cat > "{folder}/${{1##*/}}"')
        self.command("rm", f'for file; do /bin/rm -f "{folder}/${{file##*/}}"; done')
        self.libraries(LIBRARIES)
        self.mesa()
        self.apt()

    def command(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def libraries(self, names: str) -> None:
        self.command("ldconfig", f"printf '%s\\n' {names}")

    def mesa(self, installed: str = "", offered: str = "22.3.6-1+deb12u2") -> None:
        self.command("dpkg-query", f"echo -n '{installed}'")
        self.command("apt-cache", f"echo '  Candidate: {offered}'")

    def apt(self, *, debian: str = MIRROR, backports: str = "", updates: bool = True, simulated: str = "") -> None:
        self.command("apt-get", f"""
case "$*" in
    *indextargets*backports*) echo -n '{backports}';;
    *indextargets*) echo -n '{debian}';;
    *simulate*) echo '{simulated}';;
    update*) echo "$@" >> {self.log}; exit {0 if updates else 100};;
    *) echo "$@" >> {self.log};;
esac""")

    def run(self, **environment: str) -> tuple[str, str]:
        """What it says, and the calls of apt-get that change something."""
        bash = self.bin / "bash"
        done = subprocess.run([bash, ROOT / ".ci" / "system", "python"], env={"PATH": str(self.bin), **environment},
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr, self.log.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if any([*Path(folder).glob("nvidia*.json")] for folder in ("/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d")):
        pytest.skip("this machine has a GPU's own driver")
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        pytest.skip("needs the keys of Debian")
    return Machine(tmp_path)


def test_debian_12_gets_one_driver_from_its_mirrors_backports_and_nothing_else(machine: Machine) -> None:
    said, called = machine.run()
    update, install = called.splitlines()
    assert said == "" and "sourcelist=/etc/apt/sources.list.d/vlabench-vulkan.sources" in update
    assert install == f"install -y --no-install-recommends {PACKAGES}"
    source = (machine.folder / "vlabench-vulkan.sources").read_text()
    assert f"\nURIs: {MIRROR}\nSuites: bookworm-backports\n" in source and "\nSigned-By: /usr/share/keyrings/" in source
    everything, allowed = (machine.folder / "vlabench-vulkan").read_text().split("\n\n")
    assert "Package: *\n" in everything and "Priority: -1" in everything
    assert "Package: mesa-vulkan-drivers src:libdrm\n" in allowed and "Priority: 500" in allowed


def test_where_backports_are_in_use_already_no_source_is_added(machine: Machine) -> None:
    machine.apt(backports=MIRROR)
    _, called = machine.run()
    assert "libvulkan1 mesa-vulkan-drivers/bookworm-backports" in called and "update" not in called
    assert not (machine.folder / "vlabench-vulkan").exists()


def test_a_release_whose_mesa_is_new_enough_takes_its_own(machine: Machine) -> None:
    machine.mesa(offered="25.0.7-0ubuntu0.24.04.2")
    assert machine.run() == ("", f"install -y --no-install-recommends {PACKAGES}\n")
    assert not (machine.folder / "vlabench-vulkan").exists()


def test_a_mirror_without_backports_is_said_and_leaves_no_source_behind(machine: Machine) -> None:
    machine.apt(updates=False)
    said, called = machine.run()
    assert said.startswith(f"{CANNOT}bookworm-backports cannot be read from {MIRROR}\n  LIBERO works")
    assert "install" not in called and not list(machine.folder.glob("vlabench*"))


@pytest.mark.parametrize("have", [{"VK_DRIVER_FILES": "/own.json"}, {}])
def test_nothing_is_done_where_there_is_a_driver(machine: Machine, have: dict[str, str]) -> None:
    if not have:
        machine.libraries(f"{LIBRARIES} libvulkan.so.1")
        machine.mesa(installed="25.0.7-2~bpo12+1")
    assert machine.run(**have) == ("", "")


def test_what_would_replace_the_libraries_that_draw_libero_is_not_installed(machine: Machine) -> None:
    machine.apt(simulated="Inst libosmesa6 [22.3.6] (25.0.7)")
    said, called = machine.run()
    assert "Inst libosmesa6" in said and "it would replace the above" in said and "install" not in called


@pytest.mark.parametrize(("lack", "why"), [("root", "installing one takes root"), ("apt-get", "has no apt-get"),
                                           ("bookworm", "this system's Mesa is older than 24.3")])
def test_what_cannot_be_is_said_in_two_lines_and_setup_goes_on(machine: Machine, lack: str, why: str) -> None:
    if lack == "root":
        machine.command("id", "echo 1000")
        machine.command("sudo", "exit 1")
    elif lack == "apt-get":
        os.remove(machine.bin / "apt-get")
    else:
        machine.apt(debian="")
    said, called = machine.run()
    assert len(said.splitlines()) == 2 and said.startswith(CANNOT) and why in said and called == ""
