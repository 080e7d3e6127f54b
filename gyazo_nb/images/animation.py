"""Encodes frames as a moving picture: as a GIF if it keeps every frame, else as an animated PNG.

Guarantees: the file is decoded again and compared. It shows the same pixels in each frame, for the same
duration, and repeats as often; otherwise an error says so. A pixel that is fully transparent has no color.
"""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from typing import Any, TypeAlias

from gyazo_nb.errors import PictureError, reason_of

from .limits import check_pixels
from .png_encoder import PNG_SIGNATURE, png_chunk, png_chunks

# Makes a progress bar of tqdm, or a context without one (None).
ProgressBar: TypeAlias = Callable[[], AbstractContextManager[Any]]

_FRAME_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}
_OPAQUE = 255
_GIF_COLORS = 255  # beside one transparent color
_MAX_DELAY = 65_535  # numerator and denominator of APNG
_DEFAULT_INTERVAL = 200  # milliseconds, as in Matplotlib
_TOLERANCE = 0.01  # milliseconds, for rounding errors


@dataclass(slots=True)
class Animation:
    """Complete frames (RGBA), each with its duration in milliseconds.

    `plays` is the number of times that the animation runs, or 0 for an endless one. With
    `has_default_image`, the first frame is shown only where animated PNGs are not supported.
    """

    frames: list[tuple[Any, float]] = field(default_factory=list)
    plays: int = 0
    has_default_image: bool = False

    def add(self, frame: Any, duration: float) -> None:
        """Add a frame of any mode that RGBA can store."""
        if frame.mode not in _FRAME_MODES:
            raise PictureError(
                f"The frames of this animation have the mode {frame.mode}, which no moving picture keeps: "
                f"save it as a file, and upload the file."
            )
        self.frames.append((frame.convert("RGBA"), duration))

    def encode(self, options: Mapping[str, Any], *, prefer_gif: bool) -> bytes:
        """Encode the frames. `options` are those of Pillow for each PNG, such as a color profile."""
        if prefer_gif and not self.has_default_image and not options:
            data = self._gif()
            if data and self._is_kept(data):
                return data
        data = self._apng(options)
        if not self._is_kept(data):
            raise PictureError(
                "This animation would lose frames or durations: save it as a file, and upload the file."
            )
        return data

    def _gif(self) -> bytes | None:
        """Encode as GIF, or return None if a frame has too many colors or half transparent pixels."""
        frames = []
        for frame, _ in self.frames:
            converted = _to_gif_frame(frame)
            if converted is None:
                return None
            frames.append(converted)
        options: dict[str, Any] = {"duration": [time for _, time in self.frames], "optimize": False}
        if self.plays != 1:
            options["loop"] = max(self.plays - 1, 0)
        if any("transparency" in frame.info for frame in frames):
            options["disposal"] = 2
        out = io.BytesIO()
        with suppress(OverflowError, struct.error, ValueError):  # a duration that GIF cannot store
            frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], **options)
            return out.getvalue()
        return None

    def _apng(self, options: Mapping[str, Any]) -> bytes:
        """Encode each frame as a PNG, and join them. Pillow would join equal frames to one."""
        opaque = all(frame.getextrema()[3][0] == _OPAQUE for frame, _ in self.frames)
        parts = [PNG_SIGNATURE]
        numbers = count()  # of the chunks of the animation
        for index, (frame, duration) in enumerate(self.frames):
            png = io.BytesIO()
            (frame.convert("RGB") if opaque else frame).save(png, "PNG", **options)
            chunks = list(png_chunks(png.getvalue()))
            pixels = b"".join(body for name, body in chunks if name == b"IDAT")
            if not index:
                parts += [png_chunk(*one) for one in chunks if one[0] not in {b"IDAT", b"IEND"}]
                total = len(self.frames) - self.has_default_image
                parts.append(png_chunk(b"acTL", struct.pack(">II", total, self.plays)))
            if index or not self.has_default_image:
                delay = _delay(duration).as_integer_ratio()
                place = (*frame.size, 0, 0)
                control = struct.pack(">IIIIIHHBB", next(numbers), *place, *delay, 0, 0)
                parts.append(png_chunk(b"fcTL", control))
            if index:
                parts.append(png_chunk(b"fdAT", struct.pack(">I", next(numbers)) + pixels))
            else:
                parts.append(png_chunk(b"IDAT", pixels))
        return b"".join([*parts, png_chunk(b"IEND", b"")])

    def _is_kept(self, data: bytes) -> bool:
        """Whether a file shows this animation."""
        with importlib.import_module("PIL.Image").open(io.BytesIO(data)) as image:
            if getattr(image, "n_frames", 1) != len(self.frames):
                return False
            if len(self.frames) > 1 and plays_of(image) != self.plays:
                return False
            for index, (frame, duration) in enumerate(self.frames):
                image.seek(index)
                image.load()
                if _visible(image.convert("RGBA")).tobytes() != _visible(frame).tobytes():
                    return False
                is_timed = len(self.frames) > 1 and (index or not self.has_default_image)
                if is_timed and abs(duration_of(image) - duration) > _TOLERANCE:
                    return False
        return True


