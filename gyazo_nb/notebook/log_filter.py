"""Keeps what is typed into one box out of the logs of the layers that carry it.

The law: while a panel waits, no log line at any level shows what arrives from its box. Measured: at
DEBUG, `comm` writes every message whole to the logger `Comm`, and a kernel that was started with
`--debug` writes it to its own.
"""

from __future__ import annotations

import logging
from typing import Any


class WidgetLogFilter(logging.Filter):
    """Masks every record about one widget, found by the id of its model."""

    def __init__(self, model_id: str, *loggers: logging.Logger | None) -> None:
        super().__init__()
        self._model_id = model_id
        self._loggers = [logging.getLogger("Comm"), *(log for log in loggers if log is not None)]

    def start(self) -> None:
        """Begin to mask."""
        for logger in self._loggers:
            logger.addFilter(self)

    def stop(self) -> None:
        """Leave the loggers as they were."""
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, but this widget's without its content."""
        if record.args and self._model_id in repr(record.args):
            record.msg, record.args = "a message of gyazo_nb's box, not logged", ()
        return True


def kernel_log(shell: Any) -> logging.Logger | None:
    """The kernel's own logger, where there is a kernel."""
    log = getattr(getattr(shell, "kernel", None), "log", None)
    if isinstance(log, logging.LoggerAdapter):
        log = log.logger
    return log if isinstance(log, logging.Logger) else None
