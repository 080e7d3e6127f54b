"""The recorded replies in `tests/replies`."""

import json
from pathlib import Path

REPLIES = Path(__file__).parents[1] / "replies"


def recorded(name):
    """Return the JSON of one recorded reply."""
    return json.loads((REPLIES / f"{name}.json").read_text())
