"""Trouble on the wire, over real sockets: what is asked again succeeds, and nothing is asked too often."""

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
from support.helpers import PNG

from gyazo_nb import (
    ConnectionFailedError,
    Gyazo,
    NotFoundError,
    Retry,
    ServerError,
    Timeouts,
    TooManyRequestsError,
    UnreadableReplyError,
)
from gyazo_nb.sandbox import Fault, Sandbox, serve

THREE = [Fault(status=500), Fault(status=502, body="<html>proxy"), Fault(status=503, body="")]


@pytest.fixture
def quick(server, urls):
    """A session that does not wait long in between."""
    with Gyazo(server.sandbox.new_token(), **urls, retries=Retry(first=0.01)) as quick:
        yield quick


def order(server, *faults):
    server.sandbox.requests.clear()
    server.sandbox.faults += [dataclasses.replace(fault) for fault in faults]


def asked(server):
    return len(server.sandbox.requests)


CALLS = [
    ("me",),
    ("images", {"page": 1}),
    ("image", "{id}"),
    ("search", "x"),
    ("oembed", "{page}"),
    ("update", "{id}", {"desc": "d"}),
    ("upload", PNG),
    ("request", "GET", "/api/images"),
    ("delete", "{id}"),
]


@pytest.mark.parametrize("ask", CALLS, ids=lambda ask: ask[0])
@pytest.mark.parametrize(
    "faults",
    [THREE, [Fault(cut="request")] * 3, [Fault(cut="reply")] * 2],
    ids=["500,502,503", "cut in the upload", "cut in the answer"],
)
def test_what_does_no_harm_twice_succeeds_after_trouble(call, quick, server, ask, faults):
    """Three faults in a row, then the result: as if nothing had been."""
    image = quick.upload(PNG, title="T")
    order(server, *faults)
    name, *arguments = ask
    options = arguments.pop() if isinstance(arguments[-1:] and arguments[-1], dict) else {}
    named = {"{id}": image.image_id, "{page}": image.permalink_url}
    arguments = [named.get(a, a) if isinstance(a, str) else a for a in arguments]

    call(quick, name, *arguments, **options)

    assert asked(server) == len(faults) + 1
    assert len(server.sandbox.images) == (name != "delete")


def test_an_upload_is_not_there_twice(call, quick, server):
    """Identical bytes give the image that is there: the first was done, its answer lost."""
    order(server, Fault(cut="reply"), Fault(cut="reply"))

    image = call(quick, "upload", PNG)

    assert [stored.image_id for stored in server.sandbox.images] == [image.image_id]


def test_a_delete_whose_answer_was_lost_has_deleted(call, quick, server):
    """The second attempt finds nothing, which is what was wanted; a first one does not."""
    image = quick.upload(PNG)
    order(server, Fault(cut="reply"))

    assert call(quick, "delete", image).image_id == image.image_id
    with pytest.raises(NotFoundError):
        call(quick, "delete", image)
    order(server, Fault(status=429, headers={"Retry-After": "0"}))
    with pytest.raises(NotFoundError):
        call(quick, "delete", image)


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(cut="request"), Fault(cut="reply")])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_do_harm_twice_is_asked_once(call, quick, server, fault, method):
    """A method that changes something each time, on a path that nobody knows."""
    order(server, fault)

    with pytest.raises((ServerError, ConnectionFailedError)):
        call(quick, "request", method, "/api/unknown")

    assert asked(server) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("ask", [("me",), ("upload", PNG), ("request", "POST", "/api/upload")])
def test_too_many_requests_are_waited_for(call, gyazo, server, form, ask):
    """429 was not carried out, so anything is asked again, when the service says."""
    wanted = {"seconds": "1", "date": formatdate(time.time() + 1.5, usegmt=True)}[form]
    order(server, Fault(status=429, headers={"Retry-After": wanted}))
    began = time.monotonic()

    with contextlib.suppress(Exception):  # the last of the three is refused in the end
        call(gyazo, *ask)

    assert asked(server) == 2
    assert 0.4 <= time.monotonic() - began < 5


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_nobody_waits_for_an_hour(call, gyazo, server, form):
    """A Retry-After beyond the longest wait is an error at once, which says how long."""
    wanted = {"seconds": "3600", "date": formatdate(time.time() + 3600, usegmt=True)}[form]
    order(server, Fault(status=429, headers={"Retry-After": wanted}))
    began = time.monotonic()

    with pytest.raises(TooManyRequestsError) as caught:
        call(gyazo, "me")

    assert 3590 <= caught.value.retry_after <= 3601
    assert time.monotonic() - began < 2
    assert asked(server) == 1


