"""`%gyazo_login` on a real kernel of each generation: messages, interrupts and waiting cells."""

import time

import pytest
from support.helpers import KERNELS
from support.kernel_client import KernelClient

from gyazo_nb.sandbox import Fault

# ipykernel 7.3 leaves about one message in fifty unread until the next message arrives.
pytestmark = [pytest.mark.kernels, pytest.mark.flaky(reruns=2)]

LOAD = "%load_ext gyazo_nb"


@pytest.fixture(params=KERNELS)
def kernel(request, tmp_path, server):
    kernel = KernelClient(request.param, tmp_path, server.variables)
    yield kernel
    kernel.close()


def delay_code_exchange(server, seconds):
    server.sandbox.faults.append(Fault(status=None, delay=seconds, path="/oauth/token"))


def paste_new_code(kernel, server):
    kernel.update(kernel.widget_id("TextModel"), value=server.sandbox.new_code())


def test_run_keeps_queued_cells(kernel):
    """A coroutine runs to its end, then the queued cells run, in order."""
    define = (
        "import asyncio\nfrom gyazo_nb.notebook.capture import run_coroutine as run\n"
        "async def f():\n    await asyncio.sleep(.3)\n    return 'A'"
    )

    kernel.run(define, "print(run(f()))", "print('B')", "print(run(f()) + 'C')", "print('D')")

    assert kernel.printed() == "A\nB\nAC\nD\n"


def test_pasted_text_is_never_published(kernel):
    """The kernel sends the text of the box neither as an echo nor as a state."""
    kernel.run(LOAD, "%gyazo_login")
    box = kernel.widget_id("TextModel")

    kernel.update(box, value="a-pasted-code-of-20-characters")

    kernel.wait_for_text("does not accept this code")
    assert "a-pasted-code-of" not in str(kernel.published)
    assert kernel.states(box)[-1].get("value") == ""


def test_panel_works_after_an_interrupted_exchange(kernel, server):
    """The panel reports the interrupt, is not busy, and signs in with the next code."""
    delay_code_exchange(server, 3.0)
    kernel.run(LOAD, "%gyazo_login")
    paste_new_code(kernel, server)
    kernel.wait_for_text("Asking Gyazo")
    time.sleep(0.5)

    kernel.interrupt()

    # On the thread of a subshell (7.0 to 7.3) the interrupt does not reach the exchange, which succeeds.
    kernel.wait_for_text("The sign-in was interrupted", "Signed in as")
    if "Signed in as" not in str(kernel.published):
        assert kernel.widget_id("ButtonModel")
        assert "spinner" in str(kernel.published)
        paste_new_code(kernel, server)
        kernel.wait_for_text("Signed in as")
    kernel.run("print(gyazo.me().name)")
    assert kernel.printed().endswith("Sandy Box\n")


def test_tab_completes_options(kernel, server):
    """Names and values of options, and never a secret."""
    kernel.run(LOAD)

    def completions(line):
        reply = kernel.client.complete(line, reply=True, timeout=20)["content"]
        return {line[: reply["cursor_start"]] + match for match in reply["matches"]}

    assert completions("%gyazo_login --mo") == {"%gyazo_login --mode"}
    assert completions("%gyazo_login --mode p") == {
        "%gyazo_login --mode panel",
        "%gyazo_login --mode prompt",
    }
    assert {"%gyazo_login --sandbox", "%gyazo_login --wait"} <= completions("%gyazo_login --")
    assert server.variables["GYAZO_CLIENT_SECRET"] not in str(completions("%gyazo_login "))


def test_interrupt_during_an_exchange_ends_the_wait(kernel, server):
    """The waiting cell fails, the queued cells do not run, and the next sign-in works."""
    kernel.run(LOAD)
    kernel.open_subshell()
    delay_code_exchange(server, 3.0)
    kernel.send("%gyazo_login --wait 60")
    kernel.send("print('must', 'not', 'run')")
    kernel.wait_for_panel()
    paste_new_code(kernel, server)
    kernel.wait_for_text("Asking Gyazo")
    time.sleep(0.5)

    kernel.interrupt()

    kernel.wait_for_text("KeyboardInterrupt")
    time.sleep(3.0)  # a kernel drops cells for a moment after an error
    kernel.run("print('after')")
    assert "must not run" not in kernel.printed()
    kernel.run("%gyazo_login")
    paste_new_code(kernel, server)
    kernel.wait_for_text("Signed in as")
    kernel.run("print(gyazo.me().name)")
    assert kernel.printed().endswith("Sandy Box\n")


# ipykernel 6 has one thread for everything: the exchange ends before the wait does.
@pytest.mark.parametrize("kernel", KERNELS[1:], indirect=True)
def test_exchange_longer_than_the_wait_blocks_no_cell(kernel, server):
    """The wait times out while the exchange continues on a subshell. The next cells run."""
    kernel.run(LOAD)
    kernel.open_subshell()
    delay_code_exchange(server, 9.0)
    waiting = kernel.send("%gyazo_login --wait 2")
    kernel.wait_for_panel()
    paste_new_code(kernel, server)
    kernel.wait_for_cells(waiting)
    time.sleep(3.0)  # longer than the subshell is kept

    kernel.run("print('alive')")

    assert kernel.printed() == "alive\n"
    assert "Signed in as" not in str(kernel.published)
    kernel.wait_for_text("Signed in as")


def test_panel_ends_while_a_later_cell_captures_output(kernel, server):
    """The sign-in ends inside a cell with %%capture: the panel is replaced nevertheless."""
    kernel.run(LOAD, "%gyazo_login")
    box, code = kernel.widget_id("TextModel"), server.sandbox.new_code()

    kernel.run(
        "from ipywidgets.widgets.widget import _instances",
        f"%%capture out\n_instances['{box}'].value = '{code}'",
    )

    updates = [m for m in kernel.published if m["msg_type"] == "update_display_data"]
    assert "Signed in as Sandy Box" in updates[-1]["content"]["data"]["text/plain"]
