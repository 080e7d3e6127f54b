"""The retry loop of the transport: safe requests succeed after failures, and no request is sent too often."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import threading
import time
from email.utils import formatdate

import pytest
from support.helpers import PNG, free_port

from gyazo_nb import (
    ConnectionFailedError,
    Gyazo,
    NotFoundError,
    Retry,
    ServerError,
    TooManyRequestsError,
    UnreadableReplyError,
)
from gyazo_nb.sandbox import Fault, Sandbox, serve

SERVER_ERRORS = [
    Fault(status=500),
    Fault(status=502, body="<html>proxy"),
    Fault(status=503, body=""),
]


def queue_faults(server, *faults):
    """Forget the received requests, and apply the faults to the next ones."""
    server.sandbox.requests.clear()
    server.sandbox.faults += [dataclasses.replace(fault) for fault in faults]


def request_count(server):
    return len(server.sandbox.requests)


SAFE_CALLS = [
    pytest.param("me", (), {}, id="me"),
    pytest.param("images", (), {"page": 1}, id="images"),
    pytest.param("image", ("{id}",), {}, id="image"),
    pytest.param("search", ("x",), {}, id="search"),
    pytest.param("oembed", ("{page}",), {}, id="oembed"),
    pytest.param("update", ("{id}",), {"desc": "d"}, id="update"),
    pytest.param("upload", (PNG,), {}, id="upload"),
    pytest.param("request", ("GET", "/api/images"), {}, id="request"),
    pytest.param("delete", ("{id}",), {}, id="delete"),
]


@pytest.mark.parametrize(("name", "arguments", "options"), SAFE_CALLS)
@pytest.mark.parametrize(
    "faults",
    [SERVER_ERRORS, [Fault(cut="request")] * 3, [Fault(cut="reply")] * 2],
    ids=["500,502,503", "request cut", "reply cut"],
)
def test_safe_call_succeeds_after_two_or_three_failures(
    call, gyazo, server, name, arguments, options, faults
):
    image = gyazo.upload(PNG, title="T")
    queue_faults(server, *faults)
    values = {"{id}": image.image_id, "{page}": image.permalink_url}

    call(gyazo, name, *(values.get(argument, argument) for argument in arguments), **options)

    details = name == "upload"  # of the image that existed before
    # The status of a cut reply is enough to see that the first attempt deleted the image.
    cut = name == "delete" and faults[0].cut == "reply"
    assert request_count(server) == len(faults) + 1 + details - cut
    assert len(server.sandbox.images) == (name != "delete")


def test_retried_upload_creates_one_image(call, gyazo, server):
    """The first attempt created it, and its reply was lost: Gyazo returns the image again."""
    queue_faults(server, Fault(cut="reply"), Fault(cut="reply"))

    image = call(gyazo, "upload", PNG)

    assert [stored.image_id for stored in server.sandbox.images] == [image.image_id]


def test_not_found_after_a_lost_reply_means_deleted(call, gyazo, server):
    """Without a lost reply, "not found" is an error."""
    image = gyazo.upload(PNG)
    queue_faults(server, Fault(cut="reply"))

    assert call(gyazo, "delete", image).image_id == image.image_id
    with pytest.raises(NotFoundError):
        call(gyazo, "delete", image)
    queue_faults(server, Fault(status=429, headers={"Retry-After": "0"}))
    with pytest.raises(NotFoundError):
        call(gyazo, "delete", image)


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(cut="request"), Fault(cut="reply")])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_unsafe_request_that_may_have_been_processed_is_sent_once(
    call, gyazo, server, fault, method
):
    """A second POST or PATCH to an undocumented path could change data twice."""
    queue_faults(server, fault)

    with pytest.raises((ServerError, ConnectionFailedError, NotFoundError)):
        call(gyazo, "request", method, "/api/unknown")

    assert request_count(server) == 1


@pytest.mark.parametrize(
    "call_arguments", [("me",), ("upload", PNG), ("request", "POST", "/api/upload")]
)
def test_every_request_is_retried_after_429(call, gyazo, server, call_arguments):
    """The server did not process the request, so a retry of any method is safe."""
    queue_faults(server, Fault(status=429, headers={"Retry-After": "0"}))

    with contextlib.suppress(Exception):  # the third call ends with an error
        call(gyazo, *call_arguments)

    assert request_count(server) == 2


def test_retry_after_429_waits_for_the_given_delay(call, gyazo, server):
    """A fraction of a second violates the RFC, but its meaning is clear."""
    queue_faults(server, Fault(status=429, headers={"Retry-After": "0.2"}))
    began = time.monotonic()

    assert call(gyazo, "me").name == "Sandy Box"

    assert request_count(server) == 2
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_long_retry_after_raises_an_error_immediately(call, gyazo, server, form):
    """The error contains the delay."""
    retry_after = {"seconds": "3600", "date": formatdate(time.time() + 3600, usegmt=True)}[form]
    queue_faults(server, Fault(status=429, headers={"Retry-After": retry_after}))
    began = time.monotonic()

    with pytest.raises(TooManyRequestsError) as caught:
        call(gyazo, "me")

    assert 3590 <= caught.value.retry_after <= 3601
    assert time.monotonic() - began < 60
    assert request_count(server) == 1


def test_number_of_attempts_is_limited(call, gyazo, server):
    """The last of four attempts raises its error."""
    queue_faults(server, Fault(status=500, times=9))

    with pytest.raises(ServerError, match="Try again in a minute"):
        call(gyazo, "me")

    assert request_count(server) == 4


def test_total_time_is_limited(call, server, urls):
    """Also if many more attempts are allowed."""
    retry = Retry(times=1000, first=0.02, total=0.2)
    with Gyazo(server.sandbox.new_token(), **urls, retries=retry) as gyazo:
        queue_faults(server, Fault(status=500, times=999))
        began = time.monotonic()

        with pytest.raises(ServerError):
            call(gyazo, "me")

        assert time.monotonic() - began < 30


@pytest.mark.parametrize("fault", [Fault(status=400), Fault(status=200, body="<html>A proxy")])
def test_error_that_a_retry_cannot_change_is_raised_after_one_attempt(call, gyazo, server, fault):
    """A wrong value, or the page of a proxy."""
    queue_faults(server, fault)

    with pytest.raises(Exception, match=r"400|web page.*proxy") as caught:
        call(gyazo, "upload", PNG)

    assert request_count(server) == 1
    if fault.status == 200:
        assert isinstance(caught.value, UnreadableReplyError)


def test_server_that_starts_late_is_reached(call):
    """A refused connection is retried."""
    port = free_port()
    sandbox, servers = Sandbox(), []
    timer = threading.Timer(0.1, lambda: servers.append(serve(sandbox, port=port)))
    timer.start()
    retry = Retry(times=10, first=0.05)
    with Gyazo(sandbox.new_token(), api_url=f"http://127.0.0.1:{port}", retries=retry) as gyazo:
        assert call(gyazo, "me").name == "Sandy Box"
    timer.join()
    servers[0].close()


def test_server_that_never_starts_raises_an_error_after_all_attempts(call):
    """Also for a POST, since a refused connection was not processed."""
    began = time.monotonic()
    with socket.socket() as bound:  # bound but not listening: no other program can use the port
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        gyazo = Gyazo("a-token", api_url=url, retries=Retry(first=0.04))
        with gyazo, pytest.raises(ConnectionFailedError, match="could not be reached"):
            call(gyazo, "request", "POST", "/api/x")

    assert time.monotonic() - began >= (0.04 + 0.08 + 0.16) / 2


def test_requests_of_a_sign_in_are_not_retried(signed_out, app, user, server):
    """Neither the token exchange nor the request for the user."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    queue_faults(server, Fault(status=429, headers={"Retry-After": "1"}, path="/oauth/token"))
    with pytest.raises(TooManyRequestsError):
        login.finish(address)
    assert request_count(server) == 1

    queue_faults(server, Fault(status=503, path="/api/users/me"))
    with pytest.raises(ServerError):
        login.finish()
    assert [r.path for r in server.sandbox.requests] == ["/oauth/token", "/api/users/me"]


def test_interrupt_during_a_delay_works_immediately(gyazo, server):
    """For blocking calls."""
    queue_faults(server, Fault(status=429, headers={"Retry-After": "30"}))
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        gyazo.me()

    assert time.monotonic() - began < 15  # half of the delay
    timer.join()


def test_cancellation_during_a_delay_works_immediately(gyazo, server, caplog):
    """For async calls. A warning announced the long delay."""
    queue_faults(server, Fault(status=429, headers={"Retry-After": "30"}))

    def warnings():
        return [r for r in caplog.records if r.name == "gyazo_nb.http.transport"]

    async def main():
        task = asyncio.create_task(gyazo.ame())
        while not warnings():  # noqa: ASYNC110 -- a log record sets no event
            await asyncio.sleep(0.001)
        task.cancel()
        await task

    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())

    assert time.monotonic() - began < 15  # half of the delay
    (record,) = warnings()
    assert record.levelname == "WARNING"
    assert "/api/users/me: 429, retry in 30.0 seconds" in record.getMessage()
