"""The two ways in: with a token, and with a client id and a browser.

The law: nothing about a picture is believed but its bytes, and what is refused is refused in the
form that the real one uses, of which there are four.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import pages, shapes
from .answers import Json, authorised, bad_parameter, nothing, problem, readable
from .forms import Form
from .pictures import kind_of
from .state import Sandbox, Token

POLICIES = {"anyone", "only_me"}

_FIELDS = (
    "access_policy",
    "metadata_is_public",
    "referer_url",
    "app",
    "title",
    "desc",
    "collection_id",
)
_EASY_FIELDS = ("referer_url", "title", "desc", "scale", "team_name")


class Uploads:
    """Where pictures arrive."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/api/upload", self.upload, methods=["POST"]),
            Route("/api/upload/easy_auth", self.easy, methods=["POST"]),
            Route("/api/upload/{key}", self.claim),
        ]

    # https://gyazo.com/api/docs/image#upload
    async def upload(self, request: Request) -> Response:
        """Keep a picture for the token's account."""
        if "content-length" not in request.headers:
            raise nothing(411)
        form = await readable(request)
        token = authorised(self._sandbox, request, form)
        data = _imagedata(form)
        fields = _kept(form, _FIELDS)
        if fields.get("access_policy", "anyone") not in POLICIES:
            raise bad_parameter("access_policy is invalid")
        created_at = self._moment(form)
        kind = _kind(request, data, token)
        image = self._sandbox.album.add(data, kind, token.account, created_at, fields)
        return Json(shapes.uploaded(self._sandbox, image))

    # https://gyazo.com/api/docs/image#easy_auth
    async def easy(self, request: Request) -> Response:
        """Keep a picture until the user's browser comes for it."""
        form = await readable(request)
        for name in ("client_id", "image_url", "referer_url"):
            if not form.get(name):
                raise bad_parameter(f"{name} is missing")
        if self._sandbox.application(form.get("client_id")) is None:
            raise problem(request, 401, "This client id is not known.")
        data = _data_url(form.texts["image_url"])
        kind = kind_of(data)
        if kind is None:
            raise problem(request, 422, "This is no image that can be kept.")
        key, expires_at = self._sandbox.keep_easy(data, kind, _kept(form, _EASY_FIELDS))
        url = f"{self._sandbox.url}/api/upload/{key}"
        return Json({"get_image_url": url, "expires_at": expires_at})

    async def claim(self, request: Request) -> Response:
        """Give a waiting picture to whoever sits at the browser: the first account."""
        image = self._sandbox.claim_easy(request.path_params["key"])
        if image is None:
            return pages.not_found("This picture was collected already, or waited too long.")
        return RedirectResponse(shapes.page_url(self._sandbox, image), 302)

    def _moment(self, form: Form) -> float:
        text = form.get("created_at")
        if text is None:
            return self._sandbox.clock()
        # Not float() alone: that would also read "nan", "inf" and "1_000".
        if not re.fullmatch(r"\d{1,11}(\.\d*)?", text):
            raise bad_parameter("created_at is invalid")
        return float(text)


def _imagedata(form: Form) -> bytes:
    if "imagedata" in form.texts:
        # Without a filename the part is a text to Rails, and a picture is no valid text: 400,
        # and not a word why.
        raise nothing(400)
    if not form.files.get("imagedata"):
        raise bad_parameter("imagedata is missing")
    return form.files["imagedata"]


def _kind(request: Request, data: bytes, token: Token) -> str:
    kind = kind_of(data)
    if kind is None:
        raise problem(request, 422, "This is no image that can be kept.")
    if kind == "mp4" and not token.account.is_pro:
        raise problem(request, 422, "Videos need Gyazo Pro.")
    return kind


def _kept(form: Form, names: tuple[str, ...]) -> Mapping[str, str]:
    return {name: text for name in names if (text := form.get(name)) is not None}


def _data_url(text: str) -> bytes:
    found = re.match(r"data:[^,]*;base64,", text)
    try:
        return base64.b64decode(text[found.end() :], validate=True) if found else _fail()
    except ValueError:
        return _fail()


def _fail() -> bytes:
    # The known trap: an address instead of a data URL ends in a 500 without a body.
    raise nothing(500)
