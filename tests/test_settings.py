"""A Site or an App that exists is usable; what cannot be is named."""

import pytest

from gyazo_nb import App, ConfigError, Site


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.gyazo.com", "https://api.gyazo.com"),
        ("https://api.gyazo.com/", "https://api.gyazo.com"),
        (" https://example.com/gyazo/ ", "https://example.com/gyazo"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_is_https_or_loopback(url, kept):
    """Https everywhere, http on this machine alone; the last slash is dropped."""
    assert Site(api_url=url).api_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://api.gyazo.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://api.gyazo.com",
        "api.gyazo.com",
        "https://",
        "https://api.gyazo.com:port",
        "https://api.gyazo.com:99999",
        "https://api.gyazo.com:0",
        "https://api gyazo.com",
        "https://user:pw@api.gyazo.com",
        "https://api.gyazo.com/?a=1",
        "https://api.gyazo.com/#a",
        "http://[::1",
        "",
        "https://api.gyazo.com\nx",
    ],
)
def test_a_wrong_address_is_named_by_its_setting(url):
    """One sentence that names the variable and the trait, without a password in it."""
    with pytest.raises(ConfigError, match="GYAZO_API_URL .*c.GyazoMagics.api_url") as caught:
        Site(api_url=url)

    assert "pw" not in str(caught.value)


def test_the_defaults_are_the_real_ones():
    """Without settings, it is Gyazo itself that is spoken to."""
    assert Site() == Site(
        "https://api.gyazo.com", "https://api.gyazo.com", "https://upload.gyazo.com"
    )


def test_an_app_needs_a_client_id():
    """The sentence says where the id is to be found."""
    with pytest.raises(ConfigError, match="GYAZO_CLIENT_ID .*gyazo.com/oauth/applications"):
        App("")


@pytest.mark.parametrize(
    "uri", ["callback", "http://", "https:///x", "http://a/#b", "http://[", "http://a b/"]
)
def test_a_redirect_uri_that_cannot_come_back_is_refused(uri):
    """What no browser could end on is refused, and the setting named."""
    with pytest.raises(ConfigError, match="GYAZO_REDIRECT_URI"):
        App("id", "secret", uri)


@pytest.mark.parametrize(
    "uri", ["http://localhost", "gyazocapture://oauth/callback", "urn:ietf:wg:oauth:2.0:oob"]
)
def test_the_forms_that_real_applications_register_are_taken(uri):
    """Loopback without a port, other schemes and the out-of-band URN are all in use."""
    assert App("id", "secret", uri).redirect_uri == uri


def test_an_app_hides_its_secret():
    """The repr of an application shows the id alone."""
    assert "s3cr3t" not in repr(App("id", "s3cr3t", "http://localhost/"))
