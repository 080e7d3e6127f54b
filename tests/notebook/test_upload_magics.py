"""`%gyazo` and `%%gyazo` in a real IPython shell without a kernel."""

import atexit
import base64
import io
import os
import shutil
import signal
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image as Pillow
from PIL import ImageSequence
from support.helpers import PNG, skip_missing
from support.notebooks import code_cell, write_notebook

from gyazo_nb import (
    AccessPolicyWarning,
    ArgumentError,
    BatchError,
    BatchInterruptedError,
    Image,
    NotLoggedInError,
    PictureError,
    UnauthorizedError,
)
from gyazo_nb.sandbox import Fault


def png(color):
    out = io.BytesIO()
    Pillow.new("RGB", (4, 3), color).save(out, "PNG")
    return out.getvalue()


class Displayed:
    """An object that IPython displays as a picture."""

    def __init__(self, color):
        self.color = color

    def _repr_png_(self):
        return png(self.color)


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
    # At the exit it would collect the garbage of all tests, once for each shell: minutes in all.
    atexit.unregister(shell.atexit_operations)
    InteractiveShell.clear_instance()


def stored_colors(server):
    """The images in the sandbox, each by the color of its first pixel."""
    return {
        Pillow.open(io.BytesIO(i.data)).convert("RGB").getpixel((0, 0))
        for i in server.sandbox.images
    }


RED, BLUE = (255, 0, 0), (0, 0, 255)


def cards(captured):
    return [out for out in captured.outputs if "<figure" in out.data.get("text/html", "")]


# ── %gyazo ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "colors"),
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
def test_named_items_are_uploaded(shell, server, tmp_path, line, colors):
    """Variables, expressions, paths and globs. Each image has a card, and the list is in a variable."""
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

    assert stored_colors(server) == set(colors)
    images = shell.user_ns["gyazo_images"]
    assert len(images) == len(cards(captured)) >= len(colors)
    assert all(isinstance(image, Image) for image in images)


def test_title_and_description_are_expanded(shell, server):
    """Also from the local names of a function that calls the magic. Item words are not expanded."""
    shell.user_ns.update(epoch=7, run="first")
    shell.run_line_magic("gyazo", 'red --title "Epoch {epoch}" --desc "#$run {2**3} {no}"')
    shell.run_cell("def share(epoch):\n    %gyazo blue --title {epoch}\nshare(8)").raise_error()

    assert [image.fields for image in reversed(server.sandbox.images)] == [
        {"title": "Epoch 7", "desc": "#$run {2**3} {no}"},
        {"title": "8"},
    ]
    with pytest.raises(ArgumentError, match=r"Cannot upload \$run"):
        shell.run_line_magic("gyazo", "$run")


def test_title_is_expanded_after_the_items_are_computed(shell, server):
    """The call that makes the figure may set the variable of the title."""
    shell.run_cell("def train():\n    global loss\n    loss = 0.5\n    return red").raise_error()
    shell.run_line_magic("gyazo", "train() --title 'Loss {loss}'")

    assert server.sandbox.images[0].fields == {"title": "Loss 0.5"}


def test_title_of_a_cell_is_expanded_before_it_runs_or_else_after(shell, server):
    """As IPython does. A variable that only the cell sets is known after it."""
    shell.user_ns.update(epoch=7, red=Displayed("red"))
    shell.run_cell(
        "%%gyazo --title 'Epoch {epoch}' --desc 'Loss {loss}'\nepoch += 1\nloss = 0.5\ndisplay(red)"
    ).raise_error()

    assert server.sandbox.images[0].fields == {"title": "Epoch 7", "desc": "Loss 0.5"}


def test_comment_and_final_semicolon_are_ignored(shell, server):
    """As in Python."""
    for line in ("red;", "red # the reason", "red ; # don't"):
        shell.run_cell(f"%gyazo {line}").raise_error()
    shell.run_cell("%gyazo blue --desc #tag;  # why").raise_error()

    assert [image.fields for image in reversed(server.sandbox.images)] == [{}, {"desc": "#tag"}]


