"""`%gyazo` without an item: the pictures that a cell showed, in a real IPython shell without a kernel."""

import base64
import gc
import importlib
import io
import weakref
from functools import partial
from types import SimpleNamespace

import matplotlib as mpl
import pytest
from IPython.core.pylabtools import select_figure_formats
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image as Pillow
from support.notebooks import code_cell, write_notebook

from gyazo_nb import ArgumentError, PictureError
from gyazo_nb.images.render import from_mime_bundle
from gyazo_nb.notebook import shown

MEGABYTE = 2**20
RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 128, 0)


def png(color):
    out = io.BytesIO()
    Pillow.new("RGB", (4, 3), color).save(out, "PNG")
    return out.getvalue()


class Picture:
    """An object that IPython displays as a picture."""

    def __init__(self, color, size=0):
        self.color, self.size = color, size

    def _repr_png_(self):
        return png(self.color) + bytes(self.size)


@pytest.fixture
def notebook(shell, server, monkeypatch, tmp_path):
    """Run cells in a shell in which the extension is loaded, and get the colors that were uploaded."""
    monkeypatch.chdir(tmp_path)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    shell.run_line_magic("load_ext", "gyazo_nb")

    def run(*cells):
        shell.user_ns["Picture"] = Picture  # also after %reset
        for cell in cells:
            result = shell.run_cell(cell, store_history=True)
        return result

    def share(line=""):
        """Run `%gyazo` with these options, and return the colors that it uploaded, in order."""
        run(f"%gyazo {line}").raise_error()
        stored = [server.sandbox.image_store.get(i.image_id) for i in shell.user_ns["gyazo_images"]]
        pictures = [Pillow.open(io.BytesIO(one.data)).convert("RGB") for one in stored]
        return [picture.getpixel((0, 0)) for picture in pictures]

    run("from IPython.display import *")
    return SimpleNamespace(run=run, share=share, shell=shell)


def data_url(color):
    return f"data:image/png;base64,{base64.b64encode(png(color)).decode()}"


WAYS = {
    "last expression": "Picture('red')",
    "display()": "display(Picture('red'))",
    "IPython Image": f"Image(data={png('red')!r})",
    "raw data": f"display({{'image/png': {png('red')!r}}}, raw=True)",
    "publish_display_data": f"publish_display_data({{'image/png': {png('red')!r}}})",
    "HTML": f"HTML('<p><img src=\"{data_url('red')}\"></p>')",
    "Markdown": f"Markdown('![a]({data_url('red')})')",
    "SVG": 'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><rect width="2" height="2" fill="red"/></svg>\')',
    "updated display": "handle = display('text', display_id=True); handle.update(Picture('red'))",
    "empty display": "handle = display(display_id=True); handle.update(Picture('red'))",
    "display id of another cell": "handle = display(Picture('blue'), display_id='a')\n---\nupdate_display(Picture('red'), display_id='a')",
    "cleared before": "display(Picture('blue')); clear_output(); display(Picture('red'))",
    "cleared by the next": "display(Picture('blue')); clear_output(wait=True); display(Picture('red'))",
    "display(clear=True)": "display(Picture('blue')); display(Picture('red'), clear=True)",
    "error afterwards": "display(Picture('red'))\n1/0",
    "shown capture": "%%capture taken\ndisplay(Picture('red'))\n---\ntaken.show()",
    "%%time": "%%time\nPicture('red')",
    "%%gyazo": "%%gyazo\nPicture('red')",
    "nested cell": "get_ipython().run_cell('display(Picture(\"red\"))');",
    "loop": "for _ in range(3): display(Picture('red'))",
    "thread": "import threading\nthread = threading.Thread(target=display, args=[Picture('red')])\nthread.start(); thread.join()",
    "await": "import asyncio\nawait asyncio.sleep(0)\ndisplay(Picture('red'))",
    "self-displaying object": "class Own:\n    def _ipython_display_(self): display(Picture('red'))\nOwn()",
}


