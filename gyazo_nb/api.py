"""What can be asked of Gyazo: one function an endpoint, each giving an `Operation`.

The law: no I/O, and every function stands under the link of the page that documents it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from .arguments import id_of, must_be_in_range, must_be_text, seconds, word
from .errors import ArgumentError, InvalidClientError, PlanError
from .links import EasyUpload, Embed
from .models import Deleted, Image, Page
from .operation import FilePart, Operation, Reply, Request, refusal
from .secret import Secret
from .site import Site, spellings
from .user import User

AccessPolicy = Literal["anyone", "only_me"]

LONGEST_QUERY = 200
_SAME = 30.0  # seconds that an upload may take from the image's beginning to the answer


# https://gyazo.com/api/docs/user
def me(site: Site, token: Secret) -> Operation[User]:
    """Whose token this is."""
    url = f"{site.api_url}/api/users/me"
    request = Request("GET", url, token=token, token_in=site.token_in)
    return Operation(request, lambda reply: User.from_json(reply.json()))


# https://gyazo.com/api/docs/image#list
def images(site: Site, token: Secret, *, page: int = 1, per_page: int = 20) -> Operation[Page]:
    """One page of the account's images, newest first."""
    must_be_in_range("page", page, 1, None)
    must_be_in_range("per_page", per_page, 1, 100)
    params = {"page": str(page), "per_page": str(per_page)}
    url = f"{site.api_url}/api/images"
    request = Request("GET", url, params=params, token=token, token_in=site.token_in)
    return Operation(request, lambda reply: _page(reply, page, per_page))


# https://gyazo.com/api/docs/image#image
def image(site: Site, token: Secret, image_id: str | Image) -> Operation[Image]:
    """One image by its id, or by the address of its page."""
    url = f"{site.api_url}/api/images/{id_of(image_id)}"
    return Operation(Request("GET", url, token=token, token_in=site.token_in), _image)


# Not documented by Gyazo; its maker's own n8n node uses it: https://github.com/nota/n8n-nodes-gyazo
def update(
    site: Site,
    token: Secret,
    image_id: str | Image,
    *,
    desc: str | None = None,
    alt_text: str | None = None,
) -> Operation[Image]:
    """Change the description or the alternative text of an image."""
    fields = {"desc": desc, "alt_text": alt_text}
    body = {name: value for name, value in fields.items() if value is not None}
    for name, value in body.items():
        must_be_text(name, value)
    if not body:
        raise ArgumentError("There is nothing to change: give desc or alt_text.")
    request = Request(
        "PATCH",
        f"{site.api_url}/api/images/{id_of(image_id)}",
        body=body,
        token=token,
        token_in=site.token_in,
        repeat="freely",  # the texts are given whole: set twice, they are the same
    )
    return Operation(request, _image)


# https://gyazo.com/api/docs/image#delete
def delete(site: Site, token: Secret, image_id: str | Image) -> Operation[Deleted]:
    """Delete one of the account's own images."""
    known = id_of(image_id)
    url = f"{site.api_url}/api/images/{known}"
    return Operation(
        Request("DELETE", url, token=token, token_in=site.token_in),
        # Some clients have met an empty 204, which says as much.
        lambda reply: (
            Deleted.from_json(reply.json(), known) if reply.body.strip() else Deleted(known)
        ),
        # Asked again after a lost answer, "not found" is what was wanted.
        already=lambda reply: Deleted(known) if reply.status == 404 else None,  # noqa: PLR2004
    )


# https://gyazo.com/api/docs/search
def search(
    site: Site, token: Secret, query: str, *, page: int = 1, per: int = 20
) -> Operation[Page]:
    """Some of the account's images that fit a query. The page's length is called `per` here."""
    must_be_text("query", query, needed=True)
    if not query.strip() or len(query) > LONGEST_QUERY:
        raise ArgumentError(f"A query has 1 to {LONGEST_QUERY} characters, not {len(query)}.")
    must_be_in_range("page", page, 1, None)
    must_be_in_range("per", per, 1, 100)
    params = {"query": query, "page": str(page), "per": str(per)}
    url = f"{site.api_url}/api/search"
    request = Request("GET", url, params=params, token=token, token_in=site.token_in)
    return Operation(
        request, lambda reply: _page(reply, page, per), lambda reply: _no_search(request, reply)
    )


# https://gyazo.com/api/docs/image#oembed
def oembed(site: Site, url: str | Image) -> Operation[Embed]:
    """What another page needs to embed an image, by the address of its page. Needs no token."""
    if isinstance(url, Image):
        url = url.permalink_url or ""
    must_be_text("url", url, needed=True)
    if not re.match(r"https?://[^/]", url):
        raise ArgumentError(f"{url[:80]!r} is no address: give that of the image's page.")
    request = Request("GET", f"{site.api_url}/api/oembed", params={"url": url})
    return Operation(request, lambda reply: Embed.from_json(reply.json()))


