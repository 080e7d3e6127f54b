"""`%gyazo_login` as a whole: setup guide, wrong settings, other accounts, and the shown texts."""

import pytest
from IPython.utils.capture import capture_output

from gyazo_nb import ConfigError, NotLoggedInError, OtherAccountError, Site
from gyazo_nb.sandbox import Account, Sandbox, serve


def test_setup_guide_without_an_application(shell):
    """It shows where to register, the settings, and two ways without an application."""
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
