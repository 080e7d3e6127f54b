"""The magics, and `load` and `unload` of the extension.

Guarantees: `%gyazo_login` returns immediately unless the user requests to wait. No magic takes a secret
as an argument, because the history and the notebook file store the line. `%unload_ext` removes everything
that `%load_ext` and the magics added: the magics, the traits, the completions, the variable, open panels,
callback servers, connections, the sandbox, the token.
"""

from __future__ import annotations

import argparse
import itertools
import keyword
import re
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.core.magic_arguments import argument
from IPython.display import display

from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ConfigError
from gyazo_nb.settings import ACCESS_TOKEN_VARIABLE, is_loopback, setting_names

from . import completion, messages
from .line_parser import parses_line
from .shown import ShownPictures, formatter_of
from .traits import GyazoTraits

if TYPE_CHECKING:  # imported by the first magic that runs
    from .sign_in import SignInFlow
    from .uploads import UploadFlow

DEFAULT_WAIT_TIMEOUT = 300.0  # seconds, for --wait without a number
DEFAULT_INTO = "gyazo_images"


# The options that `%gyazo` and `%%gyazo` share.
_UPLOAD_OPTIONS = (
    argument(
        "--title",
        type=str,
        metavar="TEXT",
        help="The title of each picture; {expression} and $name are expanded.",
    ),
    argument(
        "--desc",
        type=str,
        metavar="TEXT",
        help="A description, expanded like the title; #word becomes a tag.",
    ),
    argument("--access-policy", choices=("anyone", "only_me"), help="Who can see the images."),
    argument(
        "--collection",
        dest="collection_id",
        metavar="ID",
        help="A collection that you own or have joined.",
    ),
    argument(
        "--into",
        default=DEFAULT_INTO,
        metavar="NAME",
        help=f"The variable for the list of images. Default: {DEFAULT_INTO}.",
    ),
)


