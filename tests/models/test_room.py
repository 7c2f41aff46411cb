"""Whether a GPU has room for a checkpoint: said of a GPU that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.models import tiny_openvla as tiny
from vlabench.errors import DataError, DeviceError
from vlabench.models import openvla_folder, room

SIZE = 3 * 2**20


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """6 Mi numbers in two files, one of them in float32, which is read in half of it."""
    for name, dtype in (("a", torch.bfloat16), ("b", torch.float32)):
        save_file({"x": torch.zeros(3, 2**19, dtype=dtype), "y": torch.zeros(SIZE // 2, dtype=dtype)},
                  tmp_path / f"{name}.safetensors", metadata={"format": "pt"})
    return [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]


def free(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (left, 24 * room.GIB))


def test_what_fits_to_the_byte_is_let_through_and_a_byte_less_is_not(files: list[Path],
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 2 * SIZE * 2)
    room.check(files, "cuda:0", torch.bfloat16)
    free(monkeypatch, 2 * SIZE * 2 - 1)
    with pytest.raises(DeviceError, match=r"take 0\.0 GiB in bfloat16, and cuda:0 has 0\.0 GiB free of 24\.0") as error:
        room.check(files, "cuda:0", torch.bfloat16)
    assert all(word in str(error.value) for word in ("options.device", "host = true", "`batch`"))
    room.check(files, "cpu", torch.float32)


def test_a_damaged_file_is_left_to_whoever_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 0)
    for content in (b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]"):
        (tmp_path / "bad.safetensors").write_bytes(content)
        room.check([tmp_path / "bad.safetensors"], "cuda", torch.bfloat16)


def test_a_checkpoint_that_is_too_large_is_refused_before_any_of_it_is_read(tmp_path: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    folder, zeros = tiny.make(tmp_path / "tiny"), torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *size, device="cpu", **more: zeros(*size, **more))  # "cuda" is there
    monkeypatch.setattr(openvla_folder, "safe_open", None)
    free(monkeypatch, 4 * 2**20)
    with pytest.raises(DeviceError, match="tiny: its parameters take .* bfloat16, and cuda has"):
        openvla_folder.read(folder, "cuda", False, False, False)
    (folder / "model-00001-of-00003.safetensors").unlink()
    with pytest.raises(DataError, match="is missing"):
        openvla_folder.read(folder, "cuda", False, False, False)
