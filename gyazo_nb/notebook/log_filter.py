"""Keeps the text of the panel's box out of the logs.

Guarantees: while a panel is open, no log line at any level shows the text that arrives from its box.
Measured: at DEBUG, `comm` logs every message completely to the logger `Comm`, and a kernel that was
started with `--debug` logs it to its own logger.
"""

from __future__ import annotations

import logging
from typing import Any


class WidgetLogFilter(logging.Filter):
    """Masks the log records about one widget, which it recognizes by the id of the widget's model."""

    def __init__(self, model_id: str, *loggers: logging.Logger | None) -> None:
        super().__init__()
        self._model_id = model_id
        self._loggers = [logging.getLogger("Comm"), *(log for log in loggers if log is not None)]

    def start(self) -> None:
        """Add the filter to the loggers."""
        for logger in self._loggers:
            logger.addFilter(self)

    def stop(self) -> None:
        """Remove the filter from the loggers."""
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass every record, but without the content if it is about this widget."""
        if record.args and self._model_id in repr(record.args):
            record.msg, record.args = (
                "message of the gyazo_nb panel (not logged: it may contain a secret)",
                (),
            )
        return True


def kernel_log(shell: Any) -> logging.Logger | None:
    """The kernel's own logger, if the shell runs in a kernel."""
    log = getattr(getattr(shell, "kernel", None), "log", None)
    if isinstance(log, logging.LoggerAdapter):
        log = log.logger
    return log if isinstance(log, logging.Logger) else None
