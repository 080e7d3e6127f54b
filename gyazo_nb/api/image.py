"""What Gyazo sends back, as values: `Image`, `Page`, `Deleted`.

The law: tolerant in what is read, exact in what is given. A field that is null, empty or missing is
one and the same `None`; a field that nobody documented stays reachable in `extra`; a reply that is
no such thing at all raises `ValueError`, `TypeError` or `KeyError` for `Operation.read` to translate.
Source: https://gyazo.com/api/docs/image
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self, overload

from gyazo_nb import html
from gyazo_nb.errors import PictureError

from .models import Annotation, Location, Metadata, Ocr, date, flag, number, page_address, text
from .operation import FileSource

if TYPE_CHECKING:  # Pillow is not a dependency
    import PIL.Image


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """One image on Gyazo. In a notebook it shows itself as a card.

    `image_id` is empty for a locked entry (older images on a free plan), see `locked`. `url` is the
    picture itself, `permalink_url` its page, `thumb_url` a small version; an `mp4_url` lasts
    `video_length` seconds. `created_at` has its own time zone. What was recognised in it: `ocr_text`,
    `objects`, `location`. `was_there` says of an upload, as far as it can be told, that Gyazo had these
    bytes already: it keeps its old title and access. `extra` holds every field that is not named here.
    """

    image_id: str
    permalink_url: str | None = None
    thumb_url: str | None = None
    url: str | None = None
    type: str | None = None
    created_at: datetime | None = None
    access_policy: str | None = None
    alt_text: str | None = None
    metadata: Metadata = field(default_factory=Metadata)
    ocr: Ocr = field(default_factory=Ocr)
    location: Location | None = None
    objects: tuple[Annotation, ...] = ()
    video_length: float | None = None
    mp4_url: str | None = None
    star: bool | None = None
    comments: tuple[Any, ...] = field(default=(), hash=False)
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    was_there: bool = field(default=False, compare=False)
    source: FileSource | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, data: Any, source: FileSource | None = None) -> Self:
        """Read an image object of the list, the detail, the search, the upload or the update.

        `source` is who can bring the picture itself.
        """
        if not isinstance(data, dict):
            raise TypeError("an image is an object")
        rest = dict(data)
        about = rest.pop("metadata", None)
        about = dict(about) if isinstance(about, dict) else {}
        # Seen in a detail and in the answer to an update: these two one level deeper.
        inner_ocr, inner_alt_text = about.pop("ocr", None), about.pop("alt_text", None)
        ocr, alt_text = rest.pop("ocr", None), rest.pop("alt_text", None)
        url = text(rest.pop("url", None))
        image_id = text(rest.pop("image_id", None)) or ""
        annotations = rest.pop("localizedObjectAnnotations", None)
        snake = rest.pop("localized_object_annotations", None)
        comments = rest.pop("comments", None)
        return cls(
            image_id=image_id,
            permalink_url=page_address(
                text(rest.pop("permalink_url", None)) or _page_of(image_id), url
            ),
            thumb_url=text(rest.pop("thumb_url", None)),
            url=url,
            type=text(rest.pop("type", None)),
            created_at=date(rest.pop("created_at", None)),
            access_policy=text(rest.pop("access_policy", None)),
            alt_text=text(alt_text) or text(inner_alt_text),
            metadata=Metadata.from_json(about),
            ocr=Ocr.from_json(ocr or inner_ocr),
            location=Location.from_json(rest.pop("exif_normalized", None)),
            objects=Annotation.all_from_json(annotations or snake),
            video_length=number(rest.pop("video_length", None)),
            mp4_url=text(rest.pop("mp4_url", None)),
            star=flag(rest.pop("star", None)),
            comments=tuple(comments) if isinstance(comments, list) else (),
            extra=rest,
            source=source,
        )

    @property
    def ocr_text(self) -> str | None:
        """The text that Gyazo read in the picture."""
        return self.ocr.description

    @property
    def title(self) -> str:
        """The title, or an empty text."""
        return self.metadata.title or ""

    @property
    def locked(self) -> bool:
        """Whether the plan keeps this entry's page and picture from being reached."""
        return not self.image_id

    def download(self) -> bytes:
        """Fetch the picture as it was uploaded.

        >>> Path("plot.png").write_bytes(image.download())  # doctest: +SKIP

        The token is not sent along. Raises `PictureError` for an entry without the address of its
        picture, as locked ones are, else what every call may raise.
        """
        source, url = self._picture()
        return source.fetch(url)

    async def adownload(self) -> bytes:
        """Same as `download`, awaited."""
        source, url = self._picture()
        return await source.afetch(url)

    def open(self) -> PIL.Image.Image:
        """Fetch the picture as a PIL image.

        >>> image.open().size                               # doctest: +SKIP
        (640, 480)

        Raises `PictureError` if Pillow is not installed or cannot read it, else what `download` may.
        """
        return _opened(self.download())

    async def aopen(self) -> PIL.Image.Image:
        """Same as `open`, awaited."""
        return _opened(await self.adownload())

    @property
    def markdown(self) -> str:
        """The picture and its link, to paste into Markdown."""
        return html.markdown(self.title, self.url or "", self.permalink_url or "")

    @property
    def html(self) -> str:
        """The picture and its link, to paste into a web page."""
        return html.html(self.title, self.url or "", self.permalink_url or "")

    @property
    def cosense(self) -> str:
        """The picture, to paste into Cosense (Scrapbox)."""
        address = html.web_address(self.permalink_url or "")
        return f"[{address.replace('[', '%5B').replace(']', '%5D')}]"

    @property
    def _shown(self) -> str | None:
        """What a browser can show: of a video its thumbnail."""
        known = self.type in {None, "png", "jpg", "jpeg", "gif", "webp"}
        return self.url if known and self.url else self.thumb_url or self.url

    @property
    def _note(self) -> str:
        if self.was_there:
            return "was there already: its title and access are as before"
        return "only you can see it" if self.access_policy == "only_me" else ""

    def _picture(self) -> tuple[FileSource, str]:
        if self.source is None or not html.web_address(self.url or ""):
            raise PictureError(
                "This entry came without the address of its picture: "
                + ("your plan keeps it locked." if self.locked else "find it in gyazo.images().")
                if self.source is not None
                else "This image no longer belongs to a session: ask gyazo.image(it) anew."
            )
        return self.source, self.url or ""

    def __repr__(self) -> str:
        where = self.permalink_url or ("locked" if self.locked else self.image_id)
        return f"Image({where!r}{f', title={self.title!r}' if self.title else ''})"

    def _repr_html_(self) -> str:
        if not self.permalink_url:
            return html.image_card(
                picture=self.thumb_url or "",
                link="",
                title=self.title,
                details="Locked: Gyazo's plans say how many images stay reachable"
                if self.locked
                else self.image_id,
                notations={},
            )
        return html.image_card(
            picture=self._shown or "",
            link=self.permalink_url,
            title=self.title,
            details=self._note,
            notations={
                "URL": self.permalink_url,
                "Markdown": self.markdown,
                "HTML": self.html,
                "Cosense": self.cosense,
            },
        )


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[Image]):
    """Some of the account's images, newest first. In a notebook it shows a gallery.

    `total` counts all the images of the account, where Gyazo says so.
    """

    images: tuple[Image, ...]
    page: int
    per_page: int
    total: int | None = None
    user_type: str | None = None

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | Sequence[Image]:
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __repr__(self) -> str:
        return f"<{self._caption()}>"

    def _caption(self) -> str:
        total = f" of {self.total}" if self.total is not None else ""
        return f"Page {self.page}: {len(self)} image{'' if len(self) == 1 else 's'}{total}"

    def _repr_html_(self) -> str:
        entries = [
            (i.thumb_url or i.url or "", i.permalink_url or "", i.title or i.image_id or "locked")
            for i in self.images
        ]
        return html.gallery(entries, self._caption())


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is left of a deleted image. Gyazo says no more than these two."""

    image_id: str
    type: str | None = None

    @classmethod
    def from_json(cls, data: Any, image_id: str = "") -> Self:
        """Read the answer of the delete call. `image_id` is what was asked for."""
        return cls(text(data.get("image_id")) or image_id, text(data.get("type")))


def _page_of(image_id: str) -> str | None:
    """The page of an image whose detail does not name it, as in the documentation's own example."""
    known = re.fullmatch(r"[0-9a-f]{32}", image_id)
    return f"https://gyazo.com/{image_id}" if known else None


def _opened(data: bytes) -> PIL.Image.Image:
    try:
        from PIL import Image as pil  # noqa: PLC0415, N813 -- not a dependency; only this needs it
    except ImportError:
        raise PictureError(
            "Opening a picture needs Pillow: run  %pip install pillow  first."
        ) from None
    try:
        return pil.open(BytesIO(data))
    except OSError:
        raise PictureError(
            "Pillow cannot read this picture: take its bytes with download()."
        ) from None
    except pil.DecompressionBombError:
        raise PictureError(
            "This picture is larger than Pillow opens: raise PIL.Image.MAX_IMAGE_PIXELS, or take its "
            "bytes with download()."
        ) from None
