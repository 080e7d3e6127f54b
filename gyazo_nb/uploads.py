"""Uploading in numbers: `upload_all`, and how a thing becomes an upload. Part of `Gyazo`.

The law: a thing is drawn in the thread that asked, fetched and sent in the one that sends; a field is
a value, or a function of the thing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .connection import Connection
from .later import later

if TYPE_CHECKING:
    from datetime import datetime

    from . import api, batch, fetch, journal, operation, picture
    from .api import AccessPolicy
    from .batch import Batch, Things
    from .journal import Journal
    from .models import Image
    from .operation import FilePart, Operation
    from .report import Report
else:
    api, batch, fetch = later("api"), later("batch"), later("fetch")
    journal, operation, picture = later("journal"), later("operation"), later("picture")

V = TypeVar("V")

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
        call in another kernel sends only the rest. `concurrency` uploads are under way at a time.
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
        """Same as `upload_all`, awaited. `things` may be an async iterable too."""
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

        def prepare(thing: Any, noted: Journal | None) -> Callable[[], Image]:
            values = {
                name: value(thing) if callable(value) else value for name, value in fields.items()
            }
            return self._job(_closable(thing), values, noted)

        def notes() -> Journal:
            assert resume is not None  # noqa: S101 -- for mypy: see below
            return journal.Journal(resume, self._whose())

        many = batch.Batch(
            things,
            prepare,
            concurrency=concurrency,
            progress=progress,
            journal=None if resume is None else notes,
        )
        self._report = many.report
        return many

    def _job(
        self, thing: Any, fields: dict[str, Any], noted: Journal | None = None
    ) -> Callable[[], Image]:
        """Draw a thing now, and give what fetches (an address) and sends it."""
        signed_in = self._signed_in()
        url = picture.address(thing)
        part = None if url else picture.file_part(thing)

        def job() -> Image:
            ready = part or self._fetched(url or "")
            sending = api.upload(*signed_in, ready, **fields)
            if noted is None:
                return self._send(sending)
            return noted.once(ready, lambda: self._send(sending))

        return job

    async def _aupload(self, thing: Any, fields: dict[str, Any]) -> Operation[Image]:
        signed_in = self._signed_in()
        return api.upload(*signed_in, await self._apart(thing), **fields)

    def _part(self, thing: Any) -> FilePart:
        url = picture.address(thing)
        return self._fetched(url) if url else picture.file_part(thing)

    async def _apart(self, thing: Any) -> FilePart:
        url = picture.address(thing)
        return await asyncio.to_thread(self._fetched, url) if url else picture.file_part(thing)

    def _fetched(self, url: str) -> FilePart:
        return picture.from_bytes(fetch.fetch(url), "What is at this address")

    def _whose(self) -> str:
        """Name the account and its site: a journal of the sandbox says nothing about Gyazo."""
        site, token = self._signed_in()
        account = self.account
        user = account.user if account is not None else None
        user = user or self._send(api.me(site, token))
        return f"{user.uid} {site.upload_url}"


def _closable(thing: Any) -> Any:
    """Read an open file now: the generator that gave it may close it before it is sent."""
    if callable(getattr(thing, "read", None)) and callable(getattr(thing, "seekable", None)):
        return thing.read()
    return thing
