"""The options of `%gyazo_login`, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gyazo_nb.auth.token_store import check_name
from gyazo_nb.errors import ArgumentError

Mode = Literal["auto", "panel", "prompt", "env"]
Store = Literal["keyring", "file"]


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """What the user wrote behind `%gyazo_login`. A value that was not given is None or False."""

    mode: Mode = "auto"
    wait: float | None = None  # seconds
    token: bool = False
    save: Store | None = None
    profile: str | None = None
    switch: bool = False
    sandbox: bool = False

    def __post_init__(self) -> None:
        if self.sandbox:
            self._check_fits_sandbox()
        if self.token and self.mode not in {"auto", "prompt"}:
            raise ArgumentError(f"--token uses a prompt: leave --mode {self.mode} out.")
        if self.wait is not None and not self.wait > 0:
            raise ArgumentError("--wait takes a number of seconds above 0.")
        if self.profile is not None:
            check_name(self.profile)

    def _check_fits_sandbox(self) -> None:
        for given, option, reason in (
            (self.token, "--token", "the sandbox makes its own tokens"),
            (self.save, "--save", "the tokens of the sandbox end with it"),
            (self.mode == "env", "--mode env", "the environment has no token of the sandbox"),
        ):
            if given:
                raise ArgumentError(
                    f"--sandbox and {option} do not fit together ({reason}): leave one of them out."
                )