@pytest.mark.parametrize("cells", WAYS.values(), ids=WAYS)
def test_picture_of_the_newest_cell_is_uploaded(notebook, capsys, cells):
    """However it was shown. Cells without a picture do not count, and the line names the cell."""
    notebook.run("display(Picture('green'))", *cells.split("\n---\n"))
    number = notebook.shell.execution_count - 1
    notebook.run("1 + 1", "print('text')", "HTML('<b>page</b>')")

    assert notebook.share() == [RED]
    assert (
        f"# Shown by cell [{number}]. Cell [{number + 3}] showed a page" in capsys.readouterr().out
    )


NOT_SHOWN = {
    "semicolon": "Picture('red');",
    "captured": "%%capture\ndisplay(Picture('red'))",
    "cleared": "display(Picture('red')); clear_output()",
    "cleared by a text": "display(Picture('red')); clear_output(wait=True); print('done')",
    "replaced by a text": "handle = display(Picture('red'), display_id=True); handle.update('text')",
    "card": "gyazo.upload(Picture('red'))",
    "cards": "%gyazo Picture('red')",
    "gallery": "gyazo.upload(Picture('red')); gyazo.images()",
    "picture in a script": f"HTML('<script>a = \"<img src={data_url('red')}>\"</script>')",
    "icon in a page": "HTML('<p>a</p><svg xmlns=\"http://www.w3.org/2000/svg\"></svg><p>b</p>')",
}


@pytest.mark.parametrize("cell", NOT_SHOWN.values(), ids=NOT_SHOWN)
def test_picture_that_is_not_shown_does_not_count(notebook, cell):
    """Nor do the cards and galleries of this package."""
    notebook.run("display(Picture('green'))", cell)

    assert notebook.share() == [GREEN]


def test_object_of_a_class_without_a_module_is_displayed(notebook):
    """Recording an output never keeps it from being displayed."""
    cell = "class Own:\n    __module__ = None\n    _repr_png_ = Picture._repr_png_\n    color, size = 'red', 0"
    notebook.run(cell, "Own()").raise_error()

    assert notebook.share() == [RED]


def test_pictures_above_in_the_same_cell_are_uploaded(notebook, capsys):
    """Identical ones once, in their order."""
    notebook.run("display(Picture('green'))")
    cell = "for color in ('red', 'blue', 'red'): display(Picture(color))\n%gyazo --into mine"
    notebook.run(cell).raise_error()

    assert len(notebook.shell.user_ns["mine"]) == 2
    assert capsys.readouterr().out.count("# Shown by cell [3]\n") == 2
    assert notebook.share() == [RED, BLUE]


def test_cell_is_chosen_by_its_execution_count(notebook):
    """Also an older one, and with the other options."""
    notebook.run("display(Picture('red'))", "display(Picture('blue'))")

    assert notebook.share("--cell 2 --title 'Cell {1+1}'") == [RED]
    assert notebook.shell.user_ns["gyazo_images"][0].title == "Cell 2"
    assert notebook.share("--cell 3") == [BLUE]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "--cell 99",
            r"Cell \[99\] has not run in this session: --cell takes the number in the br",
        ),
        ("--cell 0", r"Cell \[0\] has not run"),
        (
            "--cell 2",
            r"Cell \[2\] showed no picture. Name the items to upload, as  %gyazo fig  does\.",
        ),
        ("--cell 3", r"Cell \[3\] showed a page, not a picture: give the figure itself"),
        (
            "--cell 1 Picture('red')",
            r"--cell uploads what a cell showed: run  %gyazo --cell N  with",
        ),
        (
            "",
            "No cell has shown a picture since %load_ext gyazo_nb or %reset. Name the items to upload, as",
        ),
    ],
)
def test_cell_without_pictures_is_explained(notebook, line, message):
    """The sentence says what to do."""
    notebook.run("1 + 1", "HTML('<b>page</b>')", "Markdown('![a](picture.png)')")

    with pytest.raises(ArgumentError, match=message):
        notebook.run(f"%gyazo {line}").raise_error()


