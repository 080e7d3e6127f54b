"""Proxies and certificates of the environment: every common form works, and a wrong one is named."""

import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from support.helpers import PNG
from support.raw_server import http_proxy, raw_server, read_head, socks_proxy
from support.scripted_server import scripted_server

from gyazo_nb import ConnectionFailedError, Gyazo, Image, PictureError, Retry, Timeouts
from gyazo_nb.http.proxies import ProxySettingError, bypasses_proxy, is_local, proxy_for

USER = {"user": {"uid": "u1", "name": "Sandy Box", "email": "sandy@box.example"}}
GYAZO = "https://gyazo.test"


# ── which proxy, by the variables ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "url", "auth"),
    [
        ("http://proxy.test:3128", "http://proxy.test:3128", None),
        ("http://proxy.test:3128/", "http://proxy.test:3128", None),
        ("HTTP://Proxy.Test:3128", "http://Proxy.Test:3128", None),
        ("http://proxy.test:3128/any/path?x", "http://proxy.test:3128", None),
        ("  http://proxy.test:3128\n", "http://proxy.test:3128", None),
        ('"http://proxy.test:3128"', "http://proxy.test:3128", None),
        ("'proxy.test:3128'", "http://proxy.test:3128", None),
        ("proxy.test:3128", "http://proxy.test:3128", None),
        ("proxy.test", "http://proxy.test", None),
        ("10.0.0.1:3128", "http://10.0.0.1:3128", None),
        ("https://proxy.test", "https://proxy.test", None),
        ("socks5://proxy.test:1080", "socks5://proxy.test:1080", None),
        ("socks5h://proxy.test:1080", "socks5h://proxy.test:1080", None),
        ("socks://proxy.test:1080/", "socks5://proxy.test:1080", None),
        ("SOCKS://proxy.test", "socks5://proxy.test", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("[fd00::1]:3128", "http://[fd00::1]:3128", None),
        ("socks5://[fd00::1]", "socks5://[fd00::1]", None),
        ("http://user:pass@proxy.test:3128", "http://proxy.test:3128", ("user", "pass")),
        ("user:pass@proxy.test:3128", "http://proxy.test:3128", ("user", "pass")),
        ("http://user@proxy.test", "http://proxy.test", ("user", "")),
        ("http://us%40er:p%3Ass@proxy.test", "http://proxy.test", ("us@er", "p:ss")),
        ("http://user:p@ss/w:rd@proxy.test", "http://proxy.test", ("user", "p@ss/w:rd")),
        ("http://DOMAIN\\user:pass@proxy.test", "http://proxy.test", ("DOMAIN\\user", "pass")),
        ("socks5://user:pass@[::1]:1080", "socks5://[::1]:1080", ("user", "pass")),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_every_common_form_of_a_proxy_works(monkeypatch, variable, value, url, auth):
    """Scheme, no scheme, IPv6, user and password, in upper and lower case."""
    monkeypatch.setenv(variable, value)

    setting = proxy_for("https://api.gyazo.com/api/images")

    assert (setting.url, setting.auth, setting.variable) == (url, auth, variable)
    assert setting.proxy().raw_auth == (auth and tuple(text.encode() for text in auth))
    assert "pass" not in repr(setting)


@pytest.mark.parametrize(
    "value",
    [
        "gopher://s3cr3t",
        "socks4://s3cr3t:1080",
        "socks4a://s3cr3t",
        "ftp://s3cr3t",
        "http://",
        "http://[s3cr3t",
        "http://[::g]:3128",
        "http://::1:3128",
        "http://s3cr3t:port",
        "http://s3cr3t:0",
        "http://s3cr3t:99999",
        "http://s3cr3t pass@",
        "http://s3cr3t host:3128",
        "http://s3cr3t\x1b[31m:3128",
        "http:s3cr3t:3128",
        "://s3cr3t",
        "@",
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_wrong_proxy_is_named_without_its_value(call, monkeypatch, variable, value):
    """The value may contain a password."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ProxySettingError, match=rf"^{variable} (is not the address|names a kind)"):
        proxy_for(GYAZO)
    with Gyazo("a-token", api_url=GYAZO) as gyazo:
        for fails in (
            lambda: call(gyazo, "me"),
            lambda: call(gyazo, "upload", f"{GYAZO}/x.png"),
        ):
            with pytest.raises((ConnectionFailedError, PictureError)) as caught:
                fails()
            assert f"was not sent: {variable} " in str(caught.value)
            assert "correct the variable, or unset it" in str(caught.value)
            assert "s3cr3t" not in str(caught.value)


def test_wrong_proxy_does_not_concern_other_requests(call, monkeypatch, gyazo):
    """To this machine, to a host in NO_PROXY, and of the other scheme."""
    monkeypatch.setenv("ALL_PROXY", "gopher://x")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    monkeypatch.setenv("NO_PROXY", "gyazo.test")

    assert call(gyazo, "me").name == "Sandy Box"
    assert proxy_for("https://gyazo.test") is None
    assert proxy_for("http://other.test").variable == "HTTP_PROXY"


def test_lower_case_wins_and_an_empty_variable_unsets(monkeypatch):
    """As in curl and Python."""
    monkeypatch.setenv("HTTPS_PROXY", "http://upper.test")
    monkeypatch.setenv("https_proxy", "http://lower.test")
    assert proxy_for(GYAZO).url == "http://lower.test"

    monkeypatch.setenv("https_proxy", "")
    assert proxy_for(GYAZO) is None

    monkeypatch.setenv("ALL_PROXY", "http://all.test")
    assert proxy_for(GYAZO).variable == "ALL_PROXY"


def test_http_proxy_of_a_cgi_script_is_not_used(monkeypatch):
    """A client of the web server sets it, with the header Proxy (https://httpoxy.org)."""
    monkeypatch.setenv("HTTP_PROXY", "http://evil.test")
    assert proxy_for("http://other.test").url == "http://evil.test"

    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert proxy_for("http://other.test") is None

    monkeypatch.setenv("http_proxy", "http://good.test")
    assert proxy_for("http://other.test").url == "http://good.test"


@pytest.mark.parametrize(
    ("entry", "hosts", "others"),
    [
        ("*", ["gyazo.com", "10.0.0.1", "fd00::1"], []),
        ("gyazo.com", ["gyazo.com", "api.gyazo.com", "GYAZO.com", "gyazo.com."], ["notgyazo.com"]),
        (".gyazo.com", ["gyazo.com", "api.gyazo.com"], ["gyazo.com.evil.test"]),
        ("*.gyazo.com", ["api.gyazo.com"], ["notgyazo.com"]),
        ("GYAZO.COM", ["api.gyazo.com"], ["gyazo.org"]),
        ("gyazo.com:443", ["gyazo.com"], []),
        ("gyazo.com:8443", [], ["gyazo.com"]),
        ("https://gyazo.com/", ["gyazo.com"], ["other.com"]),
        ("10.0.0.0/8", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.1", "gyazo.com"]),
        ("10.0.0.1", ["10.0.0.1"], ["10.0.0.10", "110.0.0.1"]),
        ("10.0.0.1:443", ["10.0.0.1"], ["10.0.0.2"]),
        ("192.168.0.0/255.255.0.0", ["192.168.3.4"], ["192.169.0.1"]),
        ("192.168.1.7/16", ["192.168.3.4"], ["192.169.0.1"]),
        ("fd00::/8", ["fd00::1", "[fd12::3]"], ["fe00::1", "10.0.0.1"]),
        ("[fd00::]/8", ["fd00::1"], ["fe00::1"]),
        ("[fd00::1]", ["fd00::1", "[fd00:0::1]"], ["fd00::2"]),
        ("[fd00::1]:443", ["fd00::1"], []),
        ("[fd00::1]:80", [], ["fd00::1"]),
        ("::1", ["::1"], ["::2"]),
        ("[::1]", ["::1"], ["::2"]),
        ("2001:db8::/32", ["2001:db8::5"], ["2001:db9::5"]),
        ("", [], ["gyazo.com", "10.0.0.1"]),
        (" , ,", [], ["gyazo.com"]),
        (".", [], ["gyazo.com"]),
        ("[", [], ["gyazo.com"]),
        ("[::1", [], ["::1"]),
        ("10.0.0.0/99", [], ["10.0.0.1"]),
        ("gyazo.com:port", [], ["gyazo.com"]),
        ("é.test, \x00", [], ["gyazo.com"]),
    ],
)
@pytest.mark.parametrize(
    "form",
    ["{}", "{},", " {} ", "a.test,{}", "a.test, {} ,b.test", "a.test {} b.test", "a.test;{}"],
)
def test_no_proxy_takes_names_addresses_networks_and_ports(entry, hosts, others, form):
    """In any list. An entry that means nothing is ignored."""
    no_proxy = form.format(entry)

    assert [host for host in hosts if not bypasses_proxy(host, 443, no_proxy)] == []
    assert [host for host in others if bypasses_proxy(host, 443, no_proxy)] == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "api.localhost",
        "localhost.localdomain",
        "127.0.0.1",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "::1",
        "0:0:0:0:0:0:0:1",
        "::",
        "::ffff:127.0.0.1",
        "[::ffff:7f00:1]",
        socket.gethostname(),
    ],
)
def test_this_machine_never_needs_a_proxy(host, monkeypatch):
    """In any spelling."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    address = f"[{host}]" if ":" in host and "[" not in host else host

    assert is_local(host)
    assert proxy_for(f"http://{address}:8888/x.png?token=s3cr3t") is None
    assert proxy_for(f"https://{address}/") is None


@pytest.mark.parametrize(
    "host", ["gyazo.com", "localhost.evil.test", "128.0.0.1", "2001:db8::1", ""]
)
def test_other_hosts_are_not_this_machine(host):
    assert not is_local(host)


@pytest.mark.parametrize(
    "no_proxy", ["[::1]", "fd00::/8,[::1]", "::1,fe80::/10", "[", "127.0.0.1,*.local", "[::]/0"]
)
def test_no_form_of_no_proxy_breaks_a_call(call, gyazo, monkeypatch, no_proxy):
    """Some of them are errors in httpx."""
    monkeypatch.setenv("NO_PROXY", no_proxy)
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1")

    assert call(gyazo, "me").name == "Sandy Box"
    assert gyazo.upload(f"{gyazo.upload(PNG).url}").was_there


# ── real proxies ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def behind_proxies(server_tls, authority_file, monkeypatch):
    """A server https://gyazo.test, which only a proxy can reach. Yields ports by name, and its requests."""
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)

    def reply(_, path):
        return (200, {}, PNG) if path.startswith("/x.png") else (200, {}, USER)

    with scripted_server(reply, tls=server_tls) as (url, received):
        port = int(url.rpartition(":")[2])
        yield {"gyazo.test": port, "other.test": port}, received


def use_everything(call):
    """Make an API call, and fetch a file in both ways, with a new session."""
    with Gyazo("s3cr3t-token", api_url=GYAZO, retries=0) as gyazo:
        picture = Image("a", url=f"{GYAZO}/x.png?s=s3cr3t", source=gyazo._connection.transport)
        assert call(gyazo, "me").uid == "u1"
        assert call(picture, "download") == PNG
        assert gyazo._connection.download(picture.url) == PNG


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("prefix", ["http://", ""])
def test_http_proxy_makes_a_tunnel(call, behind_proxies, monkeypatch, variable, prefix):
    """It sees the name of the host, and nothing of the requests."""
    ports, received = behind_proxies
    with http_proxy(ports) as (proxy, seen):
        monkeypatch.setenv(variable, f"{prefix}user:p%40ss@127.0.0.1:{proxy.port}")
        use_everything(call)

    assert {head.splitlines()[0] for head in seen} == {"CONNECT gyazo.test:443 HTTP/1.1"}
    assert all("Proxy-Authorization: Basic dXNlcjpwQHNz" in head for head in seen)
    assert "s3cr3t" not in str(seen)
    assert [path for _, path, _, _ in received] == ["/api/users/me"] + ["/x.png?s=s3cr3t"] * 2
    assert "Proxy-Authorization" not in str(received)


def test_proxy_reached_over_tls_sees_no_request(call, behind_proxies, monkeypatch, server_tls):
    """TLS in TLS: the token is encrypted a second time. The proxy's certificate is checked, too."""
    ports, received = behind_proxies
    with http_proxy(ports, tls=server_tls) as (proxy, seen):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        use_everything(call)
        assert len(received) == 3
        assert {head.splitlines()[0] for head in seen} == {"CONNECT gyazo.test:443 HTTP/1.1"}

        monkeypatch.delenv("SSL_CERT_FILE")
        with (
            Gyazo("a-token", api_url=GYAZO, retries=0) as gyazo,
            pytest.raises(ConnectionFailedError, match="SSL_CERT_FILE"),
        ):
            call(gyazo, "me")
    assert len(received) == 3


def test_large_upload_passes_a_proxy_reached_over_tls(
    call, behind_proxies, monkeypatch, server_tls
):
    """In many parts, through both layers of TLS."""
    ports, received = behind_proxies
    with http_proxy(ports, tls=server_tls) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        with Gyazo("a-token", api_url=GYAZO, upload_url=GYAZO, retries=0) as gyazo:
            data = PNG + os.urandom(200_000)
            with pytest.raises(Exception, match="unexpected body"):
                call(gyazo, "upload", data)

    assert data in received[0][3]


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
@pytest.mark.parametrize("user", [None, "user"])
def test_socks_proxy_resolves_the_name(call, behind_proxies, monkeypatch, scheme, user):
    ports, received = behind_proxies
    with socks_proxy(ports, user, "p@ss") as (proxy, seen):
        login = "user:p@ss@" if user else ""
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{login}127.0.0.1:{proxy.port}/")
        use_everything(call)

    assert set(seen) == {("gyazo.test", 443)}
    assert len(received) == 3


def test_password_of_a_proxy_is_in_no_log(call, behind_proxies, monkeypatch, caplog):
    """At level DEBUG."""
    caplog.set_level("DEBUG")
    ports, _ = behind_proxies
    with socks_proxy(ports, "user", "p4ssword") as (proxy, _):
        monkeypatch.setenv("ALL_PROXY", f"socks5://user:p4ssword@127.0.0.1:{proxy.port}")
        use_everything(call)
    with http_proxy(ports) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p4ssword@127.0.0.1:{proxy.port}")
        use_everything(call)

    assert "auth=***" in caplog.text
    assert "p4ssword" not in caplog.text
    assert "dXNlcjpwNHNzd29yZA" not in caplog.text


def test_picture_at_a_plain_address_uses_http_proxy(call, gyazo, monkeypatch):
    """A request by its full address. HTTPS_PROXY is not used for it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with http_proxy({}, body=PNG) as (proxy, seen):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert call(gyazo, "upload", "http://gyazo.test/x.png").image_id

    assert seen[0].startswith("GET http://gyazo.test/x.png HTTP/1.1")


def test_changed_variables_take_effect_at_the_next_call(call, behind_proxies, monkeypatch):
    """Without a new session, and without a connection through the old proxy."""
    ports, received = behind_proxies
    authority = os.environ["SSL_CERT_FILE"]
    with (
        http_proxy(ports) as (first, seen_first),
        socks_proxy(ports) as (second, seen_second),
        Gyazo("a-token", api_url=GYAZO, retries=0) as gyazo,
    ):
        for name, value in (
            ("HTTPS_PROXY", f"http://127.0.0.1:{first.port}"),
            ("HTTPS_PROXY", f"socks5://127.0.0.1:{second.port}"),
        ):
            monkeypatch.setenv(name, value)
            assert call(gyazo, "me").uid == "u1"
        assert (len(seen_first), len(seen_second), len(received)) == (1, 1, 2)

        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ConnectionFailedError, match="TLS connection failed"):
            call(gyazo, "me")
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        monkeypatch.setenv("NO_PROXY", "gyazo.test")
        with pytest.raises(ConnectionFailedError, match=r"could not be reached \("):
            call(gyazo, "me")
        monkeypatch.delenv("NO_PROXY")
        assert call(gyazo, "me").uid == "u1"


# ── errors name the part that failed ────────────────────────────────────────────────────────────────


@pytest.fixture
def error_of(call):
    """A function that returns the errors of an API call and of a picture fetched by address."""

    def error_of():
        with Gyazo("a-token", api_url=GYAZO, retries=0) as gyazo:
            with pytest.raises(ConnectionFailedError) as first:
                call(gyazo, "me")
            with pytest.raises(PictureError) as second:
                call(gyazo, "upload", f"{GYAZO}/x.png?s=s3cr3t")
        text = f"{first.value}\n{second.value}"
        assert "s3cr3t" not in text
        return text

    return error_of


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks"])
def test_dead_proxy_is_named(error_of, monkeypatch, variable, scheme):
    """Not the server, which may be fine."""
    monkeypatch.setenv(variable, f"{scheme}://s3cr3t@127.0.0.1:1")

    errors = error_of()

    assert errors.count(f"the proxy in {variable} is not reachable") == 2
    assert errors.count("check the variable, or add the host to NO_PROXY") == 2


def test_blank_variable_counts_as_not_set(monkeypatch):
    """So does a variable that contains only quotes."""
    monkeypatch.setenv("HTTPS_PROXY", " ")
    monkeypatch.setenv("ALL_PROXY", '""')

    assert proxy_for(GYAZO) is None


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (lambda client: None, "closed the connection"),
        (lambda client: (client.recv(9), client.sendall(b"<html>")), "check the proxy in HTTPS"),
    ],
    ids=["closed", "page"],
)
def test_proxy_that_breaks_the_tls_connection_is_named(error_of, monkeypatch, behave, reason):
    """It accepts the request for a tunnel. Then it closes the connection, or sends a page."""

    def accept(client):
        read_head(client)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        behave(client)

    with raw_server(accept) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        errors = error_of()

    assert errors.count(reason) == 2
    assert "one for https" not in errors


def test_silent_socks_proxy_ends_the_call_after_the_timeout(call, monkeypatch):
    """A tunnel of ssh is silent after the machine slept. httpcore would wait for the deadline."""
    with raw_server(lambda client: client.recv(9) and client.recv(9)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        timeouts = Timeouts(connect=5, read=0.05, write=5, answer=600)
        with (
            Gyazo("a-token", api_url=GYAZO, timeout=timeouts, retries=0) as gyazo,
            pytest.raises(ConnectionFailedError, match="did not reply within 0.05 seconds.*ALL_P"),
        ):
            call(gyazo, "me")


def test_reason_of_a_socks_proxy_is_complete(error_of, monkeypatch):
    with socks_proxy({}, "user", "password") as (proxy, _):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        assert error_of().count("but got NO ACCEPTABLE METHODS): write user and password") == 2


def test_unused_http_proxy_is_named(error_of, monkeypatch):
    """No program uses HTTP_PROXY for https://."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    assert error_of().count("HTTP_PROXY is used for http:// only") == 2


def test_proxy_with_an_unknown_name_is_named(error_of, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://no-such-proxy.invalid:3128")

    assert error_of().count("the proxy in HTTPS_PROXY is not reachable") == 2


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (
            "407 Proxy Authentication Required",
            "write user and password into HTTPS_PROXY, as in http://user:password@host:port",
        ),
        ("502 Bad Gateway", "check the variable, or add the host to NO_PROXY"),
        ("403 Forbidden", "check the variable"),
        ("503 \x1b[31mEvil\x1b[0m", "check the variable"),
    ],
)
def test_refusal_of_a_proxy_is_named(error_of, monkeypatch, status, advice):
    """With its status."""
    with http_proxy({}, status=status) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        errors = error_of()

    shown = status if "\x1b" not in status else "503"
    assert errors.count(f"the proxy in HTTPS_PROXY refused the connection ({shown})") == 2
    assert errors.count(advice) == 2
    assert "\x1b" not in errors


def test_error_of_a_wrong_proxy_password_says_to_correct_it(error_of, monkeypatch):
    """The variable has a password, but the proxy does not accept it."""
    with http_proxy({}, status="407 Proxy Authentication Required") as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:s3cr3t@127.0.0.1:{proxy.port}")
        errors = error_of()

    assert errors.count("correct the user and the password in HTTPS_PROXY.") == 2


def test_refusal_of_a_proxy_for_plain_addresses_is_named(call, gyazo, monkeypatch):
    """Its reply looks like one of the server."""
    with http_proxy({}, status="407 Proxy Authentication Required") as (proxy, _):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(
            PictureError, match="the proxy in HTTP_PROXY refused .* as in http://user:"
        ):
            call(gyazo, "upload", "http://gyazo.test/x.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reply": 5}, "Connection refused"),
        ({"reply": 2}, "Connection not allowed by ruleset"),
        (
            {"user": "user", "password": "x"},
            "into ALL_PROXY, as in socks5://user:password@host:port",
        ),
    ],
)
def test_refusal_of_a_socks_proxy_is_named(error_of, monkeypatch, options, words):
    with socks_proxy({}, **options) as (proxy, _):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        errors = error_of()

    assert errors.count("the proxy in ALL_PROXY refused the connection") == 2
    assert errors.count(words) == 2


