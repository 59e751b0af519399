"""A REST server beside a MetaTrader 5 terminal. It needs no trading engine; it runs beside the terminal."""

__version__ = "0.1.0"
