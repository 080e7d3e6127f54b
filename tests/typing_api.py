"""The public types, read by mypy and never run."""

from __future__ import annotations

from typing import assert_type

from gyazo_nb import Account, App, Deleted, Gyazo, Image, Login, Page, Secret, Site, User


def blocking(gyazo: Gyazo, image: Image) -> None:
    """What each call gives."""
    assert_type(gyazo.me(), User)
    assert_type(gyazo.upload(b""), Image)
    assert_type(gyazo.upload("a.png", access_policy="only_me", created_at=1.5), Image)
    assert_type(gyazo.images(page=2, per_page=10), Page)
    assert_type(gyazo.images()[0], Image)
    assert_type(gyazo.image("an id"), Image)
    assert_type(gyazo.delete(image), Deleted)
    assert_type(gyazo.account, Account | None)
    gyazo.upload(b"", access_policy="everyone")  # type: ignore[arg-type]  # not a policy


async def awaited(gyazo: Gyazo) -> None:
    """The same, awaited."""
    assert_type(await gyazo.ame(), User)
    assert_type(await gyazo.aupload(b""), Image)
    assert_type(await gyazo.aimages(), Page)
    assert_type(await gyazo.aimage("an id"), Image)
    assert_type(await gyazo.adelete("an id"), Deleted)


def signing_in(gyazo: Gyazo) -> None:
    """A sign-in without a widget."""
    login = gyazo.login(App("id", "secret", "http://localhost/"), site=Site(), switch=True)
    assert_type(login, Login)
    assert_type(login.url, str)
    assert_type(login.finish("a code"), User)
    assert_type(login.finish(Secret("a code")), User)
