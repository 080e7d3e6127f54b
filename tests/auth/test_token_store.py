"""Saved tokens: a file is private and complete, and a failure is one sentence."""

import contextlib
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from keyring import set_password
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend
from keyring.backends.SecretService import Keyring as SecretServiceKeyring
from keyrings.alt.file import PlaintextKeyring
from keyrings.alt.file_base import Keyring as FileKeyring
from keyrings.alt.multi import MultipartKeyringWrapper
from support.keyrings import RaisingKeyring, ReadOnlyKeyring, chain_of

from gyazo_nb import ConfigError, Secret, Site, StoreError
from gyazo_nb.auth import token_store
from gyazo_nb.auth.profiles import Profiles
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


def test_a_profile_of_version_0_1_0_is_loaded(store, folder):
    """Its text, its file name and the service of the keyring entry stay the same."""
    if isinstance(store, FileStore):
        folder.mkdir(parents=True)
        (folder / "work.json").write_text(TEXT_OF_0_1_0)
        (folder / "work.json").chmod(0o600)
    else:
        set_password("gyazo_nb", "work", TEXT_OF_0_1_0)

    assert store.load("work") == PROFILE


def test_saving_replaces_the_profile_of_that_name(store):
    """The new token is loaded."""
    store.save("a", PROFILE)
    store.save("a", Profile(Secret("newer"), Site()))

    assert store.load("a").token == Secret("newer")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "x" * 65, "ü", "a\0"])
@pytest.mark.parametrize("kind", ["file", "keyring"])
def test_a_name_that_is_not_a_safe_file_name_is_refused(folder, kind, name):
    """The name of a profile becomes a file name."""
    with pytest.raises(ConfigError):
        Profiles(folder).save(kind, name, PROFILE)


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


def test_a_folder_that_cannot_be_created_raises_a_store_error(tmp_path):
    """A file has the name of the folder."""
    (tmp_path / "config").write_text("")

    with pytest.raises(StoreError, match="could not be saved"):
        FileStore(tmp_path / "config" / "gyazo_nb").save("a", PROFILE)


def test_a_keyring_that_does_not_return_raises_store_late_error(keyring, monkeypatch):
    """It is called on another thread, which may continue to wait."""
    monkeypatch.setattr(token_store, "KEYRING_TIMEOUT", 0.2)
    keyring.pause()

    with pytest.raises(StoreError, match="did not answer within 0.2 seconds.*--save file"):
        KeyringStore().save("a", PROFILE)


def test_a_locked_keyring_is_an_error_with_the_next_step(keyring):
    """The user has not typed its password. After that, the saved token is there."""
    store = KeyringStore()
    store.save("a", PROFILE)
    keyring.lock()

    with pytest.raises(StoreError, match="failed .KeyringLocked.. .*unlock the keyring"):
        store.load("a")
    with pytest.raises(StoreError, match="KeyringLocked.*--save file"):
        store.save("a", Profile(Secret("newer"), Site()))
    with pytest.raises(StoreError, match="may still be there.*remove gyazo_nb / a"):
        store.clear("a")

    keyring.unlock()
    assert store.load("a") == PROFILE


