"""Keeps secrets out of the log records of the HTTP libraries.

Guarantees: while this package sends a request, no log record of httpx or httpcore shows a secret or
the query of an address, at any level. Records about other requests stay as they are.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar

from gyazo_nb.api.operation import Request

# The request that this thread or task is sending.
current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)

# Path and query end at a blank: they may contain quotes.
_ADDRESS = re.compile(r"(https?://)(?:[^\s/?#]*@)?([^\s?#]*)(?:[?#]\S*)?")
# The address of a redirect may contain anything, also blanks.
_LOCATION = re.compile(
    r"""(b'location', )b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.IGNORECASE
)
_PROXY_PASSWORD = re.compile(r"\bauth=\(.*\)")  # of a SOCKS proxy
_HTTPCORE_LOGGERS = ("connection", "http11", "http2", "proxy", "socks")


class HttpLogFilter(logging.Filter):
    """Masks the secrets of the current request.

    httpx logs each address, and httpcore logs at DEBUG the headers of a reply, which may repeat a secret.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the secrets."""
        if (request := current_request.get()) is not None:
            text = request.mask(record.getMessage())
            text = _PROXY_PASSWORD.sub("auth=***", _LOCATION.sub(r"\1***", text))
            record.msg, record.args = _ADDRESS.sub(r"\1\2", text), ()
        return True


# A filter applies to its own logger and not to that logger's children, so each logger is named.
for _name in ("httpx", *(f"httpcore.{name}" for name in _HTTPCORE_LOGGERS)):
    logging.getLogger(_name).addFilter(HttpLogFilter())
