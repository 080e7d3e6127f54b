"""The saved accounts, by name: which of the stores has each.

The law: one account is in one place, and what a logout could not find is nowhere. A keyring can take long
to say no, so it is asked only where a note in the folder says that it has something.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from gyazo_nb.errors import StoreError, StoreLateError

from .token_store import FileStore, KeyringStore, Profile, check_name, config_folder


class Profiles:
    """The accounts that are saved in a folder, and in the keyring."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or config_folder()
        self._file, self._keyring = FileStore(self._folder), KeyringStore()

    def load(self, name: str) -> tuple[Profile, str] | None:
        """Give a saved account and where it is kept, None if there is none."""
        if self._is_in_keyring(name):
            profile = self._keyring.load(name)
            return None if profile is None else (profile, "the system's keyring")
        profile = self._file.load(name)
        return None if profile is None else (profile, "a file of yours")

    def save(self, kind: str, name: str, profile: Profile) -> str:
        """Keep an account in the "file" or the "keyring", and say where."""
        if kind == "file":
            return self._save_file(name, profile)
        # The note first, and kept if the keyring is late: it may yet do what it was asked.
        noted = self._is_in_keyring(name)
        with _stating("The place of the token could not be noted"):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mark(name).touch(mode=0o600)
        try:
            where = self._keyring.save(name, profile)
        except StoreLateError:
            raise
        except StoreError:
            if not noted:
                self._unmark(name)
            raise
        self._file.clear(name)
        return where

    def _save_file(self, name: str, profile: Profile) -> str:
        where = self._file.save(name, profile)
        if self._is_in_keyring(name):
            try:
                self._keyring.clear(name)
            except StoreError as error:
                raise StoreError(
                    f"The token is kept in {where}. What the keyring held before may still be there: "
                    f"remove {KeyringStore.SERVICE} / {name} from it yourself."
                ) from error
            finally:
                self._unmark(name)
        return where

    def clear(self, name: str) -> bool:
        """Forget an account wherever it is, and say whether there was one."""
        removed = self._file.clear(name)
        if self._is_in_keyring(name):
            removed |= self._keyring.clear(name)
            self._unmark(name)
        return removed

    def _is_in_keyring(self, name: str) -> bool:
        with _stating("It cannot be told whether a token is saved"):
            return self._mark(name).exists()

    def _unmark(self, name: str) -> None:
        with _stating("The note of a token in the keyring could not be removed"):
            self._mark(name).unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self._folder / f"{check_name(name)}.keyring"


@contextlib.contextmanager
def _stating(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{what} ({error.strerror or error}): look at {str(error.filename)!r}."
        ) from None
