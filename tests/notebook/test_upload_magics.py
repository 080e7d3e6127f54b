"""`%gyazo` and `%%gyazo` in a real shell: what is seen is shared, and the cell runs as ever."""

import io
import os
import shutil
import signal
import threading

import nbformat
import numpy as np
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image as Pillow
from support.helpers import PNG, skip_missing

from gyazo_nb import (
    ArgumentError,
    BatchError,
    BatchInterruptedError,
    Image,
    NotLoggedInError,
    PictureError,
    UnauthorizedError,
)
from gyazo_nb.notebook.line_parser import split
from gyazo_nb.sandbox import Fault


def png(colour):
    out = io.BytesIO()
    Pillow.new("RGB", (4, 3), colour).save(out, "PNG")
    return out.getvalue()


class Seen:
    """Something that shows itself as a picture."""

    def __init__(self, colour):
        self.colour = colour

    def _repr_png_(self):
        return png(self.colour)


@pytest.fixture
def shell(tmp_path, monkeypatch, server):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.user_ns.update(red=png("red"), blue=png("blue"), both=[png("red"), png("blue")])
    yield shell
    shell.run_line_magic("unload_ext", "gyazo_nb")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def arrived(server):
    """What the sandbox has, by the colour of its first pixel, in no order."""
    return {
        Pillow.open(io.BytesIO(i.data)).convert("RGB").getpixel((0, 0))
        for i in server.sandbox.images
    }


RED, BLUE = (255, 0, 0), (0, 0, 255)


def cards(captured):
    return [out for out in captured.outputs if "<figure" in out.data.get("text/html", "")]


# ── %gyazo ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "colours"),
    [
        ("red", [RED]),
        ("red blue", [RED, BLUE]),
        ("both", [RED, BLUE]),
        ("both[1]", [BLUE]),
        ("[one for one in both]", [RED, BLUE]),
        ("bytes( both[0] )", [RED]),
        ("red.png", [RED]),
        ('"my plots/blue one.png"', [BLUE]),
        ("plots/*.png", [RED, BLUE]),
        ("**/r*.png", [RED]),
        ("./red.png blue", [RED, BLUE]),
    ],
)
def test_what_is_named_is_uploaded(shell, server, tmp_path, line, colours):
    """Variables, expressions, paths, globs; cards come back, the list stays in a variable."""
    for path, name in (
        ("red.png", "red"),
        ("plots/r.png", "red"),
        ("plots/b.png", "blue"),
        ("my plots/blue one.png", "blue"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(png(name))

    with capture_output() as captured:
        shell.run_line_magic("gyazo", line)

    assert arrived(server) == set(colours)
    images = shell.user_ns["gyazo_images"]
    assert len(images) == len(cards(captured)) >= len(colours)
    assert all(isinstance(image, Image) for image in images)


def test_the_options_reach_the_service(shell, server):
    """Title, description, access policy and collection, with blanks in quotes."""
    shell.run_line_magic(
        "gyazo",
        "red --title \"Loss curve\" --desc '#one two' --access-policy only_me --collection "
        + "a" * 32
        + " --into mine",
    )

    assert server.sandbox.images[0].fields == {
        "title": "Loss curve",
        "desc": "#one two",
        "access_policy": "only_me",
        "collection_id": "a" * 32,
    }
    assert len(shell.user_ns["mine"]) == 1


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("", ArgumentError, "Name what to upload"),
        ("nothing", ArgumentError, "nothing: it is neither a variable nor a file"),
        ("no/*.png", ArgumentError, r"no/\*.png: no files are there"),
        ("'red'", ArgumentError, "'red': it is neither"),
        ("red[", ArgumentError, "A ] is missing"),
        ('red --title "a', ArgumentError, 'A " is missing'),
        ("red --into 1x", ArgumentError, "--into needs"),
        ("red --into class", ArgumentError, "--into needs"),
        ("both[:0]", ArgumentError, r"both\[:0\]: it is empty"),
        ("~nobody-of-this-name/a.png", ArgumentError, "neither a variable nor a file"),
        (f"nothing({'1' * 300})", ArgumentError, "neither a variable nor a file"),
        ("red --access-policy me", UsageError, "--access-policy"),
        ("red --colour x", UsageError, "%gyazo"),
        ("5", ArgumentError, "neither a variable nor a file"),
        ("len(both)", PictureError, "This int is not a picture"),
        ("[1,red,2]", BatchError, "1 uploaded, 2 failed"),
        ("1/0+len(both)", ZeroDivisionError, "division"),
    ],
)
def test_what_cannot_be_uploaded_is_a_sentence(shell, line, error, words):
    """Nothing is refused in silence, and what is good still arrives."""
    with pytest.raises(error, match=words):
        shell.run_line_magic("gyazo", line)


