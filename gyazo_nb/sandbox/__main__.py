"""`python -m gyazo_nb.sandbox`: a pretend Gyazo until Ctrl-C, or for as long as a command runs.

The law: what it prints can be pasted into a shell or saved as an .env file, and every end is one
sentence at most.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from . import Application, Sandbox

_NOT_FOUND = 127


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, and return the exit code."""
    options = _options(sys.argv[1:] if arguments is None else list(arguments))
    try:
        from . import serve  # noqa: PLC0415 (so that a missing package is one sentence)
    except ImportError as error:
        return _complain(str(error))
    sandbox = Sandbox([Application(redirect_uris=tuple(options.redirect_uri))])
    try:
        server = serve(sandbox, port=options.port)
    except (OSError, OverflowError) as error:
        return _complain(f"Port {options.port} cannot be used ({error}). Try another --port, or 0.")
    # Both, because a shell starts what is in the background with Ctrl-C switched off.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with server:
            _tell(server.url, server.variables)
            return _run(options.command, server.variables) if options.command else _wait()
    except KeyboardInterrupt:
        return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gyazo_nb.sandbox",
        description="A pretend Gyazo on this machine: no account, no network.",
        epilog="Example: python -m gyazo_nb.sandbox -- jupyter lab",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URI",
        help="registered instead of the sandbox's own landing page; may be given several times",
    )
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run this with the variables set, and end with it",
    )
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        del options.command[0]
    return options


def _tell(url: str, variables: Mapping[str, str]) -> None:
    lines = [f"# A pretend Gyazo is at {url}"]
    lines += [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    print(*lines, sep="\n", flush=True)  # noqa: T201 (what the command is for)


def _wait() -> NoReturn:
    while True:
        time.sleep(3600)


def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    # A real token has no business in a pretend Gyazo.
    # A setting of the real Gyazo's would go along, and its secret be sent to the pretend one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GYAZO_")}
    try:
        process = subprocess.Popen(command, env={**environment, **variables})  # noqa: S603 (asked for)
    except OSError as error:
        _complain(f"{command[0]} cannot be run: {error.strerror}.")
        return _NOT_FOUND
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue  # Ctrl-C reached the command as well, and it decides
        return code if code >= 0 else 128 - code


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
