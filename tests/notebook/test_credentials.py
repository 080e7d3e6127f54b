"""Existing tokens: which one signs in, where it is saved, and which one a sign-out removes."""

import os
import signal
import threading
import time

import pytest
from IPython.utils.capture import capture_output
from support.helpers import PNG

from gyazo_nb import (
    ConfigError,
    NotLoggedInError,
    OtherAccountError,
    Site,
    StoreError,
    UnauthorizedError,
)
from gyazo_nb.auth import token_store
from gyazo_nb.sandbox import Account, Sandbox, serve

ONE, TWO = (
    Account(name="One", email="one@example.com"),
    Account(name="Two", email="two@example.com"),
)


@pytest.fixture
def server():
    with serve(Sandbox(accounts=[ONE, TWO])) as running:
        yield running


def saved_files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_sign_out_removes_only_the_profile_in_use(run_magic, server, config_folder, user_name):
    """Of two saved accounts: the one that signed in last, or the one that --profile names."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token(account=ONE))
    run_magic("%gyazo_login --save file --profile work", server.sandbox.new_token(account=TWO))
    assert saved_files(config_folder) == ["default.json", "work.json"]
    run_magic("%gyazo_login --profile work")
    assert user_name() == "Two"

    shown = run_magic("%gyazo_logout", fresh=False)

    assert "Signed out Two" in shown
    assert "The token saved as work was removed, too" in shown
    assert saved_files(config_folder) == ["default.json"]
    run_magic("%gyazo_login")
    assert user_name() == "One"
    run_magic("%gyazo_logout --profile default", fresh=False)
    assert saved_files(config_folder) == []


def test_named_profile_comes_before_the_environment(run_magic, server, user_name):
    """Without --profile, the environment comes first."""
    run_magic("%gyazo_login --save file --profile work", server.sandbox.new_token(account=TWO))
    environment = server.sandbox.new_token(account=ONE)

    with pytest.raises(OtherAccountError, match="This is Two, but One is signed in: add --switch"):
        run_magic("%gyazo_login --profile work", environment)
    run_magic("%gyazo_login --profile work --switch", environment)
    assert user_name() == "Two"

    run_magic("%gyazo_login", environment)
    assert user_name() == "One"


def test_missing_profile_is_an_error_in_a_headless_run(run_magic, server):
    """The token of the environment does not sign in instead."""
    with pytest.raises(NotLoggedInError, match="No account is saved as work"):
        run_magic("%gyazo_login --profile work", server.sandbox.new_token())


@pytest.mark.usefixtures("terminal")
def test_token_saved_for_another_server_is_neither_used_nor_removed(
    run_magic, server, config_folder, monkeypatch
):
    """A token for the real Gyazo is not sent to a sandbox, and a sign-out of the sandbox keeps it."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token())
    with serve(Sandbox()) as other:
        for name in ("GYAZO_AUTH_URL", "GYAZO_API_URL", "GYAZO_UPLOAD_URL"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.delenv("GYAZO_CLIENT_ID")

        signed_in = run_magic()
        signed_out = run_magic("%gyazo_logout", fresh=False)

        assert f"is for {server.url}, but the settings name {other.url}" in signed_in
        assert "Register an application" in signed_in  # the next method
        assert "The token saved as" not in signed_out
        assert saved_files(config_folder) == ["default.json"]
        assert other.sandbox.requests == []


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("problem", ["revoked", "unreachable", "damaged"])
def test_unusable_saved_token_leads_to_the_next_method(
    run_magic, server, config_folder, monkeypatch, problem
):
    """The reason is shown, and the user does not have to remove a file first."""
    token = server.sandbox.new_token()
    run_magic("%gyazo_login --save file", token)
    monkeypatch.delenv("GYAZO_CLIENT_ID")
    reasons = {
        "revoked": "deleted or revoked",
        "unreachable": "could not be reached",
        "damaged": "is damaged",
    }
    if problem == "revoked":
        server.sandbox.revoke(token)
    elif problem == "damaged":
        (config_folder / "default.json").write_text('{"access_token": "a b", "site": {}}')
    else:
        server.close()

    shown = run_magic()

    assert reasons[problem] in shown
    assert "Register an application" in shown


@pytest.mark.usefixtures("terminal")
def test_revoked_token_in_the_environment_leads_to_the_next_method(run_magic, monkeypatch):
    """The rejection is shown, and then the setup guide, because no application is configured."""
    monkeypatch.delenv("GYAZO_CLIENT_ID")

    shown = run_magic(token="revoked")

    assert "Gyazo does not accept the token from GYAZO_ACCESS_TOKEN" in shown
    assert "Register an application" in shown


@pytest.mark.usefixtures("terminal")
def test_saved_token_signs_in_after_a_revoked_token_in_the_environment(run_magic, server):
    """The rejection is shown above the name of the user."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token(account=TWO))

    shown = run_magic(token="revoked")

    assert "Gyazo does not accept the token from GYAZO_ACCESS_TOKEN" in shown
    assert "Signed in as Two" in shown


def test_revoked_token_in_a_headless_run_is_an_error(run_magic):
    """The error names the next step."""
    with pytest.raises(
        UnauthorizedError,
        match="Set the variable to a valid token, or run %gyazo_login --mode panel .or --token.",
    ):
        run_magic(token="revoked")


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    "typed",
    ["http://127.0.0.1/callback?code=s3cr3t", "GYAZO_ACCESS_TOKEN=s3cr3t", "'NAME=s3cr3t=='\n"],
)
def test_typed_address_or_setting_is_not_sent(run_magic, server, monkeypatch, typed):
    """The error repeats the options, and not the text."""
    monkeypatch.setattr("getpass.getpass", lambda question: typed)

    with pytest.raises(ConfigError, match="not an access token, and it was not sent") as caught:
        run_magic("%gyazo_login --token --save file")

    assert "then run %gyazo_login --save file --token again." in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert server.sandbox.requests == []


@pytest.mark.usefixtures("terminal")
def test_rejected_typed_token_does_not_recommend_token_as_another_way(run_magic, monkeypatch):
    """A token may end with =, so this one is sent."""
    monkeypatch.setattr("getpass.getpass", lambda question: "wrong==")

    with pytest.raises(
        UnauthorizedError,
        match="--token again with the whole token, or %gyazo_login to sign in another way",
    ):
        run_magic("%gyazo_login --token")


def test_unusable_saved_token_in_a_headless_run_is_the_error(run_magic, server, config_folder):
    """Not the error about a missing token."""
    run_magic("%gyazo_login --save file --profile work", server.sandbox.new_token())
    (config_folder / "work.json").chmod(0o644)

    with pytest.raises(NotLoggedInError, match="Other users can read or write"):
        run_magic("%gyazo_login --mode env --profile work")


def test_save_moves_a_saved_token(run_magic, server, config_folder, keyring, user_name):
    """A token from the file that signs in with --save keyring is in the keyring only."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token())

    run_magic("%gyazo_login --save keyring")

    assert saved_files(config_folder) == ["default.keyring"]
    assert list(keyring.passwords) == [("gyazo_nb", "default")]
    run_magic()
    assert user_name() == "One"


def test_sign_out_removes_the_keyring_entry_after_a_failed_save(
    run_magic, server, config_folder, keyring
):
    """The second save fails, and the entry of the first one is still known."""
    token = server.sandbox.new_token()
    run_magic("%gyazo_login --save keyring", token)
    keyring.lock()
    run_magic("%gyazo_login --save keyring", token)
    keyring.unlock()

    run_magic("%gyazo_logout", fresh=False)

    assert keyring.passwords == {}
    assert saved_files(config_folder) == []


def test_save_file_works_while_the_keyring_fails(
    run_magic, server, config_folder, keyring, user_name
):
    """`--save file` is the next step that the keyring's error names."""
    token = server.sandbox.new_token()
    run_magic("%gyazo_login --save keyring", token)
    keyring.lock()

    run_magic("%gyazo_login --save file", token)

    assert saved_files(config_folder) == ["default.json"]
    run_magic()
    assert user_name() == "One"


def test_sign_out_while_the_keyring_fails_names_the_remaining_token(
    run_magic, server, config_folder, keyring, shell
):
    """The session is signed out, and the error says how to remove the keyring's entry."""
    token = server.sandbox.new_token()
    run_magic("%gyazo_login --save keyring", token)
    keyring.lock()

    with pytest.raises(StoreError, match="may still be there.*remove gyazo_nb / default"):
        run_magic("%gyazo_logout", fresh=False)

    assert saved_files(config_folder) == ["default.keyring"]
    assert shell.user_ns["gyazo"].account is None


@pytest.mark.usefixtures("run_magic")
@pytest.mark.slow
def test_interrupt_while_the_keyring_hangs_shows_no_token(
    server, shell, keyring, monkeypatch, user_name
):
    """A Verbose traceback prints the local variables. The session is signed in nevertheless."""
    ended = threading.Event()

    def keyring_calls():
        return [one for one in threading.enumerate() if one.name == "gyazo_nb keyring"]

    def interrupt():
        while not keyring_calls() and not ended.wait(0.01):
            pass
        time.sleep(0.3)
        if keyring_calls():  # else the call failed, and the interrupt would end the tests
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    monkeypatch.setattr(token_store, "KEYRING_TIMEOUT", 60.0)
    keyring.pause()
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    token = server.sandbox.new_token()
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("xmode", "Verbose")
    with capture_output() as captured:
        result = shell.run_cell("%gyazo_login --save keyring")
    shell.run_line_magic("xmode", "Context")
    ended.set()
    interrupting.join()

    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert token not in captured.stdout + captured.stderr
    assert user_name() == "One"


def test_invalid_token_variable_does_not_block_other_sign_ins(
    run_magic, server, user, shell, monkeypatch, user_name
):
    """Calls that need the variable name it in their error. A sign-in with a code and a sign-out work."""
    invalid = "two words"
    with pytest.raises(ConfigError, match="GYAZO_ACCESS_TOKEN is not an access token"):
        run_magic("%gyazo_login", invalid)
    gyazo = shell.user_ns["gyazo"]
    with pytest.raises(ConfigError, match="GYAZO_ACCESS_TOKEN"):
        gyazo.me()

    login = gyazo.login()
    login.finish(user.authorize(login.url))

    assert user_name() == "One"
    assert "Signed out One" in run_magic("%gyazo_logout", invalid, fresh=False)


def test_unknown_home_folder_is_a_clear_error(run_magic, server, shell, monkeypatch, user_name):
    """Sign-in and sign-out work, and the sign-out says that no token can be saved."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    run_magic("%gyazo_login", server.sandbox.new_token())
    assert user_name() == "One"
    with pytest.raises(StoreError, match="home folder"):
        run_magic("%gyazo_logout", fresh=False)

    assert shell.user_ns["gyazo"].account is None


def test_saved_account_uploads(run_magic, server, shell):
    """A file is the only source of the token."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token(account=TWO))
    run_magic()

    shell.user_ns["gyazo"].upload(PNG)

    assert server.sandbox.images[0].account == TWO


def test_sign_out_of_a_sandbox_keeps_the_saved_token(run_magic, server, config_folder, shell):
    """The saved token belongs to another account than the one that signs out."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token())
    with serve(Sandbox()) as sandbox:
        gyazo = shell.user_ns["gyazo"]
        site = Site(sandbox.url, sandbox.url, sandbox.url)
        gyazo.use_token(sandbox.sandbox.new_token(), site=site, switch=True)

        shown = run_magic("%gyazo_logout", fresh=False)

    assert "Signed out Sandy Box" in shown
    assert "The token saved as" not in shown
    assert saved_files(config_folder) == ["default.json"]


def test_sign_out_removes_a_file_that_others_can_read(run_magic, server, config_folder):
    """Such a file is never used, but it is removed."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token())
    (config_folder / "default.json").chmod(0o644)

    shown = run_magic("%gyazo_logout", fresh=False)

    assert "The token saved as" in shown
    assert saved_files(config_folder) == []


def test_sign_out_removes_the_draft_of_a_killed_kernel(run_magic, server, config_folder):
    """Also where no token was saved completely, and a draft of version 0.1.0."""
    token = server.sandbox.new_token()
    run_magic("%gyazo_login --save file", token)
    (config_folder / "default.json").rename(config_folder / ".default.json.deadbeef")
    run_magic("%gyazo_login", token)

    run_magic("%gyazo_logout", fresh=False)

    assert saved_files(config_folder) == []


@pytest.mark.usefixtures("terminal")
def test_sign_out_removes_the_token_from_a_folder_that_others_can_write_to(
    run_magic, server, config_folder
):
    """Such a folder is not used, and the sign-in says what to do."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token(account=TWO))
    config_folder.chmod(0o777)

    with pytest.raises(NotLoggedInError, match="run  chmod 700"):
        run_magic("%gyazo_login --mode env --profile default")
    shown = run_magic("%gyazo_login --save file", server.sandbox.new_token(account=ONE))
    assert "Signed in as One" in shown
    assert "run  chmod 700" in shown
    run_magic("%gyazo_logout", fresh=False)

    assert saved_files(config_folder) == []


@pytest.mark.usefixtures("terminal")
def test_sign_out_after_a_misspelled_profile_keeps_the_default_one(
    run_magic, server, config_folder, monkeypatch
):
    """The sign-in says that the profile does not exist, and offers the next method."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token())

    monkeypatch.delenv("GYAZO_CLIENT_ID")

    signed_in = run_magic("%gyazo_login --profile wrok")
    signed_out = run_magic("%gyazo_logout", fresh=False)

    assert "No account is saved as wrok yet: add --save" in signed_in
    assert "Register an application" in signed_in
    assert "removed" not in signed_out
    assert saved_files(config_folder) == ["default.json"]


def test_switch_skips_the_token_in_use(run_magic, server, user_name):
    """The saved token of the signed-in account is not a switch, and no other method is possible."""
    run_magic("%gyazo_login --save file", server.sandbox.new_token(account=ONE))
    run_magic("%gyazo_login")
    assert user_name() == "One"

    with pytest.raises(NotLoggedInError, match="neither show a panel nor answer a prompt"):
        run_magic("%gyazo_login --switch", fresh=False)


def test_failed_save_is_said_in_a_headless_run(run_magic, server, config_folder):
    """Otherwise the next run fails without a reason."""
    config_folder.parent.mkdir()
    config_folder.write_text("a file in place of the folder")

    shown = run_magic("%gyazo_login --save file", server.sandbox.new_token())

    assert "The token could not be saved in" in shown


def test_sign_out_names_the_profiles_that_are_still_saved(run_magic, server):
    """And how to remove one."""
    run_magic("%gyazo_login --save file --profile home", server.sandbox.new_token(account=ONE))
    run_magic("%gyazo_login --save file --profile work", server.sandbox.new_token(account=ONE))

    shown = run_magic("%gyazo_logout", fresh=False)

    assert "The token saved as work was removed, too" in shown
    assert (
        "Still saved on this machine: home (to remove one: %gyazo_logout --profile home)" in shown
    )


def test_sign_out_of_an_unknown_profile_says_so(run_magic, server, config_folder):
    """A misspelled name: the token that it means is still saved."""
    run_magic("%gyazo_login --save file --profile work", server.sandbox.new_token(account=ONE))

    shown = run_magic("%gyazo_logout --profile wrok", fresh=False)

    assert "No token is saved as wrok. Still saved on this machine: work" in shown
    assert saved_files(config_folder) == ["work.json"]


def test_save_alone_saves_in_a_file(run_magic, server, config_folder):
    """As the check box of the panel."""
    run_magic("%gyazo_login --save --profile work", server.sandbox.new_token(account=ONE))

    assert saved_files(config_folder) == ["work.json"]
