"""Real figures, charts and arrays: the bytes that arrive decode to the same picture."""

import io
import subprocess
import sys
import tracemalloc

import altair as alt
import IPython.display
import matplotlib as mpl
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image as Pillow
from support.helpers import PNG, missing

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.render import from_mime_bundle

mpl.use("agg")
import matplotlib.pyplot as plt

NUMBERS = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture
def arrived(gyazo, server):
    """Upload a thing, and open what the sandbox has then."""

    def upload(thing):
        image = gyazo.upload(thing)
        return Pillow.open(io.BytesIO(server.sandbox.album.get(image.image_id).data))

    return upload


def drawn(figure):
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    return np.asarray(Pillow.open(out))


def figure():
    made = Figure(figsize=(2, 1))
    made.subplots(1, 2)[0].plot([0, 1, 4])
    return made


class Display:
    """As scikit-learn's."""

    def __init__(self, figure):
        self.figure_ = figure


FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [3, 1, 2], "c": list("xyx")})


@pytest.mark.parametrize(
    "make",
    [
        lambda: (f := figure(), f),
        lambda: (f := figure(), f.axes[0]),
        lambda: (f := figure(), np.array(f.axes)),
        lambda: (f := figure(), f.axes),
        lambda: (f := figure(), f.axes[0].lines),
        lambda: (f := figure(), f.axes[0].plot([1, 2])),
        lambda: (a := FRAME.a.plot(), a)[::-1] and (plt.gcf(), a),
        lambda: (a := FRAME.hist(), (a[0, 0].figure, a))[1],
        lambda: (a := sns.lineplot(FRAME, x="a", y="b"), (a.figure, a))[1],
        lambda: (g := sns.relplot(FRAME, x="a", y="b", col="c"), (g.figure, g))[1],
        lambda: (g := sns.jointplot(FRAME, x="a", y="b"), (g.figure, g))[1],
        lambda: (f := Figure(), (f, f.subfigures(1, 2)[1].subplots()))[1],
        lambda: (f := plt.figure(), f.add_subplot().plot([1, 3]), (f, plt))[2],
        lambda: (f := figure(), f.axes[1].pie([1, 2])),
        lambda: (f := figure(), f.colorbar(f.axes[1].imshow(np.eye(3)))),
        lambda: (f := figure(), f.axes[1].streamplot([0, 1, 2], [0, 1, 2], np.eye(3), np.eye(3))),
        lambda: (f := figure(), f.axes[1].boxplot([1, 2])),
        lambda: (f := figure(), f.axes[1].violinplot([1, 2])),
        lambda: (f := figure(), f.axes[1].errorbar([1, 2], [3, 4], [1, 1], fmt="none")),
        lambda: (f := figure(), f.axes[1].hist2d([1, 2], [3, 4])),
        lambda: (f := Figure(), f.subplot_mosaic("ab"))[:2],
        lambda: (f := figure(), Display(f)),
    ],
    ids=[
        "figure",
        "axes",
        "array of axes",
        "list of axes",
        "lines",
        "plot()",
        "pandas",
        "hist()",
        "seaborn axes",
        "seaborn grid",
        "seaborn joint",
        "subfigure",
        "pyplot",
        "pie()",
        "colour bar",
        "streamplot()",
        "boxplot()",
        "violinplot()",
        "errorbar()",
        "hist2d()",
        "mosaic",
        "display of scikit-learn",
    ],
)
def test_matplotlib_and_those_who_draw_by_it(arrived, make):
    """Whatever part of a figure is given, the figure arrives, pixel by pixel."""
    figure, thing = make()

    sent = np.asarray(arrived(thing))

    assert (sent == drawn(figure)).all()
    assert len(np.unique(sent)) > 2


