"""The simulator as a process of its own, and requests signed here by hand, sharing no code with it."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

KEY, SECRET = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP"
ENV = {**os.environ, "BINANCE_SIM_KEY": KEY, "BINANCE_SIM_SECRET": SECRET}


class Sim:
    """A running `framework-binance-sim`."""

    key, secret = KEY, SECRET

    def __init__(self, *options):
        command = [sys.executable, "-m", "framework_binance_sim.command", *map(str, options)]
        self.process = subprocess.Popen(
            command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        ports = json.loads(line)
        self.url = f"http://127.0.0.1:{ports['port']}"
        self.ws = f"ws://127.0.0.1:{ports['port']}"
        self.back = f"http://127.0.0.1:{ports['control_port']}"

    def close(self):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(15)
        self.process.communicate()
        return status

    def public(self, path, **params):
        return self.answered("GET", path, params)[1]

    def asked(self, method, path, **params):
        """Status and body of a signed request."""
        status, body, _ = self.answered(method, path, self.signed(params), self.key)
        return status, body

    def ask(self, method, path, **params):
        """The body of a signed request that is taken."""
        status, body = self.asked(method, path, **params)
        assert status == 200, body
        return body

    def refused(self, method, path, **params):
        """The code of a signed request that is refused."""
        status, body = self.asked(method, path, **params)
        assert status != 200, body
        return body["code"]

    def signed(self, params, *, at_ms=None, secret=None):
        query = urllib.parse.urlencode({**params, "timestamp": at_ms or int(time.time() * 1_000)})
        key = (secret or self.secret).encode()
        return f"{query}&signature={hmac.new(key, query.encode(), hashlib.sha256).hexdigest()}"

    def answered(self, method, path, params, key=None):
        """Status, body and headers."""
        query = params if isinstance(params, str) else urllib.parse.urlencode(params)
        headers = {"X-MBX-APIKEY": key} if key else {}
        return fetch(method, f"{self.url}{path}?{query}", None, headers)

    def raw(self, path, headers):
        """Status, body as it came, and headers."""
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)

    def wait(self, fact, seconds=20):
        """Wait until something is true of the truth."""
        ends = time.monotonic() + seconds
        while not fact(self.truth()):
            assert time.monotonic() < ends, self.truth()
            time.sleep(0.02)

    def owned(self):
        """Free and locked by asset, on spot."""
        return {row["asset"]: (row["free"], row["locked"]) for row in self.truth()["balances"]}

    def control(self, path, **body):
        data = json.dumps(body).encode() if body else b"{}"
        status, answer, _ = fetch("POST", f"{self.back}{path}", data, {})
        assert status == 200, answer
        return answer

    def quote(self, bid, ask, symbol="BTCUSDT", **more):
        return self.control("/quote", symbol=symbol, bid=bid, ask=ask, **more)

    def start_a_minute(self):
        """Set the exchange's clock to the start of a minute, which limits count from; milliseconds ahead."""
        ahead = -int(time.time() * 1_000) % 60_000
        self.control("/conditions", skew_ms=ahead)
        return ahead

    def fault(self, kind, **more):
        return self.control("/faults", kind=kind, **more)

    def calm(self):
        assert fetch("DELETE", f"{self.back}/faults", None, {})[0] == 200

    def truth(self):
        return fetch("GET", f"{self.back}/truth", None, {})[1]


def fetch(method, url, data, headers):
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read()), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
        return error.code, json.loads(text) if text[:1] in b"{[" else text, dict(error.headers)


@pytest.fixture
def sim_with():
    """Starts simulators with the options given; the market stands still unless `market=True`."""
    started = []

    def start(*options, market=False):
        sim = Sim(*options, *([] if market else ["--paused"]))
        started.append(sim)
        return sim

    yield start
    for sim in started:
        sim.close()


@pytest.fixture
def sim(sim_with):
    """A simulator whose BTCUSDT is 60000.0 to 60000.1, and last traded at 60000.0."""
    sim = sim_with()
    sim.quote("60000.0", "60000.1", last="60000.0")
    return sim


@pytest.fixture
def spot(sim_with):
    """Spot with 10,000 USDT and 1 BTC; BTCUSDT is 60000.00 to 60000.10, and last traded at 60000.00."""
    sim = sim_with("--product=spot", "--balance=10000 USDT", "--balance=1 BTC")
    sim.quote("60000.00", "60000.10", last="60000.00")
    return sim


@pytest.fixture(scope="module")
def shared():
    """One simulator for the tests that leave it as it was."""
    sim = Sim("--paused")
    sim.quote("60000.0", "60000.1", last="60000.0")
    yield sim
    sim.close()


@pytest.fixture(scope="module")
def shared_spot():
    """One spot simulator for the tests that leave it as it was."""
    sim = Sim("--paused", "--product=spot", "--balance=10000 USDT", "--balance=1 BTC")
    sim.quote("60000.00", "60000.10", last="60000.00")
    yield sim
    sim.close()
