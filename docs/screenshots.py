"""Make the pictures of the documentation: the real product in JupyterLab, in the light and the dark theme.

`make screenshots` runs this script. It needs Chromium, and starts a JupyterLab and a sandbox.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from support.jupyterlab_driver import (  # noqa: E402 -- as above
    CHROMIUM_OPTIONS,
    JupyterServer,
    Notebook,
    free_port,
)

from gyazo_nb.sandbox import Application, Sandbox, serve  # noqa: E402

PICTURES = DOCS / "_static"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
KERNEL = "7.4.0"
LOAD = "%load_ext gyazo_nb"
LOGIN = "%gyazo_login"
PLOT = """\
import matplotlib.pyplot as plt
plt.figure(figsize=(5, 2.6))
plt.plot([1.0, 0.46, 0.27, 0.19, 0.15])
plt.title("Loss"); plt.show()"""
SHARE = '%gyazo --title "Loss curve"'
# The table of libraries in docs/sharing.md: how an object is made, and the object.
LIBRARIES = {
    "matplotlib": (
        "fig, ax = plt.subplots(figsize=(4, 2.5))\nax.plot([3, 1, 2])\nplt.close(fig)",
        "fig",
    ),
    "seaborn": (
        (
            "import seaborn\n"
            "grid = seaborn.displot([1, 2, 2, 3, 3, 3], height=2.5, aspect=1.6)\nplt.close('all')"
        ),
        "grid",
    ),
    "plotly": (
        (
            "import plotly.graph_objects as go\n"
            "bars = go.Figure(go.Bar(y=[3, 1, 2])).update_layout(width=400, height=250, margin_t=30)"
        ),
        "bars",
    ),
    "altair": (
        (
            "import altair\n"
            "data = altair.Data(values=[dict(a=1, b=3), dict(a=2, b=1), dict(a=3, b=2)])\n"
            "chart = altair.Chart(data).mark_line().encode(x='a:Q', y='b:Q')"
        ),
        "chart.properties(width=300, height=160)",
    ),
    "pillow": ("import PIL.Image", "PIL.Image.linear_gradient('L').resize((320, 160))"),
    "pandas": ("import pandas", "pandas.DataFrame({'epoch': [1, 2], 'loss': [1.0, 0.46]})"),
}


def main():
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS
        )
        for theme, name in THEMES.items():
            with tempfile.TemporaryDirectory() as folder:
                take(chromium, Path(folder), theme, name)
        chromium.close()


def take(chromium, folder, theme, theme_name):
    """Take the pictures of one theme."""
    callback = f"http://127.0.0.1:{free_port()}/callback"
    with serve(Sandbox([Application(redirect_uris=(callback,))])) as server:
        variables = {**server.variables, "GYAZO_REDIRECT_URI": callback}
        jupyter = JupyterServer(folder, variables)
        jupyter.configure("@jupyterlab/apputils-extension:themes", theme=theme_name)
        jupyter.configure("@jupyterlab/apputils-extension:notification", fetchNews="false")
        jupyter.start()
        try:
            context = chromium.new_context(
                viewport={"width": 860, "height": 760}, device_scale_factor=1.5
            )
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            take_first_hour(context, jupyter, theme)
            take_libraries(context, jupyter, theme)
        finally:
            jupyter.stop()


def open_notebook(context, jupyter, cells):
    page = context.new_page()
    notebook = Notebook(page, jupyter, jupyter.write_notebook(cells, KERNEL)).open()
    # Only the notebook: no side bar, no status bar.
    page.evaluate(
        """() => {
            const app = window.jupyterapp;
            app.shell.collapseLeft();
            app.shell.mode = 'single-document';
            for (const side of ['left', 'right'])
                app.commands.execute('application:toggle-side-tabbar', {side}).catch(() => null);
        }"""
    )
    page.wait_for_timeout(500)
    return notebook


def take_first_hour(context, jupyter, theme):
    """The panel, a shared picture, a gallery; and a moving picture of all that."""
    batch = "import numpy\ngyazo.upload_all([numpy.full((60, 90, 3), n, numpy.uint8) for n in (60, 120, 180)])"
    cells = [LOAD, LOGIN, PLOT, SHARE, batch, "gyazo.images(per_page=8)"]
    notebook = open_notebook(context, jupyter, cells)
    film = Film(notebook.page)
    film.add(800)
    notebook.run(0)
    notebook.run(1)
    expect(notebook.link(1)).to_be_visible()
    film.add(1500)
    save(notebook.output(1), f"panel-{theme}")
    notebook.open_link(1).close()
    expect(notebook.output(1)).to_contain_text("Signed in as")
    film.add(1200)
    notebook.run(2)
    film.add(1200)
    notebook.run(3)
    card = notebook.output(3)
    card.locator("figure").first.wait_for()
    card.scroll_into_view_if_needed()
    film.add(1500)
    card.get_by_role("button", name="Copy").first.click()
    film.add(2500)
    save_page(notebook.page, f"share-{theme}")
    film.save(PICTURES / f"first-share-{theme}.gif")
    for index, name in ((4, "report"), (5, "gallery")):
        output = notebook.run(index)
        output.get_by_role("img").first.wait_for()
        output.scroll_into_view_if_needed()
        save(output, f"{name}-{theme}")


def take_libraries(context, jupyter, theme):
    """One card for each library of the table."""
    cells = [LOAD, "%gyazo_login --wait", "import matplotlib.pyplot as plt"]
    for name, (code, picture) in LIBRARIES.items():
        cells.append(f"{code}\ngyazo.upload({picture}, title={name!r})")
    notebook = open_notebook(context, jupyter, cells)
    notebook.run(0)
    notebook.run(1, wait=False)
    notebook.open_link(1).close()
    notebook.wait_finished(1)
    notebook.run(2)
    for index, name in enumerate(LIBRARIES, 3):
        output = notebook.run(index)
        image = output.locator("figure").get_by_role("img").first
        image.wait_for(timeout=60_000)
        output.scroll_into_view_if_needed()
        image.evaluate("image => image.decode()")
        save(output, f"card-{name}-{theme}")


def save(locator, name):
    write(locator.screenshot(), PICTURES / f"{name}.png")


def save_page(page, name):
    write(page.screenshot(), PICTURES / f"{name}.png")


def write(png, path):
    """Save a screenshot with 256 colors: a third of the size."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(path, optimize=True)


class Film:
    """Screenshots of a page, as a moving picture."""

    def __init__(self, page):
        self._page, self._frames, self._durations = page, [], []

    def add(self, milliseconds):
        self._page.wait_for_timeout(300)  # the page settles
        png = self._page.screenshot(scale="css")
        self._frames.append(Image.open(io.BytesIO(png)).convert("RGB"))
        self._durations.append(milliseconds)

    def save(self, path):
        first, *others = self._frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self._durations,
            loop=0,
            optimize=True,
        )


if __name__ == "__main__":
    main()
