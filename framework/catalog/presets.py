"""Definitions of instruments people meet first, from the venues' public contract specifications.

Tick sizes, multipliers and currencies are contract terms. Margins are not: exchanges and brokers change
them with volatility, so the fractions here are round figures of the right size for a first backtest. State
your own in a definition file (`preset: ES` and `margin_init: 0.08`) before trusting a result that depends on
them.

Sources; only UB and Binance were checked again, in November 2026, the rest is from memory:
- CME Group contract specifications. E-mini S&P 500 (ES): $50 x index, tick 0.25 ($12.50). Euro FX (6E):
  125,000 EUR, tick 0.00005 ($6.25). Ultra U.S. Treasury Bond (UB): $100,000 face, points of $1,000, tick
  1/32 point ($31.25).
- Binance exchange information. BTCUSDT spot: price 0.01, size 0.00001, minimum 5 USDT. BTCUSDT USD-M
  perpetual: price 0.10, size 0.001, minimum 100 USDT.
- EUR/USD in tenths of a pip and gold in thousandths of a dollar: what retail FX venues quote (OANDA's
  published display precisions). Margins: CFTC Regulation 5.9, 2 % for major pairs; gold 5 % (ESMA's 20:1).
- US equities: SEC Regulation NMS Rule 612, one cent at and above 1 dollar; Federal Reserve Regulation T
  50 % initial margin; FINRA Rule 4210 25 % maintenance.
"""

from __future__ import annotations

US_EQUITY = {
    "type": "equity",
    "quote": "USD",
    "price_increment": "0.01",
    "lot_size": "1",
    "margin_init": "0.5",
    "margin_maint": "0.25",
}
"""Every US stock; `id` is added."""

PRESETS = {
    "EURUSD": {
        "type": "currency_pair",
        "id": "EUR/USD.SIM",
        "base": "EUR",
        "quote": "USD",
        "price_increment": "0.00001",
        "size_increment": "1",
        "margin_init": "0.02",
        "margin_maint": "0.02",
    },
    "XAUUSD": {
        "type": "currency_pair",
        "id": "XAU/USD.SIM",
        "base": "XAU",
        "quote": "USD",
        "price_increment": "0.001",
        "size_increment": "1",
        "margin_init": "0.05",
        "margin_maint": "0.05",
    },
    "BTCUSDT": {
        "type": "currency_pair",
        "id": "BTCUSDT.BINANCE",
        "base": "BTC",
        "quote": "USDT",
        "price_increment": "0.01",
        "size_increment": "0.00001",
        "min_quantity": "0.00001",
        "min_notional": "5",
    },
    "BTCUSDT-PERP": {
        "type": "perpetual",
        "id": "BTCUSDT-PERP.BINANCE",
        "base": "BTC",
        "quote": "USDT",
        "price_increment": "0.10",
        "size_increment": "0.001",
        "min_quantity": "0.001",
        "min_notional": "100",
        "margin_init": "0.05",
        "margin_maint": "0.025",
    },
    "ES": {
        "type": "future",
        "id": "ES.XCME",
        "asset_class": "INDEX",
        "base": "ES",
        "quote": "USD",
        "price_increment": "0.25",
        "multiplier": "50",
        "margin_init": "0.07",
        "margin_maint": "0.065",
    },
    "6E": {
        "type": "future",
        "id": "6E.XCME",
        "asset_class": "FX",
        "base": "EUR",
        "quote": "USD",
        "price_increment": "0.00005",
        "multiplier": "125000",
        "margin_init": "0.022",
        "margin_maint": "0.02",
    },
    "UB": {
        "type": "future",
        "id": "UB.XCBT",
        "asset_class": "DEBT",
        "base": "UB",
        "quote": "USD",
        "price_increment": "0.03125",
        "multiplier": "1000",
        "margin_init": "0.045",
        "margin_maint": "0.04",
    },
}
