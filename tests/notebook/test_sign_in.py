"""`%gyazo_login` as a whole: setup guide, wrong settings, other accounts, and the shown texts."""

import urllib.request

import pytest
from IPython.utils.capture import capture_output
from support.helpers import BrowserUser

from gyazo_nb import (
    ConfigError,
    NotLoggedInError,
    OtherAccountError,
    Secret,
    Site,
    UnauthorizedError,
)
from gyazo_nb.sandbox import Account, Sandbox, serve


def test_setup_guide_without_an_application(shell):
    """It shows where to register, the settings, and two ways without these settings."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_login", "--mode panel")
    (guide,) = captured.outputs

    for kind in ("text/plain", "text/html"):
        for words in (
            "gyazo.com/oauth/applications",
            "http://127.0.0.1:8765/callback",
            "GYAZO_CLIENT_ID",
            "GYAZO_CLIENT_SECRET",
            "GYAZO_REDIRECT_URI",
            "GYAZO_ACCESS_TOKEN",
            "--sandbox",
        ):
            assert words in guide.data[kind]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GYAZO_AUTH_URL", "http://gyazo.com"),
        ("GYAZO_AUTH_URL", "https://gyazo.com:port"),
        ("GYAZO_API_URL", "gyazo.com"),
        ("GYAZO_REDIRECT_URI", "callback"),
        ("GYAZO_CLIENT_SECRET", ""),
    ],
)
def test_wrong_setting_fails_the_cell_with_one_line(shell, server, monkeypatch, variable, value):
    """The line names the variable. Run All stops, because the cell fails."""
    for name, text in {**server.variables, variable: value}.items():
        monkeypatch.setenv(name, text)
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        result = shell.run_cell("%gyazo_login --mode panel")

    assert isinstance(result.error_in_exec, ConfigError)
    assert captured.stdout.strip().count("\n") == 0
    assert variable in captured.stdout


def test_sandbox_while_signed_in_elsewhere_needs_switch(run_magic, server):
    """The error comes before the user opens a link."""
    token = server.sandbox.new_token()
    with pytest.raises(OtherAccountError, match=f"you are signed in at {server.url}: add --switch"):
        run_magic("%gyazo_login --sandbox --mode panel", token)


def test_call_with_an_open_panel_says_to_finish_it(run_magic, shell):
    """It does not say to run %gyazo_login again."""
    run_magic("%gyazo_login --mode panel")

    with pytest.raises(NotLoggedInError, match="finish the sign-in that is open"):
        shell.user_ns["gyazo"].me()


def test_no_text_shows_an_email_address(run_magic, server, shell):
    """Other users may read the notebook, so the texts show only the account's name."""
    one = Account(name="One", email="one@example.com")
    two = Account(name="Two", email="two@example.com")
    token = server.sandbox.new_token(account=one)
    shown = [run_magic("%gyazo_login", token), run_magic("%gyazo_whoami", token, fresh=False)]
    gyazo = shell.user_ns["gyazo"]
    shown += [repr(gyazo), gyazo._repr_html_()]
    with pytest.raises(OtherAccountError) as caught:
        gyazo.use_token(server.sandbox.new_token(account=two))

    assert "One" in shown[1]
    assert "example.com" not in "".join([*shown, str(caught.value)])


@pytest.mark.usefixtures("config_folder")
def test_accounts_of_the_same_name_are_distinguished_by_uid(shell):
    """The error names the uid of both."""
    accounts = [Account(name="Same", email="a@x", uid="1" * 24), Account(name="Same", uid="2" * 24)]
    with serve(Sandbox(accounts=accounts)) as server:
        shell.run_line_magic("load_ext", "gyazo_nb")
        gyazo = shell.user_ns["gyazo"]
        one, two = (server.sandbox.new_token(account=account) for account in accounts)
        site = Site(server.url, server.url, server.url)
        gyazo.use_token(one, site=site)

        with pytest.raises(OtherAccountError, match=r"Same \(uid 2+\), but Same \(uid 1+\)"):
            gyazo.use_token(two, site=site)


# ── signed in already ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def signed_in(run_magic, shell, server):
    """A shell that has signed in with a panel."""
    run_magic("%gyazo_login --mode panel")
    shell.magics_manager.registry["GyazoMagics"].sign_in._panels[
        -1
    ]._box.value = server.sandbox.new_code()
    return run_magic


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    "options", ["", "--wait 60", "--mode panel", "--mode panel --wait", "--mode prompt"]
)
def test_sign_in_while_signed_in_says_so_and_ends_at_once(signed_in, options):
    """Also with --wait: Run All goes on."""
    shown = signed_in(f"%gyazo_login {options}", fresh=False)

    assert shown.startswith(
        "Already signed in as Sandy Box. Another account: %gyazo_login --switch"
    )
    assert "\n" not in shown


