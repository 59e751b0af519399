"""The broker as a process of its own, and the module that is connected to it."""

import json
import socket
import subprocess
import sys

import framework_mt5_terminal as mt5
import pytest


class Broker:
    """A running `framework-mt5-terminal`."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "framework_mt5_terminal.broker.command", "--history=60", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.port = json.loads(line)["port"]
        self.address = f"127.0.0.1:{self.port}"
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=90)
        self._lines = self._socket.makefile("rb")

    def __call__(self, control, **fields):
        self._socket.sendall(json.dumps({"control": control, **fields}).encode() + b"\n")
        answer = json.loads(self._lines.readline())
        assert "done" in answer, answer
        return answer["done"]

    def quote(self, bid, ask, depth=None, symbol="EURUSD"):
        self("quote", symbol=symbol, bid=bid, ask=ask, depth=depth)

    def close(self):
        self._lines.close()
        self._socket.close()
        self.process.terminate()
        self.process.communicate(timeout=60)


@pytest.fixture
def broker_with():
    started = []

    def start(*options):
        broker = Broker(*options)
        started.append(broker)
        assert mt5.initialize(broker.address), mt5.last_error()
        broker.quote("1.10000", "1.10002")
        return broker

    yield start
    mt5.shutdown()
    for broker in started:
        broker.close()


@pytest.fixture
def broker(broker_with):
    """Hedging, in dollars, EURUSD 1.10000 to 1.10002."""
    return broker_with("--balance=10000")


@pytest.fixture
def netting(broker_with):
    return broker_with("--margin-mode=netting")


@pytest.fixture
def deal():
    """Sends a market order; EURUSD, one lot, unless told otherwise."""

    def send(side="buy", volume=1.0, symbol="EURUSD", **more):
        kind = mt5.ORDER_TYPE_BUY if side == "buy" else mt5.ORDER_TYPE_SELL
        return mt5.order_send(
            {
                "action": mt5.TRADE_ACTION_DEAL,
                "symbol": symbol,
                "volume": volume,
                "type": kind,
                "type_filling": mt5.ORDER_FILLING_IOC,
                **more,
            }
        )

    return send


@pytest.fixture
def pend():
    """Sends a pending order; EURUSD, one lot, unless told otherwise."""

    def send(kind, price, volume=1.0, symbol="EURUSD", **more):
        return mt5.order_send(
            {
                "action": mt5.TRADE_ACTION_PENDING,
                "symbol": symbol,
                "volume": volume,
                "type": kind,
                "price": price,
                "type_filling": mt5.ORDER_FILLING_RETURN,
                **more,
            }
        )

    return send