def test_wrong_password_of_a_socks_proxy_is_named(error_of, monkeypatch):
    with socks_proxy({}, "user", "right") as (proxy, _):
        monkeypatch.setenv("ALL_PROXY", f"socks5://user:s3cr3t@127.0.0.1:{proxy.port}")
        assert (
            error_of().count("the proxy in ALL_PROXY refused the connection (Invalid username") == 2
        )


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x05", b"\x04\x00", b"x" * 100]
)
def test_server_that_is_not_a_socks_proxy_is_named(error_of, monkeypatch, reply):
    """As an HTTP proxy behind a variable for SOCKS."""

    def behave(client):
        client.recv(3)
        client.sendall(reply)

    with raw_server(behave) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        assert error_of().count("proxy in ALL_PROXY") == 2


def test_proxy_that_closes_the_connection_is_named(error_of, monkeypatch):
    with raw_server(read_head) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert error_of().count("check the proxy in HTTPS_PROXY") == 2


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None])
def test_https_for_a_proxy_that_speaks_http_is_named(call, monkeypatch, reply):
    """A common mistake is to write HTTPS_PROXY=https://…. Some proxies wait for the rest of a request."""

    def behave(client):
        client.recv(1000)
        if reply is None:
            client.recv(1000)
        client.sendall(reply or b"")

    with (
        raw_server(behave) as proxy,
        Gyazo("a-token", api_url=GYAZO, retries=0, timeout=Timeouts(connect=0.15)) as gyazo,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectionFailedError, match="HTTPS_PROXY"):
            call(gyazo, "me")
        if reply != b"":
            with pytest.raises(ConnectionFailedError, match="write http:// into HTTPS_PROXY"):
                call(gyazo, "me")


