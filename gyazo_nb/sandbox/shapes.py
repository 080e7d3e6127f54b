"""Pictures as the API writes them: one shape for each place where they appear.

The law: the shapes differ as the real ones do. A list has entries without ids, a detail may lack
its metadata, only a search tells the original title, and a date comes in four forms.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from .album import Image
from .people import Account
from .state import DateStyle, Sandbox

Json = dict[str, Any]

_TOKYO = timezone(timedelta(hours=9))
_METADATA = ("app", "title", "referer_url", "desc")


def stamp(when: float, style: DateStyle) -> str:
    """Write a moment in one of the four forms seen."""
    moment = datetime.fromtimestamp(when, UTC)
    thousandths = f"{moment.microsecond // 1000:03}"
    match style:
        case "upload":
            return f"{moment:%Y-%m-%dT%H:%M:%S}+0000"
        case "docs":
            return f"{moment.astimezone(_TOKYO):%Y-%m-%d %H:%M:%S%z}"
        case "millis":
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{thousandths}+0000"
        case "detail":
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{thousandths}Z"


def page_url(sandbox: Sandbox, image: Image) -> str:
    """Return the address of a picture's page."""
    return f"{sandbox.url}/{image.image_id}"


def raw_url(sandbox: Sandbox, image: Image) -> str:
    """Return the address of a picture's bytes."""
    return f"{sandbox.url}/{image.image_id}.{image.type}"


def uploaded(sandbox: Sandbox, image: Image) -> Json:
    """Return what an upload answers."""
    return {
        "image_id": image.image_id,
        "permalink_url": page_url(sandbox, image),
        "thumb_url": f"{sandbox.url}/thumb/200/{image.thumb_name}.jpg",
        "url": raw_url(sandbox, image),
        "type": image.type,
        "created_at": stamp(image.created_at, sandbox.date_style),
    }


def listed(sandbox: Sandbox, image: Image) -> Json:
    """Return an entry of a list; a locked one has nothing to follow."""
    shape = uploaded(sandbox, image)
    if image.locked:
        return shape | {"image_id": "", "permalink_url": "", "url": ""}
    return shape | {"alt_text": image.alt_text, "metadata": _metadata(image)} | _ocr(image)


def found(sandbox: Sandbox, image: Image) -> Json:
    """Return an entry of a search."""
    shape = listed(sandbox, image) | {"access_policy": image.access_policy}
    if not image.locked:
        shape["metadata"] |= {
            "original_title": image.fields.get("title"),
            "original_url": image.fields.get("referer_url"),
        }
    return shape


def detailed(sandbox: Sandbox, image: Image, reader: Account) -> Json:
    """Return one picture; its metadata only where there is any, and for whom it is meant."""
    shape = uploaded(sandbox, image)
    shape |= {
        "created_at": stamp(image.created_at, "detail"),
        "access_policy": image.access_policy,
    }
    if image.account != reader and not image.metadata_is_public:
        return shape
    if any(image.fields.get(name) for name in _METADATA):
        shape["metadata"] = _metadata(image)
    return shape | _ocr(image)


def patched(sandbox: Sandbox, image: Image) -> Json:
    """Return a picture after its texts were changed; `alt_text` is inside the metadata here."""
    shape = detailed(sandbox, image, image.account)
    return shape | {"metadata": _metadata(image) | {"alt_text": image.alt_text}}


def _metadata(image: Image) -> Json:
    fields = image.fields
    return {
        "app": fields.get("app"),
        "title": fields.get("title"),
        "url": fields.get("referer_url"),
        "desc": fields.get("desc", ""),
    }


def _ocr(image: Image) -> Json:
    return {} if image.ocr is None else {"ocr": image.ocr}