def duration_of(image: Any) -> float:
    """Return the duration of the loaded frame in milliseconds. A frame without one has 0."""
    return float(image.info.get("duration") or 0)


def plays_of(image: Any) -> int:
    """Return how many times an opened animation runs, or 0 for an endless one."""
    loop = image.info.get("loop")
    if image.format == "GIF":  # it stores the number of repetitions
        return 1 if loop is None else loop + 1 if loop else 0
    return int(loop or 0)


def _visible(frame: Any) -> Any:
    """Remove the color of the transparent pixels of an RGBA image."""
    if frame.getextrema()[3][0]:
        return frame
    visible = importlib.import_module("PIL.Image").new("RGBA", frame.size)
    visible.paste(frame, mask=frame.getchannel("A").point([0] + [_OPAQUE] * 255))
    return visible


def _to_gif_frame(frame: Any) -> Any:
    """Convert an RGBA image to a palette with the same colors, or return None."""
    alpha = frame.getchannel("A")
    if {value for _, value in alpha.getcolors()} - {0, _OPAQUE}:
        return None
    colors = _visible(frame).convert("RGB")
    if colors.getcolors(_GIF_COLORS) is None:
        return None
    converted = colors.quantize(_GIF_COLORS, dither=0)
    if alpha.getextrema()[0] < _OPAQUE:
        converted.paste(_GIF_COLORS, mask=alpha.point([_OPAQUE] + [0] * 255))
        converted.info["transparency"] = _GIF_COLORS
    return converted


def _delay(duration: float) -> Fraction:
    """Return the duration in seconds as APNG stores it."""
    limit = _MAX_DELAY
    while (delay := Fraction(duration / 1000).limit_denominator(limit)).numerator > _MAX_DELAY:
        limit //= 2
        if not limit:
            raise PictureError(
                f"A frame of this animation is shown for {duration / 1000:,.0f} seconds, which no moving "
                f"picture keeps: pass a shorter duration."
            )
    return delay


def join_frames(pictures: Sequence[bytes], interval: float, *, plays: int) -> bytes:
    """Join pictures, each shown for `interval` milliseconds, to one moving picture."""
    animation = Animation(plays=plays)
    for data in pictures:
        with importlib.import_module("PIL.Image").open(io.BytesIO(data)) as frame:
            width, height = frame.size
            check_pixels(width, height, "animation", frames=len(pictures))
            animation.add(frame, interval)
    return animation.encode({}, prefer_gif=True)


def render_animation(item: Any, progress_bar: ProgressBar = nullcontext) -> bytes:
    """Render all frames, as a GIF if it keeps them, else as an animated PNG. A bar counts the frames."""
    animation = Animation(plays=0 if getattr(item, "_repeat", True) else 1)
    interval = float(getattr(item, "_interval", _DEFAULT_INTERVAL))
    try:
        pillow_writer = importlib.import_module("matplotlib.animation").PillowWriter
        with progress_bar() as bar:

            def show_progress(_: int, total: int | None) -> None:
                if bar is not None:
                    bar.total = total
                    bar.update()

            # The writer opens no file. Matplotlib only checks that the folder exists.
            item.save(
                "animation.gif",
                writer=_writer(pillow_writer, animation, interval),
                progress_callback=show_progress,
            )
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(
            f"This animation could not be rendered ({type(error).__name__}: {reason_of(error)}): "
            f"run  anim.save('a.gif', writer='pillow')  and upload the file."
        ) from error
    if not animation.frames:
        raise PictureError("This animation has no frames: check its argument frames.")
    return animation.encode({}, prefer_gif=True)


def _writer(pillow_writer: Any, animation: Animation, interval: float) -> Any:
    """Make a Pillow writer that adds the frames to `animation` instead of writing a file."""

    class Collector(pillow_writer):  # type: ignore[misc] # imported at run time
        def grab_frame(self, **options: Any) -> None:
            super().grab_frame(**options)
            animation.add(self._frames.pop(), interval)
            width, height = self.frame_size
            check_pixels(width, height, "animation", frames=len(animation.frames))

        def finish(self) -> None:
            """Write no file."""

    return Collector()
