"""Times and networks, row by row as Terraform answers."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions import FUNCTIONS
from dstream_core.config.values import Value

NOON = "2018-01-02T23:12:01"

GIVES = [
    (f'formatdate("DD MMM YYYY hh:mm ZZZ", "{NOON}Z")', '"02 Jan 2018 23:12 UTC"'),
    (f'formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "{NOON}-08:00")', '"Tuesday, 02-Jan-18 23:12:01 -0800"'),
    ("formatdate(\"EEE, D MMMM 'o''clock' H HH h AA aa m s Z ZZZZ ZZZZZ\", \"2018-01-02T03:02:01+00:00\")",
     '"Tue, 2 January o\'clock 3 03 3 AM am 2 1 Z +0000 +00:00"'),
    (f'formatdate("H HH AA", "{NOON}Z")', '"11 11 PM"'),
    ('formatdate("H AA", "2018-01-02T00:00:00Z")', '"12 AM"'),
    ('formatdate("H AA", "2018-01-02T12:00:00Z")', '"12 PM"'),
    (f'formatdate("\'\'", "{NOON}Z")', '"\'"'),
    (f'formatdate("\'a\'\'b\'", "{NOON}Z")', '"a\'b"'),
    (f'formatdate("Z ZZZ", "{NOON}+05:30")', '"+05:30 +0530"'),
    ('formatdate("hh", "2018-02-20T23:12:01.123456789123Z")', '"23"'),
    ('formatdate("YYYY-MM-DD EEE", "0000-02-29T23:12:01Z")', '"0000-02-29 Tue"'),
    ('formatdate("M/D/YY", "2024-02-29T00:00:00Z")', '"2/29/24"'),
    ('timeadd("2017-11-22T00:00:00Z", "10m")', '"2017-11-22T00:10:00Z"'),
    ('timeadd("2017-11-22T00:00:00+02:00", "-1.5h")', '"2017-11-21T22:30:00+02:00"'),
    ('timeadd("2017-11-22T00:00:00.9Z", "200ms")', '"2017-11-22T00:00:01Z"'),
    ('timeadd("9999-12-31T23:59:59Z", "1s")', '"10000-01-01T00:00:00Z"'),
    ('timeadd("0000-01-01T00:00:00Z", "-1s")', '"-0001-12-31T23:59:59Z"'),
    ('timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")', "0"),
    ('timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00Z")', "-1"),
    ('timecmp("2017-11-22T00:00:00.1Z", "2017-11-22T00:00:00Z")', "1"),
    ('cidrhost("10.12.112.0/20", 16)', '"10.12.112.16"'),
    ('cidrhost("10.12.112.0/20", 268)', '"10.12.113.12"'),
    ('cidrhost("10.12.112.0/20", -1)', '"10.12.127.255"'),
    ('cidrhost("10.12.112.5/20", 1)', '"10.12.112.1"'),
    ('cidrhost("010.0.0.0/8", 1)', '"10.0.0.1"'),
    ('cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)', '"fd00:fd12:3456:7890::22"'),
    ('cidrhost("1:0:0:2::/64", 1)', '"1:0:0:2::1"'),
    ('cidrnetmask("172.16.0.0/12")', '"255.240.0.0"'),
    ('cidrnetmask("1.2.3.4/0")', '"0.0.0.0"'),
    ('cidrsubnet("172.16.0.0/12", 4, 2)', '"172.18.0.0/16"'),
    ('cidrsubnet("10.1.2.0/24", 4, 15)', '"10.1.2.240/28"'),
    ('cidrsubnet("10.1.2.0/24", 0, 0)', '"10.1.2.0/24"'),
    ('cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)', '"fd00:fd12:3456:7800:a200::/72"'),
    ('cidrsubnet("fe80::/48", 33, 6)', '"fe80::3:0:0:0/81"'),
    ('cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)',
     'tolist(["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"])'),
    ('cidrsubnets("10.0.0.0/8", 8, 4, 8, 4)',
     'tolist(["10.0.0.0/16", "10.16.0.0/12", "10.32.0.0/16", "10.48.0.0/12"])'),
    ('cidrsubnets("10.1.0.0/16")', "tolist([])"),
    ('cidrsubnets("fd00:fd12:3456:7890::/56", 16, 16, 32)',
     'tolist(["fd00:fd12:3456:7800::/72", "fd00:fd12:3456:7800:100::/72", "fd00:fd12:3456:7800:200::/88"])'),
]  # fmt: skip

INVALID = "not a valid RFC3339 timestamp"

FAILS = [
    (f'formatdate("YYY", "{NOON}Z")', 'invalid date format verb "YYY": year must either be "YY" or "YYYY"'),
    (f'formatdate("MMMMM", "{NOON}Z")', 'month must be "M", "MM", "MMM", or "MMMM"'),
    (f'formatdate("A", "{NOON}Z")', 'must be "AA"'),
    (f'formatdate("ZZ", "{NOON}Z")', "timezone must be Z, ZZZZ, or ZZZZZ"),
    (f'formatdate("X", "{NOON}Z")', 'invalid date format verb "X"'),
    (f'formatdate("\'abc", "{NOON}Z")', "unterminated literal '"),
    ('formatdate("hh", "2018-01-02")', f"{INVALID}: missing required time introducer 'T'"),
    ('formatdate("hh", "2018-02-20 23:12:01Z")', f"{INVALID}: missing required time introducer 'T'"),
    ('formatdate("hh", "2018-02-20t23:12:01z")', f"{INVALID}: missing required time introducer 'T'"),
    ('formatdate("hh", "2018-13-02T23:12:01Z")', f"{INVALID}: month must be between 1 and 12"),
    ('formatdate("hh", "2018-02-30T23:12:01Z")', f"{INVALID}: day out of range"),
    ('formatdate("hh", "2018-02-20T24:12:01Z")', f"{INVALID}: hour must be between 0 and 23 inclusive"),
    ('formatdate("hh", "2018-02-20T2:12:01Z")', f"{INVALID}: hour must have exactly 2 digits"),
    ('formatdate("hh", "2018-02-20T23:12:60Z")', f"{INVALID}: second must be between 0 and 59"),
    ('formatdate("hh", "2018-02-20T23:12:01")', f"{INVALID}: end of string before UTC offset"),
    ('formatdate("hh", "2018-02-20T23:12:01+24:00")', f"{INVALID}: the UTC offset"),
    ('formatdate("hh", "2018-02-20T23:12:01,5Z")', f"{INVALID}: the UTC offset"),
    ('formatdate("hh", "2018")', f'{INVALID}: end of string where "-" is expected'),
    ('formatdate("hh", "2018/")', f'{INVALID}: "-" is expected before the month'),
    ('formatdate("hh", "")', f"{INVALID}: end of string before year"),
    ('formatdate("hh", "٢018-02-20T23:12:01Z")', f"{INVALID}: year must have exactly 4 digits"),
    ('timeadd("2017-11-22T00:00:00Z", "1d")', "the duration must look like"),
    ('timeadd("2017-11-22T00:00:00Z", "5")', "the duration must look like"),
    ('timeadd("x", "1s")', INVALID),
    ('timecmp("2017-11-22T01:00:00Z", "x")', INVALID),
    ('cidrhost("10.12.112.0/20", 4096)', "prefix of 20 does not accommodate a host numbered 4096"),
    ('cidrhost("10.12.112.0/20", -4097)', "prefix of 20 does not accommodate a host numbered -4097"),
    ('cidrhost("10.0.0.0", 1)', "invalid CIDR expression"),
    ('cidrhost("10.0.0.0/33", 1)', "invalid CIDR expression"),
    ('cidrhost("10.0.0/8", 1)', "invalid CIDR expression"),
    ('cidrhost("fe80::1%eth0/64", 1)', "invalid CIDR expression"),
    ('cidrhost("10.0.0.0/8", 1.5)', "value must be a whole number"),
    ('cidrnetmask("fd00::/8")', "IPv6 addresses cannot have a netmask: fd00::/8"),
    ('cidrsubnet("10.1.2.0/24", 4, 16)', "prefix extension of 4 does not accommodate a subnet numbered 16"),
    ('cidrsubnet("10.1.2.0/24", 4, -1)', "prefix extension of 4 does not accommodate a subnet numbered -1"),
    ('cidrsubnet("10.1.2.0/24", 9, 1)', "insufficient address space to extend prefix of 24 by 9"),
    ('cidrsubnet("10.1.2.0/24", -1, 1)', "must not be negative"),
    ('cidrsubnets("10.1.0.0/16", 0)', "must extend prefix by at least one bit"),
    ('cidrsubnets("10.1.0.0/16", 33)', "may not extend prefix by more than 32 bits"),
    ('cidrsubnets("10.1.0.0/16", 17)', "would extend prefix to 33 bits, which is too long for an IPv4 address"),
    ('cidrsubnets("10.1.0.0/16", 1, 1, 1)',
     "not enough remaining address space for a subnet with a prefix of 17 bits after 10.1.128.0/17"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(gives: Callable[[str, str], None], expression: str, expected: str) -> None:
    gives(expression, expected)


@pytest.mark.parametrize(("expression", "message"), FAILS, ids=[row[0] for row in FAILS])
def test_fails(fails: Callable[[str, str], None], expression: str, message: str) -> None:
    fails(expression, message)


moments = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001  the tests put a zone behind


@given(moments, st.integers(-1439, 1439))
def test_dates_as_the_calendar_has_them(moment: dt.datetime, minutes: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    text = moment.replace(microsecond=0, tzinfo=zone).isoformat()
    expected = moment.strftime("%A %d %B ") + f"{moment.year:04d}" + moment.strftime(" %H:%M:%S")
    assert FUNCTIONS["formatdate"].invoke(["EEEE DD MMMM YYYY hh:mm:ss", text]) == expected


@given(moments, st.integers(-(10**7), 10**7))
def test_adding_seconds(moment: dt.datetime, seconds: int) -> None:
    start = moment.replace(microsecond=0)
    try:
        expected = start + dt.timedelta(seconds=seconds)
    except OverflowError:
        return  # beyond what Python can check
    found = FUNCTIONS["timeadd"].invoke([f"{start.isoformat()}Z", f"{seconds}s"])
    assert found == f"{expected.isoformat()}Z"
    order = FUNCTIONS["timecmp"].invoke([f"{start.isoformat()}Z", found])
    assert order == (seconds < 0) - (seconds > 0)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 8), st.integers(0, 255))
def test_subnets_as_ipaddress_has_them(address: int, prefix: int, bits: int, number: int) -> None:
    network = ipaddress.ip_network((address, prefix), strict=False)
    if prefix + bits > 32 or number >= 2**bits:
        return
    expected = list(network.subnets(prefixlen_diff=bits))[number]
    arguments: list[Value] = [str(network), Decimal(bits), Decimal(number)]
    assert FUNCTIONS["cidrsubnet"].invoke(arguments) == str(expected)
