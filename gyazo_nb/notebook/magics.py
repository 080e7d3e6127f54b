"""The magics, and what `%load_ext` and `%unload_ext` do.

Guarantees: a magic returns immediately unless waiting is requested. It takes no secret as an argument,
since the line is kept in the history and in the notebook file. Unloading removes everything that loading
and the magics added: the magics, the traits, the completions, the variable, open panels, listeners,
connections, the sandbox, the token.
"""

from __future__ import annotations

import itertools
import keyword
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from gyazo_nb.auth.open_logins import OpenLogins
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ConfigError
from gyazo_nb.settings import ACCESS_TOKEN_VARIABLE, is_loopback

from . import completion, messages
from .traits import GyazoTraits

if TYPE_CHECKING:  # imported by the first magic that runs
    from .sign_in import SignInFlow
    from .uploads import UploadFlow, UploadOptions

DEFAULT_WAIT = 300.0  # seconds, if --wait names none
DEFAULT_INTO = "gyazo_images"


def _upload_options(function: Any) -> Any:
    """The options that `%gyazo` and `%%gyazo` have in common."""
    for option in (
        argument("--title", help="The title of each picture."),
        argument("--desc", help="A comment; #word becomes a tag."),
        argument("--access-policy", choices=("anyone", "only_me"), help="Who can see the images."),
        argument("--collection", metavar="ID", help="A collection that you own or have joined."),
        argument(
            "--into",
            default=DEFAULT_INTO,
            metavar="NAME",
            help=f"The variable for the list of images; {DEFAULT_INTO}.",
        ),
    ):
        function = option(function)
    return function


