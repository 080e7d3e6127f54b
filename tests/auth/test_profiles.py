"""The saved accounts by name: each one is in one store, and clearing it removes it from both."""

import sys
import time

import pytest
from keyring import set_password
from keyring.backends import fail

from gyazo_nb import Secret, Site, StoreError
from gyazo_nb.auth import token_store
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import Profile

PROFILE = Profile(Secret("t0ken"), Site(api_url="http://127.0.0.1:1"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "config" / "gyazo_nb"


def test_a_profile_is_loaded_from_the_store_that_has_it(keyring, folder):
    """`clear` removes it from that store; the folder never contains a token of the keyring."""
    profiles = Profiles(folder)
    profiles.save("file", "a", PROFILE)
    assert profiles.load("a") == (PROFILE, "a file in your configuration folder")

    profiles.save("keyring", "a", PROFILE)
    assert profiles.load("a") == (PROFILE, "the system's keyring")
    assert not (folder / "a.json").exists()
    assert "t0ken" not in "".join(p.read_text() for p in folder.iterdir())

    assert profiles.clear("a") is True
    assert profiles.load("a") is None
    assert keyring.passwords == {}


def test_without_a_folder_no_profile_is_loaded_or_cleared(folder):
    """In a container, HOME may be /dev/null or belong to another user. A sign-in works without it."""
    folder.parent.write_text("not a folder")
    profiles = Profiles(folder)

    assert profiles.load("a") is None
    assert profiles.clear("a") is False
    assert profiles.names() == []
    with pytest.raises(StoreError, match=r"could not be saved .*\(Not a directory\)"):
        profiles.save("file", "a", PROFILE)


def test_a_folder_that_cannot_be_checked_is_an_error(folder):
    """The token may still be there, so a logout must not report that there is none."""
    folder.parent.mkdir()
    folder.symlink_to(folder)

    with pytest.raises(StoreError, match=r"Too many levels of symbolic links.*check the path"):
        Profiles(folder).clear("a")


def test_the_keyring_is_not_used_without_a_marker(folder, monkeypatch):
    """It may take seconds to report that it has no entry."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert Profiles(folder).load("a") is None


def test_saving_in_a_file_removes_the_entry_of_the_keyring(keyring, folder):
    """Otherwise a logout would not find the entry."""
    profiles = Profiles(folder)
    profiles.save("keyring", "a", PROFILE)
    profiles.save("file", "a", PROFILE)

    assert keyring.passwords == {}
    assert profiles.load("a") == (PROFILE, "a file in your configuration folder")


def test_a_token_that_a_late_keyring_saved_is_cleared(keyring, folder, monkeypatch):
    """The marker stays after the timeout, so that a logout finds the token."""
    profiles = Profiles(folder)
    keyring.pause()
    with monkeypatch.context() as short:
        short.setattr(token_store, "KEYRING_TIMEOUT", 0.2)
        with pytest.raises(StoreError, match="did not answer"):
            profiles.save("keyring", "a", PROFILE)
    keyring.resume()
    while not keyring.passwords:
        time.sleep(0.01)

    assert profiles.clear("a") is True
    assert keyring.passwords == {}


def test_on_a_machine_without_a_keyring_no_marker_remains(set_keyring, folder):
    """Otherwise every later sign-in would try the keyring again."""
    set_keyring(fail.Keyring())
    with pytest.raises(StoreError):
        Profiles(folder).save("keyring", "a", PROFILE)

    assert list(folder.iterdir()) == []


def test_a_file_and_a_keyring_entry_of_version_0_1_0_are_found(keyring, folder):
    """The names of the file, of the marker and of the entry are the same as in that version."""
    text = (
        '{"access_token": "t0ken", "site": {"auth_url": "https://api.gyazo.com", '
        '"api_url": "http://127.0.0.1:1", "upload_url": "https://upload.gyazo.com", '
        '"token_in": "header"}}'
    )
    folder.mkdir(parents=True)
    (folder / "work.json").write_text(text)
    (folder / "work.json").chmod(0o600)
    (folder / "home.keyring").touch()
    set_password("gyazo_nb", "home", text)

    assert Profiles(folder).load("work") == (PROFILE, "a file in your configuration folder")
    assert Profiles(folder).load("home") == (PROFILE, "the system's keyring")


def test_names_are_those_of_both_stores(keyring, folder):
    """In alphabetical order. Drafts of a killed process are not accounts."""
    profiles = Profiles(folder)
    assert profiles.names() == []
    profiles.save("file", "work", PROFILE)
    profiles.save("keyring", "home", PROFILE)
    (folder / ".work.json.deadbeef").touch()

    assert profiles.names() == ["home", "work"]
