"""Renders a Matplotlib animation (`FuncAnimation`, `ArtistAnimation`) as a moving picture.

Guarantees: Matplotlib's own Pillow writer renders the frames, each is kept, and each is shown for the
interval of the animation. Importing this module does not import Matplotlib.
"""

from __future__ import annotations

import importlib
from typing import Any

from gyazo_nb.errors import PictureError

from .animation import Animation
from .limits import check_pixels
from .reasons import reason_of

_SAVE = "anim.save('a.gif', writer='pillow')  and upload the file"
_DEFAULT_INTERVAL = 200  # milliseconds, as in Matplotlib


def render_animation(item: Any) -> bytes:
    """Render all frames, as a GIF if it keeps them, else as an animated PNG."""
    animation = Animation(plays=0 if getattr(item, "_repeat", True) else 1)
    interval = float(getattr(item, "_interval", _DEFAULT_INTERVAL))
    try:
        writer = _writer(importlib.import_module("matplotlib.animation").PillowWriter)
        # The writer opens no file. Matplotlib only checks that the folder exists.
        item.save("animation.gif", writer=writer)
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(
            f"This animation could not be rendered ({type(error).__name__}: {reason_of(error)}): "
            f"run  {_SAVE}."
        ) from error
    for frame in writer.frames:
        animation.add(frame, interval)
    if not animation.frames:
        raise PictureError("This animation has no frames: check its argument frames.")
    return animation.encode({}, prefer_gif=True)


def _writer(pillow_writer: Any) -> Any:
    """Make a Pillow writer that keeps the frames instead of writing a file."""

    class Collector(pillow_writer):  # type: ignore[misc] # imported at run time
        frames: list[Any]

        def grab_frame(self, **options: Any) -> None:
            super().grab_frame(**options)
            self.frames = self._frames
            width, height = self.frame_size
            check_pixels(width, height, "animation", frames=len(self.frames))

        def finish(self) -> None:
            """Write no file."""

    writer = Collector()
    writer.frames = []
    return writer
