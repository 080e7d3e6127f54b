"""Cards, galleries and reports in real front ends: copying, untrusted notebooks, contrast."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS
from support.jupyterlab_driver import Notebook

KERNEL = KERNELS[-1]
LOAD = "%load_ext gyazo_nb"
PLOT = """import matplotlib.pyplot as plt
fig = plt.figure(figsize=(4, 2))
plt.plot([3, 1, 2])
plt.show()
"""
TITLE = "Loss </script> \"'` ${1} $x^2$"
PICTURES = """import numpy as np
from gyazo_nb.images.png_encoder import encode_array
pictures = [encode_array(np.full((60, 90, 3), [n * 20, 120, 200], np.uint8)) for n in range(12)]
"""
REPORT = PICTURES + "gyazo.upload_all(pictures)"
WARNING = "gyazo.upload_all([*pictures[:1], b'text'], access_policy='only_me')"
CLIPBOARD = ("clipboard-read", "clipboard-write")
URL_PATHS = {"jupyterlab": "lab/workspaces/{stem}/tree/{name}", "notebook": "notebooks/{name}"}
THEMES = ("Light", "Dark", "Dark High Contrast")
# The lowest contrast of a text in the cards, by WCAG 2: the text with its opacity on its background.
LOWEST_CONTRAST = """() => {
    const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = color => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return {rgb: [r, g, b], alpha: a / 255};
    };
    const over = (rgb, alpha, below) => rgb.map((value, n) => value * alpha + below[n] * (1 - alpha));
    const background = element => {
        if (!element) return [255, 255, 255];
        const {rgb, alpha} = rgba(getComputedStyle(element).backgroundColor);
        return alpha === 1 ? rgb : over(rgb, alpha, background(element.parentElement));
    };
    const luminance = rgb => {
        const [r, g, b] = rgb.map(value => {
            value /= 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    for (const element of document.querySelectorAll('.gyazo-nb *')) {
        const text = element.matches('input, textarea') ? element.value
            : [...element.childNodes].map(n => n.nodeType === 3 ? n.data : '').join('').trim();
        if (!text || element.matches('style') || !element.checkVisibility()) continue;
        let opacity = 1;
        for (let e = element; e; e = e.parentElement) opacity *= getComputedStyle(e).opacity;
        const below = background(element);
        const {rgb, alpha} = rgba(getComputedStyle(element).color);
        const [a, b] = [over(rgb, alpha * opacity, below), below].map(luminance);
        found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.slice(0, 40)]);
    }
    found.sort((a, b) => a[0] - b[0]);
    return {number: found.length, lowest: found[0]};
}"""
# Read at import: a fixture removes the GYAZO_ variables for each test.
SCREENSHOTS = os.environ.get("GYAZO_TEST_SCREENSHOTS")


@pytest.fixture
def open_cells(server, start_jupyter, new_page):
    """A function that opens a notebook of these cells in a front end, with the clipboard."""

    def open_cells(app, *cells):
        variables = {**server.variables, "GYAZO_ACCESS_TOKEN": server.sandbox.new_token()}
        jupyter = start_jupyter(variables, app=app)
        page = new_page(permissions=CLIPBOARD)
        path = jupyter.write_notebook(cells, KERNEL)
        notebook = Notebook(page, jupyter, path).open(URL_PATHS[app])
        for index in range(len(cells)):
            notebook.run(index)
        return notebook

    return open_cells


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def empty_clipboard(page):
    page.evaluate("navigator.clipboard.writeText('')")


def press_tab_until(page, target):
    """Press Tab until an element has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("Tab does not reach this element")


def focus_cell(notebook, index):
    """Select a cell as Esc or an arrow key does."""
    notebook.page.evaluate(
        """index => {
            const content = window.jupyterapp.shell.currentWidget.content;
            content.activeCellIndex = index;
            content.mode = 'command';
            content.activeCell.node.focus();
        }""",
        index,
    )


