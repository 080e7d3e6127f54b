"""How long a panel takes to be on the page: `%gyazo_login` beside a bare `VBox` of the same controls.

Prints two medians in seconds, from the run of the cell to the box. In a real JupyterLab and Chromium, in
one notebook, in turn; everything is imported beforehand.
"""

import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from support.jupyterlab_driver import CHROMIUM, SECONDS, Lab, Notebook

from gyazo_nb.sandbox import Sandbox, serve

ROUNDS = 12
KERNEL = "7.4.0"
BARE = """\
import ipywidgets as w
from IPython.display import display
head, box = w.HTML("<b>Sign in</b>"), w.Text(description="Address or code", continuous_update=False)
button, again = w.Button(description="Sign in"), w.Button(description="Try again")
display(w.VBox([head, w.HBox([box, button]), w.HTML(), again]))
"""
# From the command that runs the cell until its output holds a box that is laid out.
UNTIL_THERE = """async (index) => {
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
        lab = Lab(Path(root), server.variables)
        lab.start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.set_default_timeout(60 * SECONDS)
            cells = ["%load_ext gyazo_nb", "%gyazo_login", BARE]
            notebook = Notebook(page, lab, lab.write(cells, KERNEL)).open()
            notebook.run(0)
            seconds = {1: [], 2: []}
            for _ in range(ROUNDS + 2):
                for index, found in seconds.items():
                    found.append(page.evaluate(UNTIL_THERE, index))
                    notebook.finished(index)
            print(*(statistics.median(found[2:]) for found in seconds.values()))
        finally:
            browser.close()
            lab.stop()


if __name__ == "__main__":
    main()
