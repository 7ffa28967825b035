"""Who a request is from, as an address: the peer's, or what a trusted proxy says.

`X-Forwarded-For` is a list to which each proxy adds, at its right end, whom it was asked by
(https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For). Whatever stands
left of the first address that is no proxy of ours may be made up.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

import structlog
from starlette.types import Scope

log = structlog.get_logger()

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# More proxies than this in a row are nobody's deployment.
HOPS = 16
# The longest IPv6 address with brackets, zone and port is shorter.
LONGEST = 100
# A customer of an Internet provider gets such a network at least (RFC 6177).
PREFIX = 64
_FORWARDED = b"x-forwarded-for"


class _Known(NamedTuple):
    name: str  # under which it is counted
    trusted: bool


class Addresses:
    """Tells where requests come from; `trusted` are the proxies' networks."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._warned = False

    def of(self, scope: Scope) -> str:
        """The client's address, of IPv6 its network; the peer's own where a proxy tells nothing."""
        client = scope.get("client")
        host: str = client[0] if client else "unknown"
        peer = _known(host, self._trusted)
        if peer is None:
            return host
        told = [value for name, value in scope["headers"] if name == _FORWARDED]
        if not told:
            return peer.name
        if not peer.trusted:
            self._warn(peer.name)
            return peer.name
        return self._client(b",".join(told).decode("latin-1")) or peer.name

    def _client(self, forwarded: str) -> str | None:
        """The first from the right that is no proxy; None: there is something else before."""
        name = None
        for text in reversed(forwarded.rsplit(",", HOPS)[-HOPS:]):
            known = _known(text.strip(), self._trusted)
            if known is None:
                return None
            name = known.name
            if not known.trusted:
                break
        return name

    def _warn(self, peer: str) -> None:
        """Once: whoever forgot the setting counts all clients as one."""
        if not self._warned:
            self._warned = True
            log.warning(
                "forwarded_by_untrusted",
                peer=peer,
                advice="if this is a proxy of yours, name it in STOPCAST_TRUSTED_PROXIES: "
                "limits count all clients behind it as one",
            )


def _known(text: str, trusted: tuple[Network, ...]) -> _Known | None:
    return _looked_up(text, trusted) if len(text) <= LONGEST else None


@lru_cache(maxsize=8192)
def _looked_up(text: str, trusted: tuple[Network, ...]) -> _Known | None:
    try:
        address = ip_address(_without_port(text))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # an IPv4 client of a socket that takes both
    return _Known(_name(address), any(address in network for network in trusted))


def _without_port(text: str) -> str:
    """Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _name(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> PREFIX << PREFIX, PREFIX)))
