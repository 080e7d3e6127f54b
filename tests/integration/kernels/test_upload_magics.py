"""`%gyazo` and `%%gyazo` on a real kernel of each generation, with matplotlib's inline figures."""

import base64

import nbformat
import pytest
from nbclient import NotebookClient
from support.helpers import KERNELS
from support.kernel_client import KernelClient

from gyazo_nb.sandbox import Fault

# ipykernel 7.3 leaves about one message in fifty unread until the next message arrives.
pytestmark = [pytest.mark.kernels, pytest.mark.flaky(reruns=2)]

# ── complete notebooks ────────────────────────────────────────────────────────────────────────

CELLS = (
    "%load_ext gyazo_nb",
    """%%gyazo --title Plots
import matplotlib.pyplot as plt
print("before")
plt.figure(); plt.plot([1, 2]); plt.show()
print("between")
plt.figure(); plt.plot([2, 1])
"the last"
""",
    "_, [image.title for image in gyazo_images], Out[2]",
    """%%gyazo --on-error
plt.figure(); plt.plot([3, 1]); plt.show()
def inner():
    1 / 0
inner()
""",
    "len(gyazo_images), len(In)",
    "import asyncio; await asyncio.sleep(0)\n(await gyazo.aupload_all([b'GIF89a' + b'1' * 20], progress=True))",
    """%%gyazo
await asyncio.sleep(0)
plt.figure(); plt.plot([5, 1]); plt.show()
await asyncio.sleep(0.1)
plt.figure(); plt.plot([1, 5])
'async'
""",
    "_, len(gyazo_images)",
)


def output_kinds(cell):
    """The kinds of the outputs of a cell, in order; a stream is its text, an error its name."""
    for output in cell["outputs"]:
        match output["output_type"]:
            case "stream":
                yield output["text"].strip()
            case "error":
                yield output["ename"]
            case _ if "image/png" in output["data"]:
                yield "figure"
            case _ if "<figure" in output["data"].get("text/html", ""):
                yield "card"
            case kind:
                yield kind


