"""`vlabench replay`: an episode recorded by `vlabench run --record`, played again to the last bit, as mp4 or GIF.

Left the scene as it was, right what the policy saw last. A policy that reads no pictures is filmed with the
simulator's cameras, and the right side shows what one that does would have seen.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vlabench import cards
from vlabench.cards.conditions import Condition, named
from vlabench.cards.find import check_simulator, find_condition, find_task
from vlabench.cards.policy import PolicyCard
from vlabench.cards.served import by_name
from vlabench.episode.chain import variant_of
from vlabench.episode.loop import EpisodeError, play
from vlabench.episode.played import Played
from vlabench.episode.recording import FrameRecorder, Recording, Replayed
from vlabench.errors import MissingExtra, OptionError, StoreError, UnknownName
from vlabench.evaluation.pictures import described
from vlabench.records.store import Store
from vlabench.simulators.base import Simulator, find_simulator
from vlabench.types import EpisodeSpec, Image
from vlabench.util.text import counted

if TYPE_CHECKING:
    from PIL import ImageFont

GIF_RATE = 10
"""A GIF shows so many frames a second at most, which of 20 control steps a second are every second: half the size."""
GIF_COLOURS = 128
_SIZES = {".mp4": 256, ".gif": 176}
_GAP = 4  # pixels
_HOLD = 1500  # milliseconds that a GIF rests on its last frame


@dataclass(frozen=True)
class Film:
    """What was written, and the episode that is on it."""

    path: Path
    played: Played
    frames: int


def replay(policy_name: str, task_key: str, condition_name: str, index: int, *, results: Path, out: Path,
           assets: str | None = None, seed: int = 0, suite: str | None = None, cameras: Sequence[str] = (),
           size: int | None = None, name: str | None = None) -> Film:
    """Play a recording again and write the film.

    out: ends in .mp4 or .gif. suite: where the condition is looked up, by default in all. cameras: those on the film,
    one below the other, by default the policy's first. size: pixels per side of each picture. name: that of the records
    of a policy behind a server, which is not asked.

    Raises UnknownName, OptionError, MissingExtra; UnsupportedError for a policy of another simulator; StoreError if
    there is no recording, if the episode does not end in the very state in which the recorded one ended (nothing is
    written then), or the film cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in _SIZES:
        raise OptionError(f"--out {out}: a film is an .mp4 or a .gif")
    size = _SIZES[suffix] if size is None else size
    if not 64 <= size <= 1024:
        raise OptionError(f"--size {size}: must be in 64 … 1024 pixels")
    policy, task = by_name(_card(policy_name, results), name), find_task(task_key)
    check_simulator(policy, task.simulator, find_simulator(task.simulator))
    condition = find_condition(condition_name, task.simulator, suite)
    spec = EpisodeSpec(task, condition.name, index, seed)
    simulator = find_simulator(task.simulator)(assets or policy.assets[0])
    seen = policy.cameras or tuple(simulator.cameras)
    for camera in cameras:
        if camera not in seen:
            raise UnknownName("camera", camera, seen, where="--camera")
    path = Store(results, policy.name, simulator.assets).recording(spec.identity)
    frames = FrameRecorder()
    played = _played_again(path, spec, condition, simulator, policy, seen, frames)
    pictures = list(_frames(frames, cameras or seen[:1], size, _caption(played, policy)))
    _write(pictures, out, simulator.action_space.control_hz)
    return Film(out, played, len(pictures))


def _card(policy: str, results: Path) -> PolicyCard:
    """Raises UnknownName, CardError."""
    try:
        return cards.load_policy(policy)
    except UnknownName as error:
        if policy.endswith(".toml") or not (results / policy).is_dir():
            raise
        fix = (f"fix: if it was behind a server, the card that it was played by, and --as {policy}: "
               f"vlabench replay openpi … --as {policy}")
        raise UnknownName("policy", error.name, cards.policy_names(), fix=fix) from None


def _played_again(path: Path, spec: EpisodeSpec, condition: Condition, simulator: Simulator, policy: PolicyCard,
                  cameras: Sequence[str], film: FrameRecorder) -> Played:
    recording = Recording.load(path)
    simulator.check(cameras)
    scene = simulator.open(spec.task, 1, cameras, policy.image_size, variant=variant_of(named(condition)))
    try:
        (played,) = play(scene, Replayed(recording), [spec], [named(condition)], replan=recording.replan,
                         cameras=cameras, success=simulator.success, listeners=[film])
    except EpisodeError as error:
        raise StoreError(f"{path}: this recording cannot be played again: {error.cause}") from error
    finally:
        scene.close()
    if played.state != recording.state or played.steps != len(recording.actions):
        raise StoreError(
            f"{path}: played again, the episode ends in another state ({played.state} after "
            f"{counted(played.steps, 'step')}) than the recorded one ({recording.state} after "
            f"{len(recording.actions)}): it was recorded with another version, asset pack or condition\n"
            f"  fix: record it again with `vlabench run --record --results NEW`")
    return played