def test_several_figures_are_a_sentence():
    """Which one is meant cannot be guessed."""
    with pytest.raises(PictureError, match="2 figures.*upload_all"):
        file_part([figure().axes[0], figure().axes[0]])


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 200)])
def test_an_array_of_bytes(arrived, size, channels):
    """Grey, grey with alpha, RGB and RGBA, to the last bit."""
    array = NUMBERS.integers(0, 256, (*size, *channels), dtype=np.uint8)

    sent = arrived(array)

    assert sent.format == "PNG"
    assert (np.asarray(sent).reshape(array.shape) == array).all()


def test_smooth_rows_are_written_small(arrived):
    """The filters of PNG are used: a slope costs little."""
    slope = np.broadcast_to(np.arange(256, dtype=np.uint8), (256, 256))

    assert (np.asarray(arrived(slope)) == slope).all()
    assert len(file_part(slope).content) < 2000


def test_a_large_array_arrives_to_the_last_bit_in_little_memory(arrived):
    """It is filtered a few rows at a time, and no seam is seen between them."""
    y, x = np.mgrid[:900, :700]
    array = np.stack([x + y, x * y, NUMBERS.integers(0, 256, x.shape)], axis=2).astype(np.uint8)
    part = file_part(array)  # everything is loaded

    tracemalloc.start()
    file_part(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (np.asarray(arrived(array)) == array).all()
    assert peak < array.nbytes + 3 * len(part.content)
    assert (np.asarray(arrived(array / 255)) == array).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_array_of_floats(arrived, dtype):
    """From 0 to 1, as imshow takes them; rounding beyond is forgiven."""
    array = np.array([[0, 0.5, 1, 1 + 1e-7]], dtype)

    assert np.asarray(arrived(array)).tolist() == [[0, 128, 255, 255]]


def test_an_array_of_truths_and_one_in_another_order(arrived):
    """Black and white; a transposed or sliced array is read as it is seen."""
    mask = np.array([[True, False], [False, True]])
    assert np.asarray(arrived(mask)).tolist() == [[255, 0], [0, 255]]

    turned = NUMBERS.integers(0, 256, (8, 6, 3), dtype=np.uint8).transpose(1, 0, 2)[::-1, ::2]
    assert (np.asarray(arrived(turned)) == turned).all()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2), int), "An array of int64 does not say.*astype"),
        (np.zeros((2, 2), np.uint16), "uint16"),
        (np.full((2, 2), 7.5), "floats from 7.5 to 7.5: scale them"),
        (np.array([[0.0, np.nan]]), "holds NaN"),
        (np.zeros((3, 20, 20)), r"shape \(3, 20, 20\)"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((0, 5)), r"shape \(0, 5\)"),
        (np.array([object()]), r"not a picture"),
        (np.ma.masked_array(np.zeros((2, 2)), [[1, 0], [0, 0]]), r"masked pixels.*filled"),
        (pd.DataFrame({"figure": [1, 2], "fig": 3}), "This DataFrame is not a picture"),
        (np.rec.array(np.zeros((2, 2), [("figure", "u1")])), "does not say"),
        (pd.Series([1.0, 2.0]), "not a picture"),
        (FRAME, "This DataFrame is not a picture: give a figure"),
    ],
)
def test_what_an_array_does_not_say_is_a_sentence(array, words):
    """Nothing is guessed: neither a scale nor an order of the axes."""
    with pytest.raises(PictureError, match=words):
        file_part(array)


class Tensor:
    """As one that requires grad: numpy may not look into it."""

    shape, dtype = (2, 2), "float32"

    def __array__(self, *_, **__):
        raise RuntimeError("Use tensor.detach().numpy() instead.")


def test_an_array_that_cannot_be_read_is_a_sentence():
    """The library's own advice stands in it."""
    with pytest.raises(PictureError, match=r"Tensor cannot be read .*Use tensor.detach"):
        file_part(Tensor())


@pytest.fixture
def chrome(monkeypatch):
    import shutil  # noqa: PLC0415

    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing("kaleido draws by Chromium, which is not installed")
    monkeypatch.setenv("BROWSER_PATH", path)


