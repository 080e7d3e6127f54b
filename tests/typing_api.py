"""The public types. mypy checks this file; it is never run."""

from __future__ import annotations

from typing import Any, assert_type

import PIL.Image

from gyazo_nb import (
    Account,
    App,
    AsyncImages,
    Deleted,
    EasyUpload,
    Embed,
    Gyazo,
    Image,
    Images,
    Login,
    Page,
    Published,
    Report,
    Retry,
    Secret,
    Site,
    Timeouts,
    User,
)


def blocking(gyazo: Gyazo, image: Image) -> None:
    """The type of each result."""
    assert_type(gyazo.me(), User)
    assert_type(gyazo.upload(b""), Image)
    assert_type(gyazo.upload("a.png", access_policy="only_me", created_at=1.5), Image)
    assert_type(gyazo.images(page=2, per_page=10), Page)
    assert_type(gyazo.images(page=2), Page)
    assert_type(gyazo.images(per_page=10), Page)
    assert_type(gyazo.images(), Images)
    assert_type(gyazo.images()[0], Image)
    assert_type(gyazo.images()[:5], Images)
    assert_type(gyazo.images().total, int)
    assert_type([image for image in gyazo.images()], list[Image])  # noqa: C416 -- the type of the loop variable is checked
    assert_type(gyazo.search("a query", page=2, per=10), Page)
    assert_type(gyazo.oembed(image), Embed)
    assert_type(gyazo.update(image, desc="", alt_text=None), Image)
    assert_type(gyazo.easy_upload(b"", client_id="an id"), EasyUpload)
    assert_type(gyazo.request("GET", "/api/images", params={"page": 1}), Any)
    assert_type(image.download(), bytes)
    assert_type(image.open(), PIL.Image.Image)
    assert_type(gyazo.image("an id"), Image)
    assert_type(gyazo.delete(image), Deleted)
    assert_type(gyazo.account, Account | None)
    assert_type(gyazo.upload_all([b""], title=str, desc="#a"), Report)
    assert_type(gyazo.upload_all([b""])[0], Image)
    assert_type(gyazo.report, Report | None)
    assert_type(gyazo.publish("a.ipynb", notation="cosense"), Published)
    gyazo.upload_all([b""], access_policy=3)  # type: ignore[arg-type]  # not a policy
    gyazo.upload(b"", access_policy="everyone")  # type: ignore[arg-type]  # not a policy


async def asynchronous(gyazo: Gyazo) -> None:
    """The same for async calls."""
    assert_type(await gyazo.ame(), User)
    assert_type(await gyazo.aupload(b""), Image)
    assert_type(await gyazo.aupload_all([b""], resume="a.jsonl"), Report)
    assert_type(await gyazo.apublish("a.ipynb", to="b.md"), Published)
    assert_type(await gyazo.aimages(page=2), Page)
    assert_type(await gyazo.aimages(per_page=2), Page)
    assert_type(gyazo.aimages(), AsyncImages)
    assert_type(await gyazo.aimages(), Page)
    assert_type(await gyazo.aimages()[0], Image)
    assert_type(await gyazo.aimages().total(), int)
    assert_type([image async for image in gyazo.aimages()[:5]], list[Image])
    assert_type(await gyazo.aimage("an id"), Image)
    assert_type(await gyazo.adelete("an id"), Deleted)
    assert_type(await gyazo.asearch("a query"), Page)
    assert_type(await gyazo.aoembed("https://gyazo.com/x"), Embed)
    assert_type(await gyazo.aupdate("an id", desc=""), Image)
    assert_type(await gyazo.aeasy_upload(b""), EasyUpload)
    assert_type(await gyazo.arequest("GET", "/api/images"), Any)
    assert_type(await (await gyazo.aimage("an id")).adownload(), bytes)


def session() -> None:
    """The arguments of a session."""
    Gyazo("a token", token_in="parameter", timeout=5, retries=0)
    Gyazo(timeout=Timeouts(connect=3), retries=Retry(times=5, total=120))
    Gyazo(token_in="cookie")  # type: ignore[arg-type]  # not one of the two


def signing_in(gyazo: Gyazo) -> None:
    """A sign-in without widgets."""
    login = gyazo.login(App("id", "secret", "http://localhost/"), site=Site(), switch=True)
    assert_type(login, Login)
    assert_type(login.url, str)
    assert_type(login.finish("a code"), User)
    assert_type(login.finish(Secret("a code")), User)
