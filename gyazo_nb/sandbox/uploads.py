"""The two endpoints that receive images: with an access token, and with a client id and a browser.

Guarantees: the bytes of an image decide about its type. An invalid upload gets the kind of error
reply that Gyazo sends in that case: JSON, plain text, an empty body, or 411.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import pages
from .api import page_url, uploaded_image
from .http_messages import (
    Form,
    JsonReply,
    authenticate,
    bad_request,
    empty_error,
    json_error,
    read_form,
)
from .image_store import detect_type
from .state import Sandbox, Token

ACCESS_POLICIES = {"anyone", "only_me"}

_UPLOAD_FIELDS = (
    "access_policy",
    "metadata_is_public",
    "referer_url",
    "app",
    "title",
    "desc",
    "collection_id",
)
_EASY_UPLOAD_FIELDS = ("referer_url", "title", "desc", "scale", "team_name")


class Uploads:
    """The endpoints under /api/upload."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/upload", self.upload, methods=["POST"]),
            Route("/api/upload/easy_auth", self.easy_upload, methods=["POST"]),
            Route("/api/upload/{upload_id}", self.claim_easy_upload),
        ]

    # https://gyazo.com/api/docs/image#upload
    async def upload(self, request: Request) -> Response:
        """Store an image for the account of the token."""
        if "content-length" not in request.headers:
            raise empty_error(411)
        form = await read_form(request)
        token = authenticate(self._sandbox, request, form)
        data = _image_data(form)
        fields = _select(form, _UPLOAD_FIELDS)
        if fields.get("access_policy", "anyone") not in ACCESS_POLICIES:
            raise bad_request("access_policy is invalid")
        created_at = self._created_at(form)
        image_type = _supported_type(request, data, token)
        image = self._sandbox.image_store.add(data, image_type, token.account, created_at, fields)
        return JsonReply(uploaded_image(self._sandbox, image))

    # https://gyazo.com/api/docs/image#easy_auth
    async def easy_upload(self, request: Request) -> Response:
        """Keep an image until the user's browser claims it."""
        form = await read_form(request)
        for name in ("client_id", "image_url", "referer_url"):
            if not form.get(name):
                raise bad_request(f"{name} is missing")
        if self._sandbox.application(form.get("client_id")) is None:
            raise json_error(request, 401, "This client id is not known.")
        data = _decode_data_url(form.texts["image_url"])
        image_type = _supported_type(request, data)
        fields = _select(form, _EASY_UPLOAD_FIELDS)
        upload_id, expires_at = self._sandbox.add_easy_upload(data, image_type, fields)
        url = f"{self._sandbox.url}/api/upload/{upload_id}"
        return JsonReply({"get_image_url": url, "expires_at": expires_at})

    async def claim_easy_upload(self, request: Request) -> Response:
        """Store a waiting image for the user of the browser: the first account."""
        image = self._sandbox.claim_easy_upload(request.path_params["upload_id"])
        if image is None:
            return pages.not_found("This image was claimed already, or it has expired.")
        return RedirectResponse(page_url(self._sandbox, image), 302)

    def _created_at(self, form: Form) -> float:
        text = form.get("created_at")
        if text is None:
            return self._sandbox.clock()
        # float() also accepts "nan", "inf" and "1_000".
        if not re.fullmatch(r"\d{1,11}(\.\d*)?", text):
            raise bad_request("created_at is invalid")
        return float(text)


def _image_data(form: Form) -> bytes:
    if "imagedata" in form.texts:
        # Rails treats a part without a filename as text. An image is not valid text.
        raise empty_error(400)
    if not form.files.get("imagedata"):
        raise bad_request("imagedata is missing")
    return form.files["imagedata"]


def _supported_type(request: Request, data: bytes, token: Token | None = None) -> str:
    image_type = detect_type(data)
    if image_type is None:
        raise json_error(request, 422, "This file is not a supported image.")
    if image_type == "mp4" and token is not None and not token.account.is_pro:
        raise json_error(request, 422, "Videos need Gyazo Pro.")
    return image_type


def _select(form: Form, names: tuple[str, ...]) -> Mapping[str, str]:
    return {name: text for name in names if (text := form.get(name)) is not None}


def _decode_data_url(text: str) -> bytes:
    # Gyazo replies with an empty 500 to a web address in place of a data URL.
    header = re.match(r"data:[^,]*;base64,", text)
    if header is None:
        raise empty_error(500)
    try:
        return base64.b64decode(text[header.end() :], validate=True)
    except ValueError as error:
        raise empty_error(500) from error
