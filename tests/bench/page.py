"""The time until a panel is visible: `%gyazo_login` compared with a bare `VBox` of the same controls.

Prints two medians in seconds, from the start of the cell to the text box, in a real JupyterLab and
Chromium. The two cells alternate in one notebook; all modules are imported before.
"""

import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from support.jupyterlab_driver import CHROMIUM_OPTIONS, SECONDS, JupyterServer, Notebook

from gyazo_nb.sandbox import Sandbox, serve

ROUNDS = 12
KERNEL = "7.4.0"
BARE = """\
import ipywidgets as w
from IPython.display import display
head, box = w.HTML("<b>Sign in</b>"), w.Text(description="Address or code", continuous_update=False)
button, retry = w.Button(description="Sign in"), w.Button(description="Try again")
stay = w.Checkbox(description="Stay signed in on this machine", indent=False)
display(w.VBox([head, w.HBox([box, button]), stay, w.HTML(), retry]))
"""
# The seconds from the start of the cell until its output has a visible text box.
TIME_TO_BOX = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const output = panel.content.widgets[index].outputArea.node;
    window.jupyterapp.commands.execute('notebook:clear-cell-output');
    const began = performance.now();
    window.jupyterapp.commands.execute('notebook:run-cell');
    while (!(output.querySelector('input[type=text]')?.offsetWidth > 0))
        await new Promise(requestAnimationFrame);
    return (performance.now() - began) / 1000;
}"""


def main():
    with (
        tempfile.TemporaryDirectory() as root,
        serve(Sandbox()) as server,
        sync_playwright() as playwright,
    ):
        jupyter = JupyterServer(Path(root), server.variables)
        jupyter.start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS
        )
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.set_default_timeout(60 * SECONDS)
            cells = ["%load_ext gyazo_nb", "%gyazo_login", BARE]
            notebook = Notebook(page, jupyter, jupyter.write_notebook(cells, KERNEL)).open()
            notebook.run(0)
            seconds = {1: [], 2: []}
            for _ in range(ROUNDS + 2):
                for index, results in seconds.items():
                    results.append(page.evaluate(TIME_TO_BOX, index))
                    notebook.wait_finished(index)
            # The first two rounds are warm-up.
            print(*(statistics.median(results[2:]) for results in seconds.values()))
        finally:
            browser.close()
            jupyter.stop()


if __name__ == "__main__":
    main()
