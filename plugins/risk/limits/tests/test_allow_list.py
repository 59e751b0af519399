"""What may be traded at all."""

from __future__ import annotations

import msgspec
import pytest
from framework_limits.allow_list import AllowList, AllowListConfig

from framework import APPROVE, Deny


def allow(**settings):
    return AllowList(msgspec.convert(settings, AllowListConfig))


def test_instruments_are_named_exactly_or_by_venue(propose):
    rule = allow(instruments=["EUR/USD.SIM", "*.X"])
    assert rule.check(propose("fx", 1000)) is APPROVE
    assert rule.check(propose("spot", 1)) is APPROVE
    assert rule.check(propose("inverse", 1)) is APPROVE
    assert rule.check(propose("future", 1)) == Deny("ESZ4.CME is not on the list: EUR/USD.SIM, *.X")


def test_a_venue_is_matched_whole(propose):
    assert isinstance(allow(instruments=["*.XNA"]).check(propose("equity", 1)), Deny)
    assert allow(instruments=["*.XNAS"]).check(propose("equity", 1)) is APPROVE


def test_sides_are_restricted(propose):
    rule = allow(sides=["buy"])
    assert rule.check(propose("fx", 1000, side="buy")) is APPROVE
    assert rule.check(propose("fx", 1000, side="sell")) == Deny("sell is not on the list: buy")


def test_order_types_are_restricted(propose):
    rule = allow(order_types=["limit", "stop_limit"])
    assert rule.check(propose("fx", 1000, limit="1.10000")) is APPROVE
    assert rule.check(propose("fx", 1000, limit="1.10000", trigger="1.10000")) is APPROVE
    assert rule.check(propose("fx", 1000)) == Deny("market is not on the list: limit, stop_limit")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "nothing is restricted"),
        ({"instruments": []}, "instruments"),
        ({"instruments": ["EURUSD"]}, "is no instrument"),
        ({"instruments": ["EUR*.SIM"]}, "has a \\* inside"),
        ({"instruments": ["*.*"]}, "has a \\* inside"),
        ({"sides": ["long"]}, "long"),
        ({"order_types": ["iceberg"]}, "iceberg"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        allow(**settings)