@magics_class
class GyazoMagics(GyazoTraits, Magics):
    """Sign in to Gyazo from a notebook, and upload pictures."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)
        self.session = Gyazo(settings=self.settings)
        self.variable = ""  # the variable that holds the session
        self.own_load_ext: Any = None
        self.shown = ShownPictures(shell)
        self.session.formatter = formatter_of(shell)

    @cached_property
    def sign_in(self) -> SignInFlow:
        """The sign-in flow, created by the first magic that signs in or out."""
        from .sign_in import SignInFlow  # noqa: PLC0415 -- %load_ext must stay fast

        return SignInFlow(self.shell, self.session, self.settings, self.variable)

    @property
    def _uploads(self) -> UploadFlow:
        from .uploads import UploadFlow  # noqa: PLC0415 -- as above

        return UploadFlow(self.shell, self.session, self.shown)

    @no_var_expand
    @parses_line(may_contain_secrets=True)
    @argument(
        "--mode",
        choices=["auto", "panel", "prompt", "env"],
        default="auto",
        help="auto (the default): an existing token, else the method that this front end supports; "
        "panel: a link and a text box; prompt: a link and a hidden prompt, for terminals, consoles and "
        "VS Code on a Mac; env: the token in GYAZO_ACCESS_TOKEN.",
    )
    @argument(
        "--wait",
        nargs="?",
        type=float,
        const=DEFAULT_WAIT_TIMEOUT,
        metavar="SECONDS",
        help="The cell waits until the sign-in is finished (at most SECONDS; 300 by default), so that "
        "Run All works.",
    )
    @argument(
        "--token",
        action="store_true",
        help="Enter an access token from your application's page in a hidden prompt.",
    )
    @argument(
        "--save",
        nargs="?",
        choices=["keyring", "file"],
        const="file",
        help="Save the token for later kernels: in a file that only you can read (as --save alone, and "
        "the check box of the panel), or in the system's keyring.",
    )
    @argument("--profile", metavar="NAME", help="The saved account to use, before any other token.")
    @argument(
        "--switch", action="store_true", help="Allow another account to replace the signed-in one."
    )
    @argument(
        "--sandbox",
        action="store_true",
        help="Start a sandbox (a local Gyazo look-alike) and sign in to it: needs no account and no "
        "network.",
    )
    @line_magic
    def gyazo_login(self, options: argparse.Namespace) -> None:
        """Sign in to Gyazo: shows a link to open, and a box to paste the result into.

        The cell ends at once. When the panel shows the signed-in account, use `gyazo.upload(fig)` in
        the next cell. If you are signed in already, says so; --switch, --token or another --profile
        begin a new sign-in. Needs GYAZO_CLIENT_ID, GYAZO_CLIENT_SECRET and GYAZO_REDIRECT_URI of your
        registered application; without them, shows how to set them up. A token in GYAZO_ACCESS_TOKEN
        or a saved token signs in at once. Never write a secret on this line.

        Examples: `%gyazo_login`, `%gyazo_login --wait`, `%gyazo_login --mode prompt`,
        `%gyazo_login --token --save file`, `%gyazo_login --sandbox`.
        """
        self.restore_variable()
        self.sign_in.run(vars(options))

    @no_var_expand
    @parses_line(may_contain_secrets=True)
    @argument(
        "--profile", metavar="NAME", help="The saved account to remove. Default: the one in use."
    )
    @line_magic
    def gyazo_logout(self, options: argparse.Namespace) -> None:
        """Sign out: forget the access token, and remove it if it was saved.

        Ends the open panels. Shows what still signs you in, such as a token in GYAZO_ACCESS_TOKEN.
        """
        ended = messages.text_message("This sign-in was ended by %gyazo_logout.")
        self.sign_in.end_open_panels(ended)
        account = self.session.known
        site = account.site if account else None
        # A token of the environment that was never used to sign in is not forgotten.
        if account and not account.user and account.source == ACCESS_TOKEN_VARIABLE:
            account = None
        self.session.logout()
        saved, error = self.sign_in.credentials.forget(options.profile, account)
        who = account.user.called if account and account.user else "this session"
        remaining = self.session.known
        message = messages.signed_out(
            who if account else None,
            remaining.source if remaining else None,
            saved=saved,
            missing=options.profile if saved is None and error is None else None,
            others=self.sign_in.credentials.saved_profiles(),
            revocable=not is_loopback((site or self.settings.site()).auth_url),
        )
        display(message, raw=True)
        if error is not None:
            raise error

    @no_var_expand
    @parses_line(may_contain_secrets=True)
    @line_magic
    def gyazo_whoami(self, _: argparse.Namespace) -> None:
        """Show the signed-in account, its server, and the source of the token."""
        user = self.session.me()
        account = self.session.account
        where = f" at {account.site.api_url}, by {account.source}" if account else ""
        display(messages.text_message(f"Signed in as {user.called}{where}."), raw=True)

    @no_var_expand
    @parses_line(may_contain_secrets=True)
    @line_magic
    def gyazo_info(self, _: argparse.Namespace) -> None:
        """Print the versions and settings that a bug report needs. The text contains no secret.

        In a terminal, `python -m gyazo_nb` prints the same.
        """
        from .info import info_text  # noqa: PLC0415 -- %load_ext must stay fast

        print(info_text(self.shell, self.session, self.settings))  # noqa: T201 -- text to copy

    @no_var_expand
    @needs_local_scope
    @parses_line(options=_UPLOAD_OPTIONS)
    @argument(
        "--cell",
        type=int,
        metavar="N",
        help="Upload the pictures that cell [N] showed. Without an item: those of the newest cell with "
        "pictures.",
    )
    @argument(
        "items",
        nargs="*",
        metavar="ITEM",
        help="A variable, an expression, a file, a folder or a glob.",
    )
    @line_magic
    def gyazo(self, options: argparse.Namespace, local_ns: Mapping[str, Any] | None = None) -> None:
        """Upload the named items, or the pictures that a cell showed, and show their cards.

        %gyazo
        %gyazo --cell 5
        %gyazo fig
        %gyazo plots/
        %gyazo fig axes[1] plots/*.png --title "Loss curve" --access-policy only_me
        %gyazo fig --title "Epoch {epoch}"
        """
        # Without the variable, IPython runs this magic for a cell that contains only its name.
        if options == self.gyazo.line_parser.parse("") and self.restore_variable():
            print(f"The variable {self.variable} was missing. It is the session again.")  # noqa: T201
            display(self.session)
            return
        self._uploads.run_line(options, local_ns or {})

    @no_var_expand
    @parses_line("%%gyazo", options=_UPLOAD_OPTIONS)
    @argument(
        "--on-error", action="store_true", help="If the cell fails, upload what it showed before."
    )
    @cell_magic("gyazo")  # type: ignore[arg-type]  # its types know no method
    def gyazo_cell(self, options: argparse.Namespace, cell: str) -> None:
        """Run the cell, then upload every figure that it showed, in order, and show their cards.

        The list of images is in the variable `gyazo_images`, or in the one that --into names.
        """
        self._uploads.run_cell(options, cell)

    def restore_variable(self) -> bool:
        """Put the session back after `del` or `%reset`, and return whether its name was free."""
        shell: Any = self.shell
        if self.variable in shell.user_ns:
            return False
        shell.push({self.variable: self.session}, interactive=False)
        return True

    def close(self) -> None:
        """Sign out, and close everything that the magics opened."""
        self.session.logout()
        self.shown.close()
        try:
            if "sign_in" in vars(self):
                self.sign_in.close()
        finally:
            self.session.close()


def load(shell: InteractiveShell) -> None:
    """Register the magics, and add the session to the namespace unless its name is in use."""
    unload(shell)
    magics = GyazoMagics(shell)
    with ExitStack() as after_error:
        after_error.callback(_remove_traits, shell, magics)
        name = magics.settings.text("session_name") or "gyazo"
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ConfigError(
                f"The session cannot be named {name!r}: set {setting_names('session_name')} to a valid "
                f"variable name."
            )
        magics.settings.access_policy()  # a wrong one is told before any upload
        after_error.pop_all()
    shell.register_magics(magics)
    completion.register(shell)
    shell.input_transformers_cleanup.append(_add_body_for_help)
    names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    magics.variable = next(name for name in names if name not in shell.user_ns)
    if magics.variable != name:
        print(  # noqa: T201 -- the output of %load_ext
            f"The variable {name} already exists and was not changed: the session is {magics.variable} "
            f"(set GYAZO_SESSION_NAME to choose another name)."
        )
    magics.restore_variable()
    _restore_at_load_ext(shell, magics)
    magics.shown.open()


def _restore_at_load_ext(shell: InteractiveShell, magics: GyazoMagics) -> None:
    """Put the session back at `%load_ext gyazo_nb`. IPython ignores an extension that is loaded."""
    line_magics = shell.magics_manager.magics["line"]
    original = line_magics["load_ext"]

    @wraps(original)
    def load_ext(line: str = "") -> Any:
        result = original(line)
        if line.strip() == "gyazo_nb":
            magics.restore_variable()
        return result

    line_magics["load_ext"] = magics.own_load_ext = load_ext


def _add_body_for_help(lines: list[str]) -> list[str]:
    """Add a line to a cell `%%gyazo --help`: IPython calls no cell magic without a body."""
    is_help = len(lines) == 1 and re.match(r"%%gyazo\s(.*\s)?(-h|--help)\s", lines[0])
    return [*lines, "\n"] if is_help else lines


def unload(shell: InteractiveShell) -> None:
    """Remove everything that `load` and the magics added."""
    manager = shell.magics_manager
    magics = manager.registry.pop("GyazoMagics", None)
    if not isinstance(magics, GyazoMagics):
        return
    for kind, names in magics.magics.items():
        for name in names:
            manager.magics[kind].pop(name, None)
    line_magics = manager.magics["line"]
    if line_magics.get("load_ext") is magics.own_load_ext:
        line_magics["load_ext"] = magics.own_load_ext.__wrapped__
    _remove_traits(shell, magics)
    completion.unregister(shell)
    if _add_body_for_help in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(_add_body_for_help)
    if magics.variable:
        shell.drop_by_id({magics.variable: magics.session})
    magics.close()


def _remove_traits(shell: InteractiveShell, magics: GyazoMagics) -> None:
    """Remove the traits from `%config`. IPython adds them for every new `Magics` object."""
    configurables: list[Any] = shell.configurables
    if magics in configurables:
        configurables.remove(magics)
