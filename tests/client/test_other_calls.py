"""What looks and changes nothing: search, oEmbed, the pictures themselves, and how a session shows."""

import inspect
import io
import re
import sys

import PIL.Image
import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from support.helpers import PNG

from gyazo_nb import (
    Account,
    ArgumentError,
    Gyazo,
    NotFoundError,
    PictureError,
    PlanError,
    Site,
    User,
)
from gyazo_nb.sandbox import Account as Person
from gyazo_nb.sandbox import Fault, Sandbox, serve


def drawn():
    out = io.BytesIO()
    PIL.Image.new("RGB", (4, 3), "red").save(out, "PNG")
    return out.getvalue()


def test_search(call, gyazo, server):
    """A page of what fits; the page's length travels as `per`."""
    for n in range(5):
        server.sandbox.add_image(PNG + bytes([n]), title=f"loss {n}")
    server.sandbox.add_image(PNG + b"x", title="gain")

    page = call(gyazo, "search", "loss", page=2, per=2)

    assert len(page) == 2
    assert all(image.title.startswith("loss") for image in page)
    assert "per=2" in server.sandbox.requests[-1].query
    assert "per_page" not in server.sandbox.requests[-1].query


def test_search_on_a_free_plan_is_explained(call):
    """402: that it needs a paid plan, and what works without."""
    with serve(Sandbox(accounts=[Person()])) as server:
        gyazo = Gyazo(server.sandbox.new_token(), api_url=server.url)

        with pytest.raises(
            PlanError, match=r"paid plans only.*gyazo.com/pricing.*images\(\)"
        ) as caught:
            call(gyazo, "search", "loss")

        assert (caught.value.status, "Upgrade" in caught.value.message) == (402, True)
        gyazo.close()


@pytest.mark.parametrize(
    ("query", "options"),
    [("", {}), ("  ", {}), ("x" * 201, {}), ("x", {"page": 0}), ("x", {"per": 101})],
)
def test_a_query_out_of_bounds_is_not_sent(call, gyazo, server, query, options):
    """Up to 200 characters, as documented."""
    with pytest.raises(ArgumentError):
        call(gyazo, "search", query, **options)

    assert server.sandbox.requests == []


def test_oembed_needs_no_sign_in(call, signed_out, gyazo, server):
    """By image or address; no token travels, signed in or not."""
    image = gyazo.upload(drawn())
    server.sandbox.requests.clear()

    assert call(signed_out, "oembed", image.permalink_url).width == 4
    assert call(gyazo, "oembed", image).url == image.url

    for asked in server.sandbox.requests:
        assert "authorization" not in asked.headers
        assert "access_token" not in asked.query


def test_oembed_of_what_nobody_may_see(call, signed_out):
    """NotFound, and a thing that is no address is refused."""
    with pytest.raises(NotFoundError):
        call(signed_out, "oembed", f"https://gyazo.com/{'0' * 32}")
    with pytest.raises(ArgumentError, match="no address"):
        call(signed_out, "oembed", "0" * 32)


def test_an_image_gives_its_bytes(call, gyazo, server):
    """From upload, list, detail and search; without the token."""
    image = call(gyazo, "upload", drawn(), title="T")
    for one in (image, gyazo.images()[0], gyazo.image(image.image_id), gyazo.search("T")[0]):
        server.sandbox.requests.clear()
        assert call(one, "download") == drawn()
        assert call(one, "open").size == (4, 3)
        assert not [r for r in server.sandbox.requests if "authorization" in r.headers]
        assert {r.headers["accept"] for r in server.sandbox.requests} == {"*/*"}


def test_a_picture_is_followed_to_another_host_without_the_token(call, gyazo, server):
    """Where Gyazo points a picture, it is fetched: nothing could go along."""
    image = gyazo.upload(drawn())
    with serve() as elsewhere:
        copy = elsewhere.sandbox.add_image(drawn())
        target = {"Location": f"{elsewhere.url}/{copy.image_id}.png"}
        server.sandbox.faults.append(Fault(status=302, headers=target, path=f"/{image.image_id}"))

        assert call(image, "download") == drawn()

        token = gyazo.account.token.reveal()
        assert token not in repr([r.headers for r in elsewhere.sandbox.requests])


def test_a_picture_that_is_none(call, gyazo):
    """Pillow's refusal is a sentence."""
    image = gyazo.upload(PNG[:20] + b"not really")

    with pytest.raises(PictureError, match=r"download\(\)"):
        call(image, "open")


def test_without_pillow_there_is_a_sentence(gyazo, monkeypatch):
    """What to install."""
    image = gyazo.upload(drawn())
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(PictureError, match="%pip install pillow"):
        image.open()


def test_a_session_shows_who_is_signed_in_and_asks_nobody(gyazo, signed_out, server, monkeypatch):
    """Named, unnamed, nobody, and with a setting that is wrong; the name is text."""
    shown = signed_out._repr_html_()
    assert "%gyazo_login" in shown

    shown = gyazo._repr_html_()
    assert "with the token from the argument" in shown
    assert "gyazo.me()" in shown

    user = User(uid="1", name="<b>Sandy</b>", email="s@example.com")
    gyazo._connection.current.sign_in(Account(gyazo.account.token, Site(), user, "%gyazo_login"))
    shown = gyazo._repr_html_()
    assert "&lt;b&gt;Sandy" in shown
    assert "<b>Sandy" not in shown
    assert gyazo.account.token.reveal() not in shown

    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "two words")
    assert "no access token" in Gyazo()._repr_html_()
    assert server.sandbox.requests == []


def test_tab_completes_every_call(gyazo):
    """`gyazo.` and Tab: the calls, and nothing that asks Gyazo."""
    completer = IPCompleter(InteractiveShell(), namespace={"gyazo": gyazo})
    with provisionalcompleter():
        found = {c.text.strip(".") for c in completer.completions("gyazo.", 6)}

    assert {"upload", "aupload", "images", "search", "easy_upload", "request", "me"} <= found


def test_shift_tab_shows_a_signature_and_an_example():
    """Each call leads with a line, then an example, and names its source; its twin says whose."""
    for name, method in inspect.getmembers(Gyazo, inspect.isfunction):
        if name.startswith("_") or name in {"close", "logout", "account"}:
            continue
        text, parameters = inspect.getdoc(method), inspect.signature(method).parameters
        assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values()), name
        if name.startswith("a") and hasattr(Gyazo, name[1:]):
            assert text.startswith(f"Same as `{name[1:]}`, awaited"), name
        else:
            assert re.search(r"\n\n>>> .*gyazo\.", text), name
            # What has a twin is a call of the API.
            assert "Source: " in text or not hasattr(Gyazo, f"a{name}"), name
