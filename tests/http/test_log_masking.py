"""No log of the HTTP libraries shows a secret, or the query of an address."""

import logging

import pytest
from support.helpers import PNG
from support.scripted_server import scripted_server, scripted_session

from gyazo_nb import Gyazo, GyazoError, Image, UnreadableReplyError
from gyazo_nb.sandbox import Fault


def test_token_is_in_no_log_and_in_no_error(
    call, session, make_every_call, token_in, server, caplog
):
    """At level DEBUG, also for replies that repeat the token."""
    caplog.set_level(logging.DEBUG)
    make_every_call()
    token = session.account.token.reveal()
    echo = f"/elsewhere?access_token={token}&x=1"
    errors = []
    for fault in (
        Fault(status=302, headers={"Location": echo}),
        Fault(status=302, headers={"Location": f"/%3Faccess_token%3D{token}"}),
        Fault(status=400, body=f"access_token={token} is not valid"),
        Fault(
            status=403, body={"message": f"{token} may not"}, headers={"X-Echo": f"Bearer {token}"}
        ),
        Fault(status=200, body=f"<html>{token}"),
    ):
        server.sandbox.faults.append(fault)
        with pytest.raises(GyazoError) as caught:
            call(session, "me")
        errors += [str(caught.value), repr(caught.value), caught.value.message]

    assert caplog.text.count("/api/users/me") >= 5
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    assert token not in caplog.text + "".join(errors)
    assert not [record for record in caplog.records if token in repr(vars(record))]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Echo": "s3cr3t-token"},
        {"Set-Cookie": "token=s3cr3t-token"},
        {"X-Echo": '{"access_token":"s3cr3t-token"}'},
        {"Location": "/x?access_token=s3cr3t-token"},
    ],
)
def test_token_in_a_header_of_the_reply_is_masked(call, caplog, headers, token_in):
    caplog.set_level(logging.DEBUG)
    with (
        scripted_server(lambda *_: (302, headers, b"s3cr3t-token")) as (url, _),
        Gyazo("s3cr3t-token", api_url=url, token_in=token_in, retries=0) as gyazo,
        pytest.raises(UnreadableReplyError),
    ):
        call(gyazo, "me")

    assert "/api/users/me" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_address_of_a_picture_is_shown_without_query_and_password(caplog):
    """In errors and logs. Records about requests of other code stay as they are."""
    caplog.set_level(logging.DEBUG)
    with scripted_session(lambda *_: (503, {}, b"")) as (gyazo, _):
        base = gyazo.account.site.api_url.removeprefix("http://")
        address = f"http://user:pw@{base}/x.png?sig=S1G"
        picture = Image("a", url=address, source=gyazo._connection.transport)
        with pytest.raises(Exception, match=rf"GET {base}/x\.png returned 503") as caught:
            picture.download()

    assert "S1G" not in caplog.text + str(caught.value)
    assert "user:pw" not in caplog.text + str(caught.value)
    logging.getLogger("httpx").warning("GET https://other.example/?q=%s", "theirs")
    assert "?q=theirs" in caplog.text


def test_address_of_a_downloaded_picture_is_logged_without_its_query(gyazo, server, caplog):
    """An address to upload from may be signed, and so may the addresses of its redirects."""
    caplog.set_level(logging.DEBUG)
    picture = gyazo.upload(PNG)
    moved = {"Location": f"{picture.url}?sig=S1G2"}
    server.sandbox.faults.append(Fault(status=302, headers=moved, path="/signed"))

    gyazo.upload(f"{server.url}/signed?sig=S1G")

    assert "/signed" in caplog.text
    assert "S1G" not in caplog.text
