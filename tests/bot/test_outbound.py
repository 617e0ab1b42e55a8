"""Addresses inside: told from those outside, however they are written, unless they are allowed."""

import pytest

from bot.outbound import Forbidden, Guard, Resolver, host_of, look_up, read_networks

INSIDE = [
    "127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::", "224.0.0.1", "ff02::1", "240.0.0.1",
    "255.255.255.255", "198.18.0.1", "203.0.113.7", "2001:db8::1",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_called(address: str) -> None:
    with pytest.raises(Forbidden, match=r", which is (this|link|private|not a public)"):
        Guard().check(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_outside_is(address: str) -> None:
    Guard().check(address)


def test_what_is_allowed_is_called_and_nothing_beside_it() -> None:
    guard = Guard(read_networks([" 10.1.0.0/16 ", "fd00::/8", "192.168.1.7"]))
    for address in ("10.1.2.3", "fd00::1", "192.168.1.7"):
        guard.check(address)
    for address in ("10.2.0.1", "192.168.1.8", "127.0.0.1"):
        with pytest.raises(Forbidden):
            guard.check(address)


def test_one_address_inside_forbids_the_name() -> None:
    with pytest.raises(Forbidden, match=r"a\.example leads to 10\.0\.0\.1, which is private"):
        Guard().check_all("a.example", ["93.184.216.34", "10.0.0.1"])


async def test_the_resolver_hands_out_what_it_checked() -> None:
    async def ask(host: str, port: int) -> list[str]:
        assert port == 443
        return {"out": ["93.184.216.34", "2606:2800:220:1::1"], "in": ["10.0.0.1"]}[host]

    resolver = Resolver(Guard(), ask)
    found = await resolver.resolve("out", 443)
    assert [(it["host"], it["port"]) for it in found] == [
        ("93.184.216.34", 443),
        ("2606:2800:220:1::1", 443),
    ]
    with pytest.raises(Forbidden):
        await resolver.resolve("in", 443)
    await resolver.close()


def test_a_name_is_looked_up_without_waiting_for_ever() -> None:
    assert "127.0.0.1" in look_up("127.0.0.1", 80)
    assert look_up("no-such-host.invalid", 80, patience=0.2) == []
    assert look_up("x" * 300, 80) == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/x", ("a.example", 443)),
        ("http://a.example", ("a.example", 80)),
        ("http://[::1]:9/x", ("::1", 9)),
    ],
)
def test_host_and_port_are_read(url: str, host: tuple[str, int]) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url", ["", "a.example", "ftp://a.example", "https://", "http://a:999999/", "http://a b/"]
)
def test_what_is_no_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="expected an http or https address") as refused:
        host_of(url)
    assert not url or url not in str(refused.value) or url == "https://"