@pytest.fixture(params=KERNELS)
def execute(request, jupyter_home, server, monkeypatch):
    """Run a notebook of these cells with a token in the environment."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())

    def execute(*cells, **options):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        name = f"ipykernel-{request.param}"
        return NotebookClient(notebook, timeout=30, kernel_name=name, **options).execute()

    return execute


def test_cell_outputs_and_cards(execute, server):
    """Outputs keep their positions, cards follow, an error appears once, `_` and `In` stay right."""
    cells = execute(*CELLS, allow_errors=True)["cells"]

    assert list(output_kinds(cells[1])) == [
        "before",
        "figure",
        "between",
        "execute_result",
        "figure",
        "card",
        "card",
    ]
    result = cells[2]["outputs"][0]["data"]["text/plain"]
    assert result == "('the last', ['Plots', 'Plots'], 'the last')"
    assert list(output_kinds(cells[3])) == ["figure", "ZeroDivisionError", "card"]
    trace = "\n".join(next(o for o in cells[3]["outputs"] if "traceback" in o)["traceback"])
    assert "inner()" in trace
    assert "run_cell_magic" not in trace
    assert cells[4]["outputs"][0]["data"]["text/plain"] == "(1, 6)"
    assert cells[4]["execution_count"] == 5
    assert cells[5]["outputs"][-1]["data"]["text/plain"].startswith("<1 uploaded>")
    assert list(output_kinds(cells[6])) == ["figure", "execute_result", "figure", "card", "card"]
    assert cells[7]["outputs"][0]["data"]["text/plain"] == "('async', 2)"
    assert len(server.sandbox.images) == 6


def test_error_in_a_cell_stops_the_notebook(execute):
    """The error of the cell reaches nbclient."""
    with pytest.raises(Exception, match="ZeroDivisionError"):
        execute("%load_ext gyazo_nb", "%%gyazo\n1/0", "ran = 1")


SHARED_CELLS = (
    "%load_ext gyazo_nb\nimport ipywidgets, asyncio, matplotlib.pyplot as plt",
    "plt.figure(figsize=(2, 1)); plt.plot([1, 2])",  # shown when the cell ends
    "%gyazo",
    "%config InlineBackend.figure_format = 'retina'\nplt.plot([2, 1]); plt.show()\n1/0",
    "%gyazo",
    "plt.plot([3, 1])\n%gyazo\nplt.plot([4, 1])",
    "await asyncio.sleep(0.1)\nfig, ax = plt.subplots(); ax.plot([5, 1])\nhandle = display(fig, display_id=True)",
    "ax.set_title('new'); handle.update(fig)",
    "%gyazo",
    "out = ipywidgets.Output(); out",
    "with out:\n    plt.plot([6, 1]); plt.show()",
    "%gyazo",
    "out.clear_output()",
    "%gyazo --cell 2",
    "%gyazo --cell 11",
    "gyazo.upload(fig)",
    "gyazo.upload(plt.gcf())",
    "plt.close()\n%reset -f",
    "%gyazo\n%gyazo",  # the first one puts the variable back
)
SHARED_BY = {3: 2, 5: 4, 6: 6, 9: 8, 12: 11, 14: 2}  # the cells that upload, and those that showed


def shown_pictures(cell):
    return [
        base64.b64decode(output["data"]["image/png"])
        for output in cell["outputs"]
        if "image/png" in output.get("data", {})
    ]


def test_pictures_of_the_newest_cell_are_shared_as_they_are(execute, server):
    """With matplotlib's inline figures, after an error, in an `Output` widget, and after an update."""
    cells = execute(*SHARED_CELLS, allow_errors=True)["cells"]

    pictures = {number: shown_pictures(cell) for number, cell in enumerate(cells, 1)}
    pictures[8] = pictures[7][:1]  # the front end replaces the output of cell 7
    sent = [image.data for image in reversed(server.sandbox.images)]
    expected = [pictures[number][0] for number in (2, 4, 6, 8)]
    assert sent[:4] == expected
    assert len(sent) == 5  # and that of the widget, which nbclient does not keep
    for number, shown_by in SHARED_BY.items():
        assert f"Shown by cell [{shown_by}]" in str(cells[number - 1]["outputs"])
    errors = {number: str(cells[number - 1]["outputs"]) for number in (15, 17, 19)}
    assert "Cell [11] showed no picture" in errors[15]
    assert "share the picture that a cell showed, run  %gyazo  alone" in errors[17]
    assert "No cell has shown a picture" in errors[19]
    assert "<figure" in str(cells[15]["outputs"])


# ── single cells ──────────────────────────────────────────────────────────────────────────────

SETUP = """%load_ext gyazo_nb
import asyncio, time
from PIL import Image
def picture(n): return Image.new("RGB", (5, n))
"""


@pytest.fixture(params=KERNELS)
def kernel(request, server, tmp_path):
    token = {"GYAZO_ACCESS_TOKEN": server.sandbox.new_token()}
    kernel = KernelClient(request.param, tmp_path, server.variables | token)
    try:
        assert kernel.run(SETUP) == "ok"
        yield kernel
    finally:
        kernel.close()


def test_failed_silent_cell_does_not_affect_the_next_cell(kernel):
    """An error in a silent cell is not raised again later."""
    assert kernel.run("%%gyazo\n1/0", silent=True) == "error"
    assert kernel.run("'good'") == "ok"


def test_semicolon_suppresses_output_and_upload(kernel, server):
    """A result that a semicolon hides is neither shown nor uploaded."""
    cell = kernel.send("%%gyazo\npicture(5);")
    assert kernel.wait_for_cells(cell) == ["ok"]
    assert kernel.output_kinds(cell) == []
    assert server.sandbox.images == []
    cell = kernel.send("%%gyazo\npicture(5)")
    assert kernel.wait_for_cells(cell) == ["ok"]
    assert kernel.output_kinds(cell) == ["execute_result", "card"]


def test_picture_of_a_task_of_another_cell_belongs_to_that_cell(kernel):
    """`%%gyazo` uploads the pictures that its cell shows. In ipykernel 6, the cell also shows that of the task."""
    task = (
        "async def show_later():\n    await asyncio.sleep(0.2)\n    display(picture(7))\n"
        "task = asyncio.ensure_future(show_later())"
    )
    assert kernel.run("import asyncio", task) == "ok"
    sent = kernel.send("%%gyazo\nawait asyncio.sleep(0.5)\ndisplay(picture(8))")
    assert kernel.wait_for_cells(sent) == ["ok"]

    kinds = kernel.output_kinds(sent)
    assert kinds.count("card") == kinds.count("display_data") > 0