@pytest.fixture
def figures(shell):
    """Two small figures as `fig` and `other`, with their `ax`, and pyplot."""
    made = [Figure(figsize=(1, 1)) for _ in "ab"]
    shell.user_ns.update(fig=made[0], other=made[1], ax=made[0].subplots())
    shell.user_ns.update(blue_array=np.array([[[0, 0, 255]]], np.uint8), x=[1, 2, 2, 3])
    return made


@pytest.mark.parametrize(
    "word",
    [
        "ax.hist(x)",
        "ax.hist([x,x])",
        "ax.hist2d(x,x)",
        "ax.errorbar(x,x,yerr=1)",
        "ax.errorbar(x,x,yerr=1,fmt='none')",
        "ax.boxplot(x)",
        "ax.violinplot(x)",
        "ax.pie(x)",
        "ax.plot(x)",
        "(fig,ax)",
        "[fig,[ax]]",
        "(one for one in (fig,ax))",
    ],
)
def test_what_belongs_to_one_figure_is_one_card(shell, figures, word):
    """Whatever a plotting call returned beside it."""
    with capture_output() as captured:
        shell.run_line_magic("gyazo", word)

    assert len(cards(captured)) == len(shell.user_ns["gyazo_images"]) == 1


@pytest.mark.parametrize(
    "word",
    [
        "[fig,other]",
        "{'a':fig,'b':other}",
        "{'a':fig,'b':red}.values()",
        "(one for one in (fig,red))",
        "map(bytes,both)",
        "__import__('pathlib').Path('.').glob('*.png')",
        "[fig,red]",
        "(fig,blue_array)",
        "[ax,blue_array]",
        "(ax,blue_array)",
        "{red,blue}",
    ],
)
def test_each_of_many_is_a_card(shell, figures, tmp_path, word):
    """Of a list, a dictionary, a generator; a picture beside a figure is not taken for a part of it."""
    for name in ("red", "blue"):
        (tmp_path / f"{name}.png").write_bytes(png(name))

    with capture_output() as captured:
        shell.run_line_magic("gyazo", word)

    assert len(cards(captured)) == len(shell.user_ns["gyazo_images"]) == 2


def test_one_object_again_and_again_is_a_sentence(shell, server):
    """Its earlier states are gone when it is drawn: nothing wrong is uploaded."""
    shell.user_ns["image"] = Pillow.new("RGB", (4, 3))
    with pytest.raises(ArgumentError, match=r"again and again.*for gyazo.upload_all"):
        shell.run_line_magic("gyazo", "(image for _ in both)")

    assert server.sandbox.images == []


@pytest.mark.parametrize("word", ["~mask", "~mask[0:1]", f"bytes({'+'.join(['both[0]'] * 90)})"])
def test_an_expression_that_is_no_name_of_a_file(shell, word):
    """It may begin as a home directory does, and be longer than any name."""
    shell.user_ns["mask"] = np.zeros((3, 3), bool)

    shell.run_line_magic("gyazo", word)

    assert len(shell.user_ns["gyazo_images"]) == 1


