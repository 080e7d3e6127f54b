"""Saved tokens: private, whole or not at all, and never the cause of losing the one in use."""

import contextlib
import json
import os
import resource
import stat
import sys
import threading
import time

import pytest

from gyazo_nb import ConfigError, Secret, Site, StoreError
from gyazo_nb.auth import token_store
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import FileStore, KeyringStore, Profile

PROFILE = Profile(Secret("t0ken"), Site(api_url="http://127.0.0.1:1"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "config" / "gyazo_nb"


@pytest.fixture(params=["file", "keyring"])
def store(request, folder):
    if request.param == "keyring":
        request.getfixturevalue("keyring")
        return KeyringStore()
    return FileStore(folder)


def test_what_is_saved_is_loaded(store):
    """Token, addresses and name come back; another profile is another."""
    assert store.load("work") is None
    store.save("work", PROFILE)

    assert store.load("work") == PROFILE
    assert store.load("other") is None


def test_what_is_cleared_is_gone(store):
    """clear() says whether there was something."""
    store.save("work", PROFILE)

    assert store.clear("work") is True
    assert store.load("work") is None
    assert store.clear("work") is False


def test_saving_replaces(store):
    """The newest is what is there."""
    store.save("a", PROFILE)
    store.save("a", Profile(Secret("newer"), Site()))

    assert store.load("a").token == Secret("newer")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "x" * 65, "ü", "a\0"])
def test_a_name_cannot_lead_elsewhere(store, name):
    """A profile's name becomes the name of a file."""
    with pytest.raises(ConfigError):
        store.save(name, PROFILE)


def test_a_file_is_private(folder):
    """0600 in a 0700 folder, whatever the umask, and a folder that was lax is made strict."""
    folder.mkdir(parents=True, mode=0o755)
    before = os.umask(0)
    try:
        FileStore(folder).save("a", PROFILE)
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / "a.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [p.name for p in folder.iterdir()] == ["a.json"]


def spoil_cut(path):
    path.write_text(path.read_text()[:20])


def spoil_encoding(path):
    path.write_bytes(b"\xff\xfe\x00")


def spoil_json(path):
    path.write_text("[1, 2]")


def spoil_token(path):
    path.write_text(json.dumps({"access_token": "", "site": {}}))


def spoil_site(path):
    path.write_text(json.dumps({"access_token": "t", "site": {"api_url": "ftp://x"}}))


def spoil_size(path):
    path.write_text(" " * 200_000)


def spoil_mode(path):
    path.chmod(0o644)


def spoil_directory(path):
    path.unlink()
    path.mkdir()


def spoil_link(path):
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def spoil_pipe(path):
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "spoil", [value for name, value in dict(globals()).items() if name.startswith("spoil_")]
)
def test_a_bad_file_is_one_sentence(folder, spoil):
    """Cut off, not UTF-8, too open, a directory, a link, a pipe: said, and never followed or waited for."""
    store = FileStore(folder)
    store.save("a", PROFILE)
    spoil(folder / "a.json")

    with pytest.raises(StoreError, match=r"a\.json.*(sign in again|chmod 600)") as caught:
        store.load("a")

    assert "t0ken" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [spoil_cut, spoil_mode, spoil_link])
def test_a_bad_file_can_be_replaced(folder, spoil):
    """Signing in again with --save repairs it, and what a link pointed to is not written to."""
    store = FileStore(folder)
    store.save("a", PROFILE)
    spoil(folder / "a.json")
    store.save("a", Profile(Secret("newer"), Site()))

    assert store.load("a").token == Secret("newer")
    real = folder / "a.real"
    assert not real.exists() or "t0ken" in real.read_text()


