"""Saves a token for later kernels, if the user asks for it: in a file, or in the system's keyring.

Guarantees:

- A file has the mode 0600 and is in a folder with the mode 0700. It is written completely or not at all.
- A file that other users could read or write is not read. A link is not followed.
- A failure is a `StoreError`, and the token in use is not lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from gyazo_nb.errors import ConfigError, GyazoError, StoreError, StoreLateError
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import Site, access_token

T = TypeVar("T")

# Seconds. A keyring may wait without end for the user to unlock it.
KEYRING_TIMEOUT = 5.0
MAX_PROFILE_CHARACTERS = 65_536
# The errors of `Profile.from_json` for a text that is not a profile.
_INVALID_PROFILE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError)


@dataclass(frozen=True, slots=True)
class Profile:
    """A saved account: its token, and the site that accepts the token."""

    token: Secret
    site: Site

    def to_json(self) -> str:
        """Return the text for a store. Here the token leaves the process."""
        return json.dumps({"access_token": self.token.reveal(), "site": asdict(self.site)})

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """Read the text of a store. Raises one of `_INVALID_PROFILE` for any other text."""
        data = json.loads(text)
        return cls(access_token(str(data["access_token"] or "")), Site(**data["site"]))


def _profile_or_none(text: str) -> Profile | None:
    """Read a profile, or return None: an error would contain the text, which may hold a token."""
    try:
        return Profile.from_json(text)
    except _INVALID_PROFILE:
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

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or config_folder()

    @hides_frames
    def load(self, name: str) -> Profile | None:
        """Read a profile. A file that other users could read or write is refused."""
        path = self._path(name)
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
        if (profile := _profile_or_none(text)) is None:
            raise StoreError(f"{path} is damaged: remove the file, then sign in again.")
        return profile

    @hides_frames
    def save(self, name: str, profile: Profile) -> str:
        """Write a profile to a temporary file, then replace the old file in one step."""
        path = self._path(name)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            with open(
                _open_private(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL),
                "w",
                encoding="utf-8",
            ) as file:
                file.write(profile.to_json())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise StoreError(
                f"The token could not be saved in {path} ({error.strerror or error}). You stay signed in "
                f"until this kernel ends. To save the token, correct the problem, then run the same "
                f"%gyazo_login line again."
            ) from None
        finally:
            # Also after an interrupt: no second file with the token remains.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return f"the file {path}"

    def clear(self, name: str) -> bool:
        """Remove the file of a profile, and return whether there was one."""
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(
                f"The saved token in {path} could not be removed ({error.strerror or error}): remove "
                f"the file yourself."
            ) from None
        return True

    def _path(self, name: str) -> Path:
        return self._folder / f"{check_profile_name(name)}.json"


class KeyringStore:
    """The system's keyring, through the package `keyring`."""

    SERVICE = "gyazo_nb"

    @hides_frames
    def load(self, name: str) -> Profile | None:
        """Read a profile from the keyring."""
        text = self._call(
            lambda keyring: keyring.get_password(self.SERVICE, check_profile_name(name)),
            "The saved token cannot be read: unlock the keyring and try again, or sign in again.",
        )
        if not text:
            return None
        if (profile := _profile_or_none(text)) is None:
            raise StoreError(
                f"The entry {self.SERVICE} / {name} in the keyring is damaged: remove the entry, then sign "
                f"in again."
            )
        return profile

    def save(self, name: str, profile: Profile) -> str:
        """Save a profile in the keyring. A keyring that stores plain text is refused."""
        # The JSON text is made on the other thread. Here, the traceback of an interrupt would show it.
        self._call(
            lambda keyring: keyring.set_password(
                self.SERVICE, check_profile_name(name), profile.to_json()
            ),
            "You stay signed in until this kernel ends. --save file saves the token in a file that only "
            "you can read.",
        )
        return f"the system's keyring, as {self.SERVICE} / {name}"

    def clear(self, name: str) -> bool:
        """Remove a profile from the keyring, and return whether there was one."""
        if self.load(name) is None:
            return False
        self._call(
            lambda keyring: keyring.delete_password(self.SERVICE, check_profile_name(name)),
            f"The token may still be there: unlock the keyring and try again, or remove {self.SERVICE} / "
            f"{name} from it yourself.",
        )
        return True

    @hides_frames
    def _call(self, function: Callable[[Any], T], next_step: str) -> T:
        """Call the keyring on another thread, because it can wait without end for the user.

        `next_step` ends the error sentence if the call fails.
        """
        try:
            import keyring  # noqa: PLC0415 -- an extra
        except ImportError:
            raise StoreError(
                'The package keyring is not installed: run  %pip install "gyazo-nb[keyring]"  first.'
            ) from None
        results: list[T] = []
        errors: list[BaseException] = []

        def call() -> None:
            try:
                _check_keyring(keyring.get_keyring())
                results.append(function(keyring))
            except Exception as error:  # noqa: BLE001 -- handed over to the calling thread
                errors.append(error)

        thread = threading.Thread(target=call, name="gyazo_nb keyring", daemon=True)
        thread.start()
        thread.join(KEYRING_TIMEOUT)
        if results:
            return results[0]
        if not errors:
            raise StoreLateError(
                f"The system's keyring did not answer within {KEYRING_TIMEOUT:g} seconds. {next_step}"
            )
        if isinstance(errors[0], GyazoError):
            raise errors[0]
        # Without the text of the error, which may contain the token.
        raise StoreError(f"The system's keyring failed ({type(errors[0]).__name__}). {next_step}")


def _check_keyring(backend: Any) -> None:
    """Refuse a keyring that stores no passwords, or stores them as plain text."""
    # A chain uses the first of its backends that works.
    chain = getattr(backend, "backends", None) if "Chainer" in type(backend).__name__ else None
    kind = type(next(iter(chain), backend) if chain is not None else backend)
    if kind.__module__.startswith(("keyring.backends.fail", "keyring.backends.null")):
        raise StoreError(
            "This machine has no keyring: use --save file, which saves the token in a file that only you "
            "can read."
        )
    if "plaintext" in kind.__name__.lower():
        raise StoreError(
            "The keyring of this machine stores plain text: use --save file, which saves the token in a "
            "file that only you can read."
        )


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


def _open_private(path: Path, flags: int) -> int:
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
            f"Other users can read or write the saved token in {path}: run  chmod 600 {path}  if you "
            f"trust the file, or remove it and sign in again."
        )
