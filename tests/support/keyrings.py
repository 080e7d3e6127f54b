"""GNOME's keyring in a private D-Bus session, and keyrings for the failures that it cannot show."""

import os
import shutil
import signal
import subprocess
import time

from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend

PASSWORD = b"test"
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")


def missing_programs():
    """The programs of GNOME's keyring that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


class GnomeKeyring:
    """A running GNOME keyring. Its files are in `home`, and the keyring of this machine is not used."""

    def __init__(self, home):
        runtime = home / "runtime"
        runtime.mkdir(mode=0o700, parents=True)
        # Without a display, so that a locked keyring cannot show a dialog.
        kept = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        environment = {
            **kept,
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            **{
                f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "CACHE")
            },
        }
        self._log = (home / "log").open("wb")
        self._bus = subprocess.Popen(
            [
                "dbus-daemon",
                "--session",
                "--nofork",
                "--print-address=1",
                f"--address=unix:path={runtime}/bus",
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.address = self._bus.stdout.readline().strip()
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            env={**environment, "DBUS_SESSION_BUS_ADDRESS": self.address},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
        )
        self._daemon.stdin.write(PASSWORD)
        self._daemon.stdin.close()
        self._wait_until_it_runs(home / "log")

    def _wait_until_it_runs(self, log):
        """Wait until the daemon has its name on the bus. A call before that makes D-Bus start a second one."""
        from jeepney import message_bus  # noqa: PLC0415 -- a dependency of keyring, on Linux only

        deadline = time.monotonic() + 60
        while True:
            with self._connection() as bus:
                request = message_bus.NameHasOwner("org.freedesktop.secrets")
                if bus.send_and_get_reply(request).body[0]:
                    return
            if time.monotonic() > deadline or self._daemon.poll() is not None:
                self.close()
                raise AssertionError(f"GNOME's keyring does not start: {log.read_text()}")
            time.sleep(0.02)

    def _connection(self):
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415 -- on Linux only

        return open_dbus_connection(self.address)

    def _collection(self, bus):
        import secretstorage  # noqa: PLC0415 -- as above

        return secretstorage.get_default_collection(bus)

    @property
    def passwords(self):
        """All passwords, by service and user name."""
        with self._connection() as bus:
            items = list(self._collection(bus).get_all_items())
            names = [item.get_attributes() for item in items]
            return {
                (name["service"], name["username"]): item.get_secret().decode()
                for name, item in zip(names, items, strict=True)
            }

    def remove_all(self):
        """Remove all passwords."""
        with self._connection() as bus:
            for item in list(self._collection(bus).get_all_items()):
                item.delete()

    def lock(self):
        """Lock the keyring: each call fails, because no dialog can ask the user for the password."""
        with self._connection() as bus:
            self._collection(bus).lock()

    def unlock(self):
        """Unlock the keyring with its password."""
        from secretstorage.util import (  # noqa: PLC0415 -- as above
            DBusAddressWrapper,
            format_secret,
            open_session,
        )

        with self._connection() as bus:
            secret = format_secret(open_session(bus), PASSWORD, "text/plain")
            interface = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
            DBusAddressWrapper("/org/freedesktop/secrets", interface, bus).call(
                "UnlockWithMasterPassword",
                "o(oayays)",
                self._collection(bus).collection_path,
                secret,
            )

    def pause(self):
        """Stop the process: each call waits until `resume`."""
        self._daemon.send_signal(signal.SIGSTOP)

    def resume(self):
        """Continue the process, which then replies to the calls that wait."""
        self._daemon.send_signal(signal.SIGCONT)

    def close(self):
        """End both processes."""
        self.resume()
        for process in (self._daemon, self._bus):
            process.terminate()
            process.wait()
        self._bus.stdout.close()
        self._log.close()


class RaisingKeyring(KeyringBackend):
    """A keyring whose errors contain the password. GNOME's errors do not."""

    priority = 0

    def get_password(self, service, username):
        return None

    def set_password(self, service, username, password):
        raise RuntimeError(f"cannot store {password}")


class ReadOnlyKeyring(KeyringBackend):
    """A keyring that saves nothing, as those of package indexes: a chain then uses the next one."""

    priority = 0

    def get_password(self, service, username):
        return None

    def set_password(self, service, username, password):
        raise NotImplementedError

    delete_password = set_password


def chain_of(*keyrings):
    """The chain of the package keyring, with these keyrings."""
    return type("Chain", (ChainerBackend,), {"priority": 0, "backends": keyrings})()
