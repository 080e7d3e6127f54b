"""`python -m gyazo_nb.sandbox`: run the sandbox until Ctrl-C, or while a command runs.

Guarantees: the printed lines can be pasted into a shell or saved as an .env file. An error is one
sentence.
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
from urllib.parse import urlsplit

from . import Application, Sandbox
from .accounts import OUT_OF_BAND

# The exit code of a shell for a command that it cannot find.
_COMMAND_NOT_FOUND = 127


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox, and return the exit code."""
    options = _parse_options(sys.argv[1:] if arguments is None else list(arguments))
    try:
        # A late import, so that a missing package is reported in one sentence.
        from . import serve  # noqa: PLC0415
    except ImportError as error:
        return _fail(str(error))
    sandbox = Sandbox([Application(redirect_uris=tuple(options.redirect_uri))])
    try:
        server = serve(sandbox, port=options.port)
    except (OSError, OverflowError) as error:
        return _fail(f"Port {options.port} cannot be used ({error}). Try another --port, or 0.")
    # Both signals: a shell disables Ctrl-C for a process that it starts in the background.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with server:
            # By default, the panel of a notebook on this machine receives the redirect.
            variables = server.variables if options.redirect_uri else server.variables_of_panel()
            _print_variables(server.url, variables, sandbox.new_token())
            return _run(options.command, variables) if options.command else _wait()
    except KeyboardInterrupt:
        return 0


def _parse_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gyazo_nb.sandbox",
        description="A local Gyazo look-alike. It needs neither an account nor a network.",
        epilog="Example: python -m gyazo_nb.sandbox -- jupyter lab",
    )
    parser.add_argument("--port", type=int, default=0, help="default: 0, any free port")
    parser.add_argument(
        "--redirect-uri",
        action="append",
        type=_redirect_uri,
        default=[],
        metavar="URI",
        help="register this URI; can be repeated. Default: a free port of this machine, where the panel "
        "receives the redirect",
    )
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run this command with the variables set, and stop when it ends",
    )
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        del options.command[0]
    return options


def _redirect_uri(text: str) -> str:
    """Check an option. A browser is sent to this address, so that it needs http or https."""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if text != OUT_OF_BAND and not is_web:
        raise argparse.ArgumentTypeError(
            f"{text!r} must begin with http:// or https:// and a host, like "
            f"http://127.0.0.1:8765/callback"
        )
    return text


def _print_variables(url: str, variables: Mapping[str, str], token: str) -> None:
    lines = [
        f"# The sandbox, a local Gyazo look-alike, runs at {url}",
        f"# An access token of the sandbox, for  %gyazo_login --token : {token}",
    ]
    lines += [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    print(*lines, sep="\n", flush=True)  # noqa: T201 (the purpose of the command)


def _wait() -> NoReturn:
    while True:
        time.sleep(3600)


def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    # Drop the settings of the real Gyazo: the command would send their secrets to the sandbox.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GYAZO_")}
    try:
        process = subprocess.Popen(command, env={**environment, **variables})  # noqa: S603 (the user chose it)
    except OSError as error:
        _fail(f"{command[0]} cannot be run: {error.strerror}.")
        return _COMMAND_NOT_FOUND
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The command received Ctrl-C too, and decides whether it ends.
            continue
        return code if code >= 0 else 128 - code


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201 (the purpose of the command)
    return 1


if __name__ == "__main__":
    sys.exit(main())