@pytest.mark.usefixtures("terminal")
def test_switch_token_and_another_profile_begin_a_new_sign_in(signed_in, shell, monkeypatch):
    """The account in use stays until the new sign-in is finished."""
    monkeypatch.setattr("getpass.getpass", lambda question: "a-wrong-token")
    flow = shell.magics_manager.registry["GyazoMagics"].sign_in

    signed_in("%gyazo_login --mode panel --switch", fresh=False)
    signed_in("%gyazo_login --mode panel --profile other", fresh=False)
    assert [panel.is_open for panel in flow._panels] == [False, True, True]
    with pytest.raises(UnauthorizedError):
        signed_in("%gyazo_login --token", fresh=False)
    assert shell.user_ns["gyazo"].account.user.name == "Sandy Box"


@pytest.mark.usefixtures("terminal")
def test_saved_token_signs_in_once_and_then_is_in_use(run_magic, server):
    """After a restart of the kernel, too."""
    run_magic("%gyazo_login --save file --profile work", server.sandbox.new_token())

    first = run_magic("%gyazo_login --profile work")
    second = run_magic("%gyazo_login --profile work --wait 60", fresh=False)

    assert first.startswith("Signed in as Sandy Box on ")
    assert second.startswith("Already signed in as Sandy Box.")


@pytest.mark.usefixtures("terminal")
def test_save_while_signed_in_saves_the_token(signed_in, config_folder):
    """The hint at the end of a sign-in names this line."""
    shown = signed_in("%gyazo_login --save file", fresh=False)

    assert "Already signed in as Sandy Box. The token is saved in the file" in shown
    assert (config_folder / "default.json").exists()


@pytest.mark.usefixtures("terminal")
def test_revoked_token_of_the_signed_in_account_begins_a_new_sign_in(
    signed_in, server, monkeypatch
):
    """The line about it comes before the next method."""
    for token in list(server.sandbox._tokens):
        server.sandbox.revoke(token)
    monkeypatch.delenv("GYAZO_CLIENT_ID")

    shown = signed_in("%gyazo_login", fresh=False)

    assert "does not accept the token of Sandy Box any longer" in shown
    assert "Register an application" in shown


@pytest.mark.usefixtures("terminal")
def test_unreachable_server_keeps_the_account(signed_in, server):
    """The line says that the token was not checked."""
    server.close()

    shown = signed_in("%gyazo_login", fresh=False)

    assert "Already signed in as Sandy Box. It was not checked: " in shown
    assert "could not be reached" in shown


def test_headless_run_while_signed_in_is_silent(run_magic, server):
    """As the first sign-in with a token."""
    token = server.sandbox.new_token()

    assert run_magic("%gyazo_login", token) == ""
    assert run_magic("%gyazo_login", token, fresh=False) == ""


# ── the panel, saved tokens and hints ────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("run_magic")
def test_finished_panel_ends_the_other_open_ones(shell, server):
    """They say who signed in, and release their widgets."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output():
        shell.run_line_magic("gyazo_login", "--mode panel")
        shell.run_line_magic("gyazo_login", "--mode panel --switch")
    first, second = shell.magics_manager.registry["GyazoMagics"].sign_in._panels

    first._box.value = server.sandbox.new_code()

    assert not second.is_open
    assert not second._login.is_open
    assert "you signed in as Sandy Box with another panel" in second._head.value


@pytest.mark.usefixtures("run_magic")
def test_sign_out_ends_the_open_panels(shell, server):
    """A code pasted afterwards is not sent. The text of a finished panel stays."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output():
        shell.run_line_magic("gyazo_login", "--mode panel")
        sign_in = shell.magics_manager.registry["GyazoMagics"].sign_in
        sign_in._panels[0]._box.value = server.sandbox.new_code()
        shell.run_line_magic("gyazo_login", "--mode panel --sandbox --switch")
        finished, opened = sign_in._panels
        assert opened.is_listening
        shell.run_line_magic("gyazo_logout", "")
    opened._submit(Secret(sign_in._sandbox.sandbox.new_code()))

    assert "This sign-in was ended by %gyazo_logout." in opened._head.value
    assert not opened.is_listening
    assert "Signed in as <b>Sandy Box</b>" in finished._head.value
    assert shell.user_ns["gyazo"].account is None