@pytest.mark.filterwarnings("ignore")  # kaleido's and plotly's own
def test_plotly(arrived, chrome):
    """A plotly figure is drawn by its own exporter, and from what it shows in a notebook as well."""
    made = go.Figure(go.Bar(y=[1, 3, 2], marker_color="#ff0000"), {"template": "none"})

    sent = np.asarray(arrived(made).convert("RGB"))
    bundle = {"application/vnd.plotly.v1+json": made.to_plotly_json(), "text/html": ""}
    shown = np.asarray(Pillow.open(io.BytesIO(from_mime_bundle(bundle))).convert("RGB"))

    assert sent.shape == (500, 700, 3)
    assert (sent == [255, 0, 0]).all(axis=2).sum() > 10_000
    assert (sent == shown).all()


def test_altair(arrived):
    """An altair chart is drawn by vl-convert, also from what it shows in a notebook."""
    chart = alt.Chart(FRAME).mark_bar(color="#ff0000").encode(x="a:O", y="b:Q")

    for thing in (chart, chart | chart, chart + chart):
        sent = np.asarray(arrived(thing).convert("RGB"))
        assert (sent == [255, 0, 0]).all(axis=2).sum() > 1000
    with alt.renderers.enable("mimetype"):
        assert from_mime_bundle(chart._repr_mimebundle_()[0])[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("module", "make", "words"),
    [
        ("kaleido", go.Figure, "pip install kaleido"),
        ("vl_convert", lambda: alt.Chart(FRAME).mark_bar(), "pip install vl-convert-python"),
        ("vl_convert", lambda: IPython.display.SVG(SVG), "takes no SVG.*pip install cairosvg"),
    ],
)
def test_a_missing_exporter_is_a_sentence(monkeypatch, module, make, words):
    """It says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "cairosvg", None)

    with pytest.raises(PictureError, match=words):
        file_part(make())


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">'
    '<rect width="30" height="20" fill="#00ff00"/></svg>'
)


def test_an_svg_is_drawn_by_what_is_there(arrived, tmp_path):
    """As an object, as bytes, as a file."""
    path = tmp_path / "a.svg"
    long = f'<?xml version="1.0"?>\n<!-- {"a licence " * 99} -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n{SVG}'
    path.write_text(long)

    for thing in (
        IPython.display.SVG(SVG),
        SVG.encode(),
        path,
        long.encode(),
        io.BytesIO(long.encode()),
    ):
        sent = arrived(thing)
        assert sent.size == (30, 20)
        assert sent.convert("RGB").getpixel((5, 5)) == (0, 255, 0)


def encoded(kind):
    out = io.BytesIO()
    Pillow.effect_noise((16, 16), 60).convert("RGB").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_an_ipython_image_is_sent_as_it_is(kind, tmp_path):
    """From bytes or from a file: not a byte is changed."""
    data = encoded(kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data)

    assert file_part(IPython.display.Image(data)).content == data
    assert file_part(IPython.display.Image(filename=path)).content == data


class Shows:  # noqa: D101
    def __init__(self, name, value):
        setattr(self, name, lambda *_, **__: value)


def test_what_shows_itself_as_a_picture_is_one():
    """`_repr_png_`, `_repr_jpeg_`, `_repr_mimebundle_`, with or without metadata, bytes or base64."""
    import base64  # noqa: PLC0415

    png, jpeg = encoded("PNG"), encoded("JPEG")
    text = base64.b64encode(png).decode()
    for name, value, sent in (
        ("_repr_png_", png, png),
        ("_repr_png_", (text, {"width": 5}), png),
        ("_repr_jpeg_", jpeg, jpeg),
        ("_repr_mimebundle_", {"image/jpeg": jpeg, "text/plain": "a"}, jpeg),
        ("_repr_mimebundle_", ({"image/png": text}, {}), png),
    ):
        assert file_part(Shows(name, value)).content == sent
    with pytest.raises(PictureError, match="This Shows is not a picture"):
        file_part(Shows("_repr_mimebundle_", {"text/html": "a"}))
    for kind in (Shows, Figure, Pillow.Image, go.Figure):
        with pytest.raises(PictureError, match="is not a picture"):
            file_part(kind)


class Asked:  # noqa: D101
    def _repr_mimebundle_(self, include, exclude):
        return {"image/png": PNG}


class Willing:  # noqa: D101
    def __init__(self, error):
        self.error = error

    def _repr_png_(self):
        raise self.error

    def _repr_jpeg_(self):
        return JPEG


class Unwilling(Willing):  # noqa: D101
    _repr_jpeg_ = None


JPEG = b"\xff\xd8\xff" + bytes(9)


def test_what_shows_itself_is_asked_as_ipython_asks():
    """By keywords, and by the next way when one fails."""
    assert file_part(Asked()).content == PNG
    assert file_part(Willing(NotImplementedError())).content == JPEG
    assert file_part(Willing(OSError("no screen"))).content == JPEG
    with pytest.raises(PictureError, match="Unwilling could not be drawn .OSError: no screen"):
        file_part(Unwilling(OSError("no screen")))
    with pytest.raises(PictureError, match="This Unwilling is not a picture"):
        file_part(Unwilling(NotImplementedError()))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("_repr_mimebundle_", [1, 2], "TypeError: it shows itself as a list"),
        ("_repr_mimebundle_", {"image/png": 5}, "TypeError"),
        ("_repr_png_", "abc", "padding"),
        ("_repr_png_", "größer", "ASCII"),
        ("_repr_mimebundle_", None, "is not a picture"),
        ("_repr_mimebundle_", {"image/png": ""}, "is not a picture"),
        ("to_image", None, "is not a picture"),
    ],
)
def test_what_shows_itself_wrongly_is_a_sentence(name, value, words):
    """It is another library's mistake, and not the user's."""
    with pytest.raises(PictureError, match=words):
        file_part(Shows(name, value))


def test_a_picture_behind_an_address(call, gyazo, server):
    """It is fetched without the token, redirects and all; what is no picture is a sentence."""
    image = gyazo.upload(encoded("JPEG"))
    server.sandbox.requests.clear()

    again = call(gyazo, "upload", image.url.replace("https://i.gyazo.com", server.url))
    shown = call(gyazo, "upload", IPython.display.Image(url=image.url, embed=False))

    assert again.image_id == shown.image_id == image.image_id
    fetched = [r for r in server.sandbox.requests if r.method == "GET"]
    assert fetched
    assert not any("authorization" in r.headers for r in fetched)
    for address, words in (
        (f"{server.url}/no/such", "127.0.0.1 answered 404 instead of a picture"),
        (f"{server.url}/", "What is at this address held text"),
        ("http://127.0.0.1:1/a.png?key=s3cr3t", "could not be fetched from 127.0.0.1"),
    ):
        with pytest.raises(PictureError, match=words) as caught:
            call(gyazo, "upload", address)
        assert "s3cr3t" not in str(caught.value)


def test_what_is_fetched_is_bounded(gyazo, server, monkeypatch):
    """In size and in time."""
    image = gyazo.upload(encoded("PNG"))
    for name, limit, words in (("LARGEST", 10, "larger than"), ("LONGEST", -1, "takes longer")):
        with monkeypatch.context() as patch:
            patch.setattr(f"gyazo_nb.http.download.{name}", limit)
            with pytest.raises(PictureError, match=words):
                gyazo.upload(image.url)


ALONE = """
import io, sys
from gyazo_nb import Gyazo, PictureError
from gyazo_nb.images.convert import file_part
for thing in (b"GIF89a", io.BytesIO(b"GIF89a"), sys.argv[0], object(), 5):
    try:
        file_part(thing)
    except PictureError:
        pass
print(*{"PIL", "numpy", "matplotlib", "pandas", "plotly", "altair", "kaleido", "vl_convert", "cairosvg",
    "IPython", "tqdm", "httpx"} & set(sys.modules))
"""


def test_no_picture_library_is_imported():
    """Bytes, files and things that are none of theirs load nothing."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
    assert PNG
