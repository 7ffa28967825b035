"""Whose request it is: the peer's, unless a trusted proxy says otherwise."""

from ipaddress import ip_network
from typing import Any

import pytest
import structlog

from gateway.limits.address import HOPS, Addresses
from gateway.settings import GatewaySettings
from schemas.settings import SettingsError

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "192.0.2.7"
TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def address(peer: str | None, *forwarded: str, trusted: list[Any] = TRUSTED) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"client": (peer, 4711) if peer else None, "headers": headers}
    return Addresses(trusted).of(scope)


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a-name", "a-name"),
        (None, "unknown"),
    ],
)
def test_a_peer_is_counted_by_its_address_ipv6_by_its_network(
    peer: str | None, counted: str
) -> None:
    assert address(peer) == counted


@pytest.mark.parametrize(
    ("forwarded", "counted"),
    [
        ([CLIENT], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::1]:4711"], "2001:db8::/64"),
        (["2001:db8::1"], "2001:db8::/64"),
        ([f"198.51.100.1, {CLIENT}"], CLIENT),  # what stands before, the client made up
        ([f"made up, {CLIENT},{OTHER_PROXY}"], CLIENT),
        (["198.51.100.1", f"{CLIENT}, {OTHER_PROXY}"], CLIENT),  # fields of one name are one list
        ([f"{CLIENT}, fd00::1"], CLIENT),
        ([OTHER_PROXY], OTHER_PROXY),  # a proxy asks by itself
    ],
)
def test_a_trusted_proxy_is_believed_from_the_right(forwarded: list[str], counted: str) -> None:
    assert address(PROXY, *forwarded) == counted


@pytest.mark.parametrize(
    "forwarded",
    [
        "",
        "unknown",
        f"{CLIENT}, unknown",
        f"{CLIENT}, ",
        "1" * 1000,
        "\xff",
        f"{CLIENT}, 10.0.0.256",
    ],
)
def test_what_cannot_be_read_leaves_the_peer(forwarded: str) -> None:
    assert address(PROXY, forwarded) == PROXY


def test_a_list_without_end_is_not_walked() -> None:
    assert address(PROXY, CLIENT + f",{OTHER_PROXY}" * 10_000) == OTHER_PROXY
    assert address(PROXY, CLIENT + f",{OTHER_PROXY}" * (HOPS - 1)) == CLIENT


@pytest.mark.parametrize("trusted", [[], TRUSTED])
def test_others_are_not_believed_and_it_is_said_once(trusted: list[Any]) -> None:
    addresses = Addresses(trusted)
    scope = {"client": (CLIENT, 1), "headers": [(b"x-forwarded-for", b"198.51.100.1")]}
    with structlog.testing.capture_logs() as logs:
        assert [addresses.of(scope) for _ in range(3)] == [CLIENT] * 3
    [line] = logs
    assert line["event"] == "forwarded_by_untrusted"
    assert line["peer"] == CLIENT
    assert "STOPCAST_TRUSTED_PROXIES" in line["advice"]


def test_trusted_proxies_are_networks_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOPCAST_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8,192.0.2.1,")
    networks = GatewaySettings.load().trusted_proxies
    assert [str(network) for network in networks] == ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]
    monkeypatch.setenv("STOPCAST_TRUSTED_PROXIES", "")
    assert GatewaySettings.load().trusted_proxies == ()
    monkeypatch.setenv("STOPCAST_TRUSTED_PROXIES", "10.0.0.0/8,proxy.example")
    with pytest.raises(SettingsError, match="STOPCAST_TRUSTED_PROXIES"):
        GatewaySettings.load()
