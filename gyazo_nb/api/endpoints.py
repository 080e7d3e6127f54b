"""The documented endpoints of Gyazo: one function for each, which returns an `Operation`.

Guarantees: no I/O. Arguments are checked before anything is sent: a wrong value raises `ArgumentError`
with what would be right, and is never guessed. Above each function is the link to its documentation.
"""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from numbers import Integral, Real
from typing import Any, get_args

from gyazo_nb.errors import (
    ArgumentError,
    ForbiddenError,
    InvalidClientError,
    NotFoundError,
    PlanError,
    ResponseError,
)
from gyazo_nb.secret import Secret
from gyazo_nb.settings import AccessPolicy, Site, setting_names

from .image import Deleted, Image, Page, page_of_id
from .models import EasyUpload, Embed, User, single_line
from .operation import FilePart, Operation, Reply, Request, error_for_reply, make_error

MAX_QUERY_LENGTH = 200
_MAX_PAGE_ENTRIES = 1000  # ten times what Gyazo returns; a hostile server could send millions
_MAX_UPLOAD_SECONDS = 30.0  # from the creation of an image to the reply


# https://gyazo.com/api/docs/user
def me(site: Site, token: Secret) -> Operation[User]:
    """The user of a token."""
    request = _request(site, token, "GET", "users/me")
    return Operation(request, _user, partial(error_without_image, request))


def _user(reply: Reply) -> User:
    return User.from_json(reply.json())


# https://gyazo.com/api/docs/image#list
def images(site: Site, token: Secret, *, page: int = 1, per_page: int = 20) -> Operation[Page]:
    """One page of the account's images, newest first."""
    check_count("page", page)
    check_count("per_page", per_page, 100)
    params = {"page": str(page), "per_page": str(per_page)}
    request = _request(site, token, "GET", "images", params=params)
    return Operation(request, partial(_page, page, per_page), partial(error_without_image, request))


# https://gyazo.com/api/docs/image#image
def image(site: Site, token: Secret, image_id: str | Image) -> Operation[Image]:
    """One image by its id, or by the address of its page."""
    return Operation(_request(site, token, "GET", f"images/{image_id_of(image_id)}"), _image)


# Not documented by Gyazo; Gyazo's own n8n node uses it: https://github.com/nota/n8n-nodes-gyazo
def update(
    site: Site,
    token: Secret,
    image_id: str | Image,
    *,
    desc: str | None = None,
    alt_text: str | None = None,
) -> Operation[Image]:
    """Change the description or the alternative text of an image."""
    body = _form({"desc": desc, "alt_text": alt_text})
    if not body:
        raise ArgumentError("There is nothing to change: pass desc or alt_text.")
    id_text = image_id_of(image_id)
    old = image_id if isinstance(image_id, Image) else Image(id_text, page_of_id(id_text))
    # Idempotent: it sets texts to given values.
    request = _request(site, token, "PATCH", f"images/{id_text}", body=body, retry="always")
    return Operation(request, partial(_updated, old, body))


# https://gyazo.com/api/docs/image#delete
def delete(site: Site, token: Secret, image_id: str | Image) -> Operation[Deleted]:
    """Delete one of the account's own images."""
    known = image_id_of(image_id)
    request = _request(site, token, "DELETE", f"images/{known}")
    page = image_id.permalink_url if isinstance(image_id, Image) else None
    title = image_id.title if isinstance(image_id, Image) else ""
    deleted = Deleted(known, permalink_url=page or page_of_id(known), title=title)
    return Operation(
        request,
        partial(_deleted, deleted),
        # If the reply of an earlier attempt was lost, "not found" means that this attempt deleted the image.
        success_on_retry=lambda reply: deleted if reply.status == HTTPStatus.NOT_FOUND else None,
    )


# https://gyazo.com/api/docs/search
def search(
    site: Site, token: Secret, query: str, *, page: int = 1, per: int = 20
) -> Operation[Page]:
    """The account's images that match a query. The page size is called `per` here."""
    check_text("query", query, required=True)
    if not query.strip() or len(query) > MAX_QUERY_LENGTH:
        raise ArgumentError(f"A query has 1 to {MAX_QUERY_LENGTH} characters, not {len(query)}.")
    check_count("page", page)
    check_count("per", per, 100)
    params = {"query": query, "page": str(page), "per": str(per)}
    request = _request(site, token, "GET", "search", params=params)
    return Operation(request, partial(_page, page, per), partial(_search_error, request))


