"""The configuration of Sphinx. `make docs` builds the pages; a warning is an error."""

from docutils import nodes
from docutils.parsers.rst import Directive

import gyazo_nb
from gyazo_nb.notebook.magics import GyazoMagics

project = "gyazo_nb"
author = "The gyazo_nb contributors"
release = version = gyazo_nb.__version__
copyright = author  # noqa: A001 -- Sphinx's name

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "examples"]
suppress_warnings = ["myst.header"]  # included files start with their own level

# Docstrings mark code with single backticks, and their examples carry doctest flags.
default_role = "code"
trim_doctest_flags = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": True}
# Annotations are shown as they are written: `str | None`, and not the expanded types.
autodoc_type_aliases = {"Items": "Items", "PerItem": "PerItem"}

html_theme = "pydata_sphinx_theme"
html_title = "gyazo_nb"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
}
html_sidebars = {"**": ["sidebar-nav-bs"], "index": []}


def _mark_code_blocks(_app, _what, _name, _object, _options, lines):
    """Docstrings indent code, as Markdown does. reStructuredText also wants `::` before it."""
    marked = []
    for line in lines:
        if line.startswith("    ") and marked[-1:] == [""] and not marked[-2].startswith("    "):
            marked += ["::", ""]
        marked.append(line)
    lines[:] = marked


class MagicHelp(Directive):
    """Shows the help of a magic, as `%magic?` does. Its argument is the name of the method."""

    required_arguments = 1

    def run(self):
        text = getattr(GyazoMagics, self.arguments[0]).__doc__.strip()
        return [nodes.literal_block(text, text, language="text")]


def setup(app):
    """Sphinx calls this."""
    app.add_directive("magic-help", MagicHelp)
    app.connect("autodoc-process-docstring", _mark_code_blocks)
