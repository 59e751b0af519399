"""The simulator and the node as processes of their own, on real sockets."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

KEYS = {
    "BINANCE_SIM_KEY": "test-key",
    "BINANCE_SIM_SECRET": "planted-secret-2718281828",
    "BINANCE_API_KEY": "test-key",
    "BINANCE_API_SECRET": "planted-secret-2718281828",
}
PATIENCE = 30.0
CHECKOUT = Path(__file__).parents[4]


def wait_until(fact, what, seconds=PATIENCE):
    """The first true value of a fact; the test fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = fact()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"not within {seconds:.0f} s: {what() if callable(what) else what}")


class Sim:
    """A running `framework-binance-sim`, steered through its control port."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "framework_binance_sim.command", *map(str, options)]
        self.process = subprocess.Popen(
            command, env=os.environ | KEYS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        ports = json.loads(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{ports['port']}"
        self.back = f"http://127.0.0.1:{ports['control_port']}"

    def control(self, path, method="POST", **body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.back + path, data=data, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def quote(self, bid, ask, **more):
        return self.control("/quote", symbol="BTCUSDT", bid=bid, ask=ask, **{"last": bid, **more})

    def fault(self, kind, **more):
        return self.control("/faults", kind=kind, **more)

    def truth(self):
        return self.control("/truth", "GET")

    def orders(self):
        return {order["clientOrderId"]: order for order in self.truth()["orders"]}

    def position(self):
        return next((p["pa"] for p in self.truth()["positions"]), "0")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Driven:
    """A `driven_node.py` process: the engine's adapter as the plugin configures it; what it says is kept."""

    def __init__(self, sim, environ=None, **settings):
        self.out = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the node
        script = Path(__file__).with_name("driven_node.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), json.dumps({"url": sim.url, **settings})],
            env=os.environ | KEYS | (environ or {}),
            stdin=subprocess.PIPE,
            stdout=self.out,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.text, self.heard = "", []

    def listen(self):
        size = os.fstat(self.out.fileno()).st_size
        self.text = os.pread(self.out.fileno(), size, 0).decode(errors="replace")
        lines = self.text.split("\n")[:-1]
        found = (line[line.find('{"said"') :] for line in lines if '{"said"' in line)
        self.heard = [json.JSONDecoder().raw_decode(line)[0] for line in found]
        return self.heard

    def find(self, said, **fields):
        return [h for h in self.listen() if h["said"] == said and fields.items() <= h.items()]

    def wait(self, said, seconds=PATIENCE, **fields):
        def found():
            assert self.process.poll() is None or self.find(said, **fields), self.text[-4000:]
            return self.find(said, **fields)

        return wait_until(found, lambda: f"{said} {fields}:\n{self.text[-4000:]}", seconds)[-1]

    def do(self, what, **fields):
        self.process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self.process.stdin.flush()

    def submit(self, name, side="BUY", qty="0.010", **more):
        self.do("submit", name=name, side=side, qty=qty, **more)

    def events(self, name):
        return [h["said"] for h in self.listen() if h.get("id") == name]

    def state(self):
        asked = len(self.find("state"))
        self.do("state")

        def found():
            assert self.process.poll() is None, self.text[-4000:]
            return self.find("state")[asked:]

        return wait_until(found, lambda: self.text[-4000:])[-1]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.do("stop")
        return self.process.wait(PATIENCE)

    def close(self):
        self.kill()
        self.process.stdin.close()
        self.out.close()


def hears(node, sim):
    """Quotes 60000.0 to 60000.1 until the node hears it: its subscription may still be on the way."""
    heard = len(node.find("quote"))

    def quoted():
        sim.quote("60000.0", "60000.1", bid_size="9")
        sim.quote("60000.0", "60000.1")
        return len(node.find("quote")) > heard

    wait_until(quoted, lambda: node.text[-3000:])


@pytest.fixture
def until():
    """Waits for a fact."""
    return wait_until


@pytest.fixture
def sim_with():
    started = []

    def start(*options):
        started.append(Sim("--paused", *options))
        started[-1].quote("60000.0", "60000.1")
        return started[-1]

    yield start
    for sim in started:
        sim.close()


@pytest.fixture
def sim(sim_with):
    """A simulator whose BTCUSDT is 60000.0 to 60000.1 and stands still."""
    return sim_with()


@pytest.fixture
def node_on():
    started = []

    def start(sim, *, wait=True, **settings):
        node = Driven(sim, **settings)
        started.append(node)
        if wait:
            node.wait("started")
            hears(node, sim)
        return node

    yield start
    for node in started:
        node.close()


class SpotSim(Sim):
    """Spot with 10,000 USDT and 1 BTC, and an Ed25519 key; BTCUSDT is 60000.00 to 60000.10."""

    def __init__(self, folder):
        private = ed25519.Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = folder / "public.pem"
        public.write_bytes(
            private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        self.credentials = {"BINANCE_API_KEY": "mine", "BINANCE_API_SECRET": pem.decode()}
        balances = ("--balance=10000 USDT", "--balance=1 BTC")
        super().__init__("--paused", "--product=spot", *balances, f"--public-key=mine={public}")
        self.quote("60000.00", "60000.10")

    def node(self):
        """A live node on it, through the engine's adapter, that hears the market."""
        settings = {"product": "spot", "key_type": "ed25519", "instruments": ["BTCUSDT.BINANCE"]}
        node = Driven(self, self.credentials, **settings)
        node.wait("started")
        hears(node, self)
        return node

    def owned(self):
        return {row["asset"]: (row["free"], row["locked"]) for row in self.truth()["balances"]}

    def orders(self):
        """By the node's own ids: the engine's adapter marks them as its own."""
        return {name.removeprefix("x-TD67BGP9-R"): order for name, order in super().orders().items()}


@pytest.fixture
def spot(tmp_path):
    sim = SpotSim(tmp_path)
    yield sim
    sim.close()


@pytest.fixture(scope="module")
def shared_spot(tmp_path_factory):
    """A spot simulator and a node on it, for tests that leave no order open."""
    sim = SpotSim(tmp_path_factory.mktemp("spot"))
    node = None
    try:
        node = sim.node()
        yield sim, node
    finally:
        if node is not None:
            node.close()
        sim.close()


@pytest.fixture
def node(sim, node_on):
    return node_on(sim)


@pytest.fixture(scope="module")
def _shared():
    sim = Sim("--paused")
    node = None
    try:
        sim.quote("60000.0", "60000.1")
        node = Driven(sim)
        node.wait("started")
        yield sim, node
    finally:
        if node is not None:
            node.close()
        sim.close()


@pytest.fixture
def shared_node(_shared, request):
    """A simulator and a node for tests that leave the account flat, and a name for the test's order."""
    sim, node = _shared
    hears(node, sim)
    request.node.session.names = getattr(request.node.session, "names", 0) + 1
    return sim, node, f"T-{request.node.session.names}"