def test_words_are_split_as_they_are_meant():
    """At blanks, but not inside of quotes and brackets."""
    assert split("  a  b[1, 2] f(x, 'y )') \"c d\" {1: (2, 3)} ") == [
        "a",
        "b[1, 2]",
        "f(x, 'y )')",
        '"c d"',
        "{1: (2, 3)}",
    ]


# ── %%gyazo ───────────────────────────────────────────────────────────────────────────────────

SHOW = """
from IPython.display import Image as Shown, display
print("first")
display(Shown(red))
x = 41 + 1
Shown(blue)
"""


def run(shell, cell, line=""):
    with capture_output() as captured:
        result = shell.run_cell(f"%%gyazo {line}\n{cell}", store_history=True)
    return captured, result


def test_a_cell_runs_as_ever_and_its_pictures_are_shared(shell, server):
    """Outputs first and in order, then the cards; names, `_` and `Out` as without the magic."""
    count = shell.execution_count
    captured, result = run(shell, SHOW, "--title Two")

    assert result.success
    assert captured.stdout.startswith("first\n")
    kinds = ["image" if "image/png" in o.data else "card" for o in captured.outputs]
    assert kinds == ["image", "card", "card"]  # a terminal's last expression is text
    assert "<IPython.core.display.Image object>" in captured.stdout
    assert arrived(server) == {RED, BLUE}
    images = shell.user_ns["gyazo_images"]
    assert [server.sandbox.image_store.get(i.image_id).data for i in images] == [
        png("red"),
        png("blue"),
    ]
    assert images[0].title == "Two"
    assert shell.user_ns["x"] == 42
    assert shell.execution_count == count + 1
    assert shell.user_ns["In"][-1].startswith("%%gyazo") or not shell.history_manager.enabled


def test_the_same_picture_twice_is_one_card(shell, server):
    """A figure that is displayed and then the last expression is one image."""
    captured, _ = run(
        shell, "from IPython.display import Image as S, display\ndisplay(S(red))\nS(red)"
    )

    assert len(cards(captured)) == 1


def test_an_error_is_the_cells_error_and_nothing_is_uploaded(shell, server):
    """It is shown once, by the shell; the cell fails by it."""
    captured, result = run(shell, SHOW + "\n1/0")

    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert captured.stdout.count("ZeroDivisionError") <= 2  # head and last line of one traceback
    assert "run_cell_magic" not in captured.stdout
    assert server.sandbox.images == []
    assert "gyazo_images" not in shell.user_ns
    assert run(shell, "1")[1].success  # and it is over


def test_what_was_shown_before_an_error_is_uploaded_if_asked_for(shell, server):
    """--on-error: the cards are there, and the cell fails all the same."""
    captured, result = run(
        shell, "from IPython.display import Image as S, display\ndisplay(S(red))\n1/0", "--on-error"
    )

    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert arrived(server) == {RED}
    assert len(cards(captured)) == 1


def test_an_error_is_of_the_cell_that_it_is_in(shell, tmp_path):
    """Also where nobody announces the end of a cell: the next one is not blamed, and a run stops."""
    failed = shell.run_cell("%%gyazo\n1/0", silent=True)
    assert isinstance(failed.error_in_exec, ZeroDivisionError)
    assert run(shell, "1")[1].success

    cells = [nbformat.v4.new_code_cell(c) for c in ("a = 1", "%%gyazo\n1/0", "b = 2")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "inner.ipynb")
    shell.run_cell("%run inner.ipynb")
    assert shell.user_ns["a"] == 1
    assert "b" not in shell.user_ns
    assert shell.run_cell("2").result == 2