def test_cell_before_the_extension_was_loaded_is_explained(notebook):
    """The error says what to do. The cell that loads the extension counts from that moment."""
    notebook.run("%unload_ext gyazo_nb", "display(Picture('green'))")
    notebook.run("display(Picture('blue'))\n%load_ext gyazo_nb\ndisplay(Picture('red'))")

    assert notebook.share() == [RED]
    with pytest.raises(ArgumentError, match=r"ran before %load_ext gyazo_nb.*Put %%gyazo on the"):
        notebook.run("%gyazo --cell 3").raise_error()


@pytest.mark.parametrize(
    ("bundle", "way"),
    [
        ({"bokehjs_exec": ""}, "A Bokeh plot .* bokeh.io.export_png"),
        ({"holoviews_exec": "", "text/plain": ":Curve"}, r"This HoloViews plot .* hv\.save"),
    ],
)
def test_chart_that_only_the_browser_draws_is_explained(notebook, bundle, way):
    """Instead of an upload of an older picture."""
    bundle = {
        one if "/" in one else f"application/vnd.{one}.v0+json": bundle[one] for one in bundle
    }
    notebook.run("display(Picture('green'))")
    notebook.run(f"display({bundle}, raw=True)")

    with pytest.raises(PictureError, match=rf"Cell \[3\]: {way}"):
        notebook.run("%gyazo").raise_error()


def test_scripts_that_load_holoviews_are_not_a_chart(notebook):
    """`hv.extension`, and `import hvplot.pandas`, display them."""
    scripts = {"application/vnd.holoviews_exec.v0+json": "", "text/html": "<div></div>"}
    notebook.run(f"display(Picture('red'))\ndisplay({scripts}, raw=True)")

    assert notebook.share() == [RED]


def test_card_of_a_shown_picture_is_compact(notebook):
    """The notebook shows the picture above it. A card of an older cell or a named item has the picture."""
    publisher, cards = notebook.shell.display_pub, []
    publish = publisher.publish
    publisher.publish = lambda data, **options: (
        cards.append(data.get("text/html")),
        publish(data, **options),
    )
    notebook.run("display(Picture('red'))", "%gyazo", "%%gyazo\nPicture('red')", "%gyazo --cell 2")
    notebook.run("%gyazo Picture('red')")
    publisher.publish = publish

    assert ["<img" in card for card in cards if card] == [False, False, True, True]
    assert ["Shown by cell [2]" in card for card in cards if card] == [True, False, True, False]


@pytest.mark.parametrize(
    ("cell", "is_page"),
    [
        ("HTML('<div id=map></div>')", True),
        ("%gyazo_whoami", False),
        ("gyazo.upload(Picture('blue'))", False),
        ("print(1)", False),
    ],
)
def test_card_below_a_newer_page_shows_which_picture_was_uploaded(notebook, cell, is_page):
    """The user may mean the page, such as a map or a table, which is not a picture."""
    notebook.run("display(Picture('red'))", cell)
    with capture_output() as captured:
        notebook.run("%gyazo").raise_error()
    (card,) = [out.data["text/html"] for out in captured.outputs]

    assert "Shown by cell [2]" in card
    assert ("Cell [3] showed a page, not a picture" in card) == is_page == ("<img" in card)


def test_many_pictures_are_a_gallery_below_the_name_of_the_cell(notebook, capsys):
    """As for named items."""
    notebook.run("for size in range(13): display(Picture('red', size))")

    assert len(notebook.share()) == 13
    assert "Shown by cell [2]\n<13 uploaded" in capsys.readouterr().out


def test_live_canvas_is_shared_as_it_is_now(notebook, server):
    """The canvas of `%matplotlib widget`: a later cell changes the figure that the notebook shows."""

    class Canvas:
        figure = Figure(figsize=(2, 1))
        _repr_mimebundle_ = lambda self, **_: {"image/png": png("red"), "text/html": "<img>"}  # noqa: E731

    Canvas.__module__ = "ipympl.backend_nbagg"
    notebook.shell.user_ns["canvas"] = Canvas()
    notebook.run("display(canvas)", "canvas.figure.text(0.5, 0.5, 'new')", "%gyazo").raise_error()

    out = io.BytesIO()
    Canvas.figure.savefig(out, format="png", dpi="figure")
    assert [image.data for image in server.sandbox.images] == [out.getvalue()]


