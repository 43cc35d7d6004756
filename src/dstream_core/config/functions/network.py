"""Functions for ranges of IP addresses in CIDR notation."""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal

from dstream_core.config.functions.model import Function, FunctionError, Parameter, parameters, string_list, whole
from dstream_core.config.functions.model import strings as _strings
from dstream_core.config.records import Record
from dstream_core.config.values import NUMBER, STRING, ListValue

AREA = "Networks"
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


class _Network(Record):
    """A range: its first address as a number, the length of its prefix, and 4 or 6."""

    first: int
    prefix: int
    version: int

    @property
    def bits(self) -> int:
        return 32 if self.version == 4 else 128

    def address(self, number: int) -> str:
        return str(ipaddress.IPv4Address(number) if self.version == 4 else ipaddress.IPv6Address(number))

    def __str__(self) -> str:
        return f"{self.address(self.first)}/{self.prefix}"


def cidrhost(prefix: str, hostnum: Decimal) -> str:
    number = _integer(hostnum, 1)
    network = _parse(prefix)
    size = 1 << (network.bits - network.prefix)
    if not -size <= number < size:
        raise FunctionError(f"prefix of {network.prefix} does not accommodate a host numbered {number}")
    return network.address(network.first + number % size)


def cidrnetmask(prefix: str) -> str:
    network = _parse(prefix)
    if network.version == 6:
        raise FunctionError(f"IPv6 addresses cannot have a netmask: {network}")
    return network.address((1 << 32) - (1 << (32 - network.prefix)))


def cidrsubnet(prefix: str, newbits: Decimal, netnum: Decimal) -> str:
    bits, number = whole(newbits, 1), _integer(netnum, 2)
    network = _parse(prefix)
    if bits < 0:
        raise FunctionError("the number of new bits must not be negative", 1)
    length = network.prefix + bits
    if length > network.bits:
        raise FunctionError(f"insufficient address space to extend prefix of {network.prefix} by {bits}")
    if not 0 <= number < 1 << bits:
        raise FunctionError(f"prefix extension of {bits} does not accommodate a subnet numbered {number}")
    return str(_Network(network.first + (number << (network.bits - length)), length, network.version))


def cidrsubnets(prefix: str, *newbits: Decimal) -> ListValue:
    network = _parse(prefix, 0)
    end = network.first + (1 << (network.bits - network.prefix))
    following = network.first
    result: list[str] = []
    for index, amount in enumerate(newbits, 1):
        length = network.prefix + _extension(amount, index, network)
        size = 1 << (network.bits - length)
        start = -(-following // size) * size
        if start + size > end:
            raise FunctionError(
                f"not enough remaining address space for a subnet with a prefix of {length} bits"
                + (f" after {result[-1]}" if result else ""),
                index,
            )
        result.append(str(_Network(start, length, network.version)))
        following = start + size
    return string_list(result)


def _extension(amount: Decimal, index: int, network: _Network) -> int:
    bits = whole(amount, index)
    if bits < 1:
        raise FunctionError("must extend prefix by at least one bit", index)
    if bits > 32:
        raise FunctionError("may not extend prefix by more than 32 bits", index)
    if network.prefix + bits > network.bits:
        what = f"{network.prefix + bits} bits, which is too long for an IPv{network.version} address"
        raise FunctionError(f"would extend prefix to {what}", index)
    return bits


def _integer(number: Decimal, index: int) -> int:
    if number != number.to_integral_value():
        raise FunctionError("value must be a whole number", index)
    return int(number)


def _parse(text: str, index: int | None = None) -> _Network:
    address, slash, length = text.partition("/")
    try:
        if not slash or not length.isdecimal() or not length.isascii() or "%" in address:
            raise ValueError
        # Leading zeros are decimal digits to the reference, which predates the doubt about octal.
        base = ipaddress.ip_address(address if ":" in address else _ZEROS.sub("", address))
        prefix = int(length[:4])
        if prefix > base.max_prefixlen:
            raise ValueError
    except ValueError:
        raise FunctionError('invalid CIDR expression: it must be like "10.0.0.0/8" or "fd00::/8"', index) from None
    host = base.max_prefixlen - prefix
    return _Network(int(base) >> host << host, prefix, base.version)


FUNCTIONS = (
    Function(
        "cidrhost",
        parameters(("prefix", STRING), ("hostnum", NUMBER)),
        None,
        cidrhost,
        "The address with a number inside a range; negative numbers count from its end.",
        (('cidrhost("10.12.112.0/20", 16)', '"10.12.112.16"'),),
        AREA,
    ),
    Function(
        "cidrnetmask",
        _strings("prefix"),
        None,
        cidrnetmask,
        "The netmask of an IPv4 range.",
        (('cidrnetmask("172.16.0.0/12")', '"255.240.0.0"'),),
        AREA,
    ),
    Function(
        "cidrsubnet",
        parameters(("prefix", STRING), ("newbits", NUMBER), ("netnum", NUMBER)),
        None,
        cidrsubnet,
        "The subnet with a number, whose prefix is longer by some bits.",
        (('cidrsubnet("172.16.0.0/12", 4, 2)', '"172.18.0.0/16"'),),
        AREA,
    ),
    Function(
        "cidrsubnets",
        _strings("prefix"),
        Parameter("newbits", NUMBER),
        cidrsubnets,
        "Consecutive subnets whose prefixes are longer by the given numbers of bits.",
        (('cidrsubnets("10.1.0.0/16", 4, 8)', '["10.1.0.0/20", "10.1.16.0/24"]'),),
        AREA,
    ),
)