def test_whoever_calls_the_magic_is_told_by_an_exception(shell):
    """A function that is called in a `try` raises what it has to say."""
    called = "get_ipython().run_cell_magic('gyazo', '', '1/0')"
    caught = f"try:\n    {called}\nexcept ZeroDivisionError:\n    told = True"

    assert shell.run_cell(caught).success
    assert shell.user_ns["told"]
    assert isinstance(shell.run_cell(called).error_in_exec, ZeroDivisionError)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("Seen('red')", 1),
        ("Seen('red');", 0),
        ("Seen('red');  # hush", 0),
        ("Seen('red')\n'a;'", 0),
        ("%%time\nSeen('red')", 1),
        ("%%time\nSeen('red');", 0),
    ],
)
def test_a_semicolon_keeps_a_picture_from_being_shown(shell, server, cell, number):
    """As in any cell; and what is not shown is not shared."""
    shell.user_ns["Seen"] = Seen
    plain = shell.run_cell(cell, store_history=True)
    shown = bool(plain.result is not None and not isinstance(plain.result, str))
    captured, result = run(shell, cell)

    assert shown == bool(number)
    assert result.success
    assert len(cards(captured)) == len(server.sandbox.images) == number


def test_a_syntax_error_fails_the_cell(shell):
    """As without the magic."""
    captured, result = run(shell, "1 +")

    assert isinstance(result.error_in_exec, SyntaxError)
    assert captured.stdout.count("SyntaxError") == 1


def test_only_what_is_still_to_be_seen_counts(shell, server):
    """A cleared output is gone, an updated display is what it became."""
    cell = """
from IPython.display import Image as S, clear_output, display
display(S(red))
clear_output(wait=True)
handle = display(S(red), display_id=True)
handle.update(S(blue))
"""
    _, result = run(shell, cell)

    assert result.success
    assert arrived(server) == {BLUE}


def test_a_chart_that_shows_itself_by_a_script_is_drawn(shell, server):
    """Altair's and plotly's own displays hold no picture: their exporters make one."""
    cell = """
import altair as alt, plotly.graph_objects as go
alt.Chart(alt.Data(values=[{"a": 1, "b": 2}])).mark_bar().encode(x="a:O", y="b:Q")
"""
    captured, result = run(shell, cell)

    assert result.success
    assert len(cards(captured)) == 1


def test_a_table_and_an_array_are_no_figures(shell, server):
    """What shows itself as text or as a table is left where it is."""
    captured, result = run(
        shell,
        "import numpy\nfrom IPython.display import HTML, display\ndisplay(HTML('a'))\nnumpy.ones((3, 3))",
    )

    assert result.success
    assert "showed no picture" in captured.stdout


def test_a_cell_without_pictures_says_so(shell):
    """And its list is empty."""
    captured, _ = run(shell, "2 + 2")

    assert "showed no picture" in captured.stdout
    assert shell.user_ns["gyazo_images"] == []


def test_other_magics_work_inside(shell, server):
    """The cell is a cell: line magics, cell magics, shell escapes."""
    captured, _ = run(
        shell, "%%time\nfrom IPython.display import Image as S, display\ndisplay(S(red))"
    )

    assert "Wall time" in captured.stdout
    assert arrived(server) == {RED}


def test_nothing_is_left_in_the_shell(shell):
    """Whatever happened, the publisher and the display hook are as they were."""
    for cell in (SHOW, "1/0", "1 +"):
        run(shell, cell)

    for owner in (shell.display_pub, shell.displayhook, shell.display_formatter):
        assert not {"publish", "clear_output", "write_format_data", "format", "quiet"} & set(
            vars(owner)
        )
    assert len(shell.events.callbacks["post_run_cell"]) == 0


def test_a_long_cell_is_not_run_before_the_sign_in(shell, monkeypatch):
    """The sentence comes first, not after an hour."""
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    _, result = run(shell, "ran = True")

    assert isinstance(result.error_in_exec, NotLoggedInError)
    assert "ran" not in shell.user_ns


def test_an_upload_that_fails_is_one_sentence_and_the_rest_arrives(shell, server):
    """The cell fails; the cards of the others are there."""
    server.sandbox.faults.append(Fault(status=422, path="/api/upload"))
    captured, result = run(shell, SHOW)

    assert isinstance(result.error_in_exec, BatchError)
    assert len(cards(captured)) == 1
    assert PNG[:4] == b"\x89PNG"