# https://gyazo.com/api/docs/image#oembed
def oembed(site: Site, url: str | Image) -> Operation[Embed]:
    """The data to embed an image in a web page, by the address of its page. Needs no token."""
    if isinstance(url, Image):
        url = url.permalink_url or ""
    check_text("url", url, required=True)
    if not re.match(r"https?://[^/]", url):
        raise ArgumentError(
            f"{url[:80]!r} is not a web address: pass the address of the image's page."
        )
    request = Request("GET", f"{site.api_url}/api/oembed", params={"url": url})
    return Operation(request, lambda reply: Embed.from_json(reply.json()))


@dataclass(frozen=True, slots=True)
class UploadFields:
    """The fields of an upload other than the picture. None is not sent: Gyazo's default applies."""

    title: str | None = None
    desc: str | None = None
    access_policy: AccessPolicy | None = None
    metadata_is_public: bool | None = None
    referer_url: str | None = None
    app: str | None = None
    created_at: datetime | float | None = None
    collection_id: str | None = None

    def as_form(self) -> dict[str, str]:
        """Return the fields as they are sent. Raises `ArgumentError` for a wrong value."""
        policy = self.access_policy
        if policy is not None and str(policy) not in get_args(AccessPolicy):
            raise ArgumentError(
                f"access_policy must be 'anyone' or 'only_me', not {self.access_policy!r}."
            )
        form: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        if self.metadata_is_public is not None:
            form["metadata_is_public"] = bool_param(self.metadata_is_public)
        if self.created_at is not None:
            form["created_at"] = timestamp_param(self.created_at)
        return _form(form)


# https://gyazo.com/api/docs/image#upload
def upload(
    site: Site, token: Secret, file: FilePart, fields: UploadFields, seen: set[str]
) -> Operation[Image]:
    """Upload one picture. `seen` holds the ids of the images that this session uploaded before."""
    request = Request(
        "POST",
        f"{site.upload_url}/api/upload",
        form=fields.as_form(),
        file=file,
        token=token,
        token_in=site.token_in,
        retry="always",  # Gyazo returns the existing image for identical bytes
    )
    parse = partial(_uploaded, fields, seen)
    return Operation(request, parse, partial(error_without_image, request))


# https://gyazo.com/api/docs/image#easy_auth
def easy_upload(
    site: Site,
    client_id: str,
    data_url: str,
    *,
    referer_url: str,
    title: str | None = None,
    desc: str | None = None,
) -> Operation[EasyUpload]:
    """Upload a picture without a token. The first browser that opens the link becomes its owner."""
    check_text("client_id", client_id)
    form = _form({"referer_url": referer_url, "title": title, "desc": desc})
    request = Request(
        "POST",
        f"{site.upload_url}/api/upload/easy_auth",
        form={"client_id": client_id, "image_url": data_url, **form},
        multipart=True,
        retry="always",  # a link that is not used expires
    )
    return Operation(
        request,
        lambda reply: EasyUpload.from_json(reply.json()),
        partial(_easy_upload_error, request),
    )


def _request(site: Site, token: Secret, method: str, path: str, **content: Any) -> Request:
    url = f"{site.api_url}/api/{path}"
    return Request(method, url, token=token, token_in=site.token_in, **content)


def _form(fields: dict[str, Any]) -> dict[str, str]:
    """Leave out the fields that are None, and check that the others are texts."""
    form: dict[str, str] = {}
    for name, value in fields.items():
        check_text(name, value)
        if value is not None:
            form[name] = value
    return form


def error_without_image(request: Request, reply: Reply) -> ResponseError | None:
    """The error of a call that names no image. The table in `operation.py` has sentences about images."""
    if reply.status == HTTPStatus.NOT_FOUND:
        advice = "the server does not know this address. Check the URL in the settings"
        return make_error(NotFoundError, request, reply, advice)
    if reply.status == HTTPStatus.FORBIDDEN:
        advice = "this account is not allowed to do that. Sign in as another account"
        return make_error(ForbiddenError, request, reply, advice)
    return None


