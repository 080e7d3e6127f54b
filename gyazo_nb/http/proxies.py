"""Which proxy a request uses, and which addresses are local or public.

Guarantees:

- A request to this machine never uses a proxy. Every common form of `HTTPS_PROXY`, `HTTP_PROXY`,
  `ALL_PROXY` and `NO_PROXY` works. A form that cannot work raises `ProxySettingError`, which names the
  variable and never shows its value.
- An address counts in every spelling that a socket accepts (`127.1`, `0x7f000001`, `::ffff:127.0.0.1`).
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import httpx

from gyazo_nb.settings import unquoted

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_HOST_AND_PORT = re.compile(r"((?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?)(?:/.*)?")
# The variables that `proxy_for` reads.
VARIABLES = (
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    "REQUEST_METHOD",  # a CGI script: there, a client of the server can set HTTP_PROXY
)


class ProxySettingError(Exception):
    """A proxy variable that cannot be used: its name, and the reason."""


@dataclass(frozen=True, slots=True)
class ProxySetting:
    """The address of a proxy, its user and password, and the variable that sets it."""

    url: str = field(repr=False)
    auth: tuple[str, str] | None = field(repr=False)
    variable: str

    def proxy(self, context: ssl.SSLContext | None = None) -> httpx.Proxy:
        """The proxy as httpx takes it. `context` is for a proxy that is reached over TLS."""
        is_tls = self.url.startswith("https:")
        return httpx.Proxy(self.url, auth=self.auth, ssl_context=context if is_tls else None)


def proxy_for(url: str) -> ProxySetting | None:
    """Return the proxy for a URL, or None for a direct connection. Raises `ProxySettingError`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    settings = getproxies()  # on macOS and Windows also the settings of the system
    if is_local(host) or bypasses_proxy(host, port, settings.get("no", "")):
        return None
    for name in (parts.scheme, "all"):
        if value := unquoted(settings.get(name, "")):
            return _setting(value, _variable(name))
    return None


def bypasses_proxy(host: str, port: int, no_proxy: str) -> bool:
    """Whether `NO_PROXY` lists a host: by name, suffix, address, network, with or without a port.

    >>> bypasses_proxy("10.1.2.3", 443, "example.com, 10.0.0.0/8")
    True
    """
    host = host.strip("[]").rstrip(".").lower()
    for entry in re.split(r"[\s,;\"']+", no_proxy.lower()):
        name = (entry.partition("://")[2] or entry).rstrip("/")
        if name == "*" or (name and _matches(host, port, name)):
            return True
    return False


def _matches(host: str, port: int, entry: str) -> bool:
    bracketed = re.fullmatch(r"\[([^\]]*)\](/\d+)?(?::(\d+))?", entry)
    if bracketed:
        name, wanted_port = f"{bracketed[1]}{bracketed[2] or ''}", bracketed[3]
    elif entry.count(":") == 1:
        name, _, wanted_port = entry.partition(":")
    else:  # a name, or an IPv6 address without brackets
        name, wanted_port = entry, None
    if wanted_port and wanted_port != str(port):
        return False
    address = _parse(host)
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        suffix = name.lstrip("*").strip(".")
        return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))
    return address is not None and address.version == network.version and address in network


def _setting(value: str, variable: str) -> ProxySetting:
    scheme, separator, rest = value.partition("://")
    scheme = scheme.lower() if separator else "http"
    if scheme == "socks":  # what GNOME writes; it means SOCKS 5
        scheme = "socks5"
    if scheme not in _SCHEMES:
        raise ProxySettingError(
            f"{variable} names a kind of proxy that is not supported (use http, https or socks5)"
        )
    # A password may contain any character, also @: the last one ends it.
    userinfo, has_user, address = (rest if separator else value).rpartition("@")
    user, _, password = userinfo.partition(":")
    auth = (unquote(user), unquote(password)) if has_user else None
    found = _HOST_AND_PORT.fullmatch(address)
    setting = ProxySetting(f"{scheme}://{found[1] if found else ''}", auth, variable)
    try:
        port = setting.proxy().url.port
    except (httpx.InvalidURL, ValueError):
        found = None
    if found is None or port == 0 or (port or 0) >= 2**16:
        raise ProxySettingError(f"{variable} is not the address of a proxy")
    return setting


def _variable(name: str) -> str:
    """The name under which a proxy is set, as the user wrote it."""
    spellings = f"{name}_proxy", f"{name.upper()}_PROXY"
    return next(filter(os.environ.get, spellings), "the system's proxy settings")


def is_local(host: str) -> bool:
    """Whether a host name or address is this machine.

    >>> is_local("localhost"), is_local("127.1"), is_local("[::1]"), is_local("gyazo.com")
    (True, True, True, False)
    """
    name = host.rstrip(".").lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    address = _parse(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_public(address: str) -> bool:
    """Whether an IP address is public: not this machine, not a private network, not reserved.

    >>> is_public("10.0.0.1"), is_public("::ffff:127.0.0.1"), is_public("8.8.8.8")
    (False, False, True)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def _parse(host: str) -> IPAddress | None:
    """Read an IP address in any spelling; None for a name."""
    host = host.strip("[]").rstrip(".").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))  # decimal, hexadecimal, octal
        except (OSError, ValueError):
            return None
    return getattr(address, "ipv4_mapped", None) or address
