"""Saved tokens: a file is private and complete, and a failure is one sentence."""

import contextlib
import json
import os
import resource
import stat
import threading

import pytest

from gyazo_nb import ConfigError, Secret, Site, StoreError
from gyazo_nb.auth import token_store
from gyazo_nb.auth.token_store import FileStore, KeyringStore, Profile

PROFILE = Profile(Secret("t0ken"), Site(api_url="http://127.0.0.1:1"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "config" / "gyazo_nb"


# As version 0.1.0 writes it, to a file and to the keyring.
TEXT_OF_0_1_0 = (
    '{"access_token": "t0ken", "site": {"auth_url": "https://api.gyazo.com", '
    '"api_url": "http://127.0.0.1:1", "upload_url": "https://upload.gyazo.com", '
    '"token_in": "header"}}'
)


@pytest.fixture(params=["file", "keyring"])
def store(request, folder):
    if request.param == "keyring":
        request.getfixturevalue("keyring")
        return KeyringStore()
    return FileStore(folder)


def test_a_saved_profile_is_loaded(store):
    """With its token and its addresses. Another name is another profile."""
    assert store.load("work") is None
    store.save("work", PROFILE)

    assert store.load("work") == PROFILE
    assert store.load("other") is None


def test_a_cleared_profile_is_removed(store):
    """`clear` returns whether there was one."""
    store.save("work", PROFILE)

    assert store.clear("work") is True
    assert store.load("work") is None
    assert store.clear("work") is False


def test_a_profile_of_version_0_1_0_is_loaded(store, folder, request):
    """Its text, its file name and the service of the keyring entry stay the same."""
    if isinstance(store, FileStore):
        folder.mkdir(parents=True)
        (folder / "work.json").write_text(TEXT_OF_0_1_0)
        (folder / "work.json").chmod(0o600)
    else:
        request.getfixturevalue("keyring").passwords["gyazo_nb", "work"] = TEXT_OF_0_1_0

    assert store.load("work") == PROFILE


def test_saving_replaces_the_profile_of_that_name(store):
    """The new token is loaded."""
    store.save("a", PROFILE)
    store.save("a", Profile(Secret("newer"), Site()))

    assert store.load("a").token == Secret("newer")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "x" * 65, "ü", "a\0"])
def test_a_name_that_is_not_a_safe_file_name_is_refused(store, name):
    """The name of a profile becomes a file name."""
    with pytest.raises(ConfigError):
        store.save(name, PROFILE)


def test_a_file_is_private(folder):
    """0600 in a 0700 folder, with any umask. The mode of an existing folder is corrected."""
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
def test_an_unusable_file_is_refused_with_the_next_step(folder, spoil):
    """A link is not followed, and a pipe does not block. The error does not contain the token."""
    store = FileStore(folder)
    store.save("a", PROFILE)
    spoil(folder / "a.json")

    with pytest.raises(StoreError, match=r"a\.json.*(sign in again|chmod 600)") as caught:
        store.load("a")

    assert "t0ken" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [spoil_cut, spoil_mode, spoil_link])
def test_saving_replaces_an_unusable_file(folder, spoil):
    """The target of a link is not changed."""
    store = FileStore(folder)
    store.save("a", PROFILE)
    spoil(folder / "a.json")
    store.save("a", Profile(Secret("newer"), Site()))

    assert store.load("a").token == Secret("newer")
    real = folder / "a.real"
    assert not real.exists() or "t0ken" in real.read_text()


def test_on_a_full_disk_the_old_file_stays(folder):
    """The system refuses to write a byte. No incomplete file remains."""
    store = FileStore(folder)
    store.save("a", PROFILE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(
            StoreError, match="could not be saved.*stay signed in until this kernel ends"
        ):
            store.save("a", Profile(Secret("newer"), Site()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert store.load("a") == PROFILE
    assert [p.name for p in folder.iterdir()] == ["a.json"]


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path):
    """A file has the name of the folder."""
    (tmp_path / "config").write_text("")

    with pytest.raises(StoreError, match="could not be saved"):
        FileStore(tmp_path / "config" / "gyazo_nb").save("a", PROFILE)


def test_a_keyring_that_does_not_return_is_a_late_store(keyring, monkeypatch):
    """It is called on another thread, which may continue to wait."""
    never_set = threading.Event()
    monkeypatch.setattr(token_store, "KEYRING_TIMEOUT", 0.2)
    keyring.set_password = lambda *_: never_set.wait(20)

    with pytest.raises(StoreError, match="did not answer within 0.2 seconds.*--save file"):
        KeyringStore().save("a", PROFILE)

    never_set.set()  # ends the thread


def test_the_error_text_of_a_keyring_is_not_shown(keyring):
    """It may contain the token. The class of the error is shown."""

    def refuse(*_):
        raise RuntimeError("cannot store t0ken")

    keyring.set_password = refuse
    with pytest.raises(StoreError, match="failed .RuntimeError.") as caught:
        KeyringStore().save("a", PROFILE)

    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("module", ["keyring.backends.fail", "keyring.backends.null"])
def test_on_a_machine_without_a_keyring_the_error_names_the_file_store(keyring, module):
    """With the exact option."""
    type(keyring.backend).__module__ = module

    with pytest.raises(StoreError, match="no keyring.*--save file"):
        KeyringStore().save("a", PROFILE)


def test_a_keyring_that_stores_plain_text_is_refused(keyring):
    """Its file is less protected than the file store."""
    type(keyring.backend).__name__ = "PlaintextKeyring"

    with pytest.raises(StoreError, match="plain text"):
        KeyringStore().save("a", PROFILE)


def test_the_keyring_of_this_machine_returns_or_raises_a_store_error():
    """With the real package, and any backend."""
    pytest.importorskip("keyring", reason="the extra is not installed")
    name = "no-such-profile-of-a-test"
    with contextlib.suppress(StoreError):
        assert KeyringStore().load(name) is None


def test_the_folder_is_in_the_configuration_of_the_user(monkeypatch, tmp_path):
    """In XDG_CONFIG_HOME, if it is set."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    FileStore().save("a", PROFILE)

    assert (tmp_path / "gyazo_nb" / "a.json").exists()