def test_check_box_saves_the_token_and_the_line_says_where(shell, server, run_magic, config_folder):
    """The state of the panel's widgets has the check box, and no token."""
    run_magic("%gyazo_login --mode panel")
    (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels
    panel._stay.value = True

    panel._box.value = server.sandbox.new_code()

    assert "The token is saved in the file" in panel._head.value
    assert (config_folder / "default.json").exists()


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("profile", ["", " --profile work"])
def test_failed_save_of_the_check_box_names_the_line_that_saves(
    shell, server, run_magic, config_folder, profile
):
    """The line of the panel has no --save, so the same line again would save no token."""
    run_magic(f"%gyazo_login --mode panel{profile}")
    (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels
    panel._stay.value = True
    config_folder.parent.mkdir()
    config_folder.write_text("a file in place of the folder")
    panel._box.value = server.sandbox.new_code()
    line = f"%gyazo_login{profile} --save file"
    assert f"could not be saved in {config_folder}" in panel._head.value
    assert f"correct the problem, then run {line}." in panel._head.value

    config_folder.unlink()
    shown = run_magic(line, fresh=False)

    assert "Already signed in as Sandy Box. The token is saved in the file" in shown


def test_check_box_is_checked_with_save_and_can_be_cleared(shell, server, run_magic, config_folder):
    """Then the token is not saved, and the line says how to save it."""
    run_magic("%gyazo_login --mode panel --save file")
    (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels
    assert panel.stays_signed_in
    panel._stay.value = False

    panel._box.value = server.sandbox.new_code()

    assert "To stay signed in on this machine, run %gyazo_login --save file." in panel._head.value
    assert not config_folder.exists()


def test_sandbox_receives_the_redirect_and_offers_no_saved_token(shell, run_magic):
    """Its tokens end with the kernel. The hint repeats --sandbox."""
    shown = run_magic("%gyazo_login --mode panel --sandbox")
    (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels

    assert panel.is_listening
    assert panel._stay.layout.display == "none"
    address = BrowserUser(panel._login.url.partition("/oauth")[0]).authorize(panel._login.url)
    with urllib.request.urlopen(address, timeout=20) as page:
        assert "go back to your notebook" in page.read().decode()
    assert not panel.is_open
    assert "--save" not in panel._head.value
    assert shown


@pytest.mark.usefixtures("terminal")
def test_hint_of_the_panel_repeats_the_options(run_magic):
    """%gyazo_login --sandbox does not lead to a prompt for the real Gyazo."""
    shown = run_magic("%gyazo_login --mode panel --switch --profile work --save file")

    assert "%gyazo_login --profile work --save file --switch --mode prompt" in shown


@pytest.mark.usefixtures("terminal")
def test_incomplete_settings_of_a_server_are_named(run_magic, server, monkeypatch):
    """Else a token of that server would be sent to Gyazo."""
    monkeypatch.delenv("GYAZO_UPLOAD_URL")

    shown = run_magic("%gyazo_login", server.sandbox.new_token())

    assert "GYAZO_AUTH_URL and GYAZO_API_URL name another server than Gyazo" in shown
    assert "GYAZO_UPLOAD_URL is not set, so https://upload.gyazo.com is used" in shown


@pytest.mark.usefixtures("terminal")
def test_setup_guide_names_settings_without_a_client_id(run_magic, monkeypatch):
    """A part of the settings is there."""
    monkeypatch.delenv("GYAZO_CLIENT_ID")

    shown = run_magic()

    assert (
        "GYAZO_CLIENT_SECRET and GYAZO_REDIRECT_URI are set, but GYAZO_CLIENT_ID is not." in shown
    )


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("setting", "misspelling", "line"),
    [
        ("GYAZO_CLIENT_ID", "GYAZO_CLIENTID", "%gyazo_login"),
        ("GYAZO_REDIRECT_URI", "GYAZO_REDIRECT_URL", "%gyazo_login --mode panel"),
        ("GYAZO_ACCESS_TOKEN", "GYAZO_ACCES_TOKEN", "%gyazo_login --mode env"),
    ],
)
def test_missing_setting_names_a_misspelled_variable(
    run_magic, monkeypatch, setting, misspelling, line
):
    """The error shows only the name of the variable: its value may be a secret."""
    monkeypatch.delenv(setting, raising=False)
    monkeypatch.setenv(misspelling, "s3cr3t")
    try:
        shown = run_magic(line)
    except (ConfigError, NotLoggedInError) as error:
        shown = str(error)

    assert f". {misspelling} is not a setting: did you mean {setting}?" in f". {shown}"
    assert "s3cr3t" not in shown


@pytest.mark.usefixtures("run_magic")
def test_reloaded_extension_says_that_it_signed_out(server, shell):
    """The line of the panel does not say longer that the session is signed in."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("gyazo_login", "--mode panel")
    (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels
    panel._box.value = server.sandbox.new_code()
    published = []
    publish, shell.display_pub.publish = (
        shell.display_pub.publish,
        lambda data, **more: published.append(data["text/plain"]),
    )
    try:
        shell.run_line_magic("reload_ext", "gyazo_nb")
    finally:
        shell.display_pub.publish = publish

    (text,) = published
    assert text.startswith("Signed in as Sandy Box. The extension gyazo_nb was unloaded later")