def test_a_keyring_that_has_ended_is_an_error(keyring, monkeypatch, tmp_path):
    """The D-Bus session does not exist any more."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")

    with pytest.raises(StoreError, match="The system's keyring failed"):
        KeyringStore().load("a")


def test_a_damaged_entry_is_refused_and_can_be_removed(keyring):
    """Its text is not shown."""
    set_password("gyazo_nb", "a", '{"access_token": "t0ken')

    with pytest.raises(StoreError, match="gyazo_nb / a in the keyring is damaged") as caught:
        KeyringStore().load("a")

    assert "t0ken" not in str(caught.value)
    assert KeyringStore().clear("a") is True
    assert keyring.passwords == {}


def test_the_package_finds_the_keyring_by_itself(keyring):
    """As in a kernel: no code sets the keyring."""
    KeyringStore().save("a", PROFILE)
    script = (
        "from gyazo_nb.auth.token_store import KeyringStore\n"
        "print(KeyringStore().load('a').token.reveal())"
    )

    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert shown.stdout == "t0ken\n"


def test_the_error_text_of_a_keyring_is_not_shown(set_keyring):
    """It may contain the token. The class of the error is shown."""
    set_keyring(RaisingKeyring())

    with pytest.raises(StoreError, match="failed .RuntimeError.") as caught:
        KeyringStore().save("a", PROFILE)

    assert "t0ken" not in str(caught.value)


class OwnFail(fail.Keyring):
    """A subclass with another name."""


class OwnNull(null.Keyring):
    """A subclass with another name."""


@pytest.mark.parametrize(
    "backend",
    [
        fail.Keyring(),
        null.Keyring(),
        OwnFail(),
        OwnNull(),
        MultipartKeyringWrapper(null.Keyring()),
        chain_of(fail.Keyring()),
        chain_of(ReadOnlyKeyring(), null.Keyring()),
        chain_of(ReadOnlyKeyring()),
        chain_of(),
    ],
)
def test_on_a_machine_without_a_keyring_the_error_names_the_file_store(set_keyring, backend):
    """With the exact option. The keyring may have another name, or be in another keyring."""
    set_keyring(backend)

    with pytest.raises(StoreError, match="no keyring.*--save file"):
        KeyringStore().save("a", PROFILE)


class Vault(PlaintextKeyring):
    """A subclass whose name does not say that it stores plain text."""


class Vault2(Vault):
    """A subclass of a subclass."""


class NotEncrypted(FileKeyring):
    """Not a subclass of `PlaintextKeyring`, but it describes its file in the same way."""

    filename, scheme, version, priority = "own.cfg", "no encryption", "1.0", 0
    encrypt = decrypt = lambda self, password, assoc=None: password


class InsecureKeyring(FileKeyring):
    """The name says it, in another way."""

    filename, scheme, version, priority = "own.cfg", "own", "1.0", 0
    encrypt = decrypt = lambda self, password, assoc=None: password


class OwnChain(ChainerBackend):
    """A chain that decides itself which keyring it uses."""

    priority = 0
    backends = ()

    def __init__(self, *backends):
        self.backends = backends

    def set_password(self, service, username, password):
        self.backends[-1].set_password(service, username, password)


class Wrapper(RaisingKeyring):
    """A keyring that has others in a collection."""

    def __init__(self, keyrings):
        self.keyrings = keyrings


class SlotWrapper(RaisingKeyring):
    """A keyring that has another one in a slot."""

    __slots__ = ("keyring",)

    def __init__(self):
        self.keyring = Vault()


class ClassWrapper(RaisingKeyring):
    """A keyring that has another one in an attribute of its class."""

    keyring = Vault()


@pytest.mark.parametrize(
    "make",
    [
        PlaintextKeyring,
        Vault,
        Vault2,
        NotEncrypted,
        InsecureKeyring,
        lambda: chain_of(Vault()),
        lambda: chain_of(ReadOnlyKeyring(), Vault()),
        lambda: chain_of(chain_of(ReadOnlyKeyring(), PlaintextKeyring())),
        lambda: OwnChain(ReadOnlyKeyring(), Vault()),
        lambda: MultipartKeyringWrapper(PlaintextKeyring()),
        lambda: MultipartKeyringWrapper(MultipartKeyringWrapper(Vault())),
        lambda: chain_of(MultipartKeyringWrapper(Vault())),
        lambda: Wrapper([Vault()]),
        lambda: Wrapper({"work": Vault()}),
        SlotWrapper,
        ClassWrapper,
    ],
)
def test_a_keyring_that_stores_plain_text_is_refused(set_keyring, tmp_path, monkeypatch, make):
    """With any name, in a chain that would use it, and inside another keyring. No file is written."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    set_keyring(make())

    with pytest.raises(StoreError, match="stores plain text: use --save file"):
        KeyringStore().save("a", PROFILE)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    Vault().set_password("gyazo_nb", "a", TEXT_OF_0_1_0)
    with pytest.raises(StoreError, match="stores plain text: use --save file"):
        KeyringStore().load("a")


