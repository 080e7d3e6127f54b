"""The endpoints that list, show, change and search images, and their JSON.

Guarantees: every endpoint replies as documented, including the inconsistencies, and names its
source. The JSON of an image differs between endpoints as it does on Gyazo: a locked image in a list
has no id, a single image may lack its metadata, only a search returns the original title, and dates
have four formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .accounts import Account
from .http_messages import JsonReply, authenticate, bad_request, json_error, read_form
from .image_store import Image
from .state import DateStyle, Sandbox

_MAX_QUERY_LENGTH = 200
_MAX_PER_PAGE = 100


class Api:
    """The endpoints under /api, without the uploads."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/images", self.list_images),
            Route("/api/images/{image_id}", self.show_image),
            Route("/api/images/{image_id}", self.delete_image, methods=["DELETE"]),
            Route("/api/images/{image_id}", self.update_image, methods=["PATCH"]),
            Route("/api/search", self.search),
            Route("/api/oembed", self.oembed),
            Route("/api/users/me", self.me),
        ]

    # https://gyazo.com/api/docs/image#list
    async def list_images(self, request: Request) -> Response:
        """Return one page of the account's images, newest first."""
        account = authenticate(self._sandbox, request).account
        page = _number(request, "page", 1)
        per_page = _number(request, "per_page", 20, _MAX_PER_PAGE)
        images = self._sandbox.image_store.owned_by(account)
        headers = {
            "X-Total-Count": str(len(images)),
            "X-Current-Page": str(page),
            "X-Per-Page": str(per_page),
            "X-User-Type": "ninja" if account.is_pro else "lite",
        }
        entries = [listed_image(self._sandbox, image) for image in _page_of(images, page, per_page)]
        return JsonReply(entries, headers=headers)

    # https://gyazo.com/api/docs/image#image
    async def show_image(self, request: Request) -> Response:
        """Return one image. Images of other accounts are included when anyone can see them."""
        account = authenticate(self._sandbox, request).account
        image = self._find_image(request)
        if image.access_policy == "only_me":
            _check_owner(request, image, account)
        return JsonReply(single_image(self._sandbox, image, account))

    # https://gyazo.com/api/docs/image#delete
    async def delete_image(self, request: Request) -> Response:
        """Delete an image of the account."""
        image = self._find_own_image(request)
        self._sandbox.image_store.remove(image)
        return JsonReply({"image_id": image.image_id, "type": image.type})

    # Not documented; Nota's own n8n node uses it.
    async def update_image(self, request: Request) -> Response:
        """Change the description or the alternative text."""
        image = self._find_own_image(request)
        form = await read_form(request)
        if (desc := form.texts.get("desc")) is not None:
            image.fields["desc"] = desc
        if (alt_text := form.texts.get("alt_text")) is not None:
            image.alt_text = alt_text
        return JsonReply(updated_image(self._sandbox, image))

    # https://gyazo.com/api/docs/search
    async def search(self, request: Request) -> Response:
        """Return the images that match a query. The page size is `per` here, not `per_page`."""
        account = authenticate(self._sandbox, request).account
        if not account.is_pro:
            raise json_error(request, 402, "Upgrade to Gyazo Pro to search your images.")
        query = request.query_params.get("query", "")
        if not query.strip() or len(query) > _MAX_QUERY_LENGTH:
            raise bad_request("query is invalid")
        page = _number(request, "page", 1)
        per = _number(request, "per", 20, _MAX_PER_PAGE)
        conditions = parse_query(query)
        images = [
            image
            for image in self._sandbox.image_store.owned_by(account)
            if all(condition(image) for condition in conditions)
        ]
        return JsonReply(
            [found_image(self._sandbox, image) for image in _page_of(images, page, per)]
        )

    # https://gyazo.com/api/docs/image#oembed
    async def oembed(self, request: Request) -> Response:
        """Return the data to embed an image in a page. It needs no token."""
        url = request.query_params.get("url")
        if not url:
            raise bad_request("url is missing")
        match = re.fullmatch(r"https?://[^/]+/([0-9a-f]{32})/?", url)
        image = self._sandbox.image_store.get(match[1]) if match else None
        if image is None or image.access_policy == "only_me":
            raise json_error(request, 404, "image not found.")
        width, height = image.size
        return JsonReply(
            {
                "version": "1.0",
                "type": "photo",
                "provider_name": "Gyazo",
                "provider_url": self._sandbox.url,
                "url": file_url(self._sandbox, image),
                "width": width,
                "height": height,
            }
        )

    # https://gyazo.com/api/docs/user
    async def me(self, request: Request) -> Response:
        """Return the account of the token."""
        account = authenticate(self._sandbox, request).account
        user = {
            "email": account.email,
            "name": account.name,
            "profile_image": account.profile_image,
            "uid": account.uid,
            "is_pro": account.is_pro,
            "is_team": account.is_team,
        }
        return JsonReply({"user": user})

    def _find_image(self, request: Request) -> Image:
        image = self._sandbox.image_store.get(request.path_params["image_id"])
        if image is None:
            raise json_error(request, 404, "image not found.")
        return image

    def _find_own_image(self, request: Request) -> Image:
        account = authenticate(self._sandbox, request).account
        image = self._find_image(request)
        _check_owner(request, image, account)
        return image


