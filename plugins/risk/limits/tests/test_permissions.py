"""Who may trade what."""

from __future__ import annotations

import msgspec
import pytest
from framework_limits.permissions import Permissions, PermissionsConfig

from framework import APPROVE, Deny


def permissions(*grants):
    written = [{"strategy": strategy, "instruments": list(names)} for strategy, *names in grants]
    return Permissions(msgspec.convert({"grants": written}, PermissionsConfig))


@pytest.mark.parametrize(
    ("strategy", "name", "passes"),
    [
        ("trend", "fx", True),
        ("trend", "yen", False),
        ("trend", "spot", True),
        ("trend", "linear", True),
        ("fade", "fx", False),
        ("fade", "equity", True),
        ("stranger", "equity", True),
        ("stranger", "fx", False),
    ],
)
def test_only_what_is_granted_passes(propose, strategy, name, passes):
    rule = permissions(("trend", "EUR/USD.SIM"), ("trend", "*.X"), ("*", "AAPL.XNAS"))
    verdict = rule.check(propose(name, 1_000 if name == "fx" else 1, strategy=strategy))
    assert (verdict is APPROVE) == passes


def test_without_grants_nobody_trades(propose):
    assert permissions().check(propose("fx", 1_000)) == Deny("trend has no permission to trade EUR/USD.SIM")


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        (("trend",), "instruments"),
        (("", "EUR/USD.SIM"), "strategy"),
        (("trend", "EURUSD"), "is no instrument"),
        (("trend", "*.*"), "has a \\* inside"),
    ],
)
def test_settings_that_make_no_sense_are_refused(grant, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        permissions(grant)
