"""What the account owns: what is free, and what is locked for its orders. Amounts are exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework_binance_sim.refusals import Refused
from framework_binance_sim.spot.records import ZERO, money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

INSUFFICIENT = (-2010, "Account has insufficient balance for requested action.")


@dataclass(slots=True)
class Balance:
    """What is owned of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class Account:
    """Balances by asset.

    Attributes:
        balances: What there is of each.
        changed: Assets whose balance changed and was not yet told of.
    """

    def __init__(self, start: Mapping[str, Decimal]) -> None:
        self.balances = {asset: Balance(amount) for asset, amount in start.items()}
        self.changed: dict[str, None] = {}

    def of(self, asset: str) -> Balance:
        """What is owned of an asset."""
        return self.balances.setdefault(asset, Balance())

    def lock(self, asset: str, amount: Decimal) -> None:
        """Lock what is free; a negative amount sets free.

        Raises:
            Refused: There is less.
        """
        balance = self.of(asset)
        if amount > balance.free:
            raise Refused(INSUFFICIENT)
        balance.free -= amount
        balance.locked += amount
        self.changed[asset] = None

    def spend(self, asset: str, amount: Decimal) -> None:
        """Give away what is locked."""
        self.of(asset).locked -= amount
        self.changed[asset] = None

    def receive(self, asset: str, amount: Decimal) -> None:
        """Get something, free."""
        self.of(asset).free += amount
        self.changed[asset] = None

    def rows(self, *, zeros: bool = True) -> list[dict[str, str]]:
        """As REST writes it."""
        return [
            {"asset": asset, "free": money(balance.free), "locked": money(balance.locked)}
            for asset, balance in self.balances.items()
            if zeros or balance.free or balance.locked
        ]

    def event(self, ms: int) -> dict[str, object]:
        """What has changed since this was last called, as outboundAccountPosition writes it."""
        assets, self.changed = self.changed, {}
        rows = [
            {"a": asset, "f": money(self.of(asset).free), "l": money(self.of(asset).locked)}
            for asset in assets
        ]
        return {"e": "outboundAccountPosition", "E": ms, "u": ms, "B": rows}
