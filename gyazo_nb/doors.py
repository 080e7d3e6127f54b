"""Which way of signing in a place gets, and how each is gone through.

The law: chosen by what the place can do, said in one sentence, and another way can always be asked
for. Nothing hangs: where nobody can click or answer, there is a token or there is one line of error.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from IPython.display import display

from . import kernel, pages
from .environment import Settings
from .errors import ArgumentError, ConfigError, NotLoggedInError, WaitInterruptedError
from .identity import check_place
from .keys import Keys
from .secret import Secret
from .session import Gyazo
from .site import App, Site
from .stores import check_name
from .user import User

if TYPE_CHECKING:  # both take longer to import than %load_ext may last
    from .panel import Panel
    from .sandbox import Server


_STOPPED = "Stopped waiting. The panel is still there: finish it, then go on in the next cell."


class Doors:
    """Opens the door that is right for a place. One for each loaded extension."""

    def __init__(self, shell: Any, session: Gyazo, settings: Settings) -> None:
        self._shell, self._session, self._settings = shell, session, settings
        self.keys = Keys(session, settings)
        self._panels: list[Panel] = []
        self._sandbox: Server | None = None
        session._attempts.before = self._check_await  # noqa: SLF001 -- Tab is for users

    def open(self, options: Any, name: str) -> None:
        """Sign in as the options say. `name` is the session's variable."""
        _check_options(options)
        place = kernel.look(self._shell)
        app, site, note = (None, None, "") if not options.sandbox else self._pretend(options)
        if options.token:
            self._by_typed_token(options, name)
            return
        if options.mode in {"auto", "env"} and not options.sandbox:
            if self._by_ready_token(options, place, name):
                return
            if options.mode == "env":
                raise NotLoggedInError(
                    "GYAZO_ACCESS_TOKEN is not set: set it, then run this again."
                )
        if place.is_headless and (place.in_kernel or options.mode != "panel"):
            raise NotLoggedInError(
                "Nobody can click or answer here: set GYAZO_ACCESS_TOKEN to a token from your "
                "application's page before this runs, and leave --mode out."
            )
        if app is None and not self._settings.text("client_id"):
            display(pages.guide(), raw=True)
            if options.wait is not None or options.mode == "prompt":
                raise ConfigError("No application is set up to sign in with: see above.")
            return
        if options.mode == "prompt" or (options.mode == "auto" and not place.shows_widgets):
            self._by_prompt(options, app, site, name, place)
        else:
            self._by_panel(options, app, site, name, note)

    def close(self) -> None:
        """Close panels, listeners and the sandbox."""
        with ExitStack() as all_of_it:  # each of them, whatever becomes of the others
            for panel in self._panels:
                all_of_it.callback(panel.close)
            if self._sandbox is not None:
                all_of_it.callback(self._sandbox.close)
            self._panels, self._sandbox = [], None

    def _by_ready_token(self, options: Any, place: kernel.Place, name: str) -> bool:
        """Use a token that is there, and say whether there was a good one."""
        must = place.is_headless or options.mode == "env"
        used = self.keys.use(options, must=must)
        for sentence in used.complaints:
            display(pages.sentence(sentence), raw=True)
        if used.user is not None and not place.is_headless:
            note = f"The token came from {used.source} (--mode panel asks). {used.note}"
            self._welcome(used.user, name, note.strip())
        return used.user is not None

    # ── asking a person ──────────────────────────────────────────────────────────────────────────

    def _by_typed_token(self, options: Any, name: str) -> None:
        from . import prompt  # noqa: PLC0415 -- getpass and its warnings are wanted here only

        typed = prompt.ask("Paste your access token, then press Enter: ")
        user = self._session.use_token(typed, switch=options.switch, source="--token")
        self._welcome(user, name, self.keys.save(options))

    def _by_prompt(
        self, options: Any, app: App | None, site: Site | None, name: str, place: kernel.Place
    ) -> None:
        from . import prompt  # noqa: PLC0415 -- as above

        login = self._session.login(app, site=site, switch=options.switch)
        shown: list[str] = []

        def show_link() -> None:
            shown.append(uuid4().hex)
            link = pages.prompting(login.url, login.redirect_uri)
            display(link, raw=True, display_id=shown[-1])

        show_link()
        try:
            user = prompt.sign_in(login, show_link)
        finally:
            login.cancel()
            # The link holds a state: it does not stay in the notebook when nobody waits for it.
            for each in shown if place.in_kernel else ():
                gone = pages.sentence("The link to sign in stood here.")
                display(gone, raw=True, display_id=each, update=True)
        self._welcome(user, name, self.keys.save(options))

    def _by_panel(
        self, options: Any, app: App | None, site: Site | None, name: str, note: str
    ) -> None:
        from .panel import Panel  # noqa: PLC0415 -- ipywidgets, see the top

        panel = Panel(
            self._session.login(app, site=site, switch=options.switch),
            session_name=name,
            note=note or self._present(),
            after=lambda: self.keys.save(options),
            handled=self._handled,
        )
        self._panels.append(panel)
        if options.wait is None:
            panel.show()
            return
        waiter = kernel.Waiter(self._shell, panel.comms, lambda: panel.is_busy)
        if waiter.obstacle:
            panel.add_note(
                f"{waiter.obstacle}: until it ends, only the browser's redirect is noticed."
            )
        panel.show()
        try:
            self._wait(panel, waiter, options.wait)
        finally:
            panel.stop_listening()

    def _wait(self, panel: Panel, waiter: kernel.Waiter, seconds: float) -> None:
        if waiter.obstacle and not panel.is_listening:
            raise NotLoggedInError(
                f"{waiter.obstacle}, so this cell cannot wait for the panel: finish the panel and go on "
                f"in the next cell, or run %gyazo_login --mode prompt."
            )
        before = self._session.account

        def is_over() -> bool:
            # Another panel, still open from before, may be the one that is finished.
            return not panel.is_open or panel.was_interrupted or self._session.account != before

        try:
            ended = waiter.wait(is_over, seconds)
        except KeyboardInterrupt:
            raise WaitInterruptedError(_STOPPED) from None
        if panel.was_interrupted:
            # On ipykernel 6 the exchange runs here, and Stop reached it instead of the waiting.
            waiter.abort_later_cells()
            raise WaitInterruptedError(_STOPPED)
        if not ended:
            raise NotLoggedInError(
                f"Nobody signed in within {seconds:g} seconds: finish the panel, then go on in the next "
                f"cell (or run %gyazo_login --mode prompt, which always waits)."
            )

    def _check_await(self) -> None:
        """Refuse to await a panel on a kernel that handles no widget meanwhile."""
        panels = [panel for panel in self._panels if panel.is_open]
        if not panels or any(panel.is_listening for panel in panels):
            return
        if kernel.holds_widgets_while_awaiting(self._shell):
            return
        raise NotLoggedInError(
            "On this kernel an awaiting cell keeps the panel from answering: finish the panel first, "
            "or run %gyazo_login --wait."
        )

    def _handled(self) -> None:
        if self._session._attempts.cells:  # noqa: SLF001 -- as above
            kernel.say_idle(self._shell)

    # ── afterwards ────────────────────────────────────────────────────────────────────────────

    def _present(self) -> str:
        account = self._session.account
        return f"{account.user.called} is signed in now." if account and account.user else ""

    def _welcome(self, user: User, name: str, note: str) -> None:
        display(pages.signed_in(user.called, name, note), raw=True)

    def _pretend(self, options: Any) -> tuple[App, Site, str]:
        """Start the sandbox, once, and give its application and addresses."""
        if self._sandbox is None:
            try:
                from .sandbox import Sandbox, serve  # noqa: PLC0415 -- an extra
            except ImportError:
                raise ConfigError(
                    'The sandbox needs more: run  %pip install "gyazo-nb[sandbox]"  first.'
                ) from None
            self._sandbox = serve(Sandbox())
        settings, url = self._sandbox.variables, self._sandbox.url
        app = App(
            settings["GYAZO_CLIENT_ID"],
            Secret(settings["GYAZO_CLIENT_SECRET"]),
            settings["GYAZO_REDIRECT_URI"],
        )
        site = Site(url, url, url, token_in=self._settings.site().token_in)
        if (account := self._session.account) is not None and not options.switch:
            check_place(site, account)  # before anybody has opened a link for nothing
        return app, site, f"This is a pretend Gyazo on your own machine, at {url}"


def _check_options(options: Any) -> None:
    """Refuse options that contradict each other, before anything is done."""
    if options.sandbox:
        for given, why in (
            (options.token, "--token: the pretend Gyazo gives its own"),
            (options.save, "--save: its tokens end with it"),
            (options.mode == "env", "--mode env: its token is in no environment"),
        ):
            if given:
                raise ArgumentError(f"--sandbox goes without {why}. Leave one of the two out.")
    if options.token and options.mode not in {"auto", "prompt"}:
        raise ArgumentError(f"--token asks in a prompt: leave --mode {options.mode} out.")
    if options.wait is not None and not options.wait > 0:
        raise ArgumentError("--wait takes a number of seconds above 0.")
    if options.profile is not None:
        check_name(options.profile)
