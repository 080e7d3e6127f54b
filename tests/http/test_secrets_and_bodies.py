"""What leaves the process, and what does not: the token's two ways, bodies, lengths, cookies, logs."""

import io
import logging

import pytest
from support.helpers import PNG

from gyazo_nb import ConfigError, Gyazo, GyazoError, Site
from gyazo_nb.notebook.traits import GyazoTraits
from gyazo_nb.sandbox import Fault, Sandbox, serve


@pytest.fixture(params=["header", "parameter"])
def way(request):
    return request.param


@pytest.fixture
def session(server, urls, way):
    with Gyazo(server.sandbox.new_token(), **urls, token_in=way) as session:
        yield session


def everything(call, session):
    """One of every call that carries the token."""
    image = call(session, "upload", PNG, title="loss")
    call(session, "me")
    call(session, "images", page=1)
    call(session, "image", image.image_id)
    call(session, "search", "loss & more=1")
    call(session, "update", image, desc="d")
    call(session, "request", "GET", "/api/images", params={"page": 1})
    call(session, "request", "PATCH", f"/api/images/{image.image_id}", form={"desc": "f"})
    call(session, "delete", image)


def test_the_token_goes_the_chosen_way(call, session, way, server):
    """In the header alone, or in the query and the upload's form alone; every call works."""
    everything(call, session)

    token = session.account.token.reveal()
    for asked in server.sandbox.requests:
        in_form = asked.method == "POST"
        assert (f"Bearer {token}" in asked.headers.values()) == (way == "header")
        assert (f"access_token={token}" in asked.query) == (way == "parameter" and not in_form)


def test_the_token_is_in_no_log_and_no_error(call, session, way, server, caplog):
    """At DEBUG, whatever goes wrong, even where the server repeats what it got."""
    caplog.set_level(logging.DEBUG)
    everything(call, session)
    token = session.account.token.reveal()
    echo = f"/elsewhere?access_token={token}&x=1"
    errors = []
    for fault in (
        Fault(status=302, headers={"Location": echo}),
        Fault(status=302, headers={"Location": f"/%3Faccess_token%3D{token}"}),
        Fault(status=400, body=f"access_token={token} is no good"),
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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_token_to_another_host(call, session, server, status):
    """Nothing is sent there at all, whatever was asked."""
    with serve() as elsewhere:
        target = {"Location": f"{elsewhere.url}/api/images"}
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
            with pytest.raises(GyazoError, match="points elsewhere"):
                call(session, name, *arguments)

        assert elsewhere.sandbox.requests == []


def test_the_setting_has_its_three_places(server, monkeypatch):
    """The argument, GYAZO_TOKEN_IN, and the trait; what is neither of the two is named."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    monkeypatch.setenv("GYAZO_TOKEN_IN", "parameter")
    with Gyazo() as gyazo:
        gyazo.me()
        assert "access_token" in server.sandbox.requests[-1].query

        monkeypatch.setenv("GYAZO_TOKEN_IN", "cookie")
        with pytest.raises(ConfigError, match="GYAZO_TOKEN_IN .*'header' or 'parameter'"):
            gyazo.me()
    with Gyazo(token_in="header") as gyazo:
        gyazo.me()
        assert "access_token" not in server.sandbox.requests[-1].query
    assert GyazoTraits(token_in="parameter").settings.site().token_in == "parameter"
    with pytest.raises(ConfigError, match="token_in"):
        Site(token_in="cookie")


def test_signing_in_uses_the_chosen_way_too(server, app, user, urls):
    """users/me right after the exchange."""
    with Gyazo(**urls, token_in="parameter") as gyazo:
        login = gyazo.login(app)
        login.finish(user.authorize(login.url))
        assert "access_token" in server.sandbox.requests[-1].query


def test_no_cookie_is_kept(call, gyazo, server):
    """A cookie would be a second identity, kept beyond a sign-out."""
    server.sandbox.faults.append(
        Fault(status=400, headers={"Set-Cookie": "Gyazo_session=x; Path=/"})
    )
    with pytest.raises(GyazoError):
        call(gyazo, "me")

    call(gyazo, "me")

    assert "cookie" not in server.sandbox.requests[-1].headers


class Counting(io.BytesIO):
    """A file that counts how it is read."""

    largest = 0

    def read(self, size=-1):
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        return data


def test_an_open_file_is_streamed_from_where_it_stands(call, gyazo, server):
    """In small pieces, its length first, and once more from the same place where it is repeated."""
    file = Counting(b"skip me" + PNG + bytes(3_000_000))
    file.seek(7)
    server.sandbox.faults += [Fault(status=503), Fault(cut="request"), Fault(cut="reply")]

    call(gyazo, "upload", file)

    assert server.sandbox.images[0].data == PNG + bytes(3_000_000)
    assert 0 < file.largest < 200_000
    assert file.tell() == 7
    uploads = [r for r in server.sandbox.requests if r.path == "/api/upload"]
    assert len({r.content_length for r in uploads}) == 1
    assert len(uploads) == 4
    assert not [r for r in uploads if "transfer-encoding" in r.headers]


def test_a_path_is_sent_whole_each_time(call, gyazo, server, tmp_path):
    """A second attempt begins at the beginning."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG + bytes(500_000))
    server.sandbox.faults += [Fault(status=500), Fault(cut="reply")]

    call(gyazo, "upload", path)

    assert [image.data for image in server.sandbox.images] == [PNG + bytes(500_000)]


def test_a_stream_that_cannot_go_back_is_read_whole(call, gyazo, server):
    """And can be sent again."""

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


def test_a_file_that_grows_meanwhile_is_sent_as_it_was(gyazo, server):
    """No more than the length that was promised."""

    class Growing(io.BytesIO):
        def read(self, size=-1):
            at = self.tell()
            self.seek(0, io.SEEK_END)
            self.write(b"more")
            self.seek(at)
            return super().read(size)

    gyazo.upload(Growing(PNG))

    # The first read, which looks at the kind, is before the length is taken.
    assert server.sandbox.images[0].data in {PNG, PNG + b"more"}


def test_a_length_is_always_sent(call, gyazo, server):
    """Gyazo answers 411 without, also to an empty body."""
    call(gyazo, "upload", PNG)
    with pytest.raises(GyazoError):
        call(gyazo, "request", "POST", "/api/nothing")
    call(gyazo, "update", server.sandbox.images[0].image_id, desc="d")

    bodies = [r for r in server.sandbox.requests if r.method != "GET"]
    assert len(bodies) == 3
    assert None not in [r.content_length for r in bodies]


def test_a_sandbox_that_is_gone_is_one_sentence(call):
    """Also with the token as a parameter: no URL in it."""
    with serve(Sandbox()) as server:
        token, url = server.sandbox.new_token(), server.url
    with Gyazo(token, api_url=url, token_in="parameter", retries=0) as gyazo:
        with pytest.raises(GyazoError, match="could not be reached") as caught:
            call(gyazo, "me")

        assert token not in str(caught.value)
