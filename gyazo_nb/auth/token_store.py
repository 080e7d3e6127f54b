"""Where a token rests between kernels: nowhere, in the system's keyring, or in a file of one's own.

The law: nothing touches a disk unless it was asked for. A file is 0600 in a folder that is 0700,
written whole or not at all, and not read when others could have read or written it. A store that
fails says so in a `StoreError`, and never costs the token that is in use.
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
from gyazo_nb.secret import Secret
from gyazo_nb.settings import Site, access_token

T = TypeVar("T")

# Seconds: on a host without one it may wait for ever for somebody to unlock it.
KEYRING_TIMEOUT = 5.0
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError)
_LARGEST = 65_536  # bytes: more is no profile


@dataclass(frozen=True, slots=True)
class Profile:
    """What is kept of an account: its token, and where that is good."""

    token: Secret
    site: Site

    def to_json(self) -> str:
        """Spell it for a store. This is where the token leaves the process."""
        return json.dumps({"access_token": self.token.reveal(), "site": asdict(self.site)})

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """Read what a store holds. One of `_UNREADABLE` if it is no profile."""
        data = json.loads(text)
        return cls(access_token(str(data["access_token"] or "")), Site(**data["site"]))


def _read(text: str) -> Profile | None:
    """Read a profile; None if it is none. No error leaves here: it would have the text in it."""
    try:
        return Profile.from_json(text)
    except _UNREADABLE:
        return None


def check_name(name: str) -> str:
    """Give a profile's name, or `ConfigError`: it becomes the name of a file."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ConfigError("A profile's name is made of up to 64 letters, digits, dots, - and _.")
    return name


class FileStore:
    """One file for each profile, in a folder of the user's configuration."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or config_folder()

    def load(self, name: str) -> Profile | None:
        """Read a profile, refusing what others could have read or written."""
        path = self._path(name)
        try:
            with open(_opened(path, os.O_RDONLY), encoding="utf-8") as file:
                _check_private(path, os.fstat(file.fileno()))
                text = file.read(_LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                f"The saved token in {path} cannot be read ({error.strerror or error}): remove that "
                f"file, then sign in again."
            ) from None
        except UnicodeDecodeError:
            text = ""
        if (profile := _read(text)) is None:
            raise StoreError(f"{path} holds no saved token: remove it, then sign in again.")
        return profile

    def save(self, name: str, profile: Profile) -> str:
        """Write a profile beside the old one, then put it in its place at once."""
        path = self._path(name)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            with open(
                _opened(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8"
            ) as file:
                file.write(profile.to_json())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise StoreError(
                f"The token could not be saved in {path} ({error.strerror or error}): it is good until "
                f"this kernel ends."
            ) from None
        finally:
            with contextlib.suppress(OSError):  # an interrupt too must not leave a token behind
                draft.unlink(missing_ok=True)
        return f"the file {path}"

    def clear(self, name: str) -> bool:
        """Remove a profile's file."""
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(
                f"The saved token in {path} could not be removed ({error.strerror or error}): remove "
                f"that file yourself."
            ) from None
        return True

    def _path(self, name: str) -> Path:
        return self._folder / f"{check_name(name)}.json"


class KeyringStore:
    """The system's keyring, through the package `keyring`."""

    SERVICE = "gyazo_nb"

    def load(self, name: str) -> Profile | None:
        """Read a profile from the keyring."""
        text = self._asked(
            lambda ring: ring.get_password(self.SERVICE, check_name(name)),
            "the token that is saved there cannot be read. Unlock it and try again, or sign in anew",
        )
        if not text:
            return None
        if (profile := _read(text)) is None:
            raise StoreError(
                f"What the keyring holds for {self.SERVICE} / {name} is no saved token: "
                f"remove it there, then sign in again."
            )
        return profile

    def save(self, name: str, profile: Profile) -> str:
        """Put a profile into the keyring, unless that would keep it as plain text."""
        # Spelt on the thread that asks: here an interrupt's traceback would show it.
        self._asked(
            lambda ring: ring.set_password(self.SERVICE, check_name(name), profile.to_json()),
            "the token is good until this kernel ends; --save file keeps it in a file of your own",
        )
        return f"the system's keyring, as {self.SERVICE} / {name}"

    def clear(self, name: str) -> bool:
        """Remove a profile from the keyring."""
        if self.load(name) is None:
            return False
        self._asked(
            lambda ring: ring.delete_password(self.SERVICE, check_name(name)),
            f"the token may still be there. Unlock it and try again, or remove {self.SERVICE} / {name} "
            f"from it yourself",
        )
        return True

    def _asked(self, question: Callable[[Any], T], otherwise: str) -> T:
        """Ask the keyring on a thread that may be left behind: it can wait for ever.

        `otherwise` says what it means for the person that no answer came.
        """
        try:
            import keyring  # noqa: PLC0415 -- an extra
        except ImportError:
            raise StoreError(
                'Saving in the keyring needs more: run  %pip install "gyazo-nb[keyring]"  first.'
            ) from None
        answers: list[T] = []
        faults: list[BaseException] = []

        def ask() -> None:
            try:
                _check_keyring(keyring.get_keyring())
                answers.append(question(keyring))
            except Exception as error:  # noqa: BLE001 -- handed over to the thread that asked
                faults.append(error)

        thread = threading.Thread(target=ask, name="gyazo_nb keyring", daemon=True)
        thread.start()
        thread.join(KEYRING_TIMEOUT)
        if answers:
            return answers[0]
        if faults and isinstance(faults[0], GyazoError):
            raise faults[0]
        reason = (
            f"refused ({type(faults[0]).__name__})"
            if faults
            else f"did not answer within {KEYRING_TIMEOUT:g} seconds"
        )
        raise (StoreError if faults else StoreLateError)(
            f"The system's keyring {reason}: {otherwise}."
        )


def _check_keyring(backend: Any) -> None:
    """Refuse a keyring that keeps nothing, or keeps it as plain text."""
    # A chain asks the first of its backends that can do it.
    chain = getattr(backend, "backends", None) if "Chainer" in type(backend).__name__ else None
    kind = type(next(iter(chain), backend) if chain is not None else backend)
    if kind.__module__.startswith(("keyring.backends.fail", "keyring.backends.null")):
        raise StoreError(
            "This machine has no keyring: --save file keeps the token in a file of your own."
        )
    if "plaintext" in kind.__name__.lower():
        raise StoreError(
            "This machine's keyring keeps plain text: --save file keeps the token in a file that "
            "nobody else can read."
        )


def config_folder() -> Path:
    """Where the user's configuration of this package is."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or "~/AppData/Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        if not base.is_absolute():  # to be ignored then, says its specification
            base = Path("~/.config")
    try:
        return base.expanduser() / "gyazo_nb"
    except RuntimeError:
        raise StoreError(
            "Nobody knows where your home folder is, so nothing can be saved: set HOME."
        ) from None


def _opened(path: Path, flags: int) -> int:
    """Open without following a link, so that nobody can lead us elsewhere."""
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):  # a pipe must not be waited for
        flags |= getattr(os, name, 0)
    return os.open(path, flags, 0o600)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is no file: remove it, then sign in again.")
    if sys.platform == "win32":
        return  # the user's own folder is private there, and modes say nothing
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreError(
            f"The saved token in {path} can be read by others: run  chmod 600 {path}  if you trust "
            f"it, or remove it and sign in again."
        )