# ── figures as the notebook shows them ────────────────────────────────────────────────────────

SETTINGS = {
    "retina": (["retina"], {}, {}),
    "not tight": (["png"], {"bbox_inches": None}, {}),
    "resolution": (["png"], {"dpi": 31, "facecolor": "yellow"}, {}),
    "JPEG": (["jpeg"], {}, {}),
    "SVG": (["svg"], {}, {}),
    "several formats": (["svg", "retina", "pdf"], {}, {}),
    "settings": (["png"], {}, {"savefig.pad_inches": 1, "savefig.facecolor": "red"}),
}
UPLOADS = {
    "upload()": "gyazo.upload(figure)",
    "aupload()": "await gyazo.aupload(figure)",
    "upload_all()": "gyazo.upload_all([figure])",
    "aupload_all()": "await gyazo.aupload_all([figure])",
    "%gyazo figure": "%gyazo figure",
    "%gyazo axes": "%gyazo figure.axes",
    "%%gyazo": "%%gyazo\nfigure",
    "%gyazo": "display(figure)\n%gyazo",
}


@pytest.fixture
def figure(notebook):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    notebook.shell.user_ns["figure"] = figure
    return figure


def shown_bytes(notebook, figure):
    """The picture of a figure that the notebook shows."""
    bundle, _ = notebook.shell.display_formatter.format(figure)
    data = from_mime_bundle(bundle)
    return data if isinstance(data, bytes) else base64.b64decode(data)


@pytest.mark.parametrize("cell", UPLOADS.values(), ids=UPLOADS)
def test_every_upload_sends_the_figure_that_the_notebook_shows(notebook, server, figure, cell):
    select_figure_formats(notebook.shell, ["retina"], bbox_inches=None)
    notebook.run(cell).raise_error()

    assert [image.data for image in server.sandbox.images] == [shown_bytes(notebook, figure)]


@pytest.mark.parametrize(("formats", "options", "style"), SETTINGS.values(), ids=SETTINGS)
def test_settings_of_the_notebook_apply_to_uploads(
    notebook, server, figure, formats, options, style
):
    """Format, resolution, margins and colors."""
    select_figure_formats(notebook.shell, formats, **options)
    with mpl.rc_context(style):
        notebook.run("gyazo.upload(figure)").raise_error()
        expected = shown_bytes(notebook, figure)

    assert [image.data for image in server.sandbox.images] == [expected]


def test_figure_without_a_formatter_is_exported(notebook, server, figure):
    """As outside of notebooks: a figure is shown as text, or as PDF only."""
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    for formats in ([], ["pdf"]):
        select_figure_formats(notebook.shell, formats)
        notebook.run("gyazo.upload(figure)").raise_error()

    assert [image.data for image in server.sandbox.images] == [out.getvalue()]


def test_error_of_the_formatter_is_raised_once(notebook, figure, capsys):
    """IPython would print it, and go on."""
    select_figure_formats(notebook.shell, ["png"], bbox_inches="loose")

    with pytest.raises(PictureError, match="This figure could not be rendered .AttributeError"):
        notebook.run("gyazo.upload(figure)").raise_error()
    assert capsys.readouterr().out.count("could not be rendered") == 1


def test_formatter_of_the_user_applies_to_uploads(notebook, server):
    """The notebook shows an object of this class as a picture."""
    formatter = notebook.shell.display_formatter.formatters["image/png"]
    formatter.for_type(SimpleNamespace, lambda item: png(item.color))
    notebook.shell.user_ns["thing"] = SimpleNamespace(color="blue")

    notebook.run("%gyazo thing").raise_error()
    assert [image.data for image in server.sandbox.images] == [png("blue")]


