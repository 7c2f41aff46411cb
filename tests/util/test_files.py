"""A file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT
from vlabench.errors import DataError
from vlabench.util import files
from vlabench.util.files import Scratch, held, replacing, write_data


def test_the_new_file_takes_the_old_one_s_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "a.bin"
    write_data(path, b"old")
    with replacing(path) as partial:
        partial.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError])
def test_what_breaks_off_leaves_the_old_file_and_nothing_beside_it(end: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_data(path, b"old")
    with pytest.raises(end), replacing(path) as partial:
        partial.write_bytes(b"ne")
        raise end
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_data(path, b"old")
    code = ("import os, sys\nfrom pathlib import Path\nfrom vlabench.util.files import replacing\n"
            "with replacing(Path(sys.argv[1])) as partial:\n    partial.write_bytes(b'ne')\n"
            "    os.kill(os.getpid(), 9)\n")
    root = ROOT
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL and path.read_bytes() == b"old"


def test_a_disk_that_takes_nothing_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="a.bin: cannot be written: No space left on device"):
        write_data(tmp_path / "a.bin", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_has_one_process_at_work_until_it_dies(tmp_path: Path) -> None:
    code = ("import sys, time\nfrom pathlib import Path\nfrom vlabench.util.files import held\n"
            "with held(Path(sys.argv[1])):\n    print('mine', flush=True)\n    time.sleep(60)\n")
    root = ROOT
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out")], cwd=root, stdout=subprocess.PIPE,
                          text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "mine\n"
        with pytest.raises(DataError) as caught, held(tmp_path / "out"):
            pass
        other.kill()
        other.wait()
    assert f"out: process {other.pid} on " in str(caught.value) and "fix: wait until it ends" in str(caught.value)
    with held(tmp_path / "out"):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_of_a_killed_process_has_no_hold_on_its_folder(tmp_path: Path) -> None:
    code = ("import os, sys, time\nfrom pathlib import Path\nfrom vlabench.util.files import held\n"
            "with held(Path(sys.argv[1])):\n    child = os.fork()\n    if not child:\n"
            "        print(os.getpid(), flush=True)\n    time.sleep(60)\n    os._exit(0)\n")
    root = ROOT
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out")], cwd=root, stdout=subprocess.PIPE,
                          text=True) as other:
        assert other.stdout is not None
        child = int(other.stdout.readline())
        with pytest.raises(DataError), held(tmp_path / "out"):
            pass  # the fork let go; its parent did not
        other.kill()
        other.wait()
        try:
            with held(tmp_path / "out"):
                os.kill(child, 0)  # it is alive all the while
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    out = tmp_path / "file" / "out"
    out.parent.write_text("")
    with pytest.raises(DataError, match="file/out: cannot be written: Not a directory"), held(out):
        pass


def test_a_temporary_folder_of_a_killed_process_goes_with_the_next_one(tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    code = ("import sys, time\nfrom vlabench.util.files import Scratch\nmade = Scratch('x')\n"
            "(made.path / 'big').write_text('x')\nprint(made.path, flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "vlabench-being-made").mkdir()
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE,
                          text=True, env={**os.environ, "TMPDIR": str(tmp_path)}) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        Scratch("y").cleanup()
        assert (theirs / "big").exists()  # its process lives
        other.kill()
        other.wait()
    mine = Scratch("y")
    assert {path.name for path in tmp_path.iterdir()} == {"vlabench-being-made", mine.path.name}
    mine.cleanup()
    mine.cleanup()
    assert not mine.path.exists()


def test_another_users_temporary_folders_are_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose contents cannot even be asked for; nobody is asked to be another user here, so the asking itself fails."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs = Scratch("theirs")
    theirs._lock.close()
    exists = Path.exists

    def refused(path: Path) -> bool:
        if theirs.path in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", refused)
        Scratch("mine").cleanup()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
        Scratch("mine").cleanup()
    assert theirs.path.exists()
    Scratch("mine").cleanup()
    assert not theirs.path.exists()


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VLABENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.cache() == tmp_path / ".cache" / "vlabench"
    monkeypatch.setenv("VLABENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert files.cache() == tmp_path / ".cache" / "vlabench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache() == tmp_path / "xdg" / "vlabench"
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "own"))
    assert files.cache() == tmp_path / "own"
