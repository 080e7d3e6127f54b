"""The options of `%gyazo_login`, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