def test_empty_figure_names_the_way_to_the_shown_picture(notebook):
    """The notebook closes a figure after showing it."""
    notebook.run("import matplotlib.pyplot as plt")

    with pytest.raises(
        PictureError, match=r"share the picture that a cell showed, run  %gyazo  al"
    ):
        notebook.run("gyazo.upload(plt.gcf())").raise_error()
    notebook.run("plt.close('all')")


# ── memory ────────────────────────────────────────────────────────────────────────────────────


def record(notebook):
    return notebook.shell.find_line_magic("gyazo").__self__.shown


def kept_bytes(notebook):
    return sum(output.size for cell in record(notebook)._cells for output in cell.visible())


LARGE = {
    "picture": "Picture('red', 6 * 2**20)",
    "widget": "import ipywidgets\nipywidgets.Image(value=bytes(6 * 2**20))",
    "Plotly figure": "import plotly.graph_objects as go\ngo.Figure(layout={'title': 'x' * 3 * 2**20})",
    "chart": "display({'application/vnd.plotly.v1+json': [1, 'x' * 6 * 2**20]}, raw=True)",
    "list": "display({'application/vnd.plotly.v1+json': [0.1] * 200000}, raw=True)",
}


@pytest.mark.parametrize("cell", LARGE.values(), ids=LARGE)
def test_memory_is_bounded(notebook, cell, monkeypatch):
    """The newest cells are kept; for an older one the sentence names the way."""
    if "go.Figure" in cell:
        renderers = importlib.import_module("plotly.io").renderers
        monkeypatch.setattr(renderers, "default", "plotly_mimetype")
    notebook.run(*[cell] * 14, "display(Picture('blue'))")

    assert 50 * MEGABYTE < kept_bytes(notebook) <= shown.MAX_MEGABYTES * MEGABYTE
    assert 1 < sum(bool(one.candidates()) for one in record(notebook)._cells) <= 12
    assert notebook.share() == [BLUE]
    with pytest.raises(ArgumentError, match=r"of cell \[2\] are no longer in memory.*%%gyazo"):
        notebook.run("%gyazo --cell 2").raise_error()


def test_cell_that_needs_too_much_memory_is_dropped_completely(notebook):
    """`%gyazo` uploads neither a part of its pictures nor the pictures of another cell."""
    notebook.run("display(Picture('green'))")
    notebook.run("for _ in range(8): display(Picture('red', 9 * 2**20))\ndisplay(Picture('blue'))")

    assert kept_bytes(notebook) < MEGABYTE
    with pytest.raises(ArgumentError, match=r"of cell \[3\] need more than 64 MB.*%%gyazo"):
        notebook.run("%gyazo").raise_error()
    assert notebook.share("--cell 2") == [GREEN]


def test_number_of_cells_is_bounded(notebook):
    """Cells without pictures are dropped first."""
    notebook.run("display(Picture('red'))", *["0"] * shown.MAX_CELLS)
    assert notebook.share() == [RED]

    notebook.run(*["display(Picture('blue'))"] * (shown.MAX_CELLS + 9))
    assert len(record(notebook)._cells) == shown.MAX_CELLS
    with pytest.raises(ArgumentError, match="no longer in memory: the newest 64 MB of at most 200"):
        notebook.run("%gyazo --cell 2").raise_error()


@pytest.mark.slow
def test_displayed_object_is_not_kept_alive(notebook):
    """Only its picture is kept."""
    picture = Picture("red")
    notebook.shell.user_ns["picture"] = picture
    notebook.run("display(picture)", "%%capture\ndisplay(picture)", "del picture")
    reference = weakref.ref(picture)
    del picture
    gc.collect()

    assert reference() is None
    assert notebook.share() == [RED]


