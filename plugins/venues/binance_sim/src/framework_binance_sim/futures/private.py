"""The account over REST: balances, positions, leverage, margin type, position mode, income, limits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint
from framework_binance_sim.futures.exchange import entry_price
from framework_binance_sim.futures.records import ZERO, money
from framework_binance_sim.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.futures.account import Position
    from framework_binance_sim.futures.exchange import Exchange
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.weights import Meter

MAX_NOTIONAL = "100000000"


def endpoints(exchange: Exchange, meter: Meter) -> list[Endpoint]:
    """The endpoints of the account."""
    private = Private(exchange, meter)
    rows: list[tuple[str, str, Callable[[Params], Any], str, int]] = [
        ("GET", "v2/balance", private.balance, "account.balance", 5),
        ("GET", "v3/balance", private.balance, "account.balance", 5),
        ("GET", "v2/account", private.account, "account.status", 5),
        ("GET", "v3/account", private.account, "account.status", 5),
        ("GET", "v2/positionRisk", private.every_risk, "account.position", 5),
        ("GET", "v3/positionRisk", private.risk, "account.position", 5),
        ("GET", "v1/accountConfig", private.config, "account.config", 5),
        ("GET", "v1/symbolConfig", private.symbol_config, "account.config", 5),
        ("GET", "v1/leverageBracket", private.brackets, "account.brackets", 1),
        ("GET", "v1/commissionRate", private.commission, "account.commission", 20),
        ("GET", "v1/income", private.income, "account.income", 30),
        ("GET", "v1/positionSide/dual", private.mode, "account.mode", 30),
        ("POST", "v1/positionSide/dual", private.set_mode, "account.mode", 1),
        ("GET", "v1/multiAssetsMargin", private.multi, "account.mode", 30),
        ("POST", "v1/leverage", private.set_leverage, "account.leverage", 1),
        ("POST", "v1/marginType", private.set_margin_type, "account.margin_type", 1),
        ("GET", "v1/rateLimit/order", lambda _: meter.table()[1:], "account.limits", 1),
    ]
    return [
        Endpoint(m, f"/fapi/{path}", answer, weight, "signed", 0, action)
        for m, path, answer, action, weight in rows
    ]


class Private:
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, meter: Meter) -> None:
        self._exchange = exchange
        self._account = exchange.account
        self._meter = meter

    def balance(self, _: Params) -> list[dict[str, Any]]:
        """What is owned, by asset."""
        return [
            {
                "accountAlias": "SgsR",
                "asset": row["asset"],
                "balance": row["walletBalance"],
                "crossWalletBalance": row["crossWalletBalance"],
                "crossUnPnl": row["crossUnPnl"],
                "availableBalance": row["availableBalance"],
                "maxWithdrawAmount": row["maxWithdrawAmount"],
                "marginAvailable": True,
                "updateTime": row["updateTime"],
            }
            for row in self._assets()
        ]

    def account(self, _: Params) -> dict[str, Any]:
        """Everything about the account; totals are of the one asset that margins are in."""
        assets = self._assets()
        first = assets[0] if assets else {}
        totals = {
            f"total{name[:1].upper()}{name[1:]}": first.get(name, "0.00000000")
            for name in (
                "initialMargin",
                "maintMargin",
                "walletBalance",
                "unrealizedProfit",
                "marginBalance",
                "positionInitialMargin",
                "openOrderInitialMargin",
                "crossWalletBalance",
                "crossUnPnl",
            )
        }
        return {
            "feeTier": 0,
            "feeBurn": False,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": self._account.multi_assets,
            "tradeGroupId": -1,
            **totals,
            "availableBalance": first.get("availableBalance", "0.00000000"),
            "maxWithdrawAmount": first.get("maxWithdrawAmount", "0.00000000"),
            "assets": assets,
            "positions": [self._position(position) for position in self._every()],
        }

    def risk(self, params: Params) -> list[dict[str, Any]]:
        """What is held."""
        return [row for row in self.every_risk(params) if Decimal(row["positionAmt"])]

    def every_risk(self, params: Params) -> list[dict[str, Any]]:
        """What is held, flat symbols too."""
        wanted = self._exchange.market.symbol(params.text("symbol")) if "symbol" in params else None
        return [self._risk(p) for p in self._every() if wanted in {None, p.symbol}]

    def config(self, _: Params) -> dict[str, Any]:
        """How the account is set."""
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": self._account.hedge,
            "updateTime": 0,
            "multiAssetsMargin": self._account.multi_assets,
            "tradeGroupId": -1,
        }

    def symbol_config(self, params: Params) -> list[dict[str, Any]]:
        """How each symbol is set."""
        return [
            {
                "symbol": symbol.symbol,
                "marginType": self._margin_type(symbol).upper().replace("CROSS", "CROSSED"),
                "isAutoAddMargin": False,
                "leverage": self._account.times(symbol),
                "maxNotionalValue": MAX_NOTIONAL,
            }
            for symbol in self._some(params)
        ]

    def brackets(self, params: Params) -> Any:
        """The largest leverage of each symbol, in one bracket."""
        rows = [
            {
                "symbol": symbol.symbol,
                "notionalCoef": 1.0,
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": symbol.max_leverage,
                        "notionalCap": int(MAX_NOTIONAL),
                        "notionalFloor": 0,
                        "maintMarginRatio": float(symbol.maintenance),
                        "cum": 0.0,
                    }
                ],
            }
            for symbol in self._some(params)
        ]
        return rows[0] if "symbol" in params else rows

    def commission(self, params: Params) -> dict[str, Any]:
        """The fees of a symbol."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        return {
            "symbol": symbol.symbol,
            "makerCommissionRate": format(symbol.maker, "f"),
            "takerCommissionRate": format(symbol.taker, "f"),
            "rpiCommissionRate": "0",
        }

    def income(self, params: Params) -> list[dict[str, Any]]:
        """What changed the wallet."""
        symbol, kind = params.maybe("symbol"), params.maybe("incomeType")
        rows = [
            row
            for row in self._exchange.incomes
            if symbol in {None, row["symbol"]}
            and kind in {None, row["incomeType"]}
            and params.within(row["time"])
        ]
        return rows[-params.limit(100, 1_000) :]

    def mode(self, _: Params) -> dict[str, Any]:
        """Hedge or one-way."""
        return {"dualSidePosition": self._account.hedge}

    def set_mode(self, params: Params) -> dict[str, Any]:
        """Choose hedge or one-way mode."""
        hedge = params.flag("dualSidePosition")
        if "dualSidePosition" not in params:
            raise Refused(
                (-1102, "Mandatory parameter 'dualSidePosition' was not sent, was empty/null, or malformed.")
            )
        if hedge is self._account.hedge:
            raise Refused((-4059, "No need to change position side."))
        if self._exchange.working:
            raise Refused((-4067, "Position side cannot be changed if there exists open orders."))
        if any(self._account.held()):
            raise Refused((-4068, "Position side cannot be changed if there exists position."))
        self._account.hedge = hedge
        return {"code": 200, "msg": "success"}

    def multi(self, _: Params) -> dict[str, Any]:
        """Whether margins may be in several assets; they may not here."""
        return {"multiAssetsMargin": self._account.multi_assets}

    def set_leverage(self, params: Params) -> dict[str, Any]:
        """Choose the leverage of a symbol."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        times = params.whole("leverage")
        if not 1 <= times <= symbol.max_leverage:
            raise Refused((-4028, f"Leverage {times} is not valid"))
        self._account.leverage[symbol.symbol] = times
        now = self._exchange.ms()
        config = {"s": symbol.symbol, "l": times}
        self._exchange.tell({"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ac": config})
        return {"leverage": times, "maxNotionalValue": MAX_NOTIONAL, "symbol": symbol.symbol}

    def set_margin_type(self, params: Params) -> dict[str, Any]:
        """Choose the margin type of a symbol."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        kind = params.choice(
            "marginType",
            ("ISOLATED", "CROSSED"),
            (-1130, "Data sent for parameter 'marginType' is not valid."),
        )
        isolated = kind == "ISOLATED"
        if isolated is (symbol.symbol in self._account.isolated):
            raise Refused((-4046, "No need to change margin type."))
        if any(order.symbol is symbol for order in self._exchange.working.values()):
            raise Refused((-4047, "Margin type cannot be changed if there exists open orders."))
        if any(position.symbol is symbol for position in self._account.held()):
            raise Refused((-4048, "Margin type cannot be changed if there exists position."))
        (self._account.isolated.add if isolated else self._account.isolated.discard)(symbol.symbol)
        return {"code": 200, "msg": "success"}

    def _some(self, params: Params) -> list[Symbol]:
        market = self._exchange.market
        return [market.symbol(params.text("symbol"))] if "symbol" in params else list(market.symbols.values())

    def _margin_type(self, symbol: Symbol) -> str:
        return "isolated" if symbol.symbol in self._account.isolated else "cross"

    def _every(self) -> list[Position]:
        sides = ("LONG", "SHORT") if self._account.hedge else ("BOTH",)
        return [
            self._account.position(s, side) for s in self._exchange.market.symbols.values() for side in sides
        ]

    def _assets(self) -> list[dict[str, Any]]:
        account, working = self._account, list(self._exchange.working.values())
        rows = []
        for asset, wallet in account.wallet.items():
            held = [p for p in account.held() if p.symbol.quote == asset]
            of_positions = sum((account.position_margin(p) for p in held), ZERO)
            of_orders = sum((account.order_margin(o) for o in working if o.symbol.quote == asset), ZERO)
            profit = account.unrealized(asset)
            available = money(account.available(asset, working))
            rows.append(
                {
                    "asset": asset,
                    "walletBalance": money(wallet),
                    "unrealizedProfit": money(profit),
                    "marginBalance": money(wallet + profit),
                    "maintMargin": money(sum((account.maintenance(p) for p in held), ZERO)),
                    "initialMargin": money(of_positions + of_orders),
                    "positionInitialMargin": money(of_positions),
                    "openOrderInitialMargin": money(of_orders),
                    "crossWalletBalance": money(wallet),
                    "crossUnPnl": money(profit),
                    "availableBalance": available,
                    "maxWithdrawAmount": available,
                    "marginAvailable": True,
                    "updateTime": self._exchange.ms(),
                }
            )
        return rows

    def _position(self, position: Position) -> dict[str, Any]:
        symbol, account = position.symbol, self._account
        margin = money(account.position_margin(position))
        return {
            "symbol": symbol.symbol,
            "initialMargin": margin,
            "maintMargin": money(account.maintenance(position)),
            "unrealizedProfit": money(position.profit(self._exchange.mark(symbol))),
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0.00000000",
            "leverage": str(account.times(symbol)),
            "isolated": symbol.symbol in account.isolated,
            "entryPrice": entry_price(position),
            "breakEvenPrice": entry_price(position),
            "maxNotional": MAX_NOTIONAL,
            "bidNotional": "0",
            "askNotional": "0",
            "positionSide": position.side,
            "positionAmt": symbol.size(position.amount),
            "isolatedMargin": margin if symbol.symbol in account.isolated else "0",
            "isolatedWallet": margin if symbol.symbol in account.isolated else "0",
            "notional": money(position.amount * self._exchange.mark(symbol)),
            "updateTime": position.updated,
        }

    def _risk(self, position: Position) -> dict[str, Any]:
        symbol, account = position.symbol, self._account
        mark = self._exchange.mark(symbol)
        margin = money(account.position_margin(position))
        isolated = symbol.symbol in account.isolated
        return {
            "symbol": symbol.symbol,
            "positionAmt": symbol.size(position.amount),
            "entryPrice": entry_price(position),
            "breakEvenPrice": entry_price(position),
            "markPrice": money(mark),
            "unRealizedProfit": money(position.profit(mark)),
            "liquidationPrice": "0",
            "leverage": str(account.times(symbol)),
            "maxNotionalValue": MAX_NOTIONAL,
            "marginType": self._margin_type(symbol),
            "isolatedMargin": margin if isolated else "0.00000000",
            "isAutoAddMargin": "false",
            "positionSide": position.side,
            "notional": money(position.amount * mark),
            "isolatedWallet": margin if isolated else "0",
            "initialMargin": margin,
            "maintMargin": money(account.maintenance(position)),
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "adl": 0,
            "bidNotional": "0",
            "askNotional": "0",
            "marginAsset": symbol.quote,
            "updateTime": position.updated,
            "adlQuantile": 0,
        }
