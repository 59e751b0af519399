"""The account's money: what a position is worth, what it holds back, in the account's currency.

Profit is (close - open) x contract x lots in the symbol's profit currency, converted at the side of the
market that costs the client: gains at the worse price, losses too; rounded to the currency's digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.books import ZERO

if TYPE_CHECKING:
    from framework_mt5_terminal.broker.books import Position
    from framework_mt5_terminal.broker.listed import Listed
    from framework_mt5_terminal.broker.market import Market

HUNDRED = Decimal(100)
_FOREX = {c.SYMBOL_CALC_MODE_FOREX, c.SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE}


@dataclass(slots=True, kw_only=True)
class Account:
    """Who trades, and on what terms."""

    login: int = 5_000_123
    currency: str = "USD"
    balance: Decimal = Decimal(10_000)
    leverage: int = 100
    hedging: bool = True
    trade_mode: int = c.ACCOUNT_TRADE_MODE_DEMO
    margin_call: Decimal = HUNDRED
    stop_out: Decimal = Decimal(50)
    digits: int = 2
    server: str = "Simulated-Demo"
    company: str = "Simulated Broker"

    @property
    def cent(self) -> Decimal:
        """The smallest amount."""
        return Decimal(1).scaleb(-self.digits)


class Ledger:
    """Works amounts out at the prices there are."""

    def __init__(self, account: Account, markets: dict[str, Market]) -> None:
        self.account = account
        self._markets = markets

    def profit(
        self, listed: Listed, *, buys: bool, volume: Decimal, opened: Decimal, closed: Decimal
    ) -> Decimal:
        """What closing would bring."""
        moved = closed - opened if buys else opened - closed
        return self.converted(moved * listed.contract * volume, listed.profit)

    def floating(self, position: Position) -> Decimal:
        """An open position's profit."""
        market = self._markets[position.symbol]
        if market.last is None:
            return ZERO
        price = market.last.bid if position.buys else market.last.ask
        return self.profit(
            market.listed, buys=position.buys, volume=position.volume, opened=position.price, closed=price
        )

    def margin(self, listed: Listed, volume: Decimal, price: Decimal) -> Decimal:
        """What a volume holds back."""
        size = listed.contract * volume
        if listed.calc_mode in _FOREX:
            lever = self.account.leverage if listed.calc_mode == c.SYMBOL_CALC_MODE_FOREX else 1
            return self._at_middle(size / lever, listed.margin)
        lever = self.account.leverage if listed.calc_mode == c.SYMBOL_CALC_MODE_CFDLEVERAGE else 1
        return self._at_middle(size * price / lever, listed.profit)

    def converted(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in the account's currency, at the client's cost."""
        if currency != self.account.currency:
            bid, ask = self._rate(currency)
            amount *= bid if amount > 0 else ask
        return amount.quantize(self.account.cent, ROUND_HALF_UP)

    def _at_middle(self, amount: Decimal, currency: str) -> Decimal:
        if currency != self.account.currency:
            bid, ask = self._rate(currency)
            amount *= (bid + ask) / 2
        return amount.quantize(self.account.cent, ROUND_HALF_UP)

    def _rate(self, currency: str) -> tuple[Decimal, Decimal]:
        """What one unit of a currency is sold and bought for, directly or through dollars."""
        direct = self._pair(currency, self.account.currency)
        if direct is not None:
            return direct
        there, home = self._pair(currency, "USD"), self._pair("USD", self.account.currency)
        if there is None or home is None:
            raise ValueError(f"no rate from {currency} to {self.account.currency}")
        return there[0] * home[0], there[1] * home[1]

    def _pair(self, base: str, quote: str) -> tuple[Decimal, Decimal] | None:
        for market in self._markets.values():
            if market.last is None or market.listed.calc_mode not in _FOREX:
                continue
            pair = (market.listed.base, market.listed.profit)
            if pair == (base, quote):
                return market.last.bid, market.last.ask
            if pair == (quote, base):
                return 1 / market.last.ask, 1 / market.last.bid
        return None