def test_object_whose_size_is_unknown_is_displayed(notebook):
    """A lazy array may have parts of unknown sizes."""
    chart = type("Curve", (), {"__module__": "holoviews.element"})()
    chart.data = type("Array", (), {"nbytes": float("nan")})()
    chart.options = type("Lazy", (dict,), {"values": lambda _: 1 / 0})()
    notebook.shell.user_ns["chart"] = chart

    notebook.run("display(chart)").raise_error()


def test_lists_that_contain_each_other_are_measured_once(notebook):
    """Otherwise the number of visits would grow with each level."""
    chart = type("Curve", (), {"__module__": "holoviews.element"})()
    chart.nodes = []
    chart.nodes += [{"siblings": chart.nodes} for _ in range(40)]
    notebook.shell.user_ns["chart"] = chart

    notebook.run("display(chart)").raise_error()

    assert 0 < kept_bytes(notebook) < 100_000


@pytest.mark.parametrize(
    "cell", ["%reset -f", "%reset -sf", "get_ipython().reset()", "%reload_ext gyazo_nb"]
)
@pytest.mark.slow
def test_record_is_dropped(notebook, cell):
    """By a reset, also a soft one, and when the extension is loaded again. The next cells count."""
    notebook.run("display(Picture('red'))", cell, "0")
    assert kept_bytes(notebook) == 0

    notebook.run(
        "get_ipython().run_line_magic('load_ext', 'gyazo_nb')"
    )  # the variable, after a reset
    with pytest.raises(ArgumentError, match="No cell has shown a picture"):
        notebook.run("%gyazo").raise_error()
    notebook.run("from IPython.display import display", "display(Picture('blue'))")
    assert notebook.share() == [BLUE]


def hooks(shell):
    """All places where the record hooks in."""
    owners = (shell, shell.display_pub, shell.displayhook, shell.display_formatter)
    patched = [[name for name, value in vars(owner).items() if callable(value)] for owner in owners]
    events = {name: list(callbacks) for name, callbacks in shell.events.callbacks.items()}
    return patched, events


def test_no_hook_stays_after_the_extension_is_unloaded(notebook):
    """Also after it was loaded several times, and while a clear waits for the next output."""
    notebook.run("%unload_ext gyazo_nb")
    before = hooks(notebook.shell)
    notebook.run("%load_ext gyazo_nb", "%reload_ext gyazo_nb", "display(Picture('red'))")
    assert hooks(notebook.shell) != before

    notebook.run("clear_output(wait=True)\n%unload_ext gyazo_nb")
    assert hooks(notebook.shell) == before


def test_patch_of_other_code_survives(notebook):
    """It still works after the extension is unloaded, and nothing is recorded any more."""
    publisher, calls = notebook.shell.display_pub, []
    former = publisher.publish
    publisher.publish = lambda *args, **kwargs: (calls.append(1), former(*args, **kwargs))
    kept = record(notebook)
    notebook.run("%unload_ext gyazo_nb", "display(Picture('red'))")
    del publisher.publish

    assert calls == [1]
    assert not any(cell.candidates() for cell in kept._cells)


@pytest.mark.slow
def test_patch_of_other_code_keeps_no_output_alive(notebook):
    """After the extension is unloaded, the other patch still calls the former method."""
    publisher = notebook.shell.display_pub
    former = publisher.publish
    publisher.publish = partial(former)
    notebook.run("%unload_ext gyazo_nb", "shown = Picture('red')\ndisplay(shown)")
    reference = weakref.ref(notebook.shell.user_ns.pop("shown"))
    gc.collect()
    del publisher.publish

    assert reference() is None


def test_notebook_that_is_run_counts_as_its_cell(notebook, tmp_path, capsys):
    """`%run` runs its cells inside of the cell."""
    cells = [code_cell(source=f"display(Picture({color!r}))") for color in ("red", "blue")]
    cells.insert(0, code_cell(source="from IPython.display import display"))
    write_notebook(tmp_path / "inner.ipynb", *cells)
    notebook.run("%run inner.ipynb")

    assert notebook.share() == [RED, BLUE]
    assert capsys.readouterr().out.count("# Shown by cell [2]\n") == 2
