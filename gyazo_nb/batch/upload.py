"""One upload of a batch: from an item to its `Image`.

Guarantees: objects are rendered in the caller's thread; download and upload happen in a worker thread. Each
field is a value, or a function of the item. For a future, the item is its result.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from gyazo_nb.api import endpoints
from gyazo_nb.api.endpoints import UploadFields
from gyazo_nb.api.image import Image
from gyazo_nb.api.models import User
from gyazo_nb.api.operation import FilePart, Operation
from gyazo_nb.errors import ArgumentError, GyazoError, PictureError
from gyazo_nb.images import convert
from gyazo_nb.secret import Secret
from gyazo_nb.settings import Site

from .drivers import Driver, WorkerPool
from .journal import Journal, absolute_path

T = TypeVar("T")

MAX_SNAPSHOT_BYTES = 2**20  # a larger file is read when it is sent, not when it is rendered

# A field of the uploads: one value for all items, or a function of the item.
PerItem: TypeAlias = "T | Callable[[Any], T | None] | None"


class _Connection(Protocol):
    """The part of `client.connection.Connection` that uploads use."""

    def signed_in(self) -> tuple[Site, Secret]: ...
    def known_user(self) -> User | None: ...
    def with_default_policy(self, fields: UploadFields) -> UploadFields: ...
    def upload(
        self,
        site: Site,
        token: Secret,
        part: FilePart,
        fields: UploadFields,
        sleep: Callable[[float], bool],
    ) -> Image: ...
    def send(self, operation: Operation[T]) -> T: ...
    async def asend(self, operation: Operation[T]) -> T: ...
    def local_part(self, picture: Any) -> FilePart: ...
    def download(self, url: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RenderedItem:
    """A rendered item: a picture file or the address of one, and the fields of its upload."""

    picture: FilePart | str
    fields: UploadFields

    @property
    def size(self) -> int:
        """How many bytes of memory the picture takes."""
        content = b"" if isinstance(self.picture, str) else self.picture.content
        return len(content) if isinstance(content, bytes) else 0


@dataclass(frozen=True, slots=True)
class UploadJob:
    """The upload of one rendered item, for the account that was current when the job was created."""

    connection: _Connection
    site: Site
    token: Secret
    item: RenderedItem
    journal: Journal | None
    pool: WorkerPool[Image]

    def run(self) -> Image:
        """Upload the picture, unless the journal has it. A picture at an address is downloaded first."""
        picture = self.item.picture
        if isinstance(picture, str):
            data = self.connection.download(picture)
            picture = convert.from_bytes(data, "The content of this address")
        if self.journal is None:
            return self._send(picture)
        image = self.journal.once(picture, self._send)
        return replace(image, requested_policy=self.item.fields.access_policy)

    def _send(self, part: FilePart) -> Image:
        if self.pool.is_stopped:  # since this job began, such as during a download
            raise GyazoError(
                "The batch was stopped before this upload: gyazo.report.retry() sends it."
            )
        return self.connection.upload(
            self.site, self.token, part, self.item.fields, self.pool.sleep
        )


class Uploader:
    """Makes the upload jobs of one batch. Each of the `fields` is a value, or a function of the item."""

    def __init__(
        self,
        connection: _Connection,
        fields: Mapping[str, Any],
        resume: str | os.PathLike[str] | None,
    ) -> None:
        self._connection, self._fields = connection, fields
        self._resume = None if resume is None else absolute_path(resume)
        connection.signed_in()
        given: dict[str, Any] = {}
        for name, value in fields.items():
            _check_not_a_collection(name, value)
            given[name] = None if callable(value) else value
        # A wrong name or value is wrong for every item: raise before the first request.
        connection.with_default_policy(UploadFields(**given)).as_form()

    def fields_of(self, item: Any) -> UploadFields:
        """Make the fields of an item, in the caller's thread."""
        fields: dict[str, Any] = {}
        for name, value in self._fields.items():
            try:
                fields[name] = value(item) if callable(value) else value
            except StopIteration:
                raise ArgumentError(
                    f"{name} has no value for this item, because its iterator has ended: give one value "
                    f"for each item."
                ) from None
        return self._connection.with_default_policy(UploadFields(**fields))

    def render(self, item: Any, fields: UploadFields) -> RenderedItem:
        """Render an item: in any thread if it `is_encoded`, else in the caller's thread."""
        self._connection.signed_in()  # without an account, rendering would be wasted time
        picture = convert.picture_url(item) or _snapshot(self._connection.local_part(item))
        return RenderedItem(picture, fields)

    def job(
        self, item: RenderedItem, journal: Journal | None, pool: WorkerPool[Image]
    ) -> UploadJob:
        """Create the upload of a rendered item, for the account that is signed in now."""
        site, token = self._connection.signed_in()
        return UploadJob(self._connection, site, token, item, journal, pool)

    async def open_journal(self, driver: Driver) -> AbstractContextManager[Journal | None]:
        """Return the journal, which a `with` opens. It belongs to one account at one site."""
        if self._resume is None:
            return nullcontext()
        site, token = self._connection.signed_in()
        user = self._connection.known_user()
        if user is None:
            request = endpoints.me(site, token)
            if driver.runs_event_loop:
                user = await self._connection.asend(request)
            else:
                user = await driver.call(partial(self._connection.send, request))
        return Journal(self._resume, f"{user.uid} {site.upload_url}")


def _check_not_a_collection(name: str, value: Any) -> None:
    """Refuse a list of values, which looks as if each item got its own."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes) or callable(value):
        return
    way = "next(values)  with  values = iter([…])  in the order of the items"
    if isinstance(value, Mapping):
        way = "values[item]  instead"
    raise ArgumentError(
        f"{name} takes one value for all items, or a function of the item, but not a "
        f"{type(value).__name__}. To give each item its own value, pass  {name}=lambda item: {way}."
    )


def read_open_file(item: Any) -> Any:
    """Read an open file now: the generator that yielded it may close it before it is sent.

    The file is left at its position, so that a retry can read it again.
    """
    if not callable(getattr(item, "read", None)) or not callable(getattr(item, "seekable", None)):
        return item
    try:
        start = item.tell() if item.seekable() else None
        data = "" if isinstance(item, io.TextIOBase) else item.read()
        if start is not None:
            item.seek(start)
    except (OSError, ValueError) as error:  # closed, or open for writing
        raise PictureError(
            f"This file cannot be read ({error}): open it with mode 'rb', and do not close it before "
            f"the next item is requested."
        ) from None
    if isinstance(data, str):  # `convert` would read a string as a path
        raise PictureError("This file is open as text: open it with mode 'rb'.")
    return data


def _snapshot(part: FilePart) -> FilePart:
    """Read a small file now: the generator that named it may overwrite it with its next picture."""
    if not isinstance(content := part.content, Path):
        return part
    with suppress(OSError):  # the upload will report the error
        if content.stat().st_size <= MAX_SNAPSHOT_BYTES:
            return replace(part, content=content.read_bytes())
    return part
