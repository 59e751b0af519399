"""What the server has in its books, as the engine's reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework_mt5.constants import CLOSED_BY, NOT_FOUND
from framework_mt5.rest import Refused, iso

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nautilus_trader.live import (
        GenerateFillReports,
        GenerateOrderStatusReports,
        GeneratePositionStatusReports,
    )
    from nautilus_trader.model import FillReport, OrderStatusReport, PositionStatusReport

    from framework_mt5.reports import Reports, Row
    from framework_mt5.rest import Rest


class Books:
    """Asks the server; times are when the engine is told."""

    def __init__(self, rest: Rest, reports: Reports) -> None:
        self._rest = rest
        self._reports = reports

    async def order(self, address: str, now_ns: int) -> OrderStatusReport | None:
        """One order; None when the server, or the terminal, has none at that address."""
        try:
            view = await self._rest.get(address)
        except Refused as error:
            if error.code == NOT_FOUND:
                return None
            raise
        row = view["order"]
        if row is None or not self._reports.knows(row):
            return None
        return self._reports.order(row | {"client_id": view["client_id"]}, now_ns)

    async def orders(self, command: GenerateOrderStatusReports, now_ns: int) -> list[OrderStatusReport]:
        """Active orders, and those that are over where they are asked for, close-bys among them."""
        closings: list[Row] = []
        rows = [row async for row in self.pages("orders", {})]
        if not command.open_only:
            query = {"active": "false", **_since(command.start)}
            rows += [row async for row in self.pages("orders", query)]
            closings = [
                row async for row in self.pages("deals", _since(command.start)) if row["entry"] == CLOSED_BY
            ]
        wanted = command.instrument_id
        return [
            *(
                self._reports.order(row, now_ns)
                for row in rows
                if row["state"] != "rejected" and self._wanted(row, wanted)
            ),
            *(self._reports.closing(row, now_ns) for row in closings if self._wanted(row, wanted)),
        ]

    async def fills(self, command: GenerateFillReports, now_ns: int) -> list[FillReport]:
        """Deals of orders."""
        return [
            self._reports.fill(row, now_ns)
            async for row in self.pages("deals", _since(command.start))
            if row["order"] and self._wanted(row, command.instrument_id)
        ]

    async def positions(
        self, command: GeneratePositionStatusReports, now_ns: int
    ) -> list[PositionStatusReport]:
        """Open positions."""
        rows = (await self._rest.get("account/positions"))["positions"]
        return [
            self._reports.position(row, now_ns) for row in rows if self._wanted(row, command.instrument_id)
        ]

    async def pages(self, name: str, query: dict[str, str]) -> AsyncIterator[Row]:
        """Rows of `orders` or `deals`, by ticket."""
        after = "0"
        while True:
            answer = await self._rest.get(f"account/{name}", {**query, "after": after})
            for row in answer[name]:
                yield row
                after = str(row["ticket"])
            if not answer["more"]:
                return

    def _wanted(self, row: Row, instrument_id: Any) -> bool:
        if not self._reports.knows(row):
            return False
        return instrument_id is None or self._reports.instrument_id(row["symbol"]) == instrument_id


def _since(start_ns: int | None) -> dict[str, str]:
    return {} if start_ns is None else {"since": iso(start_ns / 1e9)}