def test_unknown_certificate_authority_names_ssl_cert_file(error_of, behind_proxies, monkeypatch):
    """As behind the proxy of a company that reads the traffic."""
    ports, received = behind_proxies
    monkeypatch.delenv("SSL_CERT_FILE")
    with http_proxy(ports) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        errors = error_of()

    assert errors.count("CERTIFICATE_VERIFY_FAILED") == 2
    assert errors.count("set SSL_CERT_FILE to the file with its certificates") == 2
    assert received == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_do_not_contain_the_authority_are_named(
    error_of, behind_proxies, monkeypatch, tmp_path, name, authority_file
):
    """Files of another authority; a folder that is empty, or does not exist."""
    ports, received = behind_proxies
    monkeypatch.delenv("SSL_CERT_FILE")
    value = certifi.where() if name == "SSL_CERT_FILE" else str(tmp_path / "missing")
    monkeypatch.setenv(name, value)
    with http_proxy(ports) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert error_of().count(f"check the certificates in {name}, or unset it") == 2
    assert received == []


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x00\xff" * 100, "folder"])
def test_broken_certificate_file_is_named(error_of, monkeypatch, tmp_path, content):
    """Before anything is sent."""
    path = tmp_path / "s3cr3t.pem"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    errors = error_of()

    assert errors.count("was not sent: the certificates in SSL_CERT_FILE cannot be read") == 2
    assert errors.count("correct the variable, or unset it") == 2


