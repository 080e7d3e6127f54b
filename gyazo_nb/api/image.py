"""The replies about images as values: `Image`, `Page`, `Deleted`.

Guarantees:

- A field that is null, empty or missing is `None`. A field of an unexpected type is ignored, and so is an
  address with control codes.
- Undocumented fields stay reachable in `extra`.
- JSON of another shape raises `ValueError`, `TypeError` or `KeyError`, which `Operation.read` translates.

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

from .models import (
    Annotation,
    Location,
    Metadata,
    Ocr,
    address,
    boolean,
    date,
    number,
    page_url,
    text,
)
from .operation import FileSource

if TYPE_CHECKING:  # Pillow is not a dependency
    import PIL.Image


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """One image on Gyazo. A notebook shows it as a card.

    - `image_id` is empty for a locked entry (older images on a free plan), see `locked`.
    - `url` is the address of the picture, `permalink_url` of its page, `thumb_url` of a small version.
    - `mp4_url` is the address of a video of `video_length` seconds.
    - `created_at` has a time zone.
    - `ocr_text`, `objects` and `location` are what Gyazo recognized in the picture.
    - `was_there`, of an upload: Gyazo already had these bytes, as far as this can be determined. The
      image keeps its old title and access policy.
    - `extra` contains all other fields of the reply.
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
        """Read an image from a reply of list, detail, search, upload or update.

        `source` downloads the picture.
        """
        if not isinstance(data, dict):
            raise TypeError("the value is not an image object")
        rest = dict(data)
        about = rest.pop("metadata", None)
        about = dict(about) if isinstance(about, dict) else {}
        # In some replies (detail, update) these two are inside the metadata.
        inner_ocr, inner_alt_text = about.pop("ocr", None), about.pop("alt_text", None)
        ocr, alt_text = rest.pop("ocr", None), rest.pop("alt_text", None)
        url = address(rest.pop("url", None))
        image_id = text(rest.pop("image_id", None)) or ""
        annotations = rest.pop("localizedObjectAnnotations", None)
        snake = rest.pop("localized_object_annotations", None)
        comments = rest.pop("comments", None)
        return cls(
            image_id=image_id,
            permalink_url=page_url(
                address(rest.pop("permalink_url", None)) or _page_of_id(image_id), url
            ),
            thumb_url=address(rest.pop("thumb_url", None)),
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
            mp4_url=address(rest.pop("mp4_url", None)),
            star=boolean(rest.pop("star", None)),
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
        """Whether the plan of the account locks the page and the picture of this entry."""
        return not self.image_id

    def download(self) -> bytes:
        """Download the picture as it was uploaded.

        >>> Path("plot.png").write_bytes(image.download())  # doctest: +SKIP

        The token is not sent. Raises `PictureError` for an entry without the address of its picture, like
        a locked entry, and the errors of every call.
        """
        source, url = self._picture()
        return source.fetch(url)

    async def adownload(self) -> bytes:
        """Same as `download`, async."""
        source, url = self._picture()
        return await source.afetch(url)

    def open(self) -> PIL.Image.Image:
        """Download the picture, and open it as a PIL image.

        >>> image.open().size                               # doctest: +SKIP
        (640, 480)

        Raises `PictureError` if Pillow is not installed or cannot read it, and the errors of `download`.
        """
        return _open_with_pillow(self.download())

    async def aopen(self) -> PIL.Image.Image:
        """Same as `open`, async."""
        return _open_with_pillow(await self.adownload())

    @property
    def markdown(self) -> str:
        """The picture and its link, to paste into Markdown."""
        return html.markdown_embed(self.title, self.url or "", self.permalink_url or "")

    @property
    def html(self) -> str:
        """The picture and its link, to paste into a web page."""
        return html.html_embed(self.title, self.url or "", self.permalink_url or "")

    @property
    def cosense(self) -> str:
        """The picture, to paste into Cosense (Scrapbox)."""
        link = html.web_address(self.permalink_url or "")
        return f"[{link.replace('[', '%5B').replace(']', '%5D')}]"

    @property
    def _preview_url(self) -> str | None:
        """The address of a picture that a browser can show: the thumbnail, for a video."""
        showable = self.type in {None, "png", "jpg", "jpeg", "gif", "webp"}
        return self.url if showable and self.url else self.thumb_url or self.url

    @property
    def _card_note(self) -> str:
        if not self.permalink_url:
            return (
                "Locked: your plan limits how many images can be opened"
                if self.locked
                else self.image_id
            )
        if self.was_there:
            return "existed before this upload: its title and access policy are unchanged"
        return "only you can see it" if self.access_policy == "only_me" else ""

    def _picture(self) -> tuple[FileSource, str]:
        if self.source is None:
            raise PictureError(
                "This image does not belong to a session (it was unpickled, or created directly). Get it "
                "again with gyazo.image(image)."
            )
        if self.url and html.web_address(self.url):
            return self.source, self.url
        if self.locked:
            raise PictureError(
                "Gyazo sent no web address for this picture, because your plan locks it. See "
                "https://gyazo.com/pricing."
            )
        raise PictureError(
            "Gyazo sent no web address for this picture. Find the image in gyazo.images()."
        )

    def __repr__(self) -> str:
        where = self.permalink_url or ("locked" if self.locked else self.image_id)
        title = f", title={html.shortened(self.title)!r}" if self.title else ""
        return f"Image({where!r}{title})"

    def _repr_html_(self) -> str:
        link = self.permalink_url
        notations = {
            "URL": link or "",
            "Markdown": self.markdown,
            "HTML": self.html,
            "Cosense": self.cosense,
        }
        return html.image_card(
            picture=self._preview_url or "",
            link=link or "",
            title=self.title,
            details=self._card_note,
            notations=notations if link else {},
        )


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[Image]):
    """Some images of the account, newest first. A notebook shows them as a gallery.

    `total` is the number of all images of the account, or None if Gyazo does not send it.
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
    """A deleted image. Gyazo returns only these two fields."""

    image_id: str
    type: str | None = None

    @classmethod
    def from_json(cls, data: Any, image_id: str = "") -> Self:
        """Read the reply to a delete call. `image_id` is the id in the request."""
        return cls(text(data.get("image_id")) or image_id, text(data.get("type")))


def _page_of_id(image_id: str) -> str | None:
    """The page of an image, for a reply without it, like the example in Gyazo's documentation."""
    is_id = re.fullmatch(r"[0-9a-f]{32}", image_id)
    return f"https://gyazo.com/{image_id}" if is_id else None


def _open_with_pillow(data: bytes) -> PIL.Image.Image:
    try:
        from PIL import Image as pil  # noqa: PLC0415, N813 -- not a dependency
    except ImportError:
        raise PictureError(
            "To open a picture, install Pillow: run  %pip install pillow  first."
        ) from None
    try:
        return pil.open(BytesIO(data))
    except (pil.DecompressionBombError, pil.DecompressionBombWarning):
        raise PictureError(
            "This picture is larger than the limit of Pillow. Raise PIL.Image.MAX_IMAGE_PIXELS, or get "
            "its bytes with download()."
        ) from None
    except Exception:  # noqa: BLE001 -- a damaged file may cause any error in Pillow
        raise PictureError(
            "Pillow cannot read this picture. Get its bytes with download()."
        ) from None
