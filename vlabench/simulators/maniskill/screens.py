"""The green screens of many environments, on their device: pictures behind robot and things, textures over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.looks import Cover, Looks
from vlabench.simulators.maniskill.packs import Pack
from vlabench.simulators.maniskill.view import backdrop


class Screens:
    """What is seen beside what is drawn, of each environment as its looks say."""

    def __init__(self, pack: Pack, size: tuple[int, int], device: torch.device) -> None:
        """size: of the pictures, (width, height)."""
        self._pack, self._size, self._device = pack, size, device
        self._textures: dict[int, torch.Tensor] = {}
        self._looks: Sequence[Looks] = ()

    def place(self, looks: Sequence[Looks]) -> None:
        """New episodes, one for each environment."""
        self._looks = looks
        self._behind = torch.as_tensor(np.stack([backdrop(each, self._pack, self._size) for each in looks]),
                                       device=self._device)

    def shown(self, rgb: torch.Tensor, kept: torch.Tensor, step: int) -> torch.Tensor:
        """uint8 [B, H, W, 3]: rgb, of the same kind, where `kept`, bool [B, H, W, 1], holds, before the backgrounds,
        with the textures that are due after `step` control steps."""
        covered = self._covered(rgb.to(self._device), step, whole=False)
        return self._covered(torch.where(kept.to(self._device), covered, self._behind), step, whole=True)

    def _covered(self, pictures: torch.Tensor, step: int, whole: bool) -> torch.Tensor:
        covers = {row: looks.cover for row, looks in enumerate(self._looks)
                  if looks.cover is not None and looks.cover.whole == whole}
        if not covers:
            return pictures
        rows, done = list(covers), pictures.clone()
        over = torch.stack([self._due(cover, step) for cover in covers.values()])
        rest, mix = (torch.tensor([[[[share]]] for share in shares], dtype=torch.float32, device=self._device)
                     for shares in ([1 - cover.mix for cover in covers.values()],
                                    [cover.mix for cover in covers.values()]))
        done[rows] = (pictures[rows] * rest + over * mix).to(torch.uint8)
        return done

    def _due(self, cover: Cover, step: int) -> torch.Tensor:
        """float32 [H, W, 3], whole numbers: the part of a texture that is due, as `screen.cropped` cuts it."""
        if cover.texture not in self._textures:
            picture = screen.background(self._pack.texture(cover.texture), screen.FULL)
            self._textures[cover.texture] = torch.tensor(picture, dtype=torch.float32,
                                                         device=self._device).permute(2, 0, 1)
        texture, crop = self._textures[cover.texture], cover.crop(step)
        rows, columns = screen.part(texture.shape[1], texture.shape[2], crop.edge, crop.left, crop.top)
        width, height = self._size
        part = interpolate(texture[None, :, rows, columns], size=(height, width), mode="bilinear", align_corners=False)
        return part[0].permute(1, 2, 0).round()
