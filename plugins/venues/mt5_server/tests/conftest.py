"""The server as a process of its own, on the simulated terminal in another, over TLS."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request

import pyotp
import pytest

SECRET_PASSWORD = "planted-password-2718281828"  # noqa: S105 - made to be looked for


class Broker:
    """A running `framework-mt5-terminal`; it outlives the servers."""

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
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=90)
        self._lines = self._socket.makefile("rb")

    def __call__(self, control, **fields):
        self._socket.sendall(json.dumps({"control": control, **fields}).encode() + b"\n")
        answer = json.loads(self._lines.readline())
        assert "done" in answer, answer
        return answer["done"]

    def quote(self, bid="1.10000", ask="1.10002", depth=None, symbol="EURUSD"):
        self("quote", symbol=symbol, bid=bid, ask=ask, depth=depth)

    def close(self):
        self._lines.close()
        self._socket.close()
        self.process.terminate()
        self.process.communicate(timeout=60)


class Rig:
    """A folder made by `init`, and servers started from it."""

    def __init__(self, folder, broker, changes, made):
        shutil.copytree(made["folder"], folder)
        self.made = made
        self.keys = self.made["keys"]
        self.folder = folder
        self.settings = folder / "server.toml"
        self.totp = pyotp.parse_uri(self.made["totp"])
        parts = tomllib.loads(self.settings.read_text())
        parts["terminal"] = {
            "module": "framework_mt5_terminal",
            "path": f"127.0.0.1:{broker.port}",
            "clock": "Europe/Athens",
            "call_seconds": 20.0,
        }
        parts["listen"] |= {"host": "127.0.0.1", "port": 0}
        parts["limits"] |= {"orders_per_second": 1000, "reads_per_second": 1000, "settle_seconds": 1.0}
        parts["events"] = {"poll_ms": 30, "heartbeat_seconds": 0.5}
        for name, value in changes.items():
            part, _, field = name.partition("__")
            parts[part][field] = value
        self.settings.write_text(toml(parts))
        self.tls = ssl.create_default_context(cafile=folder / "ca.pem")
        self.log = ""
        self.password = SECRET_PASSWORD
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "framework_mt5_server.command", "serve", str(self.settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MT5_PASSWORD": SECRET_PASSWORD},
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.port = json.loads(line)["port"]
        self.url = f"https://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.log += self.process.communicate()[1]

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.log += self.process.communicate(timeout=60)[1]

    def ask(self, method, path, body=None, *, key="trade", headers=None, raw=None, timeout=60):
        """Status and body."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        found = {"Content-Type": "application/json", **(headers or {})}
        if key is not None:
            found["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        request = urllib.request.Request(self.url + path, data=data, headers=found, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.tls) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            return error.code, json.loads(text) if text[:1] in {b"{", b"["} else text.decode()

    def order(self, client_id, side="buy", volume="0.10", symbol="EURUSD", **more):
        body = {"client_id": client_id, "symbol": symbol, "type": "market", "side": side, "volume": volume}
        return self.ask("POST", "/order", {**body, **more})


def toml(parts):
    """A settings file; sections after the plain values."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in parts.items() if not isinstance(value, dict)]
    for name, part in parts.items():
        if isinstance(part, dict):
            lines += ["", f"[{name}]", *(f"{field} = {json.dumps(value)}" for field, value in part.items())]
    return "\n".join(lines) + "\n"


def run_command(*arguments):
    command = [sys.executable, "-m", "framework_mt5_server.command", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def wait_for(fact, seconds=60):
    """The first answer that is not empty."""
    ends = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.03)
    return found


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What `init` makes: a folder with settings, certificates and keys. Copied by every server."""
    folder = tmp_path_factory.mktemp("made") / "server"
    done = run_command("init", folder, "--name", "127.0.0.1", "--name", "localhost", "--json")
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "folder": folder}


@pytest.fixture
def command():
    return run_command


@pytest.fixture
def wait():
    return wait_for


@pytest.fixture
def rig_with(tmp_path, made):
    """Starts a broker and a server on it; settings as `part__field`, the broker's options as `broker`."""
    started = []

    def start(broker=(), *, serve=True, **changes):
        house = Broker(*broker)
        started.append(house)
        rig = Rig(tmp_path / f"server{len(started)}", house, changes, made)
        started.append(rig)
        rig.broker = house
        if serve:
            rig.start()
            house.quote()
        return rig

    yield start
    for part in reversed(started):
        part.close()


@pytest.fixture
def rig(rig_with):
    return rig_with()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, made):
    """One server for the tests that leave it as it was."""
    broker = Broker()
    changes = {"limits__failures_per_minute": 100_000}
    rig = Rig(tmp_path_factory.mktemp("shared") / "server", broker, changes, made)
    rig.broker = broker
    rig.start()
    broker.quote()
    yield rig
    rig.close()
    broker.close()


class Stream:
    """An event stream, used from a test's thread.

    The library's own synchronous client reads and writes one TLS connection from two threads: in about one of
    a hundred attempts its request never leaves. So this is the asyncio client, on a loop in a thread.
    """

    def __init__(self, rig, key="read", **headers):
        from websockets.asyncio.client import connect

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        url = rig.url.replace("https", "wss") + "/events"
        named = {"Authorization": f"Bearer {rig.keys.get(key, key)}", **headers}

        async def opened():
            return await connect(url, ssl=rig.tls, additional_headers=named, open_timeout=90)

        try:
            self._stream = self._do(opened())
        except BaseException:
            self._end()
            raise

    def recv(self, seconds):
        """The next message; TimeoutError when there is none in time."""
        return self._do(asyncio.wait_for(self._stream.recv(), seconds))

    def send(self, message):
        self._do(self._stream.send(message))

    def close(self):
        if self._loop.is_running():
            self._do(self._stream.close())
            self._end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def _end(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def websocket():
    """Opens an event stream."""
    opened = contextlib.ExitStack()

    def open_stream(rig, key="read", symbols=("EURUSD",), session=None):
        named = {} if session is None else {"X-Session": session}
        with contextlib.ExitStack() as opening:
            stream = opening.enter_context(Stream(rig, key, **named))
            stream.welcome = json.loads(stream.recv(60))
            stream.send(json.dumps({"op": "subscribe", "symbols": list(symbols)}))
            opened.push(opening.pop_all())
        return stream

    with opened:
        yield open_stream
