"""Uploading in numbers: `upload_all`, and how a thing becomes an upload. Part of `Gyazo`.

The law: a thing is drawn in the thread that asked, fetched and sent in the one that sends; a field is
a value, or a function of the thing.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .connection import Connection
from .errors import PictureError
from .later import later

if TYPE_CHECKING:
    from datetime import datetime

    from . import api, batch, fetch, journal, operation, picture
    from .api import AccessPolicy
    from .batch import Batch, Drawn, Notes
    from .journal import Journal
    from .models import Image
    from .operation import FilePart, Operation
    from .report import Report
    from .supply import Things
    from .user import User
else:
    api, batch, fetch = later("api"), later("batch"), later("fetch")
    journal, operation, picture = later("journal"), later("operation"), later("picture")

V = TypeVar("V")

SMALL = 2**20  # bytes of a file that is read when it is its turn, not when it is sent

# A field of each picture: one value for all, or a function of the thing.
Of: TypeAlias = "V | Callable[[Any], V | None] | None"


class Uploads(Connection):
    """Uploads many pictures at once. Used as `Gyazo`."""

    @property
    def report(self) -> Report | None:
        """The report of the last batch, also of one that was stopped or is still running.

        >>> gyazo.report.retry()                           # doctest: +SKIP
        """
        return self._report

    def upload_all(
        self,
        things: Things,
        *,
        concurrency: int = 16,
        progress: bool = True,
        resume: str | os.PathLike[str] | None = None,
        title: Of[str] = None,
        desc: Of[str] = None,
        access_policy: Of[AccessPolicy] = None,
        metadata_is_public: Of[bool] = None,
        referer_url: Of[str] = None,
        app: Of[str] = None,
        created_at: Of[datetime | float] = None,
        collection_id: Of[str] = None,
    ) -> Report:
        """Upload many pictures, several at once, and give a `Report`: the images, in order.

        >>> gyazo.upload_all(Path("plots").glob("*.png"), title=lambda path: path.stem)  # doctest: +SKIP
        >>> gyazo.upload_all(paths, resume="batch.jsonl")  # doctest: +SKIP

        `things` is anything to loop over, read as it is needed; each is what `upload` takes, and each
        field (`title`, `desc`, …, as in `upload`) a value or a function of the thing. What fails does
        not stop the others: see `report.failures` and `report.retry()`. Ctrl-C keeps what is done: the
        report is `gyazo.report`. With `resume`, what has arrived is noted in that file, and the same
        call in another kernel sends only the rest; an image that was deleted on Gyazo since then is
        given as it was. `concurrency` uploads are under way at a time. A file of more than 1 MB is read
        while it is sent: until then let it stay as it is.
        Source: https://gyazo.com/api/docs/image#upload
        """
        fields = {
            "title": title,
            "desc": desc,
            "access_policy": access_policy,
            "metadata_is_public": metadata_is_public,
            "referer_url": referer_url,
            "app": app,
            "created_at": created_at,
            "collection_id": collection_id,
        }
        many = self._batch(things, concurrency, progress, resume, fields)
        many.run()
        return many.report

    async def aupload_all(
        self,
        things: Things,
        *,
        concurrency: int = 16,
        progress: bool = True,
        resume: str | os.PathLike[str] | None = None,
        title: Of[str] = None,
        desc: Of[str] = None,
        access_policy: Of[AccessPolicy] = None,
        metadata_is_public: Of[bool] = None,
        referer_url: Of[str] = None,
        app: Of[str] = None,
        created_at: Of[datetime | float] = None,
        collection_id: Of[str] = None,
    ) -> Report:
        """Same as `upload_all`, awaited. `things` may be an async iterable too.

        >>> await gyazo.aupload_all(figures())             # doctest: +SKIP

        Things are read and drawn here, in the thread of the event loop, which goes on between any two:
        let an async generator await what takes long to make.
        """
        fields = {
            "title": title,
            "desc": desc,
            "access_policy": access_policy,
            "metadata_is_public": metadata_is_public,
            "referer_url": referer_url,
            "app": app,
            "created_at": created_at,
            "collection_id": collection_id,
        }
        many = self._batch(things, concurrency, progress, resume, fields)
        await many.arun()
        return many.report

    _report: Report | None = None

    def _batch(
        self,
        things: Things,
        concurrency: int,
        progress: bool,
        resume: str | os.PathLike[str] | None,
        fields: dict[str, Any],
    ) -> Batch:
        # A field that is wrong is wrong for every thing: say so before anything is sent.
        fixed = {name: value for name, value in fields.items() if not callable(value)}
        api.upload(*self._signed_in(), operation.FilePart("", "", b"", ""), **fixed)

        def draw(thing: Any) -> Drawn:
            self._signed_in()  # before anything is drawn in vain
            values = {
                name: value(thing) if callable(value) else value for name, value in fields.items()
            }
            drawn = _held(self._drawn(_read(thing)))
            return batch.Drawn(_size(drawn), lambda noted: self._sending(drawn, values, noted))

        def notes() -> Notes:
            return nullcontext() if resume is None else journal.Journal(resume, self._whose())

        async def anotes() -> Notes:
            return (
                nullcontext() if resume is None else journal.Journal(resume, await self._awhose())
            )

        def begun(report: Report) -> None:
            self._report = report

        return batch.Batch(
            things,
            draw,
            notes=notes,
            anotes=anotes,
            begun=begun,
            concurrency=concurrency,
            progress=progress,
        )

    def _job(self, thing: Any, fields: dict[str, Any]) -> Callable[[], Image]:
        """Draw a thing now, and give what fetches (an address) and sends it."""
        self._signed_in()
        return self._sending(self._drawn(thing), fields, None)

    def _drawn(self, thing: Any) -> FilePart | str:
        """Draw a thing, unless it is an address."""
        return picture.address(thing) or picture.file_part(thing)

    def _sending(
        self, drawn: FilePart | str, fields: dict[str, Any], noted: Journal | None
    ) -> Callable[[], Image]:
        """Give what fetches (an address) and sends what was drawn, for who is signed in now."""
        signed_in = self._signed_in()

        def job() -> Image:
            part = self._fetched(drawn) if isinstance(drawn, str) else drawn
            sending = api.upload(*signed_in, part, **fields, seen=self._seen)
            if noted is None:
                return self._send(sending)
            return noted.once(part, lambda: self._send(sending))

        return job

    async def _aupload(self, thing: Any, fields: dict[str, Any]) -> Operation[Image]:
        signed_in = self._signed_in()
        return api.upload(*signed_in, await self._apart(thing), **fields, seen=self._seen)

    def _part(self, thing: Any) -> FilePart:
        drawn = self._drawn(thing)
        return self._fetched(drawn) if isinstance(drawn, str) else drawn

    async def _apart(self, thing: Any) -> FilePart:
        drawn = self._drawn(thing)
        return await asyncio.to_thread(self._fetched, drawn) if isinstance(drawn, str) else drawn

    def _fetched(self, url: str) -> FilePart:
        return picture.from_bytes(fetch.fetch(url), "What is at this address")

    def _whose(self) -> str:
        """Name the account and its site: a journal of the sandbox says nothing about Gyazo."""
        site, token = self._signed_in()
        user = self._known_user()
        if user is None:
            user = self._send(api.me(site, token))
        return f"{user.uid} {site.upload_url}"

    async def _awhose(self) -> str:
        """Same as `_whose`, awaited."""
        site, token = self._signed_in()
        user = self._known_user()
        if user is None:
            user = await self._asend(api.me(site, token))
        return f"{user.uid} {site.upload_url}"

    @cached_property
    def _seen(self) -> set[str]:
        """The images that this session has uploaded: what comes back once more was there already."""
        return set()

    def _known_user(self) -> User | None:
        account = self.account
        return None if account is None else account.user


def _read(thing: Any) -> Any:
    """Read an open file now: the generator that gave it may close it before it is sent.

    It is left where it stood, so that it can be read again where there was no room for what it held.
    """
    if not callable(getattr(thing, "read", None)) or not callable(getattr(thing, "seekable", None)):
        return thing
    try:
        start = thing.tell() if thing.seekable() else None
        data = "" if isinstance(thing, io.TextIOBase) else thing.read()
        if start is not None:
            thing.seek(start)
    except (OSError, ValueError) as error:  # closed, or open for writing
        raise PictureError(
            f"This file cannot be read ({error}): open it with mode 'rb', and close it no sooner than "
            f"the next thing is asked for."
        ) from None
    if isinstance(data, str):  # it is not a path
        raise PictureError("This file is open as text: open it with mode 'rb'.")
    return data


def _held(drawn: FilePart | str) -> FilePart | str:
    """Read a small file now: the generator that named it may write its next picture over it."""
    if isinstance(drawn, str) or not isinstance(content := drawn.content, Path):
        return drawn
    with suppress(OSError):  # which whoever sends it puts into words
        if content.stat().st_size <= SMALL:
            return replace(drawn, content=content.read_bytes())
    return drawn


def _size(drawn: FilePart | str) -> int:
    """How many bytes of memory it takes."""
    content = "" if isinstance(drawn, str) else drawn.content
    return len(content) if isinstance(content, bytes) else 0