@magics_class
class GyazoMagics(GyazoTraits, Magics):
    """Sign in to Gyazo from a notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)
        self.open_logins = OpenLogins()
        self.session = Gyazo(settings=self.settings, open_logins=self.open_logins)
        self.variable = ""  # the name of the session in the namespace
        self._sign_in_flow: SignInFlow | None = None

    @property
    def sign_in(self) -> SignInFlow:
        """Made by the first magic that signs in or out."""
        if self._sign_in_flow is None:
            from .sign_in import SignInFlow  # noqa: PLC0415 -- %load_ext must stay fast

            self._sign_in_flow = SignInFlow(
                self.shell, self.session, self.settings, self.open_logins
            )
        return self._sign_in_flow

    @property
    def _uploads(self) -> UploadFlow:
        from .uploads import UploadFlow  # noqa: PLC0415 -- as above

        return UploadFlow(self.shell, self.session)

    @no_var_expand
    @magic_arguments()
    @argument(
        "--mode",
        choices=["auto", "panel", "prompt", "env"],
        default="auto",
        help="auto (the default) chooses by what this place can do, and says what it chose; panel: a "
        "link and a box; prompt: a link and a hidden prompt, for terminals, consoles and VS Code on a "
        "Mac; env: the token in GYAZO_ACCESS_TOKEN.",
    )
    @argument(
        "--wait",
        nargs="?",
        type=float,
        const=DEFAULT_WAIT,
        metavar="SECONDS",
        help="Let the cell end when the sign-in does (at most SECONDS, 300 if not given), so that Run "
        "All works.",
    )
    @argument(
        "--token",
        action="store_true",
        help="Ask for a token of your own, made on your application's page, in a hidden prompt.",
    )
    @argument(
        "--save",
        choices=["keyring", "file"],
        help="Keep the token for later kernels: in the system's keyring, or in a file that only you "
        "can read. Without it, the token ends with the kernel.",
    )
    @argument("--profile", metavar="NAME", help="Which saved account, before any other token.")
    @argument("--switch", action="store_true", help="Allow another account than the one signed in.")
    @argument(
        "--sandbox",
        action="store_true",
        help="Start a pretend Gyazo on this machine and sign in to it: no account, no network.",
    )
    @line_magic
    def gyazo_login(self, line: str) -> None:
        """Sign in to Gyazo: shows a link to open, and a box to paste its result into.

        The cell ends at once; when the panel says who is signed in, use `gyazo.upload(fig)` in the
        next one. Needs GYAZO_CLIENT_ID, GYAZO_CLIENT_SECRET and GYAZO_REDIRECT_URI of your registered
        application; without them it says how to get them. A token in GYAZO_ACCESS_TOKEN, or one that
        was saved, signs in at once. Secrets are never given on this line.

        Examples: `%gyazo_login`, `%gyazo_login --wait`, `%gyazo_login --mode prompt`,
        `%gyazo_login --token --save file`, `%gyazo_login --sandbox`.
        """
        self.sign_in.run(vars(self._parsed(self.gyazo_login, line)), self.variable)

    @no_var_expand
    @magic_arguments()
    @argument(
        "--profile", metavar="NAME", help="Which saved account; the one in use, if not given."
    )
    @line_magic
    def gyazo_logout(self, line: str) -> None:
        """Forget the access token, here and where it was saved; say what would still sign you in."""
        options = self._parsed(self.gyazo_logout, line)
        before = self.session.known
        # An environment's token that nobody signed in with is not ours to forget.
        mine = before is not None and (before.user or before.source != ACCESS_TOKEN_VARIABLE)
        self.session.logout()
        saved, complaint = self.sign_in.credentials.forget(
            options.profile, before if mine else None
        )
        still = self.session.known
        who = None
        if before is not None and mine:
            who = before.user.called if before.user else "this session"
        site = before.site if before is not None else self.settings.site()
        real = not is_loopback(site.auth_url)
        source = still.source if still else None
        display(messages.logged_out(who, source, saved=saved, real=real), raw=True)
        if complaint is not None:
            raise complaint

    @no_var_expand
    @magic_arguments()
    @line_magic
    def gyazo_whoami(self, line: str) -> None:
        """Say who is signed in, where, and where the token came from."""
        self._parsed(self.gyazo_whoami, line)
        user = self.session.me()
        account = self.session.account
        where = f" at {account.site.api_url}, by {account.source}" if account else ""
        display(messages.text_message(f"Signed in as {user.called}{where}."), raw=True)

    @no_var_expand
    @magic_arguments()
    @_upload_options
    @argument(
        "items", nargs="*", metavar="ITEM", help="A variable, an expression, a path or a glob."
    )
    @line_magic
    def gyazo(self, line: str) -> None:
        """Upload what is named, and show its cards.

        %gyazo fig
        %gyazo fig axes[1] plots/*.png --title "Loss curve" --access-policy only_me
        """
        self._uploads.run_line(self._parsed_upload(self.gyazo, line))

    @no_var_expand
    @magic_arguments("%%gyazo")
    @_upload_options
    @argument("--on-error", action="store_true", help="Upload what was shown before an error, too.")
    @cell_magic("gyazo")  # type: ignore[arg-type]  # its types know no method
    def gyazo_cell(self, line: str, cell: str) -> None:
        """Run the cell, then upload every figure that it showed, in order, and show their cards.

        The list of images is in `gyazo_images`, or the variable named by --into.
        """
        self._uploads.run_cell(self._parsed_upload(self.gyazo_cell, line), cell)

    def close(self) -> None:
        """Let go of everything that the magics opened, and of the token."""
        self.session.logout()
        try:
            if self._sign_in_flow is not None:
                self._sign_in_flow.close()
        finally:
            self.session.close()

    def _parsed(self, magic: Any, line: str) -> Any:
        """Read the options. Nothing of a wrong line is repeated: it may hold a pasted secret."""
        try:
            return parse_argstring(magic, line)
        except (UsageError, ValueError):  # ValueError: a quote that is not closed
            takes = " ".join(magic.parser.format_usage().split()[2:]) or "no options"
            raise UsageError(
                f"%{magic.__name__} does not take that. It takes: {takes}. A code, token or secret is "
                f"never given on the line, which the notebook's file keeps: paste it into the panel, or "
                f"run %gyazo_login --token."
            ) from None

    def _parsed_upload(self, magic: Any, line: str) -> UploadOptions:
        from .uploads import UploadOptions  # noqa: PLC0415 -- as above

        return UploadOptions.parse(magic.parser, line)


def load(shell: InteractiveShell) -> None:
    """Register the magics, and put one session into the namespace unless the name is taken."""
    unload(shell)
    magics = GyazoMagics(shell)
    wanted = magics.settings.text("session_name") or "gyazo"
    if not wanted.isidentifier() or keyword.iskeyword(wanted):
        _unlist(shell, magics)
        raise ConfigError(
            f"The session cannot be named {wanted!r}: set GYAZO_SESSION_NAME to a name."
        )
    shell.register_magics(magics)
    completion.register(shell)
    names = itertools.chain([wanted], (f"{wanted}_{number}" for number in itertools.count(2)))
    magics.variable = next(name for name in names if name not in shell.user_ns)
    if magics.variable != wanted:
        print(  # noqa: T201 -- %load_ext's own way of speaking
            f"The name {wanted} is yours already and was left alone: the session is {magics.variable} "
            f"(GYAZO_SESSION_NAME chooses another name)."
        )
    shell.push({magics.variable: magics.session}, interactive=False)


def unload(shell: InteractiveShell) -> None:
    """Take back everything that `load` and the magics put anywhere."""
    manager = shell.magics_manager
    magics = manager.registry.pop("GyazoMagics", None)
    if not isinstance(magics, GyazoMagics):
        return
    for kind, names in magics.magics.items():
        for name in names:
            manager.magics[kind].pop(name, None)
    _unlist(shell, magics)
    completion.unregister(shell)
    if magics.variable:
        shell.drop_by_id({magics.variable: magics.session})
    magics.close()


def _unlist(shell: InteractiveShell, magics: GyazoMagics) -> None:
    """Take the traits out of `%config`, where IPython puts every `Magics` that is made."""
    configurables: list[Any] = shell.configurables
    if magics in configurables:
        configurables.remove(magics)
