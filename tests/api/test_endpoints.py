"""The documented endpoints: addresses, bodies, checks of arguments, and how replies are read."""

import re

import pytest
from support.helpers import PNG
from support.scripted_server import scripted_server, scripted_session

from gyazo_nb import (
    AccessPolicyWarning,
    ArgumentError,
    Deleted,
    Gyazo,
    ResponseError,
    UnreadableReplyError,
)
from gyazo_nb.sandbox import Fault

ID = "8980c52421e452ac3355ca3e5cfe7a0c"


def test_uploads_go_to_the_upload_host_and_all_other_calls_to_the_api_host(call):
    image = {"image_id": ID, "permalink_url": f"https://gyazo.com/{ID}", "type": "png"}
    easy = {"get_image_url": "https://gyazo.com/api/upload/x", "expires_at": 1}
    replies = {"/api/upload": image, "/api/upload/easy_auth": easy, "/api/images": [image]}

    def reply(_, path):
        return 200, {}, replies.get(path.partition("?")[0], image)

    with (
        scripted_server(reply) as (api, api_requests),
        scripted_server(reply) as (upload, upload_requests),
        Gyazo("a-token", auth_url=api, api_url=api, upload_url=upload) as gyazo,
    ):
        call(gyazo, "upload", PNG)
        call(gyazo, "easy_upload", PNG, client_id="an-id")
        call(gyazo, "images", page=1)
        call(gyazo, "image", ID)
        call(gyazo, "update", ID, desc="d")
        call(gyazo, "delete", ID)

    assert [path for _, path, _, _ in upload_requests] == ["/api/upload", "/api/upload/easy_auth"]
    assert len(api_requests) == 4


def test_easy_upload_is_multipart_without_a_file_and_without_a_token(call):
    """As in the documentation."""
    easy = {"get_image_url": "https://gyazo.com/api/upload/x"}
    with scripted_session(lambda *_: (200, {}, easy)) as (gyazo, received):
        call(gyazo, "easy_upload", PNG, client_id="an-id", title="T")

    ((_, _, headers, body),) = received
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert re.findall(rb'name="(\w+)"', body) == [
        b"client_id",
        b"image_url",
        b"referer_url",
        b"title",
    ]
    assert b"filename" not in body
    assert "Authorization" not in headers


def test_upload_of_existing_bytes_has_the_title_and_the_access_that_gyazo_keeps(
    call, gyazo, server
):
    """One more request asks for them, since the reply to the upload does not contain them."""
    server.sandbox.add_image(PNG, title="first", created_at="1500000000")

    with pytest.warns(AccessPolicyWarning, match="still public"):
        again = call(gyazo, "upload", PNG, title="second", access_policy="only_me")
    new = call(gyazo, "upload", PNG + b"new", title="mine", access_policy="only_me")
    dated = call(gyazo, "upload", PNG + b"dated", title="old", created_at=1_400_000_000)

    assert (again.title, again.access_policy) == ("first", "anyone")
    assert again.markdown.startswith("[![first](")
    assert [image.was_there for image in (again, new, dated)] == [True, False, False]
    assert "existed before" in again._repr_html_()
    assert "only you" not in again._repr_html_()
    assert (new.title, dated.title) == ("mine", "old")


def test_second_upload_in_the_same_second_is_recognized_as_existing(call, gyazo):
    """As when a cell is run again with only_me: the image stays public."""
    call(gyazo, "upload", PNG, title="first")

    with pytest.warns(AccessPolicyWarning, match="still public"):
        again = call(gyazo, "upload", PNG, title="second", access_policy="only_me")

    assert (again.was_there, again.title) == (True, "first")
    assert "existed before" in again._repr_html_()


def test_upload_after_a_delete_is_a_new_image(call, gyazo):
    """With the access that it asks for: the warning about a public image names these two steps."""
    public = call(gyazo, "upload", PNG, title="first")
    call(gyazo, "delete", public)

    private = call(gyazo, "upload", PNG, title="second", access_policy="only_me")

    assert (private.was_there, private.title) == (False, "second")
    assert private.who_can_see == "only you"
    assert "existed before" not in private._repr_html_()