@pytest.mark.parametrize("make", [PlaintextKeyring, lambda: chain_of(ReadOnlyKeyring(), Vault())])
def test_plain_text_that_an_earlier_version_saved_is_removed(
    set_keyring, tmp_path, monkeypatch, make
):
    """Version 0.1.0 did not recognize all of these keyrings. A sign-out must not leave the token."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    set_keyring(make())
    Vault().set_password("gyazo_nb", "a", TEXT_OF_0_1_0)

    assert KeyringStore().clear("a") is True
    assert KeyringStore().clear("a") is False
    assert PlaintextKeyring().get_password("gyazo_nb", "a") is None


def test_a_chain_that_saves_in_a_real_keyring_is_used(keyring, set_keyring, tmp_path, monkeypatch):
    """The package keyring makes such a chain where keyrings.alt is installed, too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    set_keyring(chain_of(ReadOnlyKeyring(), SecretServiceKeyring(), Vault()))
    store = KeyringStore()
    assert store.load("a") is None

    store.save("a", PROFILE)

    assert list(keyring.passwords) == [("gyazo_nb", "a")]
    assert store.load("a") == PROFILE
    assert store.clear("a") is True
    assert keyring.passwords == {}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_keyring_inside_another_one_is_used(keyring, set_keyring):
    """A wrapper of a real keyring."""
    set_keyring(MultipartKeyringWrapper(SecretServiceKeyring(), max_password_size=50))
    store = KeyringStore()
    store.save("a", PROFILE)

    assert len(keyring.passwords) > 1
    assert store.load("a") == PROFILE
    assert store.clear("a") is True
    assert keyring.passwords == {}


def test_the_keyring_of_this_machine_returns_or_raises_a_store_error():
    """With the real package, and any backend."""
    pytest.importorskip("keyring", reason="the extra is not installed")
    name = "no-such-profile-of-a-test"
    with contextlib.suppress(StoreError):
        assert KeyringStore().load(name) is None


def test_the_folder_is_in_the_configuration_of_the_user(monkeypatch, tmp_path):
    """In XDG_CONFIG_HOME, if it is set."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    Profiles().save("file", "a", PROFILE)

    assert (tmp_path / "gyazo_nb" / "a.json").exists()


# ── drafts of killed processes ───────────────────────────────────────────────────────────────────


KILL_SCRIPT = """
import os, pathlib, signal, sys, time
from gyazo_nb import Secret, Site
from gyazo_nb.auth.token_store import FileStore, Profile

