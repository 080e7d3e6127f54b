"""The replies about images as values: `Image`, `Page`, `Deleted`, and how a notebook shows them.

Guarantees:

- A field that is null, empty or missing is `None`. A field of an unexpected type is ignored, and so is an
  address with control codes.
- Undocumented fields stay reachable in `extra`.
- A card, a gallery and a plain text name the same links. They say who can see an image only if Gyazo says
  it, or if this upload created the image.
- JSON of another shape raises `ValueError`, `TypeError` or `KeyError`, which `Operation.read` translates.

Source: https://gyazo.com/api/docs/image
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self, overload

from gyazo_nb import html
from gyazo_nb.errors import AccessPolicyWarning, PictureError
from gyazo_nb.html import Notation

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
from .operation import FileSource, one_line

if TYPE_CHECKING:  # Pillow is not a dependency
    import PIL.Image

_MAX_WARNINGS = 3  # in one text
_MAX_LINKS = 500  # to copy from one gallery
_MAX_LINES = 20  # of a plain text
_WHO_CAN_SEE = {"anyone": "everyone with the link", "only_me": "only you"}


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """One image on Gyazo. A notebook shows it as a card; `print(image)` prints its link.

    - `image_id` is empty for a locked entry (older images on a free plan), see `locked`.
    - `url` is the address of the picture, `permalink_url` of its page, `thumb_url` of a small version.
    - `mp4_url` is the address of a video of `video_length` seconds.
    - `created_at` has a time zone.
    - `ocr_text`, `objects` and `location` are what Gyazo recognized in the picture.
    - `was_there`, of an upload: Gyazo already had these bytes, as far as this can be determined. The
      image keeps its old title and access policy.
    - `requested_policy` is the access policy that this upload asked for, see `warning`.
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
    requested_policy: str | None = field(default=None, compare=False)
    source: FileSource | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, data: Any, source: FileSource | None = None) -> Self:
        """Read an image from any reply. `source` downloads the picture."""
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
                address(rest.pop("permalink_url", None)) or page_of_id(image_id), url
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
    def caption(self) -> str:
        """The title, else the date in your time zone, else "Untitled" or "Locked"."""
        if self.title:
            return self.title
        with suppress(OverflowError, ValueError, OSError):  # a year that the time zone cannot have
            if self.created_at is not None:
                return f"{self.created_at.astimezone():%Y-%m-%d %H:%M}"
        return "Locked" if self.locked else "Untitled"

    @property
    def who_can_see(self) -> str:
        """Everyone with the link, or only you. An empty text if Gyazo does not say it."""
        return _WHO_CAN_SEE.get(self.access_policy or "", "")

    @property
    def warning(self) -> str:
        """What to do if an upload did not get the access policy that it asked for, else an empty text.

        Gyazo keeps the access policy of an image that it already has.
        """
        where = self.permalink_url or self.image_id
        if self.requested_policy in {None, self.access_policy}:
            return ""
        change = f"Change it on its page, or delete it with gyazo.delete('{self.image_id}') and upload it again."
        if self.requested_policy == "only_me" and self.access_policy is not None:
            return (
                f"{where} is still public: everyone with the link can see it. Gyazo already had this "
                f"image, so access_policy='only_me' did not apply. {change}"
            )
        if self.requested_policy == "only_me" and self.was_there:
            return (
                f"{where} may be public. Gyazo already had this image, so access_policy='only_me' did not "
                f"apply, and Gyazo does not say who can see it. Check it on its page."
            )
        if self.access_policy == "only_me":
            return (
                f"Only you can see {where}. Gyazo already had this image, so access_policy='anyone' did not "
                f"apply. {change}"
            )
        return ""

    @property
    def locked(self) -> bool:
        """Whether the plan of the account locks the page and the picture of this entry."""
        return not self.image_id

    def download(self) -> bytes:
        """Download the picture as it was uploaded.

        >>> Path("plot.png").write_bytes(image.download())

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

        >>> image.open().size
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
        return html.markdown_embed(self._name, self.url or "", self.permalink_url or "")

    @property
    def html(self) -> str:
        """The picture and its link, to paste into a web page."""
        return html.html_embed(self._name, self.url or "", self.permalink_url or "")

    @property
    def cosense(self) -> str:
        """The picture, to paste into Cosense (Scrapbox)."""
        link = html.web_address(self.permalink_url or "")
        return f"[{link.replace('[', '%5B').replace(']', '%5D')}]"

    @property
    def _name(self) -> str:
        """The text that describes the picture: a link needs one."""
        return self.title or self.alt_text or self.caption

    @property
    def _preview_url(self) -> str | None:
        """The address of a picture that a browser can show: the thumbnail, for a video."""
        showable = self.type in {None, "png", "jpg", "jpeg", "gif", "webp"}
        return self.url if showable and self.url else self.thumb_url or self.url

    def _details(self) -> list[str]:
        """The lines of the card below the link."""
        if not self.permalink_url:
            locked = "Locked: your plan limits how many images can be opened"
            return [locked if self.locked else self.image_id]
        who = self.who_can_see or (
            "only you, as this upload asked (Gyazo does not confirm it here)"
            if self.requested_policy == "only_me" and not self.was_there
            else "see its page"
        )
        lines = [f"Who can see it: {who}"]
        if self.was_there:
            lines.append(
                "It existed before this upload, which did not change its title and access. "
                "To change them, delete it and upload it again."
            )
        return lines

    def _notations(self) -> list[Notation]:
        if not self.permalink_url:
            return []
        return [
            Notation("Link", "the link", self.permalink_url),
            Notation("Markdown", "Markdown", self.markdown),
            Notation("HTML", "HTML", self.html),
            Notation("Cosense", "Cosense notation", self.cosense),
            Notation("Picture", "the address of the picture", html.web_address(self.url or "")),
        ]

    def mime_bundle(self, *, compact: bool = False, note: str = "") -> dict[str, str]:
        """The card and the plain text, to be displayed as they are.

        >>> display(image.mime_bundle(compact=True), raw=True)

        A compact card has no picture: it is for a picture that the cell just showed. `note` is one more
        line of the card.
        """
        card = html.image_card(
            picture=self._preview_url or "",
            link=self.permalink_url or "",
            title=self.title,
            description=one_line(html.shortened(self.metadata.desc or "")),
            details=[*([note] if note else []), *self._details()],
            notations=self._notations(),
            alt=self.alt_text or self.title or f"Image of {self.caption}",
            warning=self.warning,
            compact=compact,
        )
        first, newline, warning = repr(self).partition("\n")
        plain = f"{first}{f'  # {note}' if note else ''}{newline}{warning}"
        return {"text/html": card, "text/plain": plain}

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

    def __str__(self) -> str:
        return self.permalink_url or repr(self)

    def __repr__(self) -> str:
        where = self.permalink_url or ("locked" if self.locked else self.image_id)
        title = f", title={html.shortened(self.title)!r}" if self.title else ""
        policy = f", access_policy={self.access_policy!r}" if self.access_policy else ""
        warning = f"\nWarning: {self.warning}" if self.warning else ""
        return f"Image({where!r}{title}{policy}){warning}"

    def _repr_html_(self) -> str:
        return self.mime_bundle()["text/html"]


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

    def __repr__(self) -> str:
        return "\n".join([f"<{self._caption()}>", *text_lines(self.images)])

    @property
    def markdown(self) -> str:
        """The pictures with their links, one a line, to paste into Markdown."""
        return "\n".join(image.markdown for image in self.images)

    def _caption(self) -> str:
        total = f" of {self.total}" if self.total is not None else ""
        return f"Page {self.page}: {len(self)} image{'' if len(self) == 1 else 's'}{total}"

    def _repr_html_(self) -> str:
        return gallery(self.images, self._caption())


def gallery(
    images: Sequence[Image],
    caption: str,
    *,
    shown: int = html.MAX_THUMBNAILS,
    total: int | None = None,
) -> str:
    """A gallery of the first images, with the links of all. `total` also counts images that are not given."""
    if max(len(images), total or 0) > (shown := min(shown, len(images))):
        caption += f"; the first {shown} are shown"
    linked = [image for image in images if image.permalink_url]
    copied = linked[:_MAX_LINKS]
    return html.gallery(
        [(i.thumb_url or i.url or "", i.permalink_url or "", i.caption) for i in images[:shown]],
        caption + _summary(images),
        # One by one: titles can be long, and the gallery takes only what fits.
        markdown=(image.markdown for image in copied),
        links=map(str, copied),
        number=max(len(linked), total or 0),
        warning=summarized_warning(images),
    )


def text_lines(images: Sequence[Image], total: int = 0) -> list[str]:
    """The link, caption and visibility of each image. `total` also counts images that are not given."""
    lines = []
    for image in images[:_MAX_LINES]:
        who = f" ({image.who_can_see})" if image.who_can_see else ""
        caption = one_line(html.shortened(image.caption))
        lines.append(f"{image.permalink_url}  {caption}{who}" if image.permalink_url else caption)
    more = max(total, len(images)) - len(lines)
    warning = summarized_warning(images)
    return [
        *lines,
        *([f"and {more} more"] if more > 0 else []),
        *([f"Warning: {warning}"] if warning else []),
    ]


def warn_about_access(images: Iterable[Image]) -> None:
    """Warn if images did not get the access policy that their upload asked for.

    A card is shown only if the upload is the last line of its cell; a warning is always shown.
    """
    if text := summarized_warning(images):
        # Not `warn`: it shows a warning of one line only once, and a cell is run again.
        warnings.warn_explicit(text, AccessPolicyWarning, "gyazo_nb", 1)


def summarized_warning(images: Iterable[Image]) -> str:
    """The warnings of several images in one text: the first ones, and how many more."""
    texts = list(dict.fromkeys(filter(None, map(attrgetter("warning"), images))))
    more = len(texts) - _MAX_WARNINGS
    rest = f" The same is true of {more} more images." if more > 0 else ""
    return " ".join(texts[:_MAX_WARNINGS]) + rest


def _summary(images: Sequence[Image]) -> str:
    """Who can see the images, as far as Gyazo says it."""
    counts = Counter(image.who_can_see for image in images if image.who_can_see)
    if not counts:
        return ""
    if counts.total() == len(images) and len(counts) == 1:
        (who,) = counts
    else:
        who = ", ".join(f"{who} ({number})" for who, number in counts.items())
    return f". Who can see {'it' if len(images) == 1 else 'them'}: {who}"


@dataclass(frozen=True, slots=True, repr=False)
class Deleted:
    """A deleted image. Gyazo returns only its id and type.

    The title is known if the image itself was passed, and not only its id or address.
    """

    image_id: str
    type: str | None = None
    permalink_url: str | None = field(default=None, compare=False)
    title: str = field(default="", compare=False)

    @classmethod
    def from_json(cls, data: Any, image_id: str = "") -> Self:
        """Read the reply to a delete call. `image_id` is the id in the request."""
        return cls(text(data.get("image_id")) or image_id, text(data.get("type")))

    def __repr__(self) -> str:
        title = f", title={html.shortened(self.title)!r}" if self.title else ""
        return f"Deleted({self.permalink_url or self.image_id!r}{title})"

    def _repr_html_(self) -> str:
        name = f"“{html.shortened(self.title)}”, " if self.title else ""
        return html.message(f"Deleted: {name}{self.permalink_url or self.image_id}")


def page_of_id(image_id: str) -> str | None:
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