def test_the_number_is_bounded(call, quick, server):
    """Four attempts, then the last error."""
    order(server, Fault(status=500, times=9))

    with pytest.raises(ServerError, match="try again in a minute"):
        call(quick, "me")

    assert asked(server) == 4


def test_the_total_time_is_bounded(call, server, urls):
    """However many attempts are allowed."""
    retry = Retry(times=1000, first=0.2, total=1)
    with Gyazo(server.sandbox.new_token(), **urls, retries=retry) as gyazo:
        order(server, Fault(status=500, times=999))
        began = time.monotonic()

        with pytest.raises(ServerError):
            call(gyazo, "me")

        assert time.monotonic() - began < 3


@pytest.mark.parametrize("fault", [Fault(status=400), Fault(status=200, body="<html>A proxy")])
def test_an_answer_is_an_answer(call, quick, server, fault):
    """What another attempt would not change is not asked again; a proxy's page is named as such."""
    order(server, fault)

    with pytest.raises(Exception, match=r"400|web page.*proxy") as caught:
        call(quick, "upload", PNG)

    assert asked(server) == 1
    if fault.status == 200:
        assert isinstance(caught.value, UnreadableReplyError)


def test_refused_for_a_while(call):
    """A server that is not there yet is reached as soon as it is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sandbox, servers = Sandbox(), []
    timer = threading.Timer(0.3, lambda: servers.append(serve(sandbox, port=port)))
    timer.start()
    retry = Retry(times=8, first=0.2)
    with Gyazo(sandbox.new_token(), api_url=f"http://127.0.0.1:{port}", retries=retry) as gyazo:
        assert call(gyazo, "me").name == "Sandy Box"
    timer.join()
    servers[0].close()


def test_refused_for_good(call):
    """Within the stated few seconds, one sentence."""
    began = time.monotonic()
    with socket.socket() as deaf:  # bound, so that nobody else listens there
        deaf.bind(("127.0.0.1", 0))
        gyazo = Gyazo("a-token", api_url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with gyazo, pytest.raises(ConnectionFailedError, match="could not be reached"):
            call(gyazo, "request", "POST", "/api/x")

    assert 0.9 < time.monotonic() - began < 6


def test_signing_in_tells_trouble_at_once(signed_out, app, user, server):
    """Neither the exchange nor the question whose token it is are repeated by themselves."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    order(server, Fault(status=429, headers={"Retry-After": "1"}, path="/oauth/token"))
    with pytest.raises(TooManyRequestsError):
        login.finish(address)
    assert asked(server) == 1

    order(server, Fault(status=503, path="/api/users/me"))
    with pytest.raises(ServerError):
        login.finish()
    assert [r.path for r in server.sandbox.requests] == ["/oauth/token", "/api/users/me"]


def test_an_interrupt_during_the_wait_works_at_once(gyazo, server):
    """The stop button, in the blocking colour."""
    order(server, Fault(status=429, headers={"Retry-After": "20"}))
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        gyazo.me()

    assert time.monotonic() - began < 3
    timer.join()


def test_a_cancellation_during_the_wait_works_at_once(gyazo, server, caplog):
    """The same, awaited. Where nothing would happen for long, a warning has said why."""
    order(server, Fault(status=429, headers={"Retry-After": "20"}))

    async def main():
        async with asyncio.timeout(0.5):
            await gyazo.ame()

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(main())

    assert time.monotonic() - began < 3
    (record,) = [r for r in caplog.records if r.name == "gyazo_nb.http.transport"]
    assert record.levelname == "WARNING"
    assert "/api/users/me: 429, asked again in 20.0 seconds" in record.getMessage()


def test_each_time_out_is_settable(call):
    """`timeout=` in seconds, or one for each; the sentence states it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        gyazo = Gyazo("a-token", api_url=url, timeout=Timeouts(read=0.2), retries=0)
        with gyazo, pytest.raises(ConnectionFailedError, match="did not answer within 0.2 sec"):
            call(gyazo, "me")
