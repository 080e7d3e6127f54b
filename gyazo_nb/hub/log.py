"""The log of the service, on standard error.

Guarantees: no record contains a secret, a code or a token, at any level. A request is logged as the name of
its route, its status and its user. The records of tornado, JupyterHub and aiohttp can contain addresses and
headers. So the log has only the text of their messages, without the values, and the class and line of errors.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback

log = logging.getLogger("gyazo_nb.hub")

_LIBRARIES = (
    "tornado.access",
    "tornado.application",
    "tornado.general",
    "traitlets",
    "asyncio",
    "aiohttp.access",
    "aiohttp.client",
    "aiohttp.internal",
    "aiohttp.server",
    "aiohttp.web",
)


def start(level: int) -> None:
    """Write the log to standard error, and remove the values from the records of libraries."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="[%(levelname).1s %(asctime)s %(name)s] %(message)s"
    )
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _WithoutValues) for one in logger.filters):
            logger.addFilter(_WithoutValues())


def place_of(error: BaseException) -> str:
    """The class of an error and where it was raised, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


class _WithoutValues(logging.Filter):
    """Removes the values of a record, and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass every record, without its values."""
        text = str(record.msg).splitlines()
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        # Without "?": a library may have put an address into the text itself.
        record.msg = re.sub(r"%[a-z]", "…", (text[0] if text else "").partition("?")[0])
        if error is not None:
            record.msg += f" ({place_of(error)})"
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True