def test_a_disk_that_takes_no_more_is_one_sentence_and_the_old_file_stays(folder):
    """The system refuses to write another byte: nothing is half there, and the old file is whole."""
    store = FileStore(folder)
    store.save("a", PROFILE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StoreError, match="could not be saved.*until this kernel ends"):
            store.save("a", Profile(Secret("newer"), Site()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert store.load("a") == PROFILE
    assert [p.name for p in folder.iterdir()] == ["a.json"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    """A file is in the folder's place."""
    (tmp_path / "config").write_text("")

    with pytest.raises(StoreError, match="could not be saved"):
        FileStore(tmp_path / "config" / "gyazo_nb").save("a", PROFILE)


def test_a_keyring_that_hangs_is_given_up(keyring, monkeypatch):
    """It is asked on a thread that may be left behind."""
    forever = threading.Event()
    monkeypatch.setattr(token_store, "KEYRING_TIMEOUT", 0.2)
    keyring.set_password = lambda *_: forever.wait(20)

    with pytest.raises(StoreError, match="did not answer within 0.2 seconds.*--save file"):
        KeyringStore().save("a", PROFILE)

    forever.set()


def test_a_keyring_that_refuses_is_one_sentence(keyring):
    """Its own words are not repeated: they may hold what was to be saved."""

    def refuse(*_):
        raise RuntimeError("cannot store t0ken")

    keyring.set_password = refuse
    with pytest.raises(StoreError, match="refused .RuntimeError.") as caught:
        KeyringStore().save("a", PROFILE)

    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("module", ["keyring.backends.fail", "keyring.backends.null"])
def test_no_keyring_is_said(keyring, module):
    """A machine without one: --save file is named."""
    type(keyring.backend).__module__ = module

    with pytest.raises(StoreError, match="no keyring.*--save file"):
        KeyringStore().save("a", PROFILE)


def test_a_keyring_of_plain_text_is_refused(keyring):
    """A file that says it is a keyring is no better than a file."""
    type(keyring.backend).__name__ = "PlaintextKeyring"

    with pytest.raises(StoreError, match="plain text"):
        KeyringStore().save("a", PROFILE)


def test_the_real_package_on_this_machine_is_a_result_or_a_sentence():
    """Whatever keyring there is here, asking it ends, with a profile or with a StoreError."""
    pytest.importorskip("keyring", reason="the extra is not installed")
    name = "no-such-profile-of-a-test"
    with contextlib.suppress(StoreError):  # which is the sentence
        assert KeyringStore().load(name) is None


def test_profiles_know_where_each_is(keyring, folder):
    """Saved here or there, loaded from where it is, cleared everywhere."""
    profiles = Profiles(folder)
    profiles.save("file", "a", PROFILE)
    assert profiles.load("a") == (PROFILE, "a file of yours")

    profiles.save("keyring", "a", PROFILE)
    assert profiles.load("a") == (PROFILE, "the system's keyring")
    assert not (folder / "a.json").exists()
    assert "t0ken" not in "".join(p.read_text() for p in folder.iterdir())

    assert profiles.clear("a") is True
    assert profiles.load("a") is None
    assert keyring.kept == {}


def test_the_keyring_is_not_asked_for_what_it_does_not_have(folder, monkeypatch):
    """It may take seconds to say no: without a note that the profile is there it is left alone."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert Profiles(folder).load("a") is None


def test_the_folder_is_the_users_own(monkeypatch, tmp_path):
    """XDG_CONFIG_HOME is honoured."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    FileStore().save("a", PROFILE)

    assert (tmp_path / "gyazo_nb" / "a.json").exists()


def test_moving_from_the_keyring_to_a_file_leaves_nothing_behind(keyring, folder):
    """What a logout could not find must not stay anywhere."""
    profiles = Profiles(folder)
    profiles.save("keyring", "a", PROFILE)
    profiles.save("file", "a", PROFILE)

    assert keyring.kept == {}
    assert profiles.load("a") == (PROFILE, "a file of yours")


def test_a_keyring_that_was_late_is_found_again(keyring, folder, monkeypatch):
    """It kept the token after the time-out: the note is there, so that a logout finds it."""
    monkeypatch.setattr(token_store, "KEYRING_TIMEOUT", 0.2)
    kept, gate = keyring.set_password, threading.Event()
    keyring.set_password = lambda *call: (gate.wait(20), kept(*call))
    profiles = Profiles(folder)
    with pytest.raises(StoreError, match="did not answer"):
        profiles.save("keyring", "a", PROFILE)
    gate.set()
    while not keyring.kept:
        time.sleep(0.01)

    assert profiles.clear("a") is True
    assert keyring.kept == {}


def test_a_machine_without_a_keyring_keeps_no_note(keyring, folder):
    """Otherwise every later sign-in would ask it again."""
    type(keyring.backend).__module__ = "keyring.backends.fail"
    with pytest.raises(StoreError):
        Profiles(folder).save("keyring", "a", PROFILE)

    assert list(folder.iterdir()) == []