def test_upload_whose_first_reply_was_lost_counts_as_new(call, server, urls):
    """The retry finds the image that the first attempt created."""
    server.sandbox.faults.append(Fault(cut="reply", path="/api/upload"))
    # As old as the image would be after a long delay.
    server.sandbox.add_image(PNG, created_at="1500000000")
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        image = call(gyazo, "upload", PNG, title="mine")

    assert (image.title, image.was_there) == ("mine", False)


def test_update_accepts_an_empty_reply(call, gyazo, server):
    """Many servers send 204 to a PATCH. The new texts are known."""
    image = call(gyazo, "upload", PNG, title="mine", desc="old")
    server.sandbox.faults.append(Fault(status=204, body="", method="PATCH", times=2))

    changed = call(gyazo, "update", image, alt_text="A curve")
    other = call(gyazo, "update", ID, desc="new")

    assert (changed.title, changed.metadata.desc, changed.alt_text) == ("mine", "old", "A curve")
    assert changed.download() == PNG
    assert (other.image_id, other.metadata.desc) == (ID, "new")
    assert str(other) == f"https://gyazo.com/{ID}"


def test_delete_accepts_a_reply_without_the_id(call):
    """The id in the request is known."""
    for body in (b'{"image_id": null}', b"{}", b" ", b""):
        with scripted_session(lambda *_, body=body: (200, {}, body)) as (gyazo, _):
            assert call(gyazo, "delete", ID).image_id == ID


@pytest.mark.parametrize("body", [b'{"message": "maintenance"}', b'{"user": {}}', b"[]", b"null"])
def test_delete_with_another_reply_is_an_error(call, body):
    """A proxy or a server in maintenance can send status 200, although the image still exists."""
    with (
        scripted_session(lambda *_: (200, {}, body)) as (gyazo, _),
        pytest.raises(UnreadableReplyError, match="unexpected body"),
    ):
        call(gyazo, "delete", ID)


@pytest.mark.parametrize(
    ("method", "argument", "forbidden"),
    [
        ("me", (), "another account"),
        ("upload", (PNG,), "another account"),
        ("search", ("loss",), "another account"),
        ("easy_upload", (PNG,), "this application .* Check GYAZO_CLIENT_ID"),  # without an account
    ],
)
def test_error_of_a_call_without_an_image_names_no_image(
    call, monkeypatch, method, argument, forbidden
):
    """A wrong address in the settings has the status 404, too."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", "an-id")
    for status, words in ((404, "Check the URL in the settings"), (403, forbidden)):
        with (
            scripted_session(lambda *_, status=status: (status, {}, b"")) as (gyazo, _),
            pytest.raises(ResponseError, match=words) as caught,
        ):
            call(gyazo, method, *argument)
        assert "image does not exist" not in str(caught.value)
        assert caught.value.status == status


def test_delete_says_what_was_deleted(call, gyazo):
    """By title and address, as text and in a notebook; by its address if only the id is known."""
    image = call(gyazo, "upload", PNG, title="Loss <curve>")
    link = image.permalink_url

    deleted = call(gyazo, "delete", image)
    other = call(gyazo, "delete", call(gyazo, "upload", PNG + b"2").image_id)

    assert repr(deleted) == f"Deleted({link!r}, title='Loss <curve>')"
    assert "“Loss &lt;curve&gt;”" in deleted._repr_html_()
    assert link in deleted._repr_html_()
    assert deleted == Deleted(image.image_id, "png")
    assert repr(other) == f"Deleted('https://gyazo.com/{other.image_id}')"


@pytest.mark.parametrize("value", ["false", "no", 1, "true"])
def test_metadata_is_public_must_be_a_bool(gyazo, value):
    """Python would count the text "false" as true."""
    with pytest.raises(ArgumentError, match="must be True or False"):
        gyazo.upload(PNG, metadata_is_public=value)


@pytest.mark.parametrize(
    "wrong_call",
    [
        lambda gyazo: gyazo.search(None),
        lambda gyazo: gyazo.oembed(None),
        lambda gyazo: gyazo.update(ID, desc=3),
    ],
    ids=["search", "oembed", "update"],
)
def test_argument_of_a_wrong_type_raises_an_error_and_nothing_is_sent(gyazo, server, wrong_call):
    with pytest.raises(ArgumentError):
        wrong_call(gyazo)
    assert server.sandbox.requests == []
