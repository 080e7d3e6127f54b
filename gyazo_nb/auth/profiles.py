"""The saved accounts by name, in files and in the system's keyring.

Guarantees:

- An account is saved in one store only. After it is cleared, no store has it.
- The keyring is used only for an account that is saved there. A marker file in the folder records this,
  because a keyring may take seconds to report that it has no entry.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from gyazo_nb.errors import StoreError, StoreLateError

from .token_store import (
    SERVICE,
    FileStore,
    KeyringStore,
    Profile,
    check_private_folder,
    check_profile_name,
    config_folder,
    make_private_folder,
)


class Profiles:
    """The accounts that are saved in a folder, and in the keyring."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or config_folder()
        self._file, self._keyring = FileStore(self._folder), KeyringStore()

    def load(self, name: str) -> tuple[Profile, str] | None:
        """Return a saved account and where it is saved, or None."""
        if not self._has_folder():
            return None
        check_private_folder(self._folder)
        if self._is_in_keyring(name):
            profile = self._keyring.load(name)
            return None if profile is None else (profile, "the system's keyring")
        profile = self._file.load(name)
        return None if profile is None else (profile, "a file in your configuration folder")

    def save(self, kind: str, name: str, profile: Profile) -> str:
        """Save an account in the "file" or the "keyring", and return where it is saved."""
        if kind == "file":
            return self._save_file(name, profile)
        # The marker is written first. It stays if the keyring is late, which may still save the token.
        had_marker = self._is_in_keyring(name)
        with _as_store_error("Cannot record that the token is in the keyring"):
            make_private_folder(self._folder)
            self._marker(name).touch(mode=0o600)
        try:
            where = self._keyring.save(name, profile)
        except StoreError as error:
            if not had_marker and not isinstance(error, StoreLateError):
                self._remove_marker(name)
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
                    f"The token is saved in {where}. The keyring may still have the earlier token: remove "
                    f"{SERVICE} / {name} from it yourself."
                ) from error
            finally:
                self._remove_marker(name)
        return where

    def names(self) -> list[str]:
        """The names of the saved accounts, in alphabetical order. An unreadable folder has none."""
        with contextlib.suppress(OSError):
            paths = [
                path for path in self._folder.iterdir() if path.suffix in {".json", ".keyring"}
            ]
            return sorted({path.stem for path in paths if not path.name.startswith(".")})
        return []

    def clear(self, name: str) -> bool:
        """Remove an account from both stores, and return whether there was one."""
        if not self._has_folder():
            return False
        removed = self._file.clear(name)
        if self._is_in_keyring(name):
            removed |= self._keyring.clear(name)
            self._remove_marker(name)
        return removed

    def _has_folder(self) -> bool:
        """Whether this user can reach the folder. In a container, HOME may belong to another user."""
        with _as_store_error("Cannot check for a saved token"):
            try:
                return stat.S_ISDIR(self._folder.stat().st_mode)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return False

    def _is_in_keyring(self, name: str) -> bool:
        with _as_store_error("Cannot check for a saved token"):
            return self._marker(name).exists()

    def _remove_marker(self, name: str) -> None:
        with _as_store_error("Cannot remove the marker file of a token in the keyring"):
            self._marker(name).unlink(missing_ok=True)

    def _marker(self, name: str) -> Path:
        return self._folder / f"{check_profile_name(name)}.keyring"


@contextlib.contextmanager
def _as_store_error(failed_action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{failed_action} ({error.strerror or error}): check the path {str(error.filename)!r}."
        ) from None