def test_corrected_certificate_file_takes_effect_at_the_next_call(
    call, behind_proxies, monkeypatch, tmp_path
):
    ports, _ = behind_proxies
    path = tmp_path / "authority.pem"
    path.write_text("to do")
    content = Path(os.environ["SSL_CERT_FILE"]).read_bytes()
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with http_proxy(ports) as (proxy, _), Gyazo("a-token", api_url=GYAZO, retries=0) as gyazo:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(ConnectionFailedError, match="SSL_CERT_FILE cannot be read"):
            call(gyazo, "me")
        path.write_bytes(content)
        assert call(gyazo, "me").uid == "u1"


def test_error_of_a_certificate_says_what_to_check(call, authority, authority_file, monkeypatch):
    """The certificates in SSL_CERT_FILE are fine: the certificate of the server is for another time or host."""
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    now = datetime.now(UTC)
    old = {"not_before": now - timedelta(9), "not_after": now - timedelta(3)}
    for name, dates, advice in (
        ("127.0.0.1", old, "check the date of this machine"),
        ("other.test", {}, "check the URL in the settings, and whether a proxy"),
    ):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name, **dates).configure_cert(tls)
        with (
            scripted_server(lambda *_: (200, {}, USER), tls=tls) as (url, _),
            Gyazo("a-token", api_url=url, retries=0) as gyazo,
            pytest.raises(ConnectionFailedError, match=advice) as caught,
        ):
            call(gyazo, "me")
        assert "SSL_CERT_FILE" not in str(caught.value)


