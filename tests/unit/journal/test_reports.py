"""The engine's own reports become what recovery reads."""

from decimal import Decimal

from nautilus_trader.model import (
    AccountId,
    ClientOrderId,
    Currency,
    FillReport,
    InstrumentId,
    LiquiditySide,
    Money,
    OrderSide,
    OrderStatus,
    OrderStatusReport,
    OrderType,
    PositionSide,
    PositionStatusReport,
    Price,
    Quantity,
    TimeInForce,
    TradeId,
    VenueOrderId,
)

from framework.journal.recovery import VenueFill, VenueOrder
from framework.journal.reports import venue_reports

ACCOUNT, EURUSD = AccountId("SIM-1"), InstrumentId.from_str("EUR/USD.SIM")


def order(client_order_id):
    return OrderStatusReport(
        account_id=ACCOUNT,
        instrument_id=EURUSD,
        venue_order_id=VenueOrderId("V-1"),
        order_side=OrderSide.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        order_status=OrderStatus.PARTIALLY_FILLED,
        quantity=Quantity.from_str("1000"),
        filled_qty=Quantity.from_str("400"),
        ts_accepted=1,
        ts_last=2,
        ts_init=3,
        client_order_id=client_order_id,
        price=Price.from_str("1.10"),
    )


def fill(client_order_id):
    return FillReport(
        account_id=ACCOUNT,
        instrument_id=EURUSD,
        venue_order_id=VenueOrderId("V-1"),
        trade_id=TradeId("T-1"),
        order_side=OrderSide.SELL,
        last_qty=Quantity.from_str("400"),
        last_px=Price.from_str("1.10"),
        commission=Money(Decimal("0.02"), Currency.from_str("USD")),
        liquidity_side=LiquiditySide.TAKER,
        ts_event=5,
        ts_init=6,
        client_order_id=client_order_id,
    )


def position(side, quantity):
    return PositionStatusReport(
        account_id=ACCOUNT,
        instrument_id=EURUSD,
        position_side=side,
        quantity=Quantity.from_str(quantity),
        ts_last=1,
        ts_init=2,
    )


def test_orders_and_fills_with_and_without_a_name_of_ours():
    ours = ClientOrderId("O-1")
    read = venue_reports(
        [order(ours), order(None)], [fill(ours), fill(None)], [], venues=["SIM"], not_found=["O-9"]
    )
    assert read.orders == tuple(
        VenueOrder(
            instrument_id="EUR/USD.SIM",
            venue_order_id="V-1",
            side="SELL",
            quantity=Decimal(1000),
            filled=Decimal(400),
            status="PARTIALLY_FILLED",
            client_order_id=name,
        )
        for name in ("O-1", "")
    )
    assert read.fills == tuple(
        VenueFill(
            instrument_id="EUR/USD.SIM",
            trade_id="T-1",
            venue_order_id="V-1",
            side="SELL",
            quantity=Decimal(400),
            price="1.10",
            ts=5,
            client_order_id=name,
            commission="0.02 USD",
        )
        for name in ("O-1", "")
    )
    assert (read.venues, read.not_found) == ({"SIM"}, {"O-9"})


def test_both_sides_of_a_hedging_account_are_one_position():
    read = venue_reports(
        [], [], [position(PositionSide.LONG, "700"), position(PositionSide.SHORT, "1000")], venues=["SIM"]
    )
    assert read.positions == {"EUR/USD.SIM": Decimal(-300)}


def test_a_flat_position_is_none():
    read = venue_reports([], [], [position(PositionSide.FLAT, "0")], venues=["SIM"])
    assert read.positions == {"EUR/USD.SIM": Decimal(0)}