def _caption(played: Played, policy: PolicyCard) -> list[str]:
    spec = played.spec
    lines = [f"{policy.name}, {spec.task.key}, {spec.condition}, episode {spec.index}: {played.status} after "
             f"{counted(played.steps, 'step')}", f"“{played.instruction}”", *described(played.realised, 200)]
    return lines + ([] if policy.cameras else ["right: the pictures under this condition (the policy reads none)"])


def _frames(film: FrameRecorder, cameras: Sequence[str], size: int, caption: Sequence[str]) -> Iterator[Image]:
    """Frames uint8 [H, W, 3] with even H and W: clean left, seen right, a row per camera, the caption below."""
    width = 2 * size + _GAP
    text = _text(caption, width)
    for clean, seen in zip(film.clean, film.seen, strict=True):
        rows: list[Any] = []
        for camera in cameras:
            gap = np.full((size, _GAP, 3), 255, dtype=np.uint8)
            rows += [np.concatenate([_scaled(clean[camera], size), gap, _scaled(seen[camera], size)], axis=1)]
        frame = np.concatenate([*rows, text])
        yield np.pad(frame, ((0, len(frame) % 2), (0, width % 2), (0, 0)), mode="edge")


def _scaled(picture: Image, size: int) -> Image:
    from PIL import Image as Pillow

    if picture.shape[0] == size:
        return picture
    return np.asarray(Pillow.fromarray(picture).resize((size, size), Pillow.Resampling.LANCZOS))


def _text(lines: Sequence[str], width: int) -> Image:
    """Black text on white, uint8 [H, width, 3], wrapped."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    font_size = max(11, width // 42)  # smaller letters run into each other
    font = ImageFont.load_default(size=font_size)
    letters = int(width / _letter_width(font)) - 1
    wrapped = [part for line in lines for part in textwrap.wrap(line, letters, subsequent_indent="  ")]
    pitch = int(1.35 * font_size)
    image = Pillow.new("RGB", (width, pitch * (1 + len(wrapped)) + 8), "white")
    draw = ImageDraw.Draw(image)
    draw.text((2, 2), "clean", fill="black", font=font)
    draw.text((width // 2 + _GAP, 2), "as seen", fill="black", font=font)
    for number, line in enumerate(wrapped, 1):
        draw.text((2, 2 + number * pitch), line, fill="black", font=font)
    return np.asarray(image)


def _letter_width(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> float:
    sample = "the quick brown fox, 0123456789"
    return float(font.getlength(sample)) / len(sample)


def _write(frames: Sequence[Image], out: Path, rate: float) -> None:
    """rate: frames a second, one for each control step."""
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        if out.suffix.lower() == ".gif":
            _write_gif(frames, out, rate)
        else:
            _write_mp4(frames, out, rate)
    except OSError as error:
        raise StoreError(f"{out}: the film cannot be written: {error}") from error


def _write_mp4(frames: Sequence[Image], out: Path, rate: float) -> None:
    try:
        import imageio.v2 as imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise MissingExtra(error.name or "imageio-ffmpeg", "video", "writing an mp4") from error
    writer: Any = imageio.get_writer(out, format="FFMPEG", fps=rate, codec="libx264", quality=7, macro_block_size=2)
    with writer:
        for frame in frames:
            writer.append_data(frame)


def _write_gif(frames: Sequence[Image], out: Path, rate: float) -> None:
    """One palette for all frames, from three of them, so that nothing flickers; no dithering, which packs badly.

    An octree, since Pillow's default method gives all colours to what is large and turns a small red box grey.
    """
    from PIL import Image as Pillow

    every = max(1, math.ceil(rate / GIF_RATE))
    kept = [*frames[:-1:every], frames[-1]]
    sample = Pillow.fromarray(np.concatenate([kept[0], kept[len(kept) // 2], kept[-1]]))
    palette = sample.quantize(GIF_COLOURS, method=Pillow.Quantize.FASTOCTREE)
    images = [Pillow.fromarray(frame).quantize(palette=palette, dither=Pillow.Dither.NONE) for frame in kept]
    wait = int(1000 * every // rate)
    images[0].save(out, save_all=True, append_images=images[1:], loop=0, optimize=True,
                   duration=[wait] * (len(images) - 1) + [_HOLD])