def test_certificates_of_another_program_are_named(call, server_tls, authority_file, monkeypatch):
    """Many companies set REQUESTS_CA_BUNDLE only, which httpx does not read."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority_file)
    with (
        scripted_server(lambda *_: (200, {}, USER), tls=server_tls) as (url, _),
        Gyazo("a-token", api_url=url, retries=0) as gyazo,
        pytest.raises(
            ConnectionFailedError, match="SSL_CERT_FILE to the file in REQUESTS_CA_BUNDLE"
        ),
    ):
        call(gyazo, "me")


def test_server_that_closes_the_tls_handshake_was_not_reached(call):
    """Blocking and async alike: the request was not sent, so it is retried."""
    with (
        raw_server(lambda client: client.recv(9)) as server,
        Gyazo(
            "a-token", api_url=f"https://127.0.0.1:{server.port}", retries=Retry(1, 0.001)
        ) as gyazo,
        pytest.raises(ConnectionFailedError, match=r"could not be reached \((the c|C)onnection"),
    ):
        call(gyazo, "me")
    assert len(server.connections) == 2


def test_host_name_of_another_certificate_is_an_error(call, behind_proxies, monkeypatch):
    ports, received = behind_proxies
    with http_proxy({"wrong.test": ports["gyazo.test"]}) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with (
            Gyazo("a-token", api_url="https://wrong.test", retries=0) as gyazo,
            pytest.raises(ConnectionFailedError, match="TLS connection failed .*Hostname mismatch"),
        ):
            call(gyazo, "me")
    assert received == []
