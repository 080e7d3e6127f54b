"""`python -m gyazo_nb.hub`: run the service until SIGINT or SIGTERM.

Guarantees: a wrong setting, a missing package or a used port ends the start with one sentence. At the end,
an exchange that is running gets a few seconds, because its code can be used only once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .configuration import Configuration, ConfigurationError

if TYPE_CHECKING:
    from .service import Service


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gyazo_nb.hub",
        description="The JupyterHub service that signs users in to Gyazo. Its settings are environment "
        "variables: see the page JupyterHub of the documentation.",
    )
    parser.add_argument(
        "--debug", action="store_true", help="log more; the log never contains a secret"
    )
    options = parser.parse_args(arguments)
    try:
        # Late imports, so that a missing package is reported in one sentence.
        from . import log  # noqa: PLC0415
        from .service import Service  # noqa: PLC0415
    except ImportError as error:
        return _fail(
            f'The package {error.name} is missing: run  pip install "gyazo-nb[hub]"  where the service runs.'
        )
    try:
        configuration = Configuration.from_environment(os.environ)
    except ConfigurationError as error:
        return _fail(str(error))
    log.start(logging.DEBUG if options.debug else logging.INFO)
    # Each open panel is a connection, and the usual soft limit is 1024.
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS has another limit, too
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    try:
        asyncio.run(serve(Service(configuration)))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "the host name is not valid")
        advice = 'end the program that uses the port, or choose another one in "url" of the service'
        is_unknown = isinstance(error, socket.gaierror | UnicodeError)
        if is_unknown or getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
            advice = "set GYAZO_HUB_BIND to an address of this machine, like 0.0.0.0:10101"
        return _fail(
            f"The service cannot listen at {configuration.host}:{configuration.port} ({reason}): {advice}."
        )
    return 0


async def serve(service: Service) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Both explicitly: a hub that was started in the background ignores SIGINT, and so do its services.
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await service.listen()
    await stop.wait()
    await service.close()


def _fail(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201 -- the purpose of the command
    return 1


if __name__ == "__main__":
    sys.exit(main())