def test_a_cell_that_awaits_is_run(shell, server):
    """Where no loop runs, IPython starts one."""
    # Where one runs, see tests/test_sharing_kernels.py: the patch of a loop outlives a test.
    shell.user_ns["Seen"] = Seen
    runner = shell.loop_runner

    captured, result = run(shell, "import asyncio\nawait asyncio.sleep(0)\nSeen('red')")

    assert result.success
    assert len(cards(captured)) == 1
    assert shell.loop_runner is runner


def test_what_is_printed_clears_what_was_to_be_cleared(shell, server):
    """`clear_output(wait=True)` waits for whatever comes next, also for a line of text."""
    shell.user_ns["Seen"] = Seen
    cell = "from IPython.display import clear_output, display\ndisplay(Seen('red'))\n"
    captured, _ = run(shell, cell + "clear_output(wait=True)\nprint('done')")
    assert "showed no picture" in captured.stdout

    captured, _ = run(shell, cell + "clear_output(wait=True)")  # nothing came: it is still there
    assert len(cards(captured)) == 1


def test_a_picture_that_is_elsewhere_is_fetched(shell, server):
    """An IPython Image that only points somewhere; but a text is a text."""
    image = shell.user_ns["gyazo"].upload(png("red"))
    shell.user_ns["url"] = image.url
    captured, result = run(shell, "from IPython.display import Image as S\nS(url=url)")
    assert result.success
    assert len(cards(captured)) == 1

    assert "showed no picture" in run(shell, "url")[0].stdout


@pytest.mark.filterwarnings("ignore")  # kaleido's and plotly's own
def test_a_chart_that_shows_itself_as_a_page_is_drawn(shell, server, monkeypatch):
    """Whatever plotly's renderer is: the figure is asked, not its page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        skip_missing("kaleido draws by Chromium, which is not installed")
    monkeypatch.setenv("BROWSER_PATH", browser)
    cell = """
import plotly.graph_objects as go, plotly.io as pio
pio.renderers.default = "notebook_connected"
go.Figure(go.Bar(y=[1, 2]))
"""
    shell.run_cell("import plotly.io; before = plotly.io.renderers.default")
    captured, result = run(shell, cell)
    shell.run_cell("plotly.io.renderers.default = before")

    assert result.success
    assert len(cards(captured)) == 1


def test_a_figure_that_is_shown_as_pdf_is_a_sentence(shell):
    """It says how to show it as a picture."""
    cell = "from IPython.display import publish_display_data as p\np({'application/pdf': b'%PDF'})"
    _, result = run(shell, cell)

    assert isinstance(result.error_in_exec, PictureError)
    assert "figure_formats = ['png']" in str(result.error_in_exec)


def test_what_arrived_before_a_stop_or_a_dead_token_is_shown(shell, server, monkeypatch):
    """Its cards, and its list in the variable: not an earlier cell's."""
    run(shell, "from IPython.display import display\ndisplay(Seen('green'))")
    shell.user_ns["Seen"] = Seen
    cell = "for colour in ('red', 'blue', 'black'): display(Seen(colour))"
    for trouble, error in (
        (Fault(status=401, times=9), UnauthorizedError),
        (Fault(path="/api/upload", delay=7, times=9), BatchInterruptedError),
    ):
        server.sandbox.faults[:] = [Fault(path="/api/upload"), trouble]
        stop = threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT])
        if error is BatchInterruptedError:
            stop.start()
        captured, result = run(shell, "from IPython.display import display\n" + cell)
        stop.cancel()

        assert isinstance(result.error_in_exec, error)
        assert len(cards(captured)) == len(shell.user_ns["gyazo_images"]) == 1
        server.sandbox.faults.clear()
        shell.user_ns["gyazo"].use_token(server.sandbox.new_token())

    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    shell.run_line_magic("gyazo_logout", "")
    with pytest.raises(NotLoggedInError):
        shell.run_line_magic("gyazo", "red")
    assert shell.user_ns["gyazo_images"] == []
