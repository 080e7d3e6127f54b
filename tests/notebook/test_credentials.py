"""Tokens that are there already: which one signs in, which one is forgotten, and nobody else's."""

import _thread
import os
import pty
import sys
import threading

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output
from support.helpers import PNG

from gyazo_nb import (
    ArgumentError,
    ConfigError,
    NotLoggedInError,
    OtherAccountError,
    Site,
    StoreError,
    UnauthorizedError,
)
from gyazo_nb.sandbox import Account, Sandbox, serve

ONE, TWO = (
    Account(name="One", email="one@example.com"),
    Account(name="Two", email="two@example.com"),
)


@pytest.fixture
def server():
    with serve(Sandbox(accounts=[ONE, TWO])) as running:
        yield running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "gyazo_nb"


@pytest.fixture
def terminal(monkeypatch):
    """Somebody can be asked: standard input is a terminal."""
    person, end = pty.openpty()
    with os.fdopen(person, "wb"), os.fdopen(end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield


@pytest.fixture
def login(shell, server, folder, monkeypatch):
    """Run a line in a fresh kernel, as it were, and give what it showed."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)

    def run(line="%gyazo_login", token=None, *, fresh=True):
        if fresh:
            shell.run_line_magic("unload_ext", "gyazo_nb")
            shell.run_line_magic("load_ext", "gyazo_nb")
        if token is None:
            monkeypatch.delenv("GYAZO_ACCESS_TOKEN", raising=False)
        else:
            monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
        magic, _, options = line[1:].partition(" ")
        with capture_output() as captured:
            shell.run_line_magic(magic, options)
        return "\n".join(output.data["text/plain"] for output in captured.outputs)

    return run


def saved(folder):
    return sorted(path.name for path in folder.iterdir())


def named(shell):
    return shell.user_ns["gyazo"].me().name


def test_logout_forgets_the_profile_in_use_and_no_other(login, server, folder, shell):
    """Two saved accounts: the one that signed in last is forgotten, or the one that is named."""
    login("%gyazo_login --save file", server.sandbox.new_token(account=ONE))
    login("%gyazo_login --save file --profile work", server.sandbox.new_token(account=TWO))
    assert saved(folder) == ["default.json", "work.json"]
    login("%gyazo_login --profile work")
    assert named(shell) == "Two"

    shown = login("%gyazo_logout", fresh=False)

    assert "Forgot the token of Two" in shown
    assert "The token saved as work is removed too" in shown
    assert saved(folder) == ["default.json"]
    login("%gyazo_login")
    assert named(shell) == "One"
    login("%gyazo_logout --profile default", fresh=False)
    assert saved(folder) == []


def test_a_named_profile_comes_before_the_environment(login, server, shell):
    """It was asked for by name; without a name the environment comes first."""
    login("%gyazo_login --save file --profile work", server.sandbox.new_token(account=TWO))
    environment = server.sandbox.new_token(account=ONE)

    with pytest.raises(OtherAccountError, match="That is Two, but One is signed in: add --switch"):
        login("%gyazo_login --profile work", environment)
    login("%gyazo_login --profile work --switch", environment)
    assert named(shell) == "Two"

    login("%gyazo_login", environment)
    assert named(shell) == "One"


def test_a_named_profile_that_is_not_there_is_said(login, server):
    """Where nobody can be asked, the environment's token does not sign in in its place."""
    with pytest.raises(NotLoggedInError, match="No account is saved as work"):
        login("%gyazo_login --profile work", server.sandbox.new_token())


@pytest.mark.usefixtures("terminal")
def test_a_token_saved_at_another_gyazo_is_neither_used_nor_forgotten(
    login, server, folder, monkeypatch
):
    """What was saved at the real one never speaks in the sandbox, and a logout there leaves it."""
    login("%gyazo_login --save file", server.sandbox.new_token())
    with serve(Sandbox()) as other:
        for name in ("GYAZO_AUTH_URL", "GYAZO_API_URL", "GYAZO_UPLOAD_URL"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.delenv("GYAZO_CLIENT_ID")

        shown = login()
        left = login("%gyazo_logout", fresh=False)

        assert f"is good at {server.url}, and the settings say {other.url}" in shown
        assert "Register an application" in shown  # the next door
        assert "The token saved as" not in left
        assert saved(folder) == ["default.json"]
        assert other.sandbox.requests == []


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("trouble", ["revoked", "unreachable", "spoiled"])
def test_a_saved_token_that_does_not_work_opens_the_next_door(
    login, server, folder, monkeypatch, trouble
):
    """It is said why, and the person is asked: nobody has to find and remove a file first."""
    token = server.sandbox.new_token()
    login("%gyazo_login --save file", token)
    monkeypatch.delenv("GYAZO_CLIENT_ID")
    words = {
        "revoked": "deleted, revoked",
        "unreachable": "could not be reached",
        "spoiled": "holds no saved token",
    }
    if trouble == "revoked":
        server.sandbox.revoke(token)
    elif trouble == "spoiled":
        (folder / "default.json").write_text('{"access_token": "a b", "site": {}}')
    else:
        server.close()

    shown = login()

    assert words[trouble] in shown
    assert "Register an application" in shown


@pytest.mark.usefixtures("terminal")
def test_a_dead_token_in_the_environment_opens_the_next_door(login, monkeypatch):
    """It is said, and the person is asked."""
    monkeypatch.delenv("GYAZO_CLIENT_ID")

    shown = login(token="dead")

    assert "Gyazo does not know the token from GYAZO_ACCESS_TOKEN" in shown
    assert "Register an application" in shown


def test_a_dead_token_where_nobody_can_be_asked_is_an_error(login):
    """With the next step in it."""
    with pytest.raises(UnauthorizedError, match="%gyazo_login --mode panel .or --token."):
        login(token="dead")


def test_save_moves_what_is_saved_already(login, server, folder, keyring, shell):
    """A saved token that signs in is kept where --save says now, and nowhere else."""
    login("%gyazo_login --save file", server.sandbox.new_token())

    login("%gyazo_login --save keyring")

    assert saved(folder) == ["default.keyring"]
    assert list(keyring.kept) == [("gyazo_nb", "default")]
    login()
    assert named(shell) == "One"


def test_a_keyring_that_fails_once_more_keeps_its_note(login, server, folder, keyring):
    """What it held before is still found by a logout."""
    token = server.sandbox.new_token()
    login("%gyazo_login --save keyring", token)
    kept = keyring.set_password

    def refuse(*_):
        raise RuntimeError("locked")

    keyring.set_password = refuse
    login("%gyazo_login --save keyring", token)
    keyring.set_password = kept

    login("%gyazo_logout", fresh=False)

    assert keyring.kept == {}
    assert saved(folder) == []


def test_a_file_is_written_while_the_keyring_refuses(login, server, folder, keyring, shell):
    """The way out that its sentence names must not lead through it."""
    token = server.sandbox.new_token()
    login("%gyazo_login --save keyring", token)

    def refuse(*_):
        raise RuntimeError("locked")

    keyring.get_password = refuse

    login("%gyazo_login --save file", token)

    assert saved(folder) == ["default.json"]
    login()
    assert named(shell) == "One"


def test_a_logout_that_cannot_reach_the_keyring_says_what_it_did(login, server, folder, keyring):
    """Signed out, and the rest is the error, which names what may remain."""
    token = server.sandbox.new_token()
    login("%gyazo_login --save keyring", token)

    def refuse(*_):
        raise RuntimeError("locked")

    keyring.delete_password = refuse
    with pytest.raises(StoreError, match="may still be there.*remove gyazo_nb / default"):
        login("%gyazo_logout", fresh=False)

    assert saved(folder) == ["default.keyring"]


def test_an_unreadable_variable_is_named_and_blocks_nothing_else(
    login, server, user, shell, monkeypatch
):
    """A sign-in by the panel's way, a logout and a repr go on; what needs the variable names it."""
    bad = "two words"
    with pytest.raises(ConfigError, match="GYAZO_ACCESS_TOKEN holds no access token"):
        login("%gyazo_login", bad)
    gyazo = shell.user_ns["gyazo"]
    with pytest.raises(ConfigError, match="GYAZO_ACCESS_TOKEN"):
        gyazo.me()

    attempt = gyazo.login()
    attempt.finish(user.authorize(attempt.url))

    assert named(shell) == "One"
    assert "Forgot the token of One" in login("%gyazo_logout", bad, fresh=False)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--sandbox --token", "--sandbox goes without --token"),
        ("--sandbox --save file", "--sandbox goes without --save"),
        ("--sandbox --mode env", "--sandbox goes without --mode env"),
        ("--token --mode panel", "--token asks in a prompt: leave --mode panel out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(login, line, words):
    """Before anything is started or asked."""
    with pytest.raises(ArgumentError, match=words):
        login(f"%gyazo_login {line}")


@pytest.mark.parametrize("magic", ["%gyazo_login", "%gyazo_logout", "%gyazo_whoami"])
def test_a_quote_that_is_not_closed_is_not_repeated(login, magic):
    """What is behind it may be a secret."""
    with pytest.raises(UsageError, match="never given on the line") as caught:
        login(f'{magic} "s3cr3t')

    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("line", ["--mode bogus", "--wait abc", "--save cloud", "--profile"])
def test_a_wrong_option_is_answered_by_the_right_ones(login, line):
    """And not by what was written, which may be a secret."""
    with pytest.raises(
        UsageError, match=r"\[--mode \{auto,panel,prompt,env\}\] \[--wait"
    ) as caught:
        login(f"%gyazo_login {line}")

    assert "bogus" not in str(caught.value)
    assert "cloud" not in str(caught.value)


def test_the_pretend_gyazo_is_refused_before_anybody_opens_its_link(login, server):
    """While somebody is signed in elsewhere; --switch allows it."""
    token = server.sandbox.new_token()
    with pytest.raises(OtherAccountError, match=f"you are signed in at {server.url}: add --switch"):
        login("%gyazo_login --sandbox --mode panel", token)


def test_no_address_of_a_person_is_shown(login, server, shell):
    """The account's name alone: a notebook is read by others."""
    token = server.sandbox.new_token(account=ONE)
    shown = [login("%gyazo_login", token), login("%gyazo_whoami", token, fresh=False)]
    gyazo = shell.user_ns["gyazo"]
    shown += [repr(gyazo), gyazo._repr_html_()]
    with pytest.raises(OtherAccountError) as caught:
        gyazo.use_token(server.sandbox.new_token(account=TWO))

    assert "One" in shown[1]
    assert "example.com" not in "".join([*shown, str(caught.value)])


def test_two_accounts_of_one_name_are_told_apart(shell, folder):
    """By what tells them apart at Gyazo."""
    twins = [Account(name="Same", email="a@x", uid="1" * 24), Account(name="Same", uid="2" * 24)]
    with serve(Sandbox(accounts=twins)) as server:
        shell.run_line_magic("load_ext", "gyazo_nb")
        gyazo = shell.user_ns["gyazo"]
        one, two = (server.sandbox.new_token(account=twin) for twin in twins)
        site = type(gyazo._connection.settings.site())(server.url, server.url, server.url)
        gyazo.use_token(one, site=site)

        with pytest.raises(OtherAccountError, match=r"Same \(uid 2+\), but Same \(uid 1+\)"):
            gyazo.use_token(two, site=site)


@pytest.mark.usefixtures("login")
def test_an_interrupt_while_the_keyring_hangs_shows_no_token(server, shell, keyring, monkeypatch):
    """A Verbose traceback prints the values of its frames; the session is signed in all the same."""
    gate = threading.Event()

    def hang(*_):
        threading.Timer(0.3, _thread.interrupt_main).start()
        gate.wait(20)

    keyring.set_password = hang
    token = server.sandbox.new_token()
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("xmode", "Verbose")
    with capture_output() as captured:
        result = shell.run_cell("%gyazo_login --save keyring")
    gate.set()
    shell.run_line_magic("xmode", "Context")

    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert token not in captured.stdout + captured.stderr
    assert named(shell) == "One"


def test_a_home_that_nobody_knows_is_a_sentence(login, server, shell, monkeypatch):
    """Signed in and out all the same, and told that nothing can be saved."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    login("%gyazo_login", server.sandbox.new_token())
    assert named(shell) == "One"
    with pytest.raises(StoreError, match="home folder"):
        login("%gyazo_logout", fresh=False)

    assert shell.user_ns["gyazo"].account is None


def test_an_upload_of_a_saved_account_goes_where_it_was_saved(login, server, shell):
    """Signed in by a file alone."""
    login("%gyazo_login --save file", server.sandbox.new_token(account=TWO))
    login()

    shell.user_ns["gyazo"].upload(PNG)

    assert server.sandbox.images[0].account == TWO


def test_a_logout_of_the_sandbox_leaves_the_saved_account(login, server, folder, shell):
    """%gyazo_login --sandbox and %gyazo_logout: what was saved at the real one stays."""
    login("%gyazo_login --save file", server.sandbox.new_token())
    with serve(Sandbox()) as pretend:
        gyazo = shell.user_ns["gyazo"]
        site = Site(pretend.url, pretend.url, pretend.url)
        gyazo.use_token(pretend.sandbox.new_token(), site=site, switch=True)

        shown = login("%gyazo_logout", fresh=False)

    assert "Forgot the token of Sandy Box" in shown
    assert "The token saved as" not in shown
    assert saved(folder) == ["default.json"]


def test_a_saved_file_that_others_can_read_goes_with_the_logout(login, server, folder):
    """It is not used, and all the more to be removed."""
    login("%gyazo_login --save file", server.sandbox.new_token())
    (folder / "default.json").chmod(0o644)

    shown = login("%gyazo_logout", fresh=False)

    assert "The token saved as" in shown
    assert saved(folder) == []


def test_the_true_reason_is_said_where_nobody_can_be_asked(login, server, folder):
    """Not that there is nothing, when there is something that cannot be used."""
    login("%gyazo_login --save file --profile work", server.sandbox.new_token())
    (folder / "work.json").chmod(0o644)

    with pytest.raises(NotLoggedInError, match="can be read by others"):
        login("%gyazo_login --mode env --profile work")


@pytest.mark.usefixtures("terminal")
def test_a_dead_token_in_the_environment_lets_a_saved_one_in(login, server, shell):
    """Said, and passed over."""
    login("%gyazo_login --save file", server.sandbox.new_token(account=TWO))

    shown = login(token="dead")

    assert "Gyazo does not know the token from GYAZO_ACCESS_TOKEN" in shown
    assert "Signed in as Two" in shown


@pytest.mark.usefixtures("terminal")
def test_a_profile_that_is_not_there_is_said_and_nothing_else_forgotten(
    login, server, folder, monkeypatch
):
    """A slip of the finger, and a logout: the account that is saved under no name stays."""
    login("%gyazo_login --save file", server.sandbox.new_token())

    monkeypatch.delenv("GYAZO_CLIENT_ID")

    shown = login("%gyazo_login --profile wrok")
    left = login("%gyazo_logout", fresh=False)

    assert "No account is saved as wrok yet: add --save" in shown
    assert "Register an application" in shown
    assert "removed" not in left
    assert saved(folder) == ["default.json"]


def test_switch_passes_over_the_token_that_is_in_use(login, server, shell):
    """To take it again would be no change."""
    login("%gyazo_login --save file", server.sandbox.new_token(account=ONE))
    login("%gyazo_login")
    assert named(shell) == "One"

    with pytest.raises(NotLoggedInError, match="Nobody can click or answer here"):
        login("%gyazo_login --switch", fresh=False)


def test_before_the_panel_is_finished_a_call_says_so(login, shell):
    """Not to run again what stands open above."""
    login("%gyazo_login --mode panel")

    with pytest.raises(NotLoggedInError, match="finish the sign-in that is open"):
        shell.user_ns["gyazo"].me()
