"""`%gyazo_login` and its companions, and what `%load_ext` and `%unload_ext` do.

The law: a magic ends at once and takes no secret as an argument (the line is kept in the history and
in the file). Whatever loading put somewhere, unloading takes away: the magics, the traits, the
variable, open panels, connections, the sandbox, the token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from . import pages
from .config import Options
from .errors import ConfigError
from .session import Gyazo
from .sharing import SharingMagics
from .site import App, Site

if TYPE_CHECKING:  # both take longer to import than %load_ext may last
    from .panel import Panel
    from .sandbox import Server


@magics_class
class GyazoMagics(SharingMagics, Options, Magics):
    """Sign in to Gyazo from a notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)
        self.session = Gyazo(settings=self.settings)
        self.pushed = ""  # the name under which the session stands in the namespace
        self._panels: list[Panel] = []
        self._sandbox: Server | None = None

    @no_var_expand
    @magic_arguments()
    @argument(
        "--sandbox",
        action="store_true",
        help="Start a pretend Gyazo on this machine and sign in to it: no account, no network.",
    )
    @argument("--switch", action="store_true", help="Allow another account than the one signed in.")
    @line_magic
    def gyazo_login(self, line: str) -> None:
        """Sign in to Gyazo: shows a link to open, and a box to paste its result into.

        The cell ends at once; when the panel says who is signed in, use `gyazo.upload(fig)` in the
        next one. Needs GYAZO_CLIENT_ID, GYAZO_CLIENT_SECRET and GYAZO_REDIRECT_URI of your registered
        application; without them it says how to get them. Secrets are never given on this line.
        """
        options = self._parsed(self.gyazo_login, line)
        if options.sandbox:
            app, site, note = self._pretend()
        else:
            app, site, note = None, None, ""
            if not self.settings.text("client_id"):
                display(pages.guide(), raw=True)
                return
        login = self.session.login(app, site=site, switch=options.switch)

        from .panel import Panel  # noqa: PLC0415 -- ipywidgets, see the top

        panel = Panel(login, session_name=self.pushed or "gyazo", note=note)
        self._panels = [*(open_ for open_ in self._panels if open_.is_open), panel]
        panel.show()

    @no_var_expand
    @magic_arguments()
    @line_magic
    def gyazo_logout(self, line: str) -> None:
        """Forget the access token, and say what else would still sign you in."""
        self._parsed(self.gyazo_logout, line)
        before = self.session.account
        signed_in = before is not None and before.source != "GYAZO_ACCESS_TOKEN"
        self.session.logout()
        still = self.session.account
        who = str(before.user or "this session") if before is not None and signed_in else None
        display(pages.logged_out(who, still.source if still else None), raw=True)

    @no_var_expand
    @magic_arguments()
    @line_magic
    def gyazo_whoami(self, line: str) -> None:
        """Say who is signed in, where, and where the token came from."""
        self._parsed(self.gyazo_whoami, line)
        user = self.session.me()
        account = self.session.account
        where = f" at {account.site.api_url}, by {account.source}" if account else ""
        display(pages.sentence(f"Signed in as {user}{where}."), raw=True)

    def close(self) -> None:
        """Let go of everything that the magics opened, and of the token."""
        for panel in self._panels:
            panel.close()
        self._panels.clear()
        self.session.logout()
        self.session.close()
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def _parsed(self, magic: Any, line: str) -> Any:
        """Read the options. Nothing of a wrong line is repeated: it may hold a pasted secret."""
        try:
            return parse_argstring(magic, line)
        except UsageError:
            raise UsageError(
                f"%{magic.__name__} does not take that: see %{magic.__name__}? for its options. A "
                f"code, token or secret is never given on the line, which the notebook's file keeps: "
                f"paste it into the panel."
            ) from None

    def _pretend(self) -> tuple[App, Site, str]:
        """Start the sandbox, once, and give its application and addresses."""
        if self._sandbox is None:
            try:
                from .sandbox import Sandbox, serve  # noqa: PLC0415 -- an extra
            except ImportError:
                raise ConfigError(
                    'The sandbox needs more: run  %pip install "gyazo-nb[sandbox]"  first.'
                ) from None
            self._sandbox = serve(Sandbox())
        settings = self._sandbox.variables
        url = self._sandbox.url
        app = App(
            settings["GYAZO_CLIENT_ID"],
            settings["GYAZO_CLIENT_SECRET"],
            settings["GYAZO_REDIRECT_URI"],
        )
        return app, Site(url, url, url), f"This is a pretend Gyazo on your own machine, at {url}"


def load(shell: InteractiveShell) -> None:
    """Register the magics, and put one session into the namespace unless the name is taken."""
    unload(shell)
    magics = GyazoMagics(shell)
    shell.register_magics(magics)
    name = magics.settings.text("session_name") or "gyazo"
    if not name.isidentifier():
        raise ConfigError(
            f"The session cannot be named {name!r}: set GYAZO_SESSION_NAME to a name."
        )
    if name in shell.user_ns:
        print(  # noqa: T201 -- %load_ext's own way of speaking
            f"The name {name} is yours already and was left alone: set GYAZO_SESSION_NAME to another "
            f"one, or use gyazo_nb.Gyazo()."
        )
        return
    shell.push({name: magics.session}, interactive=False)
    magics.pushed = name


def unload(shell: InteractiveShell) -> None:
    """Take back everything that `load` and the magics put anywhere."""
    manager = shell.magics_manager
    magics = manager.registry.pop("GyazoMagics", None)
    if not isinstance(magics, GyazoMagics):
        return
    for kind, names in magics.magics.items():
        for name in names:
            manager.magics[kind].pop(name, None)
    configurables: list[Any] = shell.configurables
    if magics in configurables:
        configurables.remove(magics)
    if magics.pushed:
        shell.drop_by_id({magics.pushed: magics.session})
    magics.close()
