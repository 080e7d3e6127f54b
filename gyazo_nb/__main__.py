"""`python -m gyazo_nb`: prints what a bug report needs, as `%gyazo_info` does in a notebook."""

from __future__ import annotations

import argparse

from gyazo_nb.notebook.info import info_text


def main() -> None:
    """Print the text. It takes no options."""
    argparse.ArgumentParser(
        prog="python -m gyazo_nb",
        description="Print the versions and settings that a bug report needs. It contains no secret.",
    ).parse_args()
    print(info_text())  # noqa: T201 -- the output of the command


if __name__ == "__main__":
    main()
