"""Which hosts are this machine, and which IP addresses are public.

Guarantees: an address counts in every spelling that a socket accepts (`127.1`, `0x7f000001`,
`::ffff:127.0.0.1`), and an IPv6 address that contains an IPv4 address counts as that one.
"""

from __future__ import annotations

import ipaddress
import socket

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_local(host: str) -> bool:
    """Whether a host name or address is this machine.

    >>> is_local("localhost"), is_local("127.1"), is_local("[::1]"), is_local("gyazo.com")
    (True, True, True, False)
    """
    name = host.rstrip(".").lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    address = parse(host)
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


def parse(host: str) -> IPAddress | None:
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