def _easy_upload_error(request: Request, reply: Reply) -> ResponseError | None:
    if reply.status == HTTPStatus.FORBIDDEN:
        advice = f"this application is not allowed to do that. Check {setting_names('client_id')}"
        return make_error(ForbiddenError, request, reply, advice)
    if reply.status != HTTPStatus.UNAUTHORIZED:
        return error_without_image(request, reply)
    return InvalidClientError(
        f"Gyazo does not know this application: check {setting_names('client_id')}.",
        status=401,
        message=error_for_reply(request, reply).message,
        error="invalid_client",
    )


def _search_error(request: Request, reply: Reply) -> ResponseError | None:
    if reply.status != HTTPStatus.PAYMENT_REQUIRED:
        return error_without_image(request, reply)
    message = error_for_reply(request, reply).message
    return PlanError(
        f"Search needs a paid plan (402{': ' + message if message else ''}): see "
        f"https://gyazo.com/pricing. On every plan, gyazo.images() lists your images.",
        status=402,
        message=message,
    )


def _uploaded(fields: UploadFields, seen: set[str], reply: Reply) -> Image:
    """Read the image, and add the metadata that was sent, which the reply does not repeat.

    An image that existed before is returned as Gyazo has it, see `with_details`. For a new image without
    access policy in the reply, Gyazo's documented default applies, except if the upload asked for only_me:
    Gyazo must confirm that, because it keeps the access policy of an image that it already has.
    """
    data = reply.json()
    if not isinstance(data, dict):
        raise TypeError("the reply is not an image object")
    sent = {
        "app": fields.app,
        "title": fields.title,
        "url": fields.referer_url,
        "desc": fields.desc,
    }
    image = _identified(Image.from_json({"metadata": sent} | data, reply.source))
    if image.image_id in seen or not _is_new(reply, image.created_at, fields):
        image = replace(Image.from_json(data, reply.source), was_there=True)
    elif image.access_policy is None and fields.access_policy != "only_me":
        image = replace(image, access_policy="anyone")
    seen.add(image.image_id)
    return replace(image, requested_policy=fields.access_policy)


def needs_details(uploaded: Image) -> bool:
    """Whether the reply to an upload does not say what Gyazo has: the title, or who can see the image."""
    unconfirmed = uploaded.requested_policy == "only_me" and uploaded.access_policy is None
    return uploaded.was_there or unconfirmed


def with_details(uploaded: Image, details: Image) -> Image:
    """Add what `image` returned to the result of an upload. Its own addresses are kept."""
    if details.image_id != uploaded.image_id:
        return uploaded
    return replace(
        details,
        permalink_url=uploaded.permalink_url or details.permalink_url,
        thumb_url=uploaded.thumb_url or details.thumb_url,
        url=uploaded.url or details.url,
        type=uploaded.type or details.type,
        created_at=uploaded.created_at or details.created_at,
        access_policy=details.access_policy or uploaded.access_policy,
        metadata=details.metadata if uploaded.was_there else uploaded.metadata,
        was_there=uploaded.was_there,
        requested_policy=uploaded.requested_policy,
        source=uploaded.source,
    )


def _is_new(reply: Reply, created_at: datetime | None, fields: UploadFields) -> bool:
    """Whether this upload created the image, according to the clock of the server."""
    if reply.after_uncertain_attempt or fields.created_at is not None or created_at is None:
        return True  # an earlier attempt without a reply may have created it
    try:
        age = (parsedate_to_datetime(reply.headers["date"]) - created_at).total_seconds()
    except (KeyError, ValueError, TypeError):  # TypeError: one of the two has no time zone
        return True
    return age < _MAX_UPLOAD_SECONDS


def _deleted(request: Deleted, reply: Reply) -> Deleted:
    if not reply.body.strip():  # some clients have received an empty 204, which means the same
        return request
    data = reply.json()
    if data and "image_id" not in data:  # such as an error in a reply of status 200
        raise ValueError("the reply does not say that the image was deleted")
    read = Deleted.from_json(data, request.image_id)
    return replace(request, image_id=read.image_id, type=read.type)


def _updated(old: Image, texts: dict[str, str], reply: Reply) -> Image:
    if reply.body.strip():
        return _image(reply)
    # Many servers send an empty reply to a PATCH that succeeded.
    metadata = replace(old.metadata, desc=texts.get("desc", old.metadata.desc))
    alt_text = texts.get("alt_text", old.alt_text)
    return replace(old, alt_text=alt_text, metadata=metadata, source=reply.source)