def reopen_untrusted(notebook, page):
    """Save the notebook, change the file as another person would, and open it again."""
    saved = json.loads(notebook.save())
    notebook.page.close()
    saved["cells"][0]["source"] = "# another person wrote this"
    path = notebook.path.with_name(f"untrusted-{notebook.path.name}")
    path.write_text(json.dumps(saved))
    url_path = URL_PATHS["notebook" if "/notebooks/" in notebook.page.url else "jupyterlab"]
    return Notebook(page, notebook.jupyter, path).open(url_path)


def save_screenshot(page, name):
    """Save a screenshot if GYAZO_TEST_SCREENSHOTS names a folder."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


@pytest.mark.parametrize("app", ["jupyterlab", "notebook"])
def test_one_click_or_tab_and_enter_copies_the_link_of_the_shown_picture(server, open_cells, app):
    """The button says it in place, to a screen reader too."""
    notebook = open_cells(app, LOAD, PLOT, "%gyazo")
    page, card = notebook.page, notebook.output(2).locator("figure")
    (stored,) = server.sandbox.images
    link = f"{server.url}/{stored.image_id}"
    button, status = card.locator("figcaption button").first, card.get_by_role("status")
    expect(button).to_have_text("Copy link")
    expect(status).to_have_text("")

    button.click()

    expect(button).to_have_text("Copied")
    expect(button).to_have_accessible_name("Copied")
    expect(status).to_have_text("Copied")
    assert clipboard(page) == link
    expect(button).to_have_text("Copy link")
    expect(status).to_have_text("")

    empty_clipboard(page)
    focus_cell(notebook, 2)
    press_tab_until(page, button)
    page.keyboard.press("Enter")
    expect(button).to_have_text("Copied")
    assert clipboard(page) == link


def test_other_notations_are_one_step_further(open_cells):
    """By the keyboard alone. A hostile title is only text, and not mathematics."""
    notebook = open_cells(
        "jupyterlab", LOAD, f"{PICTURES}gyazo.upload(pictures[0], title={TITLE!r})"
    )
    page, card = notebook.page, notebook.output(1).locator("figure")
    link = card.get_by_role("link").last.get_attribute("href")

    focus_cell(notebook, 1)
    press_tab_until(page, card.locator("summary"))
    page.keyboard.press("Enter")
    copied = []
    for name in ("the link", "Markdown", "HTML", "Cosense notation", "the address of the picture"):
        field_button = card.get_by_role("button", name=f"Copy {name}", exact=True)
        press_tab_until(page, field_button)
        page.keyboard.press("Enter")
        expect(field_button).to_have_count(0)  # it is named Copied now
        copied.append(clipboard(page))
    assert copied[0] == link
    assert copied[1].startswith("[![Loss \\</script\\> ")
    assert copied[2].startswith(f'<a href="{link}"><img src="')
    assert copied[3:] == [f"[{link}]", f"{link}.png"]
    expect(card.get_by_text(TITLE, exact=True)).to_be_visible()


def test_link_is_copied_where_the_page_has_no_clipboard(open_cells):
    """As over http from another machine. If nothing can be copied, the text is selected."""
    notebook = open_cells("jupyterlab", LOAD, PLOT, "%gyazo")
    page, card = notebook.page, notebook.output(2).locator("figure")
    link = card.get_by_role("link").last.get_attribute("href")
    button = card.locator("figcaption button").first
    page.evaluate("() => { window.own = navigator.clipboard }")
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    button.focus()
    page.keyboard.press("Enter")

    expect(button).to_have_text("Copied")
    expect(button).to_be_focused()
    assert page.evaluate("window.own.readText()") == link
    assert page.locator("body > textarea").count() == 0

    expect(button).to_have_text("Copy link")
    page.evaluate("() => { document.execCommand = () => false }")
    button.click()
    expect(card.get_by_role("status")).to_have_text("Press Ctrl+C")
    selected = "() => document.activeElement.value.slice(document.activeElement.selectionStart)"
    assert page.evaluate(selected) == link


@pytest.mark.parametrize("app", ["jupyterlab", "notebook"])
def test_untrusted_notebook_shows_texts_to_select_and_no_button(open_cells, new_page, app):
    """Tab reaches each text and selects it. A widget of the progress is not missing there."""
    notebook = open_cells(app, LOAD, PLOT, "%gyazo", REPORT)
    link = notebook.output(2).locator("figure").get_by_role("link").last.get_attribute("href")
    assert "widget-view" not in notebook.save()

    notebook = reopen_untrusted(notebook, new_page(permissions=CLIPBOARD))

    page, card, report = notebook.page, notebook.output(2), notebook.output(3)
    expect(card).to_contain_text(link)
    expect(report).to_contain_text("12/12")
    expect(report).to_contain_text("12 uploaded")
    for output in (card, report):
        expect(output.get_by_role("button")).to_have_count(0)
        output.locator("summary").focus()
        page.keyboard.press("Enter")
    save_screenshot(page, f"untrusted-{app}")
    card.locator("summary").focus()
    copied = []
    for label in ("Link", "Markdown", "HTML", "Cosense", "Picture"):
        press_tab_until(page, card.get_by_role("textbox", name=label, exact=True))
        page.keyboard.press("Control+a")
        page.keyboard.press("Control+c")
        copied.append(clipboard(page))
    assert copied[0] == link
    assert copied[3:] == [f"[{link}]", f"{link}.png"]
    press_tab_until(page, report.get_by_role("textbox", name="Links", exact=True))
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    assert len(clipboard(page).splitlines()) == 12


def test_all_links_of_a_report_and_a_gallery_are_copied(server, open_cells):
    """As lines of Markdown by one click, as plain links by two; of one thumbnail by its own button."""
    notebook = open_cells("jupyterlab", LOAD, REPORT, "gyazo.images()")
    page = notebook.page
    links = sorted(f"{server.url}/{image.image_id}" for image in server.sandbox.images)

    for output in (notebook.output(1), notebook.output(2)):
        button = output.get_by_role("button", name="Copy all links")
        button.click()
        expect(output.get_by_role("status")).to_have_text("Copied")
        lines = clipboard(page).splitlines()
        assert sorted(line.rpartition("](")[2].rstrip(")") for line in lines) == links
        assert all(line.startswith("[![") for line in lines)

        output.locator("summary").click()
        output.get_by_role("button", name="Copy lines of links").click()
        expect(output.get_by_role("button", name="Copied").last).to_be_visible()
        plain = clipboard(page).splitlines()
        assert sorted(plain) == links

        output.get_by_role("button", name="Copy the link of").nth(1).click()
        expect(output.locator(".gyazo-nb-image").nth(1)).to_contain_text("Copied")
        assert clipboard(page) == plain[1]


def test_texts_of_cards_have_enough_contrast_in_every_theme(open_cells):
    """4.5 to 1, of a card, a gallery, a warning and the fields. Nothing is wider than a narrow window."""
    notebook = open_cells(
        "jupyterlab", LOAD, PLOT, "gyazo.upload(fig, title='Loss')", REPORT, WARNING
    )
    page = notebook.page
    for index in (2, 4):
        notebook.output(index).locator("summary").click()

    for theme in THEMES:
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {theme}",
        )
        page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(state="attached")
        page.wait_for_timeout(300)  # the style sheet of the theme is loaded
        result = page.evaluate(LOWEST_CONTRAST)
        assert result["number"] > 20
        assert result["lowest"][0] >= 4.5, (theme, result)
        for index in (2, 3, 4):
            notebook.output(index).scroll_into_view_if_needed()
            save_screenshot(page, f"cards-{theme.lower().replace(' ', '-')}-{index}")

    page.set_viewport_size({"width": 420, "height": 900})
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.wait_for_timeout(300)
    save_screenshot(page, "cards-narrow")
    too_wide = """() => [...document.querySelectorAll('.gyazo-nb')].filter(
        card => card.scrollWidth > card.clientWidth).length"""
    assert page.evaluate(too_wide) == 0
