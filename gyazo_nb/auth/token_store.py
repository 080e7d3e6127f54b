"""Saves a token for later kernels, if the user asks for it: in a file, or in the system's keyring.

Guarantees:

- A file has the mode 0600 and is in a folder with the mode 0700, with any umask. So are the missing
  parents of the folder. The file is written completely or not at all.
- A file that other users could read or write is not read. A link is not followed. A folder that other
  users can write to is not used.
- A draft that a killed process left is removed by the next load, save or clear of its profile.
- A keyring that stores plain text is refused, also inside a chain or another keyring.
- A failure is a `StoreError`, and the token in use is not lost.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import os
import re
import secrets
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

from gyazo_nb.errors import ConfigError, GyazoError, StoreError, StoreLateError
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import Site, access_token

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")

# Seconds. A keyring may wait forever for the user to unlock it.
KEYRING_TIMEOUT = 5.0
MAX_PROFILE_CHARACTERS = 65_536
MAX_DRAFTS = 100  # a save whose draft another process removes begins again
SERVICE = "gyazo_nb"  # of the entries in a keyring
DEFAULT_PROFILE = "default"  # the profile of `%gyazo_login --save` without `--profile`


@dataclass(frozen=True, slots=True)
class Profile:
    """A saved account: its token, and the site that accepts the token."""

    token: Secret
    site: Site

    def to_json(self) -> str:
        """Return the text for a store. Here the token leaves the process."""
        return json.dumps({"access_token": self.token.reveal(), "site": asdict(self.site)})

    @classmethod
    def from_json(cls, text: str) -> Profile | None:
        """Read the text of a store. Return None for any other text: an error would show it."""
        try:
            data = json.loads(text)
            return cls(access_token(str(data["access_token"] or "")), Site(**data["site"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError):
            return None


def check_profile_name(name: str) -> str:
    """Return the name of a profile, which becomes a file name. Raises `ConfigError` if it cannot."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ConfigError(
            "This profile name is not allowed: use up to 64 of the letters a to z and A to Z, digits, "
            "dots, - and _, and begin with a letter or a digit."
        )
    return name


class FileStore:
    """One file for each profile, in the user's configuration folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @hides_frames
    def load(self, name: str) -> Profile | None:
        """Read a profile. A file that other users could read or write is refused."""
        path = self._path(name)
        check_private_folder(self._folder)
        with contextlib.suppress(OSError):  # an error here must not prevent the sign-in
            self._remove_drafts(name)
        try:
            with open(_open_private(path, os.O_RDONLY), encoding="utf-8") as file:
                _check_private(path, os.fstat(file.fileno()))
                text = file.read(MAX_PROFILE_CHARACTERS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                f"The saved token in {path} cannot be read ({error.strerror or error}): remove the "
                f"file, then sign in again."
            ) from None
        except UnicodeDecodeError:
            text = ""
        if (profile := Profile.from_json(text)) is None:
            raise StoreError(f"{path} is damaged: remove the file, then sign in again.")
        return profile

    @hides_frames
    def save(self, name: str, profile: Profile) -> str:
        """Write a profile to a draft, then replace the old file in one step."""
        path = self._path(name)
        try:
            make_private_folder(self._folder)
            self._remove_drafts(name)
            _write(path, profile)
        except OSError as error:
            option = "" if name == DEFAULT_PROFILE else f" --profile {name}"
            raise StoreError(
                f"The token could not be saved in {path} ({error.strerror or error}). You stay signed in "
                f"until this kernel ends. To save the token, correct the problem, then run "
                f"%gyazo_login{option} --save file."
            ) from None
        return f"the file {shown_path(path)}"

    def clear(self, name: str) -> bool:
        """Remove the file of a profile, and return whether there was one."""
        path = self._path(name)
        removed = False
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed = True
            self._remove_drafts(name)
        except OSError as error:
            raise StoreError(
                f"The saved token in {error.filename or path} could not be removed "
                f"({error.strerror or error}): remove the file yourself."
            ) from None
        return removed

    def _remove_drafts(self, name: str) -> None:
        """Remove the drafts of a profile that no process writes. Version 0.1.0 names them alike."""
        is_draft = re.compile(rf"\.{re.escape(name)}\.json\.[0-9a-f]{{8}}").fullmatch
        try:
            drafts = [path for path in self._folder.iterdir() if is_draft(path.name)]
        except FileNotFoundError:
            return
        for draft in drafts:
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                _remove_draft(draft)

    def _path(self, name: str) -> Path:
        return self._folder / f"{check_profile_name(name)}.json"


class KeyringStore:
    """The system's keyring, through the package `keyring`. `Profiles` checks the names."""

    @hides_frames
    def load(self, name: str) -> Profile | None:
        """Read a profile from the keyring."""

        def read(keyring: Any) -> Profile | None:
            if not (text := _get_password(keyring, name)):
                return None
            if (profile := Profile.from_json(text)) is None:
                raise StoreError(
                    f"The entry {SERVICE} / {name} in the keyring is damaged: remove the entry, then sign "
                    f"in again."
                )
            return profile

        return self._call(
            read,
            "The saved token cannot be read: unlock the keyring and try again, or sign in again.",
        )

    def save(self, name: str, profile: Profile) -> str:
        """Save a profile in the keyring. A keyring that stores plain text is refused."""
        self._call(
            lambda keyring: _set_password(keyring, name, profile),
            "You stay signed in until this kernel ends. --save file saves the token in a file that only "
            "you can read.",
        )
        return f"the system's keyring, as {SERVICE} / {name}"

    def clear(self, name: str) -> bool:
        """Remove a profile from the keyring, and return whether there was one."""
        return self._call(
            lambda keyring: _delete_password(keyring, name),
            f"The token may still be there: unlock the keyring and try again, or remove {SERVICE} / "
            f"{name} from it yourself.",
        )

    @hides_frames
    def _call(self, function: Callable[[Any], T], next_step: str) -> T:
        """Call the keyring on another thread, because it can wait forever. An error ends with `next_step`."""
        try:
            import keyring  # noqa: PLC0415 -- an extra
        except ImportError:
            raise StoreError(
                'The package keyring is not installed: run  %pip install "gyazo-nb[keyring]"  first.'
            ) from None
        result: Future[T] = Future()

        def call() -> None:
            try:
                result.set_result(function(keyring.get_keyring()))
            except GyazoError as error:
                result.set_exception(error)
            except Exception as error:  # noqa: BLE001 -- without its text, which may contain the token
                sentence = f"The system's keyring failed ({type(error).__name__}). {next_step}"
                result.set_exception(StoreError(sentence))

        threading.Thread(target=call, name="gyazo_nb keyring", daemon=True).start()
        try:
            return result.result(KEYRING_TIMEOUT)
        except TimeoutError:
            raise StoreLateError(
                f"The system's keyring did not answer within {KEYRING_TIMEOUT:g} seconds. {next_step}"
            ) from None


