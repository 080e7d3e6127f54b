"""The options of `%gyazo_login`, parsed and checked.

Guarantees: contradicting options are an error, before a sign-in starts. `LoginOptions.command` repeats the
options of the user, so that a hint can be run as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from gyazo_nb.auth.token_store import check_profile_name
from gyazo_nb.errors import ArgumentError

Mode = Literal["auto", "panel", "prompt", "env"]
Store = Literal["keyring", "file"]


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """The options after `%gyazo_login`. An option that is not given is None or False."""

    mode: Mode = "auto"
    wait: float | None = None  # seconds
    token: bool = False
    save: Store | None = None
    profile: str | None = None
    switch: bool = False
    sandbox: bool = False

    def __post_init__(self) -> None:
        if self.sandbox:
            self._check_sandbox_options()
        if self.token and self.mode not in {"auto", "prompt"}:
            raise ArgumentError(f"--token uses a prompt: leave out --mode {self.mode}.")
        if self.wait is not None and not self.wait > 0:
            raise ArgumentError("--wait needs a number of seconds greater than 0, like --wait 60.")
        if self.profile is not None:
            check_profile_name(self.profile)

    def command(self, **changes: Any) -> str:
        """Return the line with these options, with some of them changed.

        >>> LoginOptions(sandbox=True).command(mode="prompt")
        '%gyazo_login --sandbox --mode prompt'
        """
        options = replace(self, **changes)
        words = {
            "--sandbox": options.sandbox,
            f"--profile {options.profile}": options.profile,
            f"--save {options.save}": options.save,
            "--switch": options.switch,
            "--token": options.token,
            f"--mode {options.mode}": options.mode != "auto",
            f"--wait {options.wait or 0:g}": options.wait,
        }
        return " ".join(["%gyazo_login", *(word for word, is_given in words.items() if is_given)])

    def _check_sandbox_options(self) -> None:
        for is_given, option, reason in (
            (self.token, "--token", "the sandbox creates its own tokens"),
            (self.save, "--save", "the sandbox and its tokens end with the kernel"),
            (self.mode == "env", "--mode env", "the environment contains no token for the sandbox"),
        ):
            if is_given:
                raise ArgumentError(
                    f"--sandbox cannot be combined with {option} ({reason}): leave one of them out."
                )