def test_frames_of_a_moving_picture_are_refused_with_both_ways(shell):
    """As in `upload_all`."""
    frames = [Pillow.new("P", (4, 3), number) for number in range(2)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    shell.user_ns["frames"] = ImageSequence.Iterator(Pillow.open(out))

    with pytest.raises(ArgumentError, match="the frames of one moving picture"):
        shell.run_line_magic("gyazo", "frames")


def test_futures_are_items(shell, server):
    """A list of them, or one."""
    with ThreadPoolExecutor(1) as pool:
        shell.user_ns["futures"] = [pool.submit(png, color) for color in ("red", "blue")]
        shell.run_line_magic("gyazo", "futures")
        shell.run_line_magic("gyazo", "futures[0]")
        shell.user_ns["failed"] = pool.submit(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shell.run_line_magic("gyazo", "failed")

    assert stored_colors(server) == {RED, BLUE}


def data_url(color, scheme="data:image/png;base64,"):
    return scheme + base64.b64encode(png(color)).decode()


@pytest.mark.parametrize(
    ("cell", "colors"),
    [
        ('HTML(f\'<p><img alt="a" src="{red_url}"></p>\')', {RED}),
        ("HTML(f\"<IMG SRC='{red_url}' width=3><img src={blue_url} width=3>\")", {RED, BLUE}),
        ("Markdown(f'A ![red]({red_url}) and ![blue](<{blue_url}>)')", {RED, BLUE}),
        ("Markdown(f'<img src=\"{blue_url}\">')", {BLUE}),
        (
            'HTML(f\'<script>let frame = "<img src={blue_url}>"</script><img src="{red_url}">\')',
            {RED},
        ),
        (
            "HTML('<img src=\"data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 width=%272%27 height=%272%27%3E%3Crect width=%272%27 height=%272%27 fill=%27red%27/%3E%3C/svg%3E\">')",
            {RED},
        ),
    ],
)
def test_pictures_in_a_page_are_uploaded(shell, server, cell, colors):
    """Data URLs in HTML and Markdown. Those of scripts are the frames of an animation, or not shown."""
    shell.user_ns.update(red_url=data_url("red"), blue_url=data_url("blue"))
    shell.run_cell(f"%%gyazo\nfrom IPython.display import HTML, Markdown\n{cell}").raise_error()

    assert stored_colors(server) == colors


@pytest.mark.parametrize(
    ("cell", "page"),
    [
        ("HTML('<table></table>')", True),
        ("Javascript('1')", True),
        ("HTML(f'<script>frames[0] = \"{red_url}\"</script>')", True),
        ("print('text')", False),
        ("'text'", False),
    ],
)
def test_page_without_a_picture_is_named(shell, server, capsys, cell, page):
    """It can look like a picture. The sentence says what to give."""
    shell.user_ns["red_url"] = data_url("red")
    with capture_output() as captured:
        shell.run_cell(
            f"%%gyazo\nfrom IPython.display import HTML, Javascript\n{cell}"
        ).raise_error()

    assert server.sandbox.images == []
    assert ("showed a page, not a picture" in captured.stdout) is page
    assert ("%gyazo fig" in captured.stdout) is page
    assert ("showed no picture" in captured.stdout) is not page


def test_options_are_sent(shell, server):
    """Title, description, access policy and collection; a value with blanks is in quotes."""
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
    ("line", "error", "message"),
    [
        ("", ArgumentError, "Name the items to upload"),
        ("nothing", ArgumentError, "nothing: it is neither a variable nor a file"),
        ("no/*.png", ArgumentError, r"Cannot upload no/\*.png: no file matches"),
        ("'red'", ArgumentError, "'red': it is neither"),
        ("red[", ArgumentError, "A ] is missing"),
        ('red --title "a', ArgumentError, 'A " is missing'),
        ("red --into 1x", ArgumentError, "--into takes the name of a variable, not '1x'"),
        ("red --into gyazo", ArgumentError, "--into gyazo would replace the session"),
        ("--title My red plot", ArgumentError, '--title "My red plot"'),
        ("red --into class", ArgumentError, "--into takes the name of a variable, not 'class'"),
        ("both[:0]", ArgumentError, r"both\[:0\]: it is empty"),
        ("~no-such-user/a.png", ArgumentError, "neither a variable nor a file"),
        (f"nothing({'1' * 300})", ArgumentError, "neither a variable nor a file"),
        ("red --access-policy me", UsageError, "--access-policy"),
        ("red --color x", UsageError, "%gyazo"),
        ("5", ArgumentError, "neither a variable nor a file"),
        ("len(both)", PictureError, "This int is not a picture"),
        ("[1,red,2]", BatchError, "1 uploaded, 2 failed"),
        ("1/0+len(both)", ZeroDivisionError, "division"),
    ],
)
def test_wrong_line_raises_an_error(shell, line, error, message):
    """No argument is skipped silently."""
    with pytest.raises(error, match=message):
        shell.run_line_magic("gyazo", line)


def test_uploaded_images_are_refused_and_their_variable_is_kept(shell):
    """`%gyazo gyazo_images` would replace the list that it names."""
    shell.run_cell("%gyazo both").raise_error()

    with pytest.raises(ArgumentError, match="is already on Gyazo"):
        shell.run_line_magic("gyazo", "gyazo_images")

    assert len(shell.user_ns["gyazo_images"]) == 2


def test_warning_about_the_access_is_only_on_the_card(shell):
    """The user's own filters come first. That of these tests makes each warning an error."""
    private = "%gyazo red --access-policy only_me"
    shell.run_cell("%gyazo red").raise_error()
    with warnings.catch_warnings(record=True) as shown, capture_output() as captured:
        warnings.resetwarnings()
        shell.run_cell(private).raise_error()

    assert "is still public" in cards(captured)[0].data["text/html"]
    assert not shown
    with pytest.raises(AccessPolicyWarning, match="is still public"):
        shell.run_cell(private).raise_error()


def test_path_with_blanks_and_without_quotes_is_recognized(shell, tmp_path, monkeypatch):
    """The error has the line with the quotes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my plots").mkdir()

    with pytest.raises(ArgumentError, match="needs quotes around it: write  %gyazo 'my plots'"):
        shell.run_line_magic("gyazo", "my plots")


@pytest.fixture
def figures(shell):
    """Two small figures as `fig` and `other`, with their `ax`, and pyplot."""
    made = [Figure(figsize=(1, 1)) for _ in "ab"]
    shell.user_ns.update(fig=made[0], other=made[1], ax=made[0].subplots())
    for figure in made:  # an empty figure is refused
        figure.text(0.5, 0.5, "text")
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
def test_parts_of_one_figure_are_one_card(shell, figures, word):
    """Also with the arrays that a plotting call returns with its artists."""
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
def test_each_item_of_a_collection_is_a_card(shell, figures, tmp_path, word):
    """Of a list, a dictionary or a generator. A picture next to a figure is not a part of the figure."""
    for name in ("red", "blue"):
        (tmp_path / f"{name}.png").write_bytes(png(name))

    with capture_output() as captured:
        shell.run_line_magic("gyazo", word)

    assert len(cards(captured)) == len(shell.user_ns["gyazo_images"]) == 2


def test_generator_that_yields_the_same_object_is_refused(shell, server):
    """Only the last state of the object is left, so no picture is uploaded."""
    shell.user_ns["image"] = Pillow.new("RGB", (4, 3))
    with pytest.raises(ArgumentError, match=r"the same object every time.*gyazo.upload_all"):
        shell.run_line_magic("gyazo", "(image for _ in both)")

    assert server.sandbox.images == []


@pytest.mark.parametrize("word", ["~mask", "~mask[0:1]", f"bytes({'+'.join(['both[0]'] * 90)})"])
def test_expression_is_not_read_as_a_file(shell, word):
    """It can begin like a home directory, and be longer than a file name."""
    shell.user_ns["mask"] = np.zeros((3, 3), bool)

    shell.run_line_magic("gyazo", word)

    assert len(shell.user_ns["gyazo_images"]) == 1


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


def test_cell_runs_as_usual_and_its_pictures_are_uploaded(shell, server):
    """First the outputs in their order, then the cards. Variables and history are as without the magic."""
    count = shell.execution_count
    captured, result = run(shell, SHOW, "--title Two")

    assert result.success
    assert captured.stdout.startswith("first\n")
    kinds = ["image" if "image/png" in o.data else "card" for o in captured.outputs]
    assert kinds == ["image", "card", "card"]  # a terminal's last expression is text
    assert "<IPython.core.display.Image object>" in captured.stdout
    assert stored_colors(server) == {RED, BLUE}
    images = shell.user_ns["gyazo_images"]
    assert [server.sandbox.image_store.get(i.image_id).data for i in images] == [
        png("red"),
        png("blue"),
    ]
    assert images[0].title == "Two"
    assert shell.user_ns["x"] == 42
    assert shell.execution_count == count + 1
    assert shell.user_ns["In"][-1].startswith("%%gyazo") or not shell.history_manager.enabled


def test_picture_that_is_displayed_twice_is_one_card(shell, server):
    """Such as a figure that is displayed, and is also the last expression."""
    captured, _ = run(
        shell, "from IPython.display import Image as S, display\ndisplay(S(red))\nS(red)"
    )

    assert len(cards(captured)) == 1


def test_cell_that_fails_uploads_no_picture(shell, server):
    """The shell shows the error once, and the result of the cell holds it."""
    captured, result = run(shell, SHOW + "\n1/0")

    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert captured.stdout.count("ZeroDivisionError") <= 2  # head and last line of one traceback
    assert "run_cell_magic" not in captured.stdout
    assert server.sandbox.images == []
    assert "gyazo_images" not in shell.user_ns
    assert run(shell, "1")[1].success  # the next cell does not fail


def test_on_error_uploads_the_pictures_before_the_error(shell, server):
    """The cards appear, and the cell still fails."""
    captured, result = run(
        shell, "from IPython.display import Image as S, display\ndisplay(S(red))\n1/0", "--on-error"
    )

    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert stored_colors(server) == {RED}
    assert len(cards(captured)) == 1


def test_error_belongs_to_its_own_cell(shell, tmp_path):
    """Also in a silent cell, and in a notebook that `%run` runs: it stops there."""
    failed = shell.run_cell("%%gyazo\n1/0", silent=True)
    assert isinstance(failed.error_in_exec, ZeroDivisionError)
    assert run(shell, "1")[1].success

    cells = [code_cell(source=source) for source in ("a = 1", "%%gyazo\n1/0", "b = 2")]
    write_notebook(tmp_path / "inner.ipynb", *cells)
    shell.run_cell("%run inner.ipynb")
    assert shell.user_ns["a"] == 1
    assert "b" not in shell.user_ns
    assert shell.run_cell("2").result == 2


def test_magic_that_is_called_as_a_function_raises_the_error(shell):
    """The caller can handle it with `try`."""
    called = "get_ipython().run_cell_magic('gyazo', '', '1/0')"
    caught = f"try:\n    {called}\nexcept ZeroDivisionError:\n    handled = True"

    assert shell.run_cell(caught).success
    assert shell.user_ns["handled"]
    assert isinstance(shell.run_cell(called).error_in_exec, ZeroDivisionError)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("Displayed('red')", 1),
        ("Displayed('red');", 0),
        ("Displayed('red');  # a comment", 0),
        ("Displayed('red')\n'a;'", 0),
        ("%%time\nDisplayed('red')", 1),
        ("%%time\nDisplayed('red');", 0),
    ],
)
def test_semicolon_hides_a_picture(shell, server, cell, number):
    """As in any cell. A hidden picture is not uploaded."""
    shell.user_ns["Displayed"] = Displayed
    plain = shell.run_cell(cell, store_history=True)
    shown = bool(plain.result is not None and not isinstance(plain.result, str))
    captured, result = run(shell, cell)

    assert shown == bool(number)
    assert result.success
    assert len(cards(captured)) == len(server.sandbox.images) == number


def test_syntax_error_fails_the_cell(shell):
    """It is shown once, as without the magic."""
    captured, result = run(shell, "1 +")

    assert isinstance(result.error_in_exec, SyntaxError)
    assert captured.stdout.count("SyntaxError") == 1


def test_only_visible_pictures_are_uploaded(shell, server):
    """Not a cleared output, and of an updated display only the last picture."""
    cell = """
from IPython.display import Image as S, clear_output, display
display(S(red))
clear_output(wait=True)
handle = display(S(red), display_id=True)
handle.update(S(blue))
"""
    _, result = run(shell, cell)

    assert result.success
    assert stored_colors(server) == {BLUE}


def test_chart_that_is_displayed_by_a_script_is_rendered(shell, server):
    """The displays of Altair and Plotly contain no picture. Their exporters render one."""
    cell = """
import altair as alt, plotly.graph_objects as go
alt.Chart(alt.Data(values=[{"a": 1, "b": 2}])).mark_bar().encode(x="a:O", y="b:Q")
"""
    captured, result = run(shell, cell)

    assert result.success
    assert len(cards(captured)) == 1


def test_table_and_array_are_not_uploaded(shell, server):
    """IPython displays them as text."""
    captured, result = run(
        shell,
        "import numpy\nfrom IPython.display import HTML, display\ndisplay(HTML('a'))\nnumpy.ones((3, 3))",
    )

    assert result.success
    assert "showed a page, not a picture" in captured.stdout


def test_cell_without_pictures_says_so(shell):
    """The list of images is empty."""
    captured, _ = run(shell, "2 + 2")

    assert "showed no picture" in captured.stdout
    assert shell.user_ns["gyazo_images"] == []


def test_other_magics_work_in_the_cell(shell, server):
    """Such as `%%time`, whose output appears."""
    captured, _ = run(
        shell, "%%time\nfrom IPython.display import Image as S, display\ndisplay(S(red))"
    )

    assert "Wall time" in captured.stdout
    assert stored_colors(server) == {RED}


def patched_methods(shell):
    """The methods that are patched on objects of the shell."""
    names = {"publish", "clear_output", "write_format_data", "format", "quiet", "reset"}
    owners = (shell, shell.display_pub, shell.displayhook, shell.display_formatter)
    return [{name: vars(owner)[name] for name in names & set(vars(owner))} for owner in owners]


def test_shell_is_unchanged_after_the_cell(shell):
    """No method of this cell stays patched, also after an error."""
    before = patched_methods(shell)
    for cell in (SHOW, "1/0", "1 +"):
        run(shell, cell)

    assert patched_methods(shell) == before
    assert len(shell.events.callbacks["post_run_cell"]) == 0


def test_cell_does_not_run_before_the_sign_in(shell, monkeypatch):
    """The error comes before the cell, which may take an hour."""
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    _, result = run(shell, "ran = True")

    assert isinstance(result.error_in_exec, NotLoggedInError)
    assert str(result.error_in_exec).endswith("). The cell did not run.")
    assert "ran" not in shell.user_ns


def test_upload_that_fails_fails_the_cell(shell, server):
    """The card of the other image appears."""
    server.sandbox.faults.append(Fault(status=422, path="/api/upload"))
    captured, result = run(shell, SHOW)

    assert isinstance(result.error_in_exec, BatchError)
    assert len(cards(captured)) == 1
    assert PNG[:4] == b"\x89PNG"


def test_cell_can_await(shell, server):
    """Here IPython starts the event loop."""
    # With a running loop: tests/integration/kernels, since the patch of a loop outlives a test.
    shell.user_ns["Displayed"] = Displayed
    runner = shell.loop_runner

    captured, result = run(shell, "import asyncio\nawait asyncio.sleep(0)\nDisplayed('red')")

    assert result.success
    assert len(cards(captured)) == 1
    assert shell.loop_runner is runner


def test_picture_that_a_thread_displays_is_uploaded(shell):
    """The notebook shows it in the cell."""
    cell = "import threading\nthread = threading.Thread(target=display, args=[shown])\nthread.start(); thread.join()"
    shell.user_ns.update(display=display, shown=Displayed("red"))
    captured, result = run(shell, cell)

    assert result.success
    assert len(cards(captured)) == 1


def test_clear_output_waits_for_the_next_output(shell, server):
    """With `wait=True`. A printed line is an output, too."""
    shell.user_ns["Displayed"] = Displayed
    cell = "from IPython.display import clear_output, display\ndisplay(Displayed('red'))\n"
    captured, _ = run(shell, cell + "clear_output(wait=True)\nprint('done')")
    assert "showed no picture" in captured.stdout

    captured, _ = run(shell, cell + "clear_output(wait=True)")  # no output follows
    assert len(cards(captured)) == 1


def test_picture_that_is_displayed_by_its_address_is_downloaded(shell, server):
    """An IPython Image with a URL. A string with the same URL is text."""
    image = shell.user_ns["gyazo"].upload(png("red"))
    shell.user_ns["url"] = image.url
    captured, result = run(shell, "from IPython.display import Image as S\nS(url=url)")
    assert result.success
    assert len(cards(captured)) == 1

    assert "showed no picture" in run(shell, "url")[0].stdout


@pytest.mark.filterwarnings("ignore")  # those of kaleido and plotly
@pytest.mark.slow
def test_chart_that_is_displayed_as_a_web_page_is_rendered(shell, server, monkeypatch):
    """With any renderer of Plotly, the figure itself is rendered."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        skip_missing("kaleido renders with Chromium, which is not installed")
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


def test_figure_that_is_displayed_as_pdf_raises_an_error(shell):
    """It says how to display it as a picture."""
    cell = "from IPython.display import publish_display_data as p\np({'application/pdf': b'%PDF'})"
    _, result = run(shell, cell)

    assert isinstance(result.error_in_exec, PictureError)
    assert "figure_formats = ['png']" in str(result.error_in_exec)


@pytest.mark.slow
def test_images_before_a_stop_or_a_revoked_token_are_shown(shell, server, monkeypatch):
    """As cards, and as the list in the variable, which never keeps the list of an earlier cell."""
    shell.user_ns["Displayed"] = Displayed
    run(shell, "from IPython.display import display\ndisplay(Displayed('green'))")
    assert len(shell.user_ns["gyazo_images"]) == 1
    cell = "for color in ('red', 'blue', 'black'): display(Displayed(color))"
    for fault, error in (
        (Fault(status=401, times=9), UnauthorizedError),
        (Fault(path="/api/upload", delay=7, times=9), BatchInterruptedError),
    ):
        server.sandbox.faults[:] = [Fault(path="/api/upload"), fault]
        stop = threading.Thread(target=stop_when_used, args=[fault])
        if error is BatchInterruptedError:
            stop.start()
        captured, result = run(shell, "from IPython.display import display\n" + cell)

        assert isinstance(result.error_in_exec, error)
        assert len(cards(captured)) == len(shell.user_ns["gyazo_images"]) == 1
        server.sandbox.faults.clear()
        shell.user_ns["gyazo"].use_token(server.sandbox.new_token())

    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    shell.run_line_magic("gyazo_logout", "")
    with pytest.raises(NotLoggedInError):
        shell.run_line_magic("gyazo", "red")
    assert shell.user_ns["gyazo_images"] == []


def stop_when_used(fault):
    """Stop the cell as soon as a request gets this fault."""
    while fault.times == 9:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