# ── keyrings ─────────────────────────────────────────────────────────────────────────────────────


def _set_password(keyring: Any, name: str, profile: Profile) -> None:
    """Save in the first keyring of a chain that can, as the chain does, but not as plain text."""
    for member in _members(keyring):
        _check_keyring(member)
        # A chain goes on to the next keyring after this error only.
        with contextlib.suppress(NotImplementedError):
            member.set_password(SERVICE, name, profile.to_json())
            return
    raise StoreError(_NO_KEYRING)


def _get_password(keyring: Any, name: str) -> str | None:
    """Return the entry of the first keyring of a chain that has it, unless that stores plain text."""
    members = _members(keyring)
    if all(_refusal(member) for member in members):
        _check_keyring(keyring)
    for member in members:
        password: str | None = member.get_password(SERVICE, name)
        if password is not None:
            _check_keyring(member)
            return password
    return None


def _delete_password(keyring: Any, name: str) -> bool:
    """Delete the entry in each keyring of a chain. Plain text is deleted, too."""
    removed = False
    for member in _members(keyring):
        if _refusal(member) == _NO_KEYRING:
            raise StoreError(_NO_KEYRING)
        if member.get_password(SERVICE, name) is not None:
            member.delete_password(SERVICE, name)
            removed = True
    return removed


_NO_KEYRING = "This machine has no keyring: use --save file, which saves the token in a file that only you can read."
_PLAIN_TEXT = (
    "The keyring of this machine stores plain text: use --save file, which saves the token in a file that "
    "only you can read."
)


def _check_keyring(keyring: Any) -> None:
    """Refuse a keyring that stores no passwords, or stores them as plain text."""
    if refusal := _refusal(keyring):
        raise StoreError(refusal)


def _refusal(keyring: Any) -> str | None:
    """Why a keyring is refused, or None. A subclass and a wrapper are recognized, too."""
    for part in _parts(keyring):
        kinds = type(part).__mro__
        if any(
            kind.__module__.startswith(("keyring.backends.fail", "keyring.backends.null"))
            for kind in kinds
        ):
            return _NO_KEYRING
        # keyrings.alt describes its keyrings in this attribute.
        scheme = inspect.getattr_static(part, "scheme", None)
        if any(_PLAIN_TEXT_CLASS.search(kind.__name__) for kind in kinds) or (
            isinstance(scheme, str) and scheme.startswith("no enc")
        ):
            return _PLAIN_TEXT
    return None


_PLAIN_TEXT_CLASS = re.compile(r"plain_?text|insecure|unencrypted", re.IGNORECASE)


def _members(keyring: Any) -> list[Any]:
    """The keyrings of a chain in the order in which it uses them, or only this one."""
    chain = _chain_class(keyring)
    unwrapped = inspect.unwrap  # the package wraps the methods in each subclass
    if chain is None or unwrapped(type(keyring).set_password) != unwrapped(chain.set_password):
        return [keyring]
    return [part for member in keyring.backends for part in _members(member)]


def _chain_class(keyring: Any) -> Any:
    """The class `ChainerBackend` of the package keyring, if this is one."""
    for kind in type(keyring).__mro__:
        if (kind.__module__, kind.__name__) == ("keyring.backends.chainer", "ChainerBackend"):
            return kind
    return None