def _check_owner(request: Request, image: Image, account: Account) -> None:
    if image.account != account:
        raise json_error(request, 403, "You are not allowed to do this with this image.")


def _number(request: Request, name: str, default: int, maximum: int | None = None) -> int:
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise bad_request(f"{name} is invalid")
    number = int(text)
    if number < 1 or (maximum is not None and number > maximum):
        raise bad_request(f"{name} is invalid")
    return number


def _page_of(images: list[Image], page: int, length: int) -> list[Image]:
    return images[(page - 1) * length : page * length]


# The JSON of an image, one function for each kind of reply.

Json = dict[str, Any]

_TOKYO = timezone(timedelta(hours=9))
_METADATA_FIELDS = ("app", "title", "referer_url", "desc")


def format_date(timestamp: float, style: DateStyle) -> str:
    """Format a time in one of the four known formats."""
    moment = datetime.fromtimestamp(timestamp, UTC)
    milliseconds = f"{moment.microsecond // 1000:03}"
    match style:
        case "upload":
            return f"{moment:%Y-%m-%dT%H:%M:%S}+0000"
        case "docs":
            return f"{moment.astimezone(_TOKYO):%Y-%m-%d %H:%M:%S%z}"
        case "millis":
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds}+0000"
        case "detail":
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds}Z"


def page_url(sandbox: Sandbox, image: Image) -> str:
    """Return the address of an image's page."""
    return f"{sandbox.url}/{image.image_id}"


def file_url(sandbox: Sandbox, image: Image) -> str:
    """Return the address of an image's file."""
    return f"{sandbox.url}/{image.image_id}.{image.type}"


def uploaded_image(sandbox: Sandbox, image: Image) -> Json:
    """Return the reply to an upload."""
    return {
        "image_id": image.image_id,
        "permalink_url": page_url(sandbox, image),
        "thumb_url": f"{sandbox.url}/thumb/200/{image.thumb_name}.jpg",
        "url": file_url(sandbox, image),
        "type": image.type,
        "created_at": format_date(image.created_at, sandbox.date_style),
    }


def listed_image(sandbox: Sandbox, image: Image) -> Json:
    """Return an entry of a list. A locked image has neither an id nor addresses."""
    entry = uploaded_image(sandbox, image)
    if image.locked:
        return entry | {"image_id": "", "permalink_url": "", "url": ""}
    return entry | {"alt_text": image.alt_text, "metadata": _metadata(image)} | _ocr(image)


def found_image(sandbox: Sandbox, image: Image) -> Json:
    """Return an entry of a search."""
    entry = listed_image(sandbox, image) | {"access_policy": image.access_policy}
    if not image.locked:
        entry["metadata"] |= {
            "original_title": image.fields.get("title"),
            "original_url": image.fields.get("referer_url"),
        }
    return entry


def single_image(sandbox: Sandbox, image: Image, reader: Account) -> Json:
    """Return one image, with its metadata when it has any and *reader* can see it."""
    body = uploaded_image(sandbox, image) | {
        "created_at": format_date(image.created_at, "detail"),
        "access_policy": image.access_policy,
    }
    if image.account != reader and not image.metadata_is_public:
        return body
    if any(image.fields.get(name) for name in _METADATA_FIELDS):
        body["metadata"] = _metadata(image)
    return body | _ocr(image)


def updated_image(sandbox: Sandbox, image: Image) -> Json:
    """Return an image after a change. Its `alt_text` is part of the metadata here."""
    body = single_image(sandbox, image, image.account)
    return body | {"metadata": _metadata(image) | {"alt_text": image.alt_text}}


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


# Search: plain words in the texts of an image, and Gyazo's operators.

Condition = Callable[[Image], bool]

_TERM = re.compile(r'(?:(title|app|url|since|until):)?(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_FIELD_OF_OPERATOR = {"title": "title", "app": "app", "url": "referer_url"}


def parse_query(query: str) -> list[Condition]:
    """Parse a query such as ``loss title:"Figure 2" since:2026-01-31``.

    An image matches when it meets all conditions.
    """
    return [
        _condition(operator.lower(), quoted or word)
        for operator, quoted, word in _TERM.findall(query)
    ]


def _condition(operator: str, text: str) -> Condition:
    if operator in _FIELD_OF_OPERATOR:
        name = _FIELD_OF_OPERATOR[operator]
        return lambda image: _contains(image.fields.get(name, ""), text)
    if operator in {"since", "until"} and (day := _parse_day(text)):
        if operator == "since":
            return lambda image: _day_of(image) >= day
        return lambda image: _day_of(image) <= day
    return lambda image: _contains(_texts_of(image), text)


def _texts_of(image: Image) -> str:
    ocr = (image.ocr or {}).get("description") or ""
    texts = (image.fields.get(name, "") for name in ("title", "desc", "app"))
    return "\n".join([*texts, ocr])


def _contains(text: str, part: str) -> bool:
    return part.casefold() in text.casefold()


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _day_of(image: Image) -> date:
    return datetime.fromtimestamp(image.created_at, UTC).date()
