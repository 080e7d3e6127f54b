"""An animation of Matplotlib arrives frame by frame, as Matplotlib's own writer renders it."""

import io
import re
import signal
import subprocess
import sys
from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.animation import ArtistAnimation, FuncAnimation, PillowWriter, TimedAnimation
from matplotlib.figure import Figure
from support.pictures import open_part
from tqdm import tqdm

from gyazo_nb import PictureError
from gyazo_nb.client import connection
from gyazo_nb.images import limits
from gyazo_nb.images.animation import render_animation
from gyazo_nb.images.convert import file_part

mpl.use("agg")


class Recorder(PillowWriter):
    """Keeps the frames that Matplotlib renders."""

    def finish(self):
        pass


def rendered(animation):
    """The frames as Matplotlib renders them."""
    recorder = Recorder()
    animation.save("a.gif", writer=recorder)
    return [np.asarray(frame.convert("RGBA")).tolist() for frame in recorder._frames]


def bars(**options):
    """Three bars that grow, in a few colors."""
    figure = Figure(figsize=(1, 0.5), frameon=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(ylim=(0, 6), xlim=(-0.5, 2.5))
    axes.axis("off")
    container = axes.bar([0, 1, 2], [1, 2, 3], color=["red", "lime", "blue"], antialiased=False)

    def update(n):
        for rectangle in container:
            rectangle.set_height(n + 1)
        return container

    return FuncAnimation(figure, update, **({"frames": 4, "interval": 50} | options))


def gradient(**options):
    """Pictures with more colors than a GIF can store."""
    figure = Figure(figsize=(1, 1))
    axes = figure.add_subplot()
    values = np.linspace(0, 1, 64).reshape(8, 8)
    rows = [[axes.imshow(values**n, cmap="turbo", interpolation="bicubic")] for n in (1, 2, 3)]
    return ArtistAnimation(figure, rows, **options)


class OwnAnimation(TimedAnimation):
    """A subclass that keeps its figure, and lines, as the examples of Matplotlib do."""

    def __init__(self):
        self.fig = Figure(figsize=(1, 1))
        self.ax = self.fig.add_subplot()
        self.lines = self.ax.plot([0, 1])
        super().__init__(self.fig, interval=40)

    def new_frame_seq(self):
        return iter(range(3))

    def _draw_frame(self, n):
        self.lines[0].set_ydata([n, 1])


@pytest.mark.parametrize(
    ("make", "file_format", "interval"),
    [
        (bars, "GIF", 50),
        (lambda: bars(interval=200, blit=True), "GIF", 200),
        (lambda: bars(interval=33), "PNG", 33),
        (lambda: bars(interval=16.5), "PNG", 16.5),
        (lambda: gradient(interval=120), "PNG", 120),
        (OwnAnimation, None, 40),
    ],
    ids=["few colors", "blit", "33 ms", "16.5 ms", "many colors", "own class"],
)
def test_animation_arrives_frame_by_frame(upload, make, file_format, interval):
    """As a GIF only if it keeps the colors and the interval."""
    animation = make()
    expected = rendered(animation)

    sent = upload(animation)

    assert file_format in {sent.format, None}
    assert sent.n_frames == len(expected) > 1
    for index, frame in enumerate(expected):
        sent.seek(index)
        sent.load()
        pixels = np.asarray(sent.convert("RGBA"))
        visible = np.asarray(frame)
        opaque = visible[..., 3] > 0
        assert (pixels[..., 3] == visible[..., 3]).all()
        assert (pixels[opaque] == visible[opaque]).all()
        assert sent.info["duration"] == pytest.approx(interval)


@pytest.mark.parametrize(("repeat", "loop"), [(True, 0), (False, None)])
def test_animation_repeats_as_in_the_notebook(repeat, loop):
    sent = open_part(file_part(bars(repeat=repeat)))

    assert sent.info.get("loop") == loop


def test_animation_writes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file_part(bars())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_failed_animation_says_how_to_save_it(monkeypatch):
    def update(_):
        raise ValueError("bad frame\nsecond line")

    animation = FuncAnimation(Figure(), update, frames=2)
    command = r"anim.save\('a.gif', writer='pillow'\)  and upload the file"
    with pytest.raises(PictureError, match=rf"ValueError: bad frame second line\).*{command}"):
        file_part(animation)
    animation = bars()
    rendered(animation)  # Matplotlib warns if an animation is deleted without being rendered
    monkeypatch.setitem(sys.modules, "matplotlib.animation", None)
    with pytest.raises(PictureError, match=command):
        file_part(animation)


def test_animation_with_too_many_frames_is_refused_while_it_is_rendered(monkeypatch):
    """The frames before are kept in memory."""
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS", 3 * 100 * 50)

    with pytest.raises(PictureError, match="animation has 4 frames of 100 x 50 pixels"):
        file_part(bars())


@pytest.mark.parametrize(
    ("make", "frames"), [(bars, "4/4 ["), (OwnAnimation, "3frame"), (lambda: bars(frames=2), "2/2")]
)
def test_progress_counts_the_frames(make, frames):
    out = io.StringIO()

    render_animation(make(), partial(tqdm, file=out, unit="frame"))

    assert frames in out.getvalue()
    assert out.getvalue().endswith("\n")


def test_animation_shows_progress_only_if_it_takes_long(gyazo, monkeypatch, capfd):
    """In a batch, the progress bar of the batch is enough."""
    gyazo.upload(bars())
    assert capfd.readouterr() == ("", "")
    monkeypatch.setitem(connection._FRAMES_BAR.keywords, "delay", 0)

    gyazo.upload_all([bars()], progress=False)
    assert capfd.readouterr() == ("", "")
    gyazo.upload(bars())

    out, shown = capfd.readouterr()
    assert out == ""
    assert re.search(r"Rendering: 100%.* 4/4 .*frame/s\]\n$", shown)


def test_stop_ends_an_animation_and_its_progress_bar(gyazo, server, monkeypatch, capfd):
    """Nothing is uploaded. The animation can be uploaded later."""
    monkeypatch.setitem(connection._FRAMES_BAR.keywords, "delay", 0)
    stop = iter([False, False, False, True])

    def update(n):
        if next(stop, False):
            signal.raise_signal(signal.SIGINT)
        return bar.set_height(n + 1)

    figure = Figure(figsize=(1, 1))
    (bar,) = figure.subplots().bar([0], [1])
    animation = FuncAnimation(figure, update, frames=4)

    with pytest.raises(KeyboardInterrupt):
        gyazo.upload(animation)

    assert capfd.readouterr().err.endswith("\n")
    assert not tqdm._instances
    assert not server.sandbox.image_store.all()
    assert len(rendered(animation)) == open_part(file_part(animation)).n_frames == 4


def test_several_animations_are_not_taken_for_a_figure():
    """They would become a still picture."""
    animation = OwnAnimation()
    rendered(animation)

    with pytest.raises(PictureError, match="is not a picture"):
        file_part([animation, 5])


def test_animation_without_frames_is_refused():
    with pytest.raises(PictureError, match="has no frames|could not be rendered"):
        file_part(FuncAnimation(Figure(), lambda _: (), frames=0))


def test_animation_is_recognized_without_matplotlib():
    code = (
        "import sys\nfrom gyazo_nb.images.render import render\n"
        "assert render(5) is None\nassert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