def _parts(keyring: Any) -> Iterator[Any]:
    """A keyring, and the keyrings in its attributes, which it may call."""
    seen: set[int] = set()
    waiting = [keyring]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        for value in (*_attributes(part), part.backends if _chain_class(part) else None):
            values = list(value.values()) if isinstance(value, dict) else value
            values = values if isinstance(values, list | tuple | set | frozenset) else [value]
            waiting += [one for one in values if hasattr(type(one), "set_password")]


def _attributes(instance: Any) -> Iterator[Any]:
    """The values of the attributes of an instance and of its classes."""
    yield from getattr(instance, "__dict__", {}).values()
    for kind in type(instance).__mro__:
        for name, value in vars(kind).items():
            is_slot = inspect.ismemberdescriptor(value)
            yield getattr(instance, name, None) if is_slot else value


# ── files and folders ────────────────────────────────────────────────────────────────────────────


def shown_path(path: Path) -> str:
    """A path for a message in a notebook: with ~ for the home folder, whose name is often private."""
    text, home = str(path), os.path.expanduser("~")  # noqa: PTH111 -- Path.home() can raise
    return f"~{text.removeprefix(home)}" if text.startswith(home + os.sep) else text


def config_folder() -> Path:
    """The folder of this package in the user's configuration."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or "~/AppData/Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        if not base.is_absolute():  # the specification says to ignore a relative path
            base = Path("~/.config")
    try:
        return base.expanduser() / "gyazo_nb"
    except RuntimeError:
        raise StoreError(
            "Cannot determine your home folder, so tokens cannot be saved: set HOME."
        ) from None


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents with the mode 0700, or correct the mode of the folder.

    Raises `StoreError` if other users can write to it, and `OSError` if it cannot be created.
    """
    paths = (folder, *folder.parents)
    missing = list(itertools.takewhile(lambda path: not path.exists(), paths))
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            path.mkdir(mode=0o700)
            path.chmod(0o700)  # the umask may have removed bits
    folder.mkdir(exist_ok=True)  # raises if this is not a folder
    check_private_folder(folder)
    folder.chmod(0o700)


def check_private_folder(folder: Path) -> None:
    """Raise `StoreError` if other users can put files into this folder. It may not exist."""
    if sys.platform == "win32":
        return  # the user's folder is private there, and modes have no effect
    try:
        link, found = folder.lstat(), folder.stat()
    except OSError:
        return  # the file in it cannot be read or written either, which is an error or "not saved"
    user, argument = os.getuid(), quote(str(folder))
    if found.st_uid != user or link.st_uid not in {user, 0}:
        raise StoreError(
            f"The folder {folder} belongs to another user, so no saved token is read or written there: "
            f'remove it, or run  sudo chown "$USER" {argument} && chmod 700 {argument}  if you trust its '
            f"files, then try again."
        )
    if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o022:
        raise StoreError(
            f"Other users can write to the folder {folder}, so no saved token is read or written there: "
            f"run  chmod 700 {argument}  if you trust its files, or remove it, then try again."
        )


def _write(path: Path, profile: Profile) -> None:
    """Write a profile to a draft, and replace the file in one step."""
    for _ in range(MAX_DRAFTS):
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            if _write_draft(draft, profile):
                with contextlib.suppress(FileNotFoundError):  # removed, see `_lock`
                    draft.replace(path)
                    return
        finally:
            # Also after an interrupt: no second file with the token remains.
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
    raise OSError("another program removes its drafts")


def _write_draft(draft: Path, profile: Profile) -> bool:
    """Write a draft, unless another process is about to remove it. Return whether it is written."""
    with open(draft, "x", encoding="utf-8", opener=_open_private) as file:
        if not _lock(file.fileno()):
            return False
        if sys.platform != "win32":
            os.fchmod(file.fileno(), 0o600)  # the umask may have removed bits
        file.write(profile.to_json())
        file.flush()
        os.fsync(file.fileno())
    return True


def _remove_draft(draft: Path) -> None:
    """Remove a draft, unless a process writes it."""
    if sys.platform == "win32":
        with contextlib.suppress(PermissionError):  # a process writes it
            draft.unlink()
        return
    try:
        descriptor = _open_private(draft, os.O_RDWR)
    except OSError:  # a link, for example
        draft.unlink()
        return
    try:
        if _lock(descriptor):
            draft.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a draft until it is closed, and return whether no other process has locked it.

    A process locks the draft that it writes, or that it removes. The lock of a killed process ends.
    """
    if sys.platform == "win32":
        return True  # an open file cannot be removed there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # this file system has no locks: a save whose draft is removed begins again
    return True


def _open_private(path: Path | str, flags: int) -> int:
    """Open a file with the mode 0600, without following a link or waiting for a pipe."""
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    return os.open(path, flags, 0o600)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is not a regular file: remove it, then sign in again.")
    if sys.platform == "win32":
        return  # the user's folder is private there, and modes have no effect
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreError(
            f"Other users can read or write the saved token in {path}: run  chmod 600 {quote(str(path))}  if "
            f"you trust the file, or remove it and sign in again."
        )