def test_queued_cells_run_after_an_async_cell(kernel):
    """In order; an error in the async cell drops them, as usual."""
    first = kernel.send("%%gyazo\nprint('a')\nawait asyncio.sleep(0.7)\nprint('b')\npicture(6)")
    queued = [kernel.send(f"print('{letter}')") for letter in "cde"]
    last = kernel.send("await asyncio.sleep(0.1); print('f')")

    assert kernel.wait_for_cells(first, *queued, last) == ["ok"] * 5
    assert "".join(kernel.texts()).split() == list("abcdef")
    assert kernel.output_kinds(first) == ["execute_result", "card"]

    runner = "get_ipython().loop_runner.__class__.__name__"
    assert kernel.run(f"assert {runner} == '_AsyncIORunner'") == "ok"
    failing = kernel.send("%%gyazo\nawait asyncio.sleep(1)\n1/0")
    queued = kernel.send("print('dropped')")
    assert kernel.wait_for_cells(failing, queued) == ["error", "aborted"]
    assert kernel.run("print('on')") == "ok"
    assert "dropped\n" not in kernel.texts()


ASYNC_CELL = """%%gyazo --into shared
async with asyncio.TaskGroup() as group:
    waits = [group.create_task(asyncio.sleep(0.1, n)) for n in range(3)]
assert [wait.result() for wait in waits] == [0, 1, 2]
try:
    async with asyncio.timeout(0.1):
        await asyncio.wait_for(asyncio.sleep(5), 9)
except TimeoutError:
    print("in time")
assert (await gyazo.ame()).name
assert len(await gyazo.aupload_all([picture(3), picture(4)], progress=False)) == 2
picture(7)
"""


def test_async_cell_can_use_tasks_timeouts_and_gyazo(kernel):
    """Twice: the second run finds the event loop as the first one left it."""
    for _ in range(2):
        sent = kernel.send(ASYNC_CELL)
        assert kernel.wait_for_cells(sent) == ["ok"], kernel.texts(sent)
        assert kernel.texts(sent) == ["in time\n"]
        assert kernel.output_kinds(sent) == ["execute_result", "card"]


def test_interrupt_ends_an_async_cell(kernel):
    """Its `finally` blocks run at once, and interrupts of later cells work."""
    cell = (
        "%%gyazo\nprint('begun')\ntry:\n    await asyncio.sleep(60)\nfinally:\n    print('ended')"
    )
    sent = kernel.send(cell)
    kernel.wait_until(lambda: "begun\n" in kernel.texts(sent))
    kernel.interrupt()

    assert kernel.wait_for_cells(sent) == ["error"]
    assert "ended\n" in kernel.texts(sent)
    assert kernel.run("await asyncio.sleep(0.1); print('on')") == "ok"
    sent = kernel.send("print('begun')\ntime.sleep(60)")
    kernel.wait_until(lambda: "begun\n" in kernel.texts(sent))
    kernel.interrupt()
    assert kernel.wait_for_cells(sent) == ["error"]


def test_interrupted_batch_names_the_call_that_uploads_the_rest(kernel, server):
    """The sentence under the cell names the async call, and that call works."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.1, times=1000))
    define = "async def pictures():\n    for n in range(100): yield picture(n + 1)\n"
    assert kernel.run(define) == "ok"
    sent = kernel.send("await gyazo.aupload_all(pictures(), progress=False, concurrency=4)")
    kernel.wait_until(lambda: len(server.sandbox.images) >= 4)
    kernel.interrupt()

    assert kernel.wait_for_cells(sent) == ["error"]
    printed = " ".join(kernel.texts(sent))
    assert "await gyazo.report.aretry() uploads the rest" in printed
    assert kernel.run("gyazo.report.retry()") == "error"
    server.sandbox.faults.clear()
    assert kernel.run("assert len(await gyazo.report.aretry()) == 100") == "ok"