folder = pathlib.Path(sys.argv[1])
store = FileStore(folder)
tokens = [Secret(letter * 3000) for letter in "abc"]
drafts = {"load": 0, "save": 0, "clear": 0}
store.save("a", Profile(tokens[0], Site()))
for moment in range(75):
    start, start_writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(start_writer, b".")
        while True:
            for token in tokens:
                store.save("a", Profile(token, Site()))
    os.read(start, 1)
    time.sleep(0.001 + moment * 0.0001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(start)
    os.close(start_writer)
    next_action = list(drafts)[moment % 3]
    drafts[next_action] += len(os.listdir(folder)) > 1
    if next_action == "load":
        assert store.load("a").token in tokens
        assert os.listdir(folder) == ["a.json"]
    elif next_action == "save":
        store.save("a", Profile(tokens[0], Site()))
        assert os.listdir(folder) == ["a.json"]
    else:
        assert store.clear("a") is True
        assert os.listdir(folder) == []
        store.save("a", Profile(tokens[0], Site()))
print(min(drafts.values()))
"""


@pytest.mark.slow
def test_a_draft_of_a_killed_process_is_removed(folder):
    """75 times `kill -9` during a save, then a load, a save or a clear.

    The token is the earlier or the later one, and complete.
    """
    shown = subprocess.run(
        [sys.executable, "-c", KILL_SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert shown.returncode == 0, shown.stderr
    assert int(shown.stdout) > 2  # the others were killed before or after a draft


@pytest.mark.parametrize("suffix", ["00000000", "deadbeef", "0123abcd"])
@pytest.mark.parametrize("kind", ["complete", "cut", "empty", "readable", "link"])
def test_a_draft_of_version_0_1_0_is_removed_by_a_sign_out(folder, suffix, kind):
    """Its drafts have the same names. The drafts and the files of other profiles stay."""
    folder.mkdir(parents=True, mode=0o700)
    draft = folder / f".work.json.{suffix}"
    if kind == "link":
        draft.symlink_to(folder / "elsewhere")
    else:
        draft.write_text({"cut": TEXT_OF_0_1_0[:30], "empty": ""}.get(kind, TEXT_OF_0_1_0))
        draft.chmod(0o644 if kind == "readable" else 0o600)
    others = {
        ".work.json.json.deadbeef",
        ".work.json.deadbee",
        ".work.json.deadbeef0",
        ".work2.json.deadbeef",
        "elsewhere",
        "work.json.deadbeef",
    }
    for name in others:
        (folder / name).write_text("")

    assert FileStore(folder).clear("work") is False

    assert {path.name for path in folder.iterdir()} == others


def test_a_draft_that_cannot_be_removed_is_an_error(folder):
    """The error names the draft."""
    (folder / ".a.json.deadbeef").mkdir(parents=True)
    folder.chmod(0o700)

    with pytest.raises(StoreError, match=r"\.a\.json\.deadbeef.*remove the file yourself"):
        FileStore(folder).clear("a")


def test_a_draft_that_another_process_writes_stays(folder):
    """A process that is stopped in the middle of a save. After its end, the draft is removed."""
    folder.mkdir(parents=True, mode=0o700)
    script = """
import fcntl, sys, os
draft = open(sys.argv[1], "x")
fcntl.flock(draft, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""
    draft = folder / ".a.json.deadbeef"
    store = FileStore(folder)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(draft)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        store.save("a", PROFILE)
        store.load("a")
        store.clear("a")
        assert draft.exists()
        writer.kill()

    store.load("a")
    assert list(folder.iterdir()) == []


CONCURRENT_SCRIPT = """
import os, pathlib, sys, threading
from gyazo_nb import Secret, Site
from gyazo_nb.auth.token_store import FileStore, Profile

folder = pathlib.Path(sys.argv[1])
tokens = [Secret(letter * 3000) for letter in "abc"]
errors = []

def work(seed):
    store = FileStore(folder)
    try:
        for i in range(15):
            store.save("a", Profile(tokens[(seed + i) % 3], Site()))
            found = store.load("a")
            assert found is None or found.token in tokens
            if i % 5 == seed % 5:
                store.clear("a")
    except BaseException as error:
        errors.append(error)

for number in range(4):
    if os.fork() == 0:
        threads = [threading.Thread(target=work, args=(number + i,)) for i in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os.write(1, f"{errors}\\n".encode())
        os._exit(0)
for _ in range(4):
    os.wait()
"""


def test_processes_that_use_one_profile_at_the_same_time_do_not_disturb_each_other(folder):
    """Four processes with four threads each save, load and clear. No save loses its draft."""
    shown = subprocess.run(
        [sys.executable, "-c", CONCURRENT_SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert shown.stdout == "[]\n" * 4
    assert {path.name for path in folder.iterdir()} <= {"a.json"}


# ── folders ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o077, 0o277, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("kind", ["file", "keyring"])
@pytest.mark.parametrize("base", ["home", "config", "home/user/.config"])
@pytest.mark.usefixtures("umask")
def test_missing_folders_are_private_with_any_umask(tmp_path, keyring, kind, base):
    """The folder and its missing parents. The mode of an existing parent stays."""
    tmp_path.chmod(0o755)
    folder = tmp_path / base / "gyazo_nb"
    profiles = Profiles(folder)
    profiles.save(kind, "a", PROFILE)

    assert profiles.load("a")[0] == PROFILE
    made = [path for path in (folder, *folder.parents) if tmp_path in path.parents]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * len(made)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    (file,) = folder.iterdir()
    assert not file.stat().st_mode & 0o077


def test_the_configuration_folder_of_a_new_home_is_private(tmp_path, monkeypatch):
    """`~/.config` does not exist, and the umask removes no permission."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = os.umask(0)
    try:
        Profiles().save("file", "a", PROFILE)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / ".config").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702, 0o1777])
@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("kind", ["file", "keyring"])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, keyring, mode, link, kind):
    """The command in the error makes it usable. A sign-out removes the token in any case."""
    tmp_path = tmp_path / "a blank"
    folder = tmp_path / "gyazo_nb"
    profiles = Profiles(folder)
    profiles.save(kind, "a", PROFILE)
    if link:
        folder.rename(tmp_path / "real")
        folder.symlink_to(tmp_path / "real")
    folder.chmod(mode)

    with pytest.raises(StoreError, match="Other users can write to the folder") as caught:
        profiles.load("a")
    for other_kind in ("file", "keyring"):
        with pytest.raises(StoreError, match="Other users can write to the folder"):
            profiles.save(other_kind, "a", Profile(Secret("newer"), Site()))

    assert stat.S_IMODE(folder.stat().st_mode) == mode
    command = str(caught.value).split("run  ")[1].split("  if")[0]
    assert command.startswith("chmod 700 ")
    subprocess.run(command, shell=True, check=True)
    assert profiles.load("a")[0] == PROFILE
    folder.chmod(mode)
    assert profiles.clear("a") is True
    assert list(folder.iterdir()) == []
    assert keyring.passwords == {}


def test_a_folder_of_another_user_is_refused(tmp_path):
    """Only root can give a folder away. Another user finds folders of root."""
    folder = Path("/usr/lib")
    if os.getuid() == 0:
        folder = tmp_path / "gyazo_nb"
        FileStore(folder).save("a", PROFILE)
        os.chown(folder, 12345, -1)
    store = FileStore(folder)

    with pytest.raises(StoreError, match="belongs to another user.*chmod 700"):
        store.load("a")
    with pytest.raises(StoreError, match="belongs to another user.*chmod 700"):
        store.save("a", PROFILE)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a link away")
def test_a_folder_behind_a_link_of_another_user_is_refused(tmp_path):
    """The link could lead to any folder of the user."""
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "gyazo_nb").symlink_to(tmp_path / "real")
    os.chown(tmp_path / "gyazo_nb", 12345, -1, follow_symlinks=False)

    with pytest.raises(StoreError, match="belongs to another user"):
        FileStore(tmp_path / "gyazo_nb").save("a", PROFILE)

    assert list((tmp_path / "real").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o755


def test_folders_behind_own_links_are_used(tmp_path):
    """As with a repository of configuration files. The real folder becomes private."""
    (tmp_path / "real" / "gyazo_nb").mkdir(parents=True, mode=0o755)
    (tmp_path / "config").symlink_to(tmp_path / "real")
    for folder in (tmp_path / "config" / "gyazo_nb", tmp_path / "linked"):
        if folder.name == "linked":
            folder.symlink_to(tmp_path / "real" / "gyazo_nb")
        FileStore(folder).save("a", PROFILE)

        assert FileStore(folder).load("a") == PROFILE
        assert stat.S_IMODE((tmp_path / "real" / "gyazo_nb").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "real").stat().st_mode) != 0o700


def test_a_link_to_a_missing_folder_is_an_error(tmp_path):
    """The error is one sentence."""
    (tmp_path / "gyazo_nb").symlink_to(tmp_path / "missing")

    with pytest.raises(StoreError, match="could not be saved.*File exists"):
        FileStore(tmp_path / "gyazo_nb").save("a", PROFILE)
    assert FileStore(tmp_path / "gyazo_nb").load("a") is None
