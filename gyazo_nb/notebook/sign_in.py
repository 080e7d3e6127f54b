"""`%gyazo_login`: chooses a method to sign in, and runs it.

Guarantees: the method depends on the front end, and the user can always choose another one. No cell
hangs: if the user can neither click nor answer, a token signs in, or the cell fails with one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from IPython.display import display

from gyazo_nb.api.models import User
from gyazo_nb.auth.account import check_same_site
from gyazo_nb.auth.hub import find_service, is_hub
from gyazo_nb.auth.login import Login
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import (
    ConfigError,
    ForbiddenError,
    GyazoError,
    NotLoggedInError,
    UnauthorizedError,
    WaitInterruptedError,
)
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import ACCESS_TOKEN_VARIABLE, App, Settings, Site, secret_variable, unquoted

from . import messages, prompt
from .cell_wait import CellWait
from .credentials import CredentialResolver
from .frontend import Frontend, detect_frontend, handles_widgets_while_awaiting, send_idle_status
from .login_options import LoginOptions
from .traits import unknown_variables

if TYPE_CHECKING:
    from gyazo_nb.sandbox import Server

    from .panel import Panel

_STOPPED = "Stopped waiting. The panel is still open: finish it, then continue in the next cell."


@dataclass(frozen=True, slots=True)
class Target:
    """The application and the site that replace the settings, and a note to show."""

    app: App | None = None
    site: Site | None = None
    note: str = ""


class SignInFlow:
    """Signs in with a token, a panel or a prompt. One for each loaded extension."""

    def __init__(self, shell: Any, session: Gyazo, settings: Settings, variable: str) -> None:
        self._shell, self._session, self._settings = shell, session, settings
        self._variable = variable  # the name of the session, for the messages
        self._open_logins = session._connection.open_logins  # noqa: SLF001 -- not for users
        self._open_logins.check_can_await = self._check_can_await
        self.credentials = CredentialResolver(session, settings)
        self._panels: list[Panel] = []
        self._signed_in_lines: dict[str, str] = {}  # the name in each line, by display id
        self._sandbox: Server | None = None

    def run(self, parsed: Mapping[str, Any]) -> None:
        """Sign in with the parsed options."""
        options = LoginOptions(**parsed)
        frontend = detect_frontend(self._shell)
        is_prompt = options.mode == "prompt" or (
            options.mode == "auto" and not frontend.shows_widgets
        )
        target = Target()
        if options.sandbox:
            target = self._start_sandbox(options, is_panel=not is_prompt)
        warning = self._settings.missing_addresses()
        if warning and not (options.sandbox or frontend.is_headless):
            display(messages.text_message(warning), raw=True)
        if options.token:
            self._with_typed_token(options, frontend)
        elif self._is_signed_in(options, frontend) or self._with_existing_token(options, frontend):
            return
        elif frontend.is_headless and (frontend.in_kernel or options.mode != "panel"):
            other_mode = "" if options.mode == "auto" else ", and leave out --mode"
            raise NotLoggedInError(
                f"This front end can neither show a panel nor answer a prompt: set "
                f"{ACCESS_TOKEN_VARIABLE} to a token from your application's page before the notebook "
                f"runs{other_mode}.{_misspelled_variables()}"
            )
        elif not (target.app or self._settings.text("client_id") or find_service(self._settings)):
            self._show_setup(options, frontend)
        elif is_prompt:
            self._with_prompt(options, target, frontend)
        else:
            self._with_panel(options, target, frontend)

    def end_open_panels(self, text: messages.Bundle) -> None:
        """End the panels that are not finished. Their outputs become `text`."""
        for panel in self._panels:
            if panel.is_open:
                panel.end(text)

    def close(self) -> None:
        """Close the panels, their listeners and the sandbox."""
        with ExitStack() as stack:  # closes all of them, also if one fails
            for panel in self._panels:
                stack.callback(panel.close)
            for display_id, name in self._signed_in_lines.items():
                line = messages.was_signed_in(name)
                stack.callback(display, line, raw=True, display_id=display_id, update=True)
            if self._sandbox is not None:
                stack.callback(self._sandbox.close)
            self._panels, self._sandbox, self._signed_in_lines = [], None, {}

    # ── with a token ─────────────────────────────────────────────────────────────────────────────

    def _is_signed_in(self, options: LoginOptions, frontend: Frontend) -> bool:
        """Show the signed-in account, unless the options want another one. Return whether there is one."""
        account = self._session.known
        is_other = options.switch or options.profile not in {None, self.credentials.profile}
        if account is None or account.user is None or options.mode == "env" or is_other:
            return False
        user, note = account.user, ""
        try:
            user = self._session.use_token(account.token, site=account.site, source=account.source)
        except UnauthorizedError:
            self._session._connection.current.mark_revoked(account.token)  # noqa: SLF001 -- not for users
            text = f"Gyazo does not accept the token of {user.called} any longer: sign in again."
            display(messages.text_message(text), raw=True)
            return False
        except ForbiddenError:
            pass  # the token is valid, but may not read its user
        except GyazoError as error:  # the account stays signed in, as after every other call
            note = f"It was not checked: {error}"
        if options.save is not None:
            note = f"{note} {self.credentials.save(options)}".strip()
        if account.site.api_url != self._settings.site().api_url:
            note = f"The server is {account.site.api_url}. {note}".strip()
        if not frontend.is_headless or note:
            switch = "" if frontend.is_page else options.command(switch=True, wait=None, save=None)
            display(messages.already_signed_in(user.called, note, switch), raw=True)
        return True

    def _with_existing_token(self, options: LoginOptions, frontend: Frontend) -> bool:
        """Sign in with the environment's token or a saved one. Return whether one was valid."""
        if options.sandbox or options.mode not in {"auto", "env"}:
            return False
        required = frontend.is_headless or options.mode == "env"
        result = self.credentials.resolve(options, required=required)
        for warning in result.warnings:
            display(messages.text_message(warning), raw=True)
        if result.user is None:
            if options.mode == "env":
                raise NotLoggedInError(
                    f"{ACCESS_TOKEN_VARIABLE} is not set: set it, then run this again."
                    f"{_misspelled_variables()}"
                )
            return False
        if not frontend.is_headless:
            mode = "panel" if frontend.shows_widgets else "prompt"
            other = options.command(mode=mode, switch=True, save=None)
            hint = "" if frontend.is_page else f" (for a {mode} instead: {other})"
            self._show_signed_in(
                result.user, f"The token is from {result.source}{hint}. {result.note}", frontend
            )
        return True

    def _with_typed_token(self, options: LoginOptions, frontend: Frontend) -> None:
        typed = prompt.ask("Paste your access token, then press Enter: ", options.command())
        if _is_address_or_setting(typed):
            raise ConfigError(
                f"This is an address or a setting, not an access token, and it was not sent: copy only the "
                f"token from your application's page, then run {options.command()} again."
            )
        user = self._session.use_token(typed, switch=options.switch, source="--token")
        self._show_signed_in(user, self._save(options, frontend), frontend)

    def _save(self, options: LoginOptions, frontend: Frontend) -> str:
        """Save the token if the options say so. Return where it is kept, and how to keep it longer."""
        saved = self.credentials.save(options)
        if options.sandbox or options.save is not None:
            return saved
        command = LoginOptions(profile=options.profile, save="file").command()
        hint = "" if frontend.is_page else f" To stay signed in on this machine, run {command}."
        return f"The token is kept until this kernel ends.{hint}"

    # ── with a link ──────────────────────────────────────────────────────────────────────────────

    def _begin(self, options: LoginOptions, target: Target) -> Login:
        try:
            return self._session.login(target.app, site=target.site, switch=options.switch)
        except ConfigError as error:
            raise ConfigError(f"{str(error).rstrip('.')}.{_misspelled_variables()}") from None

    def _with_prompt(self, options: LoginOptions, target: Target, frontend: Frontend) -> None:
        login = self._begin(options, target)
        link = Secret("")
        shown: dict[str, Secret] = {}  # the texts with a link, by display id
        sign_in = prompt.sign_in_through_hub if login.uses_hub else prompt.sign_in
        panel_command = options.command(mode="panel") if frontend.shows_widgets else ""

        @hides_frames
        def show_link() -> None:
            nonlocal link
            if link == Secret(login.url):
                return
            link = Secret(login.url)
            display_id = uuid4().hex
            redirect_uri = None if login.uses_hub else login.redirect_uri
            steps = messages.prompt_steps(login.url, redirect_uri, panel_command)
            shown[display_id] = Secret(steps["text/plain"])
            display(steps, raw=True, display_id=display_id)

        try:
            user = sign_in(login, show_link, options.command())
        finally:
            login.cancel()
            # The link contains a state, so it must not stay in the notebook after the sign-in.
            for display_id in shown if frontend.in_kernel else ():
                removed = messages.text_message("The sign-in link was removed.")
                display(removed, raw=True, display_id=display_id, update=True)
            # IPython 9 records the outputs of a terminal. `%notebook` writes them into a file.
            for outputs in getattr(self._shell.history_manager, "outputs", {}).values():
                for output in tuple(outputs):
                    if Secret.or_none(output.bundle.get("text/plain")) in shown.values():
                        outputs.remove(output)
        self._show_signed_in(user, self._save(options, frontend), frontend)

    def _with_panel(self, options: LoginOptions, target: Target, frontend: Frontend) -> None:
        from .panel import Panel  # noqa: PLC0415 -- loads ipywidgets, which %load_ext must not

        def save_token() -> str:
            store = (options.save or "file") if panel.stays_signed_in else None
            return self._save(replace(options, save=store), frontend)

        # The tokens of a sandbox end with it. On a page of Voila, the next visitor would use the token.
        can_save = not options.sandbox and (options.save is not None or not frontend.is_page)
        account = self._session.account
        current = f"{account.user.called} is signed in now." if account and account.user else ""
        prompt_command = options.command(mode="prompt", wait=None) if frontend.can_prompt else ""
        login = self._begin(options, target)
        panel = Panel(
            login,
            session_name=self._variable,
            note=target.note or current,
            stay_signed_in=options.save is not None if can_save else None,
            prompt_command=prompt_command,
            new_command="" if frontend.is_page else options.command(),
            save_token=save_token,
            on_signed_in=lambda user: self.end_open_panels(messages.panel_not_needed(user.called)),
            on_message_handled=self._on_message_handled,
        )
        self._panels.append(panel)
        if options.wait is None:
            panel.show()
            return
        wait = CellWait(self._shell, panel.comms, lambda: panel.is_busy)
        if wait.unsupported_reason and not login.uses_hub:
            panel.add_note(
                f"{wait.unsupported_reason}. Until this cell ends, only the browser's redirect can finish "
                f"the sign-in."
            )
        try:
            panel.show()
            self._wait_for_panel(panel, wait, options.wait, prompt_command)
        finally:
            panel.stop_listening()

    def _wait_for_panel(
        self, panel: Panel, wait: CellWait, seconds: float, prompt_command: str
    ) -> None:
        if wait.unsupported_reason and not panel.is_listening:
            raise NotLoggedInError(
                f"{wait.unsupported_reason}, so this cell cannot wait for the panel: finish the panel "
                f"and continue in the next cell{f', or run {prompt_command}' if prompt_command else ''}."
            )
        before = self._session.account

        def is_finished() -> bool:
            # An older panel that is still open can sign in, too.
            return not panel.is_open or panel.was_interrupted or self._session.account != before

        try:
            finished = wait.wait(is_finished, seconds)
        except KeyboardInterrupt:
            raise WaitInterruptedError(_STOPPED) from None
        if panel.was_interrupted:
            # On ipykernel 6 the exchange runs in this thread, so Stop interrupts it instead of the wait.
            wait.abort_later_cells()
            raise WaitInterruptedError(_STOPPED)
        if not finished:
            raise NotLoggedInError(
                f"The sign-in was not finished within {seconds:g} seconds: finish the panel, then "
                f"continue in the next cell"
                f"{f' (or run {prompt_command}, which always waits)' if prompt_command else ''}."
            )

    def _check_can_await(self) -> None:
        """Raise if a panel is open on a kernel that handles no widget messages while a cell awaits."""
        panels = [panel for panel in self._panels if panel.is_open]
        if not panels or any(panel.is_listening for panel in panels):
            return
        if handles_widgets_while_awaiting(self._shell):
            return
        command = panels[-1].new_command.partition(" --wait")[0]
        raise NotLoggedInError(
            f"On this kernel the panel does not work while a cell awaits: finish the panel first"
            f"{f', or run {command} --wait' if command else ''}."
        )

    def _on_message_handled(self) -> None:
        if self._open_logins.awaiting_cells:
            send_idle_status(self._shell)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────

    def _show_setup(self, options: LoginOptions, frontend: Frontend) -> None:
        given = ["GYAZO_CLIENT_SECRET"] if secret_variable("GYAZO_CLIENT_SECRET") else []
        names = ("client_secret_file", "redirect_uri")
        given += [f"GYAZO_{name.upper()}" for name in names if self._settings.text(name)]
        verb = "are" if len(given) > 1 else "is"
        note = f"{' and '.join(given)} {verb} set, but GYAZO_CLIENT_ID is not." if given else ""
        note = f"{note}{_misspelled_variables()}".strip()
        make_guide = messages.hub_guide if is_hub() else messages.setup_guide
        guide = make_guide(options.command(), note=note, can_prompt=frontend.can_prompt)
        display(guide, raw=True)
        if options.wait is not None or options.mode == "prompt":
            raise ConfigError("No application is set up: follow the steps above.")

    def _show_signed_in(self, user: User, note: str, frontend: Frontend) -> None:
        """Show the account. At the end of the extension, the line says that it is signed out."""
        shown = messages.signed_in(
            user.called, self._variable, note.strip(), commands=not frontend.is_page
        )
        display_id = uuid4().hex
        display(shown, raw=True, display_id=display_id)
        if frontend.in_kernel and not frontend.is_headless:
            self._signed_in_lines[display_id] = user.called

    # ── the sandbox ──────────────────────────────────────────────────────────────────────────────

    def _start_sandbox(self, options: LoginOptions, *, is_panel: bool) -> Target:
        """Start the sandbox unless it is running, and return its application and addresses.

        A panel receives the redirect itself. For a prompt, a page of the sandbox shows the address.
        """
        if self._sandbox is None:
            try:
                from gyazo_nb.sandbox import Sandbox, serve  # noqa: PLC0415 -- an extra
            except ImportError:
                raise ConfigError(
                    'The sandbox is not installed: run  %pip install "gyazo-nb[sandbox]"  first.'
                ) from None
            self._sandbox = serve(Sandbox())
        app, url = _application(self._sandbox, is_panel=is_panel), self._sandbox.url
        site = Site(url, url, url, token_in=self._settings.site().token_in)
        if (account := self._session.account) is not None and not options.switch:
            check_same_site(site, account)  # before the user opens the link
        return Target(app, site, f"This is a sandbox, a local Gyazo look-alike, at {url}")


def _misspelled_variables() -> str:
    """A sentence for each set variable that looks like a misspelled setting, after a blank."""
    unknown = unknown_variables().items()
    return "".join(f" {name} is not a setting: {meant}" for name, meant in unknown if meant)


@hides_frames
def _is_address_or_setting(typed: Secret) -> bool:
    text = unquoted(typed.reveal())
    return "://" in text or "=" in text.rstrip("=")  # a token may end with =, as Base64 does


@hides_frames
def _application(sandbox: Server, *, is_panel: bool) -> App:
    variables = sandbox.variables_of_panel() if is_panel else sandbox.variables
    names = ("GYAZO_CLIENT_ID", "GYAZO_CLIENT_SECRET", "GYAZO_REDIRECT_URI")
    return App(*(variables[name] for name in names))
