"""The exchange and the node as processes of their own, and a client that shares no code with either."""

import hashlib
import hmac
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

KEY, SECRET = "test-key", "planted-secret-3141592653"
ENV = {**os.environ, "SIMEXCHANGE_KEY": KEY, "SIMEXCHANGE_SECRET": SECRET}
DRIVEN_NODE = Path(__file__).with_name("driven_node.py")


class Exchange:
    """A running `framework-simexchange`, asked by hand-made requests."""

    secret = SECRET

    def __init__(self, *options):
        self.options = options
        self.session = None
        self.start()

    def start(self):
        command = [sys.executable, "-m", "framework_simexchange.server.command", *self.options]
        self.process = subprocess.Popen(
            command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.ports = json.loads(line)
        self.url = f"http://127.0.0.1:{self.ports['port']}"
        self.options = (
            *(o for o in self.options if not o.startswith(("--port", "--control-port"))),
            f"--port={self.ports['port']}",
            f"--control-port={self.ports['control_port']}",
        )

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    # the public door, signed as the documentation says

    def ask(self, method, path, body=None, *, sign=SECRET, at_ms=None, window="5000", key=KEY, raw=None):
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        stamp = str(int(time.time() * 1_000) if at_ms is None else at_ms)
        message = f"{stamp} {window} {method} {path}\n".encode() + data
        headers = {
            "X-SIM-KEY": key,
            "X-SIM-TIMESTAMP": stamp,
            "X-SIM-WINDOW": window,
            "X-SIM-SIGNATURE": hmac.new(sign.encode(), message, hashlib.sha256).hexdigest(),
            "X-SIM-SESSION": str(self.session),
        }
        return fetch(method, self.url + path, data, headers, 5)

    def take(self, holder="test", seconds=30):
        status, body = self.ask("POST", "/v1/session", {"holder": holder, "seconds": seconds})
        if status == 200:
            self.session = body["token"]
        return status

    def submit(self, client_order_id, side="BUY", quantity="100", **more):
        kind = "LIMIT" if "price" in more else "MARKET"
        body = {
            "client_order_id": client_order_id,
            "symbol": "EUR/USD",
            "side": side,
            "type": kind,
            "quantity": quantity,
            **more,
        }
        status, answer = self.ask("POST", "/v1/orders", body)
        return answer["order"] if status in {200, 201} else answer

    # the control port

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.ports['control_port']}{path}"
        status, answer = fetch(method, url, data, {}, 10)
        assert status == 200, answer
        return answer

    def quote(self, bid, ask, bid_size="1000", ask_size="1000", symbol="EUR/USD", **more):
        sizes = {"bid_size": bid_size, "ask_size": ask_size}
        return self.control("POST", "/quote", {"symbol": symbol, "bid": bid, "ask": ask, **sizes, **more})

    def fault(self, kind, **more):
        return self.control("POST", "/faults", {"kind": kind, **more})

    def truth(self):
        return self.control("GET", "/truth")

    def order(self, client_order_id):
        return next(o for o in self.truth()["orders"] if o["client_order_id"] == client_order_id)


def fetch(method, url, data, headers, timeout):
    """Status and JSON body; a connection that is cut or silent gives status 0 and the error's name."""
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
        return error.code, json.loads(text) if text[:1] == b"{" else dict(error.headers)
    except (OSError, ValueError) as error:
        return 0, type(error).__name__


class Node:
    """A `driven_node.py` process; what it says is kept in `heard`."""

    def __init__(self, url, **settings):
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVEN_NODE), url, json.dumps(settings)],
            env=ENV,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.heard, self.text, self._lines = [], [], queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def do(self, what, **fields):
        if "id" in fields:
            fields["name"] = fields.pop("id")
        self.process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self.process.stdin.flush()

    def wait(self, said, seconds=10, **fields):
        """The next thing said of that kind with those fields; everything before it is kept too."""
        found = [h for h in self.heard if matches(h, said, fields)]
        if found:
            return found[-1]
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            if self._hear(line) and matches(self.heard[-1], said, fields):
                return self.heard[-1]
        pytest.fail(f"{said} {fields} not heard; heard:\n{''.join(self.text[-40:])}")

    def _hear(self, line):
        self.text.append(line)
        at = line.find('{"said"')  # the engine's log writes to the same place
        if at >= 0:
            self.heard.append(json.JSONDecoder().raw_decode(line[at:])[0])
        return at >= 0

    def settle(self, seconds):
        """Hear everything that is said in the next seconds."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                return
            if line is None:
                return
            self._hear(line)

    def until(self, fact, seconds=20):
        """Hear everything that is said until a fact is so."""
        ends = time.monotonic() + seconds
        while not fact():
            if time.monotonic() > ends:
                pytest.fail(f"not so within {seconds} s; heard:\n{''.join(self.text[-40:])}")
            self.settle(0.02)

    def logged(self, words):
        """How many of the lines heard have these words."""
        return sum(words in line for line in self.text)

    def events(self, client_order_id):
        return [h["said"] for h in self.heard if h.get("id") == client_order_id]

    def state(self):
        self.heard = [h for h in self.heard if h["said"] != "state"]
        self.do("state")
        return self.wait("state")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self._reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self):
        self.do("stop")
        return self.process.wait(15)


def matches(heard, said, fields):
    return heard["said"] == said and all(heard.get(name) == value for name, value in fields.items())


@pytest.fixture
def environment():
    """The environment of the exchange and the node: it holds the key and the secret."""
    return ENV


@pytest.fixture
def exchange_with():
    """Starts exchanges with the options given; the market stands still unless `market=True`."""
    started = []

    def start(*options, market=False):
        exchange = Exchange(*options, *([] if market else ["--paused"]))
        started.append(exchange)
        return exchange

    yield start
    for exchange in started:
        exchange.close()


@pytest.fixture(scope="module")
def shared():
    """One exchange for the tests that leave it as it was."""
    exchange = Exchange("--paused")
    exchange.take(seconds=60)
    yield exchange
    exchange.close()


@pytest.fixture
def exchange(exchange_with):
    """An exchange whose EUR/USD is 1.10000 to 1.10002, and whose account this test has."""
    exchange = exchange_with("--heartbeat=0.3")
    exchange.quote("1.10000", "1.10002")
    assert exchange.take() == 200
    return exchange


@pytest.fixture
def node_on():
    """Starts nodes and waits until their strategy runs."""
    started = []

    def start(exchange, *, wait=True, **settings):
        node = Node(exchange.url, **settings)
        started.append(node)
        if wait:
            node.wait("started", 90)
            node.wait("quote", 90)
        return node

    yield start
    for node in started:
        node.close()


@pytest.fixture
def market(exchange_with):
    """An exchange for nodes: nobody has the account yet."""
    exchange = exchange_with("--heartbeat=0.3")
    exchange.quote("1.10000", "1.10002")
    return exchange


@pytest.fixture
def node(market, node_on):
    """A node on `market`."""
    return node_on(market, lease="1s")
