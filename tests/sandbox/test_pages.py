"""The pages of the sandbox: landing page, image page, home page."""

import httpx
from support.helpers import PNG


def test_landing_page_shows_the_address_and_the_code(server):
    """Both are escaped and easy to select; the page is neither cached nor framed."""
    address = f"{server.url}/callback?code=-a_b%3C&state=s+t"
    page = httpx.get(address)

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Copy this whole address and paste it into the notebook" in page.text
    assert (
        f'readonly\naria-label="Address of this page" value="{address.replace("&", "&amp;")}"'
        in page.text
    )
    assert "-a_b&lt;</code>" in page.text
    assert "A local Gyazo look-alike" in page.text


def test_landing_page_without_a_code(server):
    """A denial shows its address too. Without parameters the page has no address to copy."""
    denied = httpx.get(f"{server.url}/callback?error=access_denied&state=x")

    assert "Access was denied" in denied.text
    assert 'value="' + f"{server.url}/callback?error=access_denied&amp;state=x" in denied.text
    assert "A sign-in ends on this page" in httpx.get(f"{server.url}/callback").text


def test_image_page_is_escaped(server):
    """Only a web address becomes a link. The home page shows the thumbnail."""
    image = server.sandbox.add_image(
        PNG, title="<i>T</i>", desc="a & b", referer_url="javascript:alert(1)"
    )
    page = httpx.get(f"{server.url}/{image.image_id}")

    assert f'<img src="/{image.image_id}.png"' in page.text
    assert "&lt;i&gt;T&lt;/i&gt;" in page.text
    assert "a &amp; b" in page.text
    assert 'href="javascript' not in page.text
    image.fields["referer_url"] = "https://example.com/?a=1&b=2"
    linked = httpx.get(f"{server.url}/{image.image_id}").text
    assert '<a href="https://example.com/?a=1&amp;b=2" rel="noreferrer">' in linked
    assert image.thumb_name in httpx.get(server.url).text


def test_video_page_has_a_video_element(server):
    """The first bytes say that it is an MP4 file."""
    image = server.sandbox.add_image(b"\0\0\0\x18ftypisom")

    assert "<video controls" in httpx.get(f"{server.url}/{image.image_id}").text