# https://gyazo.com/api/docs/image#upload
def upload(
    site: Site,
    token: Secret,
    file: FilePart,
    *,
    title: str | None = None,
    desc: str | None = None,
    access_policy: AccessPolicy | None = None,
    metadata_is_public: bool | None = None,
    referer_url: str | None = None,
    app: str | None = None,
    created_at: datetime | float | None = None,
    collection_id: str | None = None,
    seen: set[str] | None = None,
) -> Operation[Image]:
    """Upload one picture. Fields that are None are not sent, and Gyazo's defaults hold.

    `seen` are the ids of the images that this session has uploaded; this one's is added.
    """
    if access_policy not in {None, "anyone", "only_me"}:
        raise ArgumentError(f"access_policy must be 'anyone' or 'only_me', not {access_policy!r}.")
    fields = {
        "access_policy": access_policy,
        "metadata_is_public": None if metadata_is_public is None else word(metadata_is_public),
        "referer_url": referer_url,
        "app": app,
        "title": title,
        "desc": desc,
        "created_at": None if created_at is None else seconds(created_at),
        "collection_id": collection_id,
    }
    for name, value in fields.items():
        must_be_text(name, value)
    request = Request(
        "POST",
        f"{site.upload_url}/api/upload",
        form={name: value for name, value in fields.items() if value is not None},
        file=file,
        token=token,
        token_in=site.token_in,
        repeat="freely",  # identical bytes give the image that is there already
    )
    metadata = {"app": app, "title": title, "url": referer_url, "desc": desc}
    seen = set() if seen is None else seen
    return Operation(request, lambda reply: _uploaded(reply, metadata, fields["created_at"], seen))


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
    """Upload a picture that the first browser to open a link makes its own. Needs no token."""
    fields = {"referer_url": referer_url, "title": title, "desc": desc}
    form = {name: value for name, value in fields.items() if value is not None}
    request = Request(
        "POST",
        f"{site.upload_url}/api/upload/easy_auth",
        form={"client_id": client_id, "image_url": data_url, **form},
        multipart=True,
        repeat="freely",  # a link that nobody has seen expires by itself
    )
    for name, value in form.items():
        must_be_text(name, value)
    return Operation(
        request,
        lambda reply: EasyUpload.from_json(reply.json()),
        lambda reply: _unknown_client(request, reply),
    )


def _unknown_client(request: Request, reply: Reply) -> InvalidClientError | None:
    if reply.status != 401:  # noqa: PLR2004
        return None
    return InvalidClientError(
        f"Gyazo does not know this application: check {spellings('client_id')}.",
        status=401,
        message=refusal(request, reply).message,
        error="invalid_client",
    )


def _no_search(request: Request, reply: Reply) -> PlanError | None:
    if reply.status != 402:  # noqa: PLR2004
        return None
    message = refusal(request, reply).message
    return PlanError(
        f"Gyazo searches for paid plans only (402{': ' + message if message else ''}): see "
        f"https://gyazo.com/pricing, or look through gyazo.images(), which every plan may list.",
        status=402,
        message=message,
    )


def _uploaded(
    reply: Reply, metadata: dict[str, str | None], created_at: str | None, seen: set[str]
) -> Image:
    """Read the image, with what was said about it, which the reply does not repeat.

    Of an image that was there already nothing was changed, so nothing is claimed of it; and never that
    only its owner can see it, since this one may be somebody's second thought.
    """
    data = reply.json()
    if not isinstance(data, dict):
        raise TypeError("an image is an object")
    image = _identified(Image.from_json({"metadata": metadata} | data, reply.source))
    if image.image_id in seen or not _is_new(reply, image.created_at, created_at):
        image = replace(Image.from_json(data, reply.source), was_there=True)
    seen.add(image.image_id)
    return image


def _is_new(reply: Reply, began: datetime | None, wanted: str | None) -> bool:
    """Whether an image begins with this upload: as far as the service's own clock tells."""
    if reply.again or wanted is not None or began is None:
        return True  # an attempt whose answer was lost may have begun it; nothing else can be told
    try:
        return (parsedate_to_datetime(reply.headers["date"]) - began).total_seconds() < _SAME
    except (KeyError, ValueError, TypeError):  # TypeError: one of the two without a time zone
        return True


def _image(reply: Reply) -> Image:
    return _identified(Image.from_json(reply.json(), reply.source))


def _identified(image: Image) -> Image:
    if not image.image_id:
        raise ValueError("an image without an id")
    return image


def _page(reply: Reply, page: int, per_page: int) -> Page:
    entries = reply.json()
    if not isinstance(entries, list):
        raise TypeError("a list of images is a list")
    return Page(
        images=tuple(Image.from_json(entry, reply.source) for entry in entries),
        page=page,
        per_page=_count(reply, "x-per-page") or per_page,
        total=_count(reply, "x-total-count"),
        user_type=reply.headers.get("x-user-type"),
    )


def _count(reply: Reply, header: str) -> int | None:
    """A number in a header. One that is not there, or that nobody has, says nothing."""
    text = reply.headers.get(header, "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