def _image(reply: Reply) -> Image:
    return _identified(Image.from_json(reply.json(), reply.source))


def _identified(image: Image) -> Image:
    if not image.image_id:
        raise ValueError("the image has no id")
    return image


def _page(page: int, per_page: int, reply: Reply) -> Page:
    entries = reply.json()
    if not isinstance(entries, list):
        raise TypeError("the reply is not a list of images")
    if len(entries) > _MAX_PAGE_ENTRIES:
        raise ValueError("the page is too long")
    return Page(
        images=tuple(Image.from_json(entry, reply.source) for entry in entries),
        page=page,
        per_page=_count(reply, "x-per-page") or per_page,
        total=_count(reply, "x-total-count"),
        user_type=single_line(reply.headers.get("x-user-type")),
    )


def _count(reply: Reply, header: str) -> int | None:
    """A number in a header; None if it is missing, or not a plausible number."""
    text = reply.headers.get(header, "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def image_id_of(image: str | Image) -> str:
    """Return the id of an image, or the id at the end of the address of its page or picture."""
    text = image.image_id if isinstance(image, Image) else str(image)
    match = re.fullmatch(
        r"(?:https?://[^/?#]+/(?:teams/[^/?#]+/)?)?([0-9A-Za-z_-]+)(?:\.\w+)?/?(?:[?#].*)?",
        text.strip(),
    )
    if not match or not isinstance(image, str | Image):
        raise ArgumentError(
            f"{text[:80]!r} is not an image id: pass the 32 characters at the end of its URL."
        )
    return match[1]


def bool_param(value: Any) -> str:
    """Convert True or False for the API. A text is an error: Python would count "false" as true."""
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}:  # numpy's too
        return "true" if value else "false"
    raise ArgumentError("metadata_is_public must be True or False.")


def timestamp_param(moment: Any) -> str:
    """Convert a time to Unix seconds. A datetime without a time zone is local time, as in Python."""
    with contextlib.suppress(ValueError, OverflowError):
        if isinstance(moment, datetime):
            return repr(moment.timestamp())
        # `float` accepts more: it would turn a datetime64 of NumPy into nanoseconds.
        if isinstance(moment, Real | Decimal) and math.isfinite(moment):
            return repr(float(moment))
    raise ArgumentError("created_at must be a datetime or Unix seconds.")


def check_count(name: str, value: Any, highest: int | None = None) -> None:
    """Raise `ArgumentError` unless `value` is a whole number from 1, and to `highest` if it is given."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)  # also one of NumPy
    if not is_whole or value < 1 or (highest and value > highest):
        limit = f" to {highest}" if highest else ""
        raise ArgumentError(f"{name} must be a whole number from 1{limit}.")


def check_number(name: str, value: Any) -> None:
    """Raise `ArgumentError` unless `value` is a number, also one of NumPy."""
    if not isinstance(value, Real):
        raise ArgumentError(f"{name} must be a number, not {type(value).__name__}.")


def check_type(name: str, value: Any, expected: type) -> None:
    """Raise `ArgumentError` unless `value` is None or an object of `expected`, a class of this package."""
    if value is not None and not isinstance(value, expected):
        raise ArgumentError(
            f"{name} must be a gyazo_nb.{expected.__name__} object, not {type(value).__name__}."
        )


def check_text(name: str, value: Any, *, required: bool = False) -> None:
    """Raise `ArgumentError` unless a form can carry `value`: it must be a text in valid Unicode."""
    try:
        if (value is None and not required) or value.encode("utf-8") is not None:
            return
    except AttributeError:
        raise ArgumentError(f"{name} must be a text, not {type(value).__name__}.") from None
    except UnicodeEncodeError as error:
        first = value[error.start]
    if "\udc80" <= first <= "\udcff":  # PEP 383: a byte of a file name that is not in UTF-8
        raise ArgumentError(
            f"{name} cannot be sent, because it comes from a file name that is not in UTF-8. To "
            f"decode the name, pass  {name}=lambda path: os.fsencode(path.stem).decode('shift_jis')  with the "
            f"encoding of the name."
        )
    raise ArgumentError(
        f"{name} cannot be sent, because it contains half of a character ({first!r}): remove it."
    )
