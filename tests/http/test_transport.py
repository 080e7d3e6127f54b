"""Requests as they leave the process: the token, bodies, lengths and redirects."""

import io

import pytest
from support.helpers import PNG
from support.scripted_server import scripted_server

from gyazo_nb import ConnectionFailedError, Gyazo, GyazoError, UnreadableReplyError
from gyazo_nb.sandbox import Fault, serve


def test_token_is_sent_only_in_the_configured_way(session, make_every_call, token_in, server):
    """In the header, or in the query and the form of an upload."""
    make_every_call()

    token = session.account.token.reveal()
    for request in server.sandbox.requests:
        in_form = request.method == "POST"
        assert (f"Bearer {token}" in request.headers.values()) == (token_in == "header")
        assert (f"access_token={token}" in request.query) == (
            token_in == "parameter" and not in_form
        )


def test_sign_in_sends_the_token_in_the_configured_way(server, app, user, urls):
    """`users/me` is requested directly after the token exchange."""
    with Gyazo(**urls, token_in="parameter") as gyazo:
        login = gyazo.login(app)
        login.finish(user.authorize(login.url))
        assert "access_token" in server.sandbox.requests[-1].query


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_token_to_another_host(call, session, server, status):
    """No request reaches the other host at all."""
    with serve() as other:
        target = {"Location": f"{other.url}/api/images"}
        for name, *arguments in (
            ("me",),
            ("image", "a" * 32),
            ("upload", PNG),
            ("delete", "a" * 32),
            ("search", "x"),
            ("request", "PATCH", "/api/x"),
            ("request", "POST", "/api/x"),
        ):
            server.sandbox.faults.append(Fault(status=status, headers=target))
            with pytest.raises(UnreadableReplyError, match="a redirect, which is not followed"):
                call(session, name, *arguments)

        assert other.sandbox.requests == []


def test_proxy_does_not_see_the_token(call, token_in, monkeypatch):
    """The proxy receives only the request for a tunnel to the host."""
    with scripted_server(lambda *_: (403, {}, b"no")) as (proxy, received):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with (
            Gyazo("s3cr3t-token", token_in=token_in, retries=0) as gyazo,
            pytest.raises(ConnectionFailedError),
        ):
            call(gyazo, "me")

    assert received[0][:2] == ("CONNECT", "api.gyazo.com:443")
    assert "s3cr3t" not in str(received)


class ReadSizeRecorder(io.BytesIO):
    """A file that records the size of its largest read."""

    largest = 0

    def read(self, size=-1):
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        return data


def test_open_file_is_streamed_from_its_current_position(call, gyazo, server):
    """In small chunks, with its length, and from the same position in every attempt."""
    file = ReadSizeRecorder(b"skip me" + PNG + bytes(1_000_000))
    file.seek(7)
    server.sandbox.faults += [Fault(status=503), Fault(cut="request"), Fault(cut="reply")]

    call(gyazo, "upload", file)

    assert server.sandbox.images[0].data == PNG + bytes(1_000_000)
    assert 0 < file.largest < 200_000
    assert file.tell() == 7
    uploads = [r for r in server.sandbox.requests if r.path == "/api/upload"]
    assert len({r.content_length for r in uploads}) == 1
    assert len(uploads) == 4
    assert not [r for r in uploads if "transfer-encoding" in r.headers]


def test_file_of_a_path_is_sent_from_its_beginning_in_every_attempt(call, gyazo, server, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG + bytes(500_000))
    server.sandbox.faults += [Fault(status=500), Fault(cut="reply")]

    call(gyazo, "upload", path)

    assert [image.data for image in server.sandbox.images] == [PNG + bytes(500_000)]


def test_stream_that_cannot_seek_is_read_completely_and_can_be_retried(call, gyazo, server):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.rest = io.BytesIO(PNG)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.rest.readinto(buffer)

    server.sandbox.faults.append(Fault(status=500))

    call(gyazo, "upload", Pipe())

    assert server.sandbox.images[0].data == PNG


def test_file_that_grows_during_the_upload_is_sent_with_its_first_length(gyazo, server):
    class GrowingFile(io.BytesIO):
        def read(self, size=-1):
            position = self.tell()
            self.seek(0, io.SEEK_END)
            self.write(b"more")
            self.seek(position)
            return super().read(size)

    gyazo.upload(GrowingFile(PNG))

    # The first read, which detects the type of the picture, happens before the length is determined.
    assert server.sandbox.images[0].data in {PNG, PNG + b"more"}


def test_every_body_has_a_content_length(call, gyazo, server):
    """Gyazo returns 411 without one, also for an empty body."""
    call(gyazo, "upload", PNG)
    with pytest.raises(GyazoError):
        call(gyazo, "request", "POST", "/api/nothing")
    call(gyazo, "update", server.sandbox.images[0].image_id, desc="d")

    bodies = [r for r in server.sandbox.requests if r.method != "GET"]
    assert len(bodies) == 3
    assert None not in [r.content_length for r in bodies]
