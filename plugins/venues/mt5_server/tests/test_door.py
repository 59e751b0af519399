"""Who gets in: keys, scopes, addresses, rates, signatures, the second factor; and what logs hold."""

import base64
import contextlib
import socket
import ssl
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROUTES = [
    ("GET", "/ticks?symbol=EURUSD"),
    ("GET", "/ohlcv?symbol=EURUSD&timeframe=M1"),
    ("POST", "/order"),
    ("GET", "/order/x"),
    ("PATCH", "/order/x"),
    ("DELETE", "/order/x"),
    ("GET", "/account"),
    ("GET", "/account/positions"),
    ("PATCH", "/account/positions/1"),
    ("GET", "/account/orders"),
    ("GET", "/account/deals"),
    ("GET", "/symbol"),
    ("GET", "/health"),
    ("POST", "/operator/halt"),
    ("POST", "/operator/resume"),
    ("GET", "/operator/audit"),
    ("DELETE", "/operator/keys/0123456789ab"),
]


@pytest.fixture(scope="module")
def described(made, tmp_path_factory):
    """The application's description of itself."""
    import shutil

    from framework_mt5_server.server import application
    from framework_mt5_server.settings import load

    folder = tmp_path_factory.mktemp("described") / "server"
    shutil.copytree(made["folder"], folder)
    text = (folder / "server.toml").read_text().replace('"MetaTrader5"', '"framework_mt5_terminal"')
    (folder / "server.toml").write_text(text)
    _, app = application(load(folder / "server.toml"))
    yield app.openapi()
    app.state.server.close()


def test_the_list_of_routes_below_is_complete(described):
    known = {(method, path.partition("?")[0]) for method, path in ROUTES}
    names = {"{order_id}": "x", "{ticket}": "1", "{key_id}": "0123456789ab"}
    for path, methods in described["paths"].items():
        for method in methods:
            plain = path
            for name, value in names.items():
                plain = plain.replace(name, value)
            assert (method.upper(), plain) in known


@pytest.mark.parametrize("key", [None, "fmk_000000000000_wrong", "nonsense", ""])
def test_no_route_answers_without_a_key(shared, key):
    for method, path in [*ROUTES, ("GET", "/nowhere"), ("GET", "/docs"), ("GET", "/openapi.json")]:
        status, body = shared.ask(method, path, {}, key=key)
        assert (status, body["code"]) in {(401, "KEY"), (429, "TOO_MANY_FAILURES")}, (method, path)


def test_the_stream_does_not_open_without_a_key(shared, websocket):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        websocket(shared, key="fmk_000000000000_wrong")
    assert refused.value.response.status_code in {401, 403}


@pytest.mark.slow
def test_scopes_hold_and_documentation_is_off(rig):
    order = {"client_id": "a", "symbol": "EURUSD", "type": "market", "side": "buy", "volume": "0.1"}
    assert rig.ask("POST", "/order", order, key="read")[1]["code"] == "SCOPE"
    assert rig.ask("GET", "/operator/audit", key="trade")[1]["code"] == "SCOPE"
    assert rig.ask("GET", "/account", key="operator")[0] == 200
    for path in ("/docs", "/redoc", "/openapi.json", "/nowhere"):
        assert rig.ask("GET", path, key="operator")[1]["code"] == "NO_ROUTE"
    key = rig.keys["read"]
    for wrong in (key[:-1], key + "x", key.replace("fmk_", "fmx_"), key.upper()):
        assert rig.ask("GET", "/account", key=wrong)[0] == 401
    # plain HTTP gets nothing
    import http.client

    plain = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=5)
    plain.request("GET", "/health", headers={"Authorization": f"Bearer {key}"})
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.getresponse()
    plain.close()


def test_keys_are_compared_in_constant_time_and_only_hashes_are_kept(tmp_path, monkeypatch):
    import hmac

    from framework_mt5_server import keys as module
    from framework_mt5_server.store import Store

    store = Store(tmp_path / "state.db")
    keys = module.Keys(store)
    key = keys.make("trade", "mine")
    compared, real = [], hmac.compare_digest

    def spy(one, two):
        compared.append((one, two))
        return real(one, two)

    monkeypatch.setattr(module.hmac, "compare_digest", spy)
    found = (keys.find(key), keys.find(key + "x"), keys.find("fmk_unknown_x"), keys.find(""))
    assert [None if one is None else one.scope for one in found] == ["trade", None, None, None]
    # one comparison of equally long hashes each time, whoever asks
    assert [(len(one), len(two)) for one, two in compared] == [(64, 64)] * 4
    secret = key.split("_", 2)[2]
    name = key.split("_")[1]
    assert keys.revoke(name)
    assert not keys.revoke(name)
    assert keys.find(key) is None
    store.close()
    assert secret.encode() not in (tmp_path / "state.db").read_bytes()
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_wrong_keys_are_soon_not_looked_at_any_more(rig_with):
    rig = rig_with(limits__failures_per_minute=5)
    answers = [rig.ask("GET", "/account", key=f"fmk_{n:012d}_x")[0] for n in range(12)]
    assert answers[:5] == [401] * 5
    assert answers[-1] == 429
    # and the right one from the same address has to wait as well
    assert rig.ask("GET", "/account")[0] == 429


def test_refusals_beyond_a_first_number_are_counted_and_summed_up(tmp_path, monkeypatch):
    import asyncio
    from types import SimpleNamespace

    from framework_mt5_server.audit import Audit
    from framework_mt5_server.door import Door
    from framework_mt5_server.settings import Settings
    from framework_mt5_server.store import Store

    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    settings = Settings.model_validate({"state": tmp_path / "state.db", "terminal": {"clock": "+0"}})
    store = Store(settings.state)
    audit = Audit(store)
    door = Door(None, settings, store, audit)

    async def knock(times, address):
        scope = {"type": "http", "method": "GET", "path": "/account", "headers": [], "client": (address, 1)}
        for _ in range(times):
            await door(scope, None, lambda _: asyncio.sleep(0))

    def rows(after=0):
        return [SimpleNamespace(**row) for row in audit.rows(after, 10_000)]

    asyncio.run(knock(500, "10.9.9.9"))  # may not connect
    asyncio.run(knock(500, "127.0.0.1"))  # has no key: 20 wrong ones a minute, then it is not looked at
    assert len(store.all("SELECT * FROM audit")) == 60  # 20 of each code
    assert [(row.what, row.detail) for row in rows()[60:]] == [
        ("refused, and not written one by one", "ADDRESS 480, KEY 1, TOO_MANY_FAILURES 459")
    ]
    for _ in range(100):  # an hour and forty minutes of it
        now[0] += 60.0
        asyncio.run(knock(50, "10.9.9.9"))
    assert [row.detail for row in rows(61)[:3]] == ["ADDRESS", "ADDRESS 49", "ADDRESS"]
    assert len(rows(61)) == 200  # one, and a sum, for each minute
    audit.note(None, "", "stop", 200)
    audit.close()
    store.close()


def test_a_body_that_does_not_come_in_time_is_not_waited_for(tmp_path, monkeypatch):
    import asyncio

    from framework_mt5_server import door as module
    from framework_mt5_server.audit import Audit
    from framework_mt5_server.keys import Keys
    from framework_mt5_server.settings import Settings
    from framework_mt5_server.store import Store

    monkeypatch.setattr(module, "BODY_SECONDS", 0.1)
    settings = Settings.model_validate({"state": tmp_path / "state.db", "terminal": {"clock": "+0"}})
    store, said = Store(settings.state), []
    headers = [(b"authorization", f"Bearer {Keys(store).make('trade', 'slow')}".encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/order",
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }

    async def send(message):
        said.append(message.get("status"))

    async def receive():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    door = module.Door(None, settings, store, Audit(store))
    asyncio.run(asyncio.wait_for(door(scope, receive, send), 5))
    store.close()
    assert said[0] == 408


@pytest.mark.slow
def test_connections_are_bounded_in_number_and_without_a_request_in_time(rig_with, websocket):
    rig = rig_with(listen__connections_per_address=5, listen__idle_seconds=2)
    stream = websocket(rig)

    def knock(said=b""):
        plain = socket.create_connection(("127.0.0.1", rig.port), timeout=30)
        opened.append(rig.tls.wrap_socket(plain, server_hostname="127.0.0.1"))
        opened[-1].sendall(said)
        return opened[-1]

    def ended(connection):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while connection.recv(65536):
                pass

    opened, began = [], time.monotonic()
    with contextlib.ExitStack() as closing:
        closing.callback(lambda: [connection.close() for connection in opened])
        asked = f"GET /health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rig.keys['read']}\r\n\r\n"
        idle = [knock(), knock(b"GET /health HTTP/1.1\r\nHost: "), knock(asked.encode()), knock()]
        ended(knock())  # one too many
        assert time.monotonic() - began < 2
        for _ in range(40):  # a byte now and then does not help
            with contextlib.suppress(OSError):
                idle[1].sendall(b"x")
            time.sleep(0.1)
        for connection in idle:
            ended(connection)
        assert time.monotonic() - began < 10
    drain(stream, 1)  # it goes on
    assert rig.ask("GET", "/health")[0] == 200


def drain(stream, seconds):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        stream.recv(seconds)


def test_a_stream_ends_soon_after_its_key_was_revoked(rig, command, websocket):
    from websockets.exceptions import ConnectionClosed

    stream, other = websocket(rig, key="trade"), websocket(rig, key="read")
    command("key", "revoke", rig.settings, "--id", rig.keys["trade"].split("_")[1])
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as closed:
        drain(stream, 5)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "the key was revoked")
    assert time.monotonic() - began < 3  # README.md says two seconds
    assert other.recv(5)


@pytest.mark.slow
def test_addresses_that_are_not_allowed_get_nothing(rig_with):
    rig = rig_with(listen__allow=["10.1.2.0/24"])
    assert rig.ask("GET", "/account")[1]["code"] == "ADDRESS"


@pytest.mark.slow
def test_a_key_may_not_send_faster_than_its_rate_but_may_always_take_away(rig_with):
    rig = rig_with(limits__orders_per_second=2, limits__reads_per_second=0.01)
    answers = [rig.order(f"r-{n}", volume="0.01")[0] for n in range(6)]
    assert answers[:2] == [200, 200]
    assert 429 in answers
    assert [rig.ask("GET", "/account")[0] for _ in range(2)] == [200, 429]
    assert [rig.ask("DELETE", "/order/r-0")[0] for _ in range(5)] == [409] * 5


def signed(private, method, target, body, *, at=None, nonce=None):
    """The headers that README.md asks for, made without the server's code."""
    import hashlib
    import secrets

    stamp = str(int(time.time() * 1000) if at is None else at)
    nonce = nonce or secrets.token_hex(12)
    text = "\n".join((stamp, nonce, method, target, hashlib.sha256(body).hexdigest()))
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
    signature = base64.b64encode(key.sign(text.encode())).decode()
    return {"X-Timestamp": stamp, "X-Nonce": nonce, "X-Signature": signature}


def test_signed_orders_are_taken_once_and_only_as_they_were_signed(rig_with, command):
    import json

    rig = rig_with(limits__require_signature=True)
    made = json.loads(command("key", "new", rig.settings, "--scope=trade", "--sign", "--json").stdout)
    key, private = made["key"], made["signing"]
    body = json.dumps(
        {"client_id": "s", "symbol": "EURUSD", "type": "market", "side": "buy", "volume": "0.1"}
    ).encode()

    def send(headers, data=body, who=key):
        return rig.ask("POST", "/order", raw=data, headers=headers, key=who)

    now = int(time.time() * 1000)
    assert send({})[1]["code"] == "SIGNATURE"
    assert send(signed(private, "POST", "/order", body, at=now - 60_000))[1]["code"] == "SIGNATURE"
    assert send(signed(private, "POST", "/other", body))[1]["code"] == "SIGNATURE"
    good = signed(private, "POST", "/order", body)
    assert send(good, body.replace(b"0.1", b"0.9"))[1]["code"] == "SIGNATURE"
    assert send(good, who="trade")[1]["code"] == "SIGNATURE"  # a key without a public key
    assert send(good)[0] == 200
    assert "nonce" in send(good)[1]["message"]
    assert rig.ask("GET", "/account", key=key)[0] == 200


def test_the_second_factor_is_good_once_and_locks_after_wrong_codes(rig):
    def halt(code):
        return rig.ask("POST", "/operator/halt", {"reason": "test"}, key="operator", headers={"X-TOTP": code})

    assert rig.ask("POST", "/operator/halt", {"reason": "test"}, key="operator")[0] == 422
    code = rig.totp.now()
    assert halt(code)[1] == {"halted": True, "reason": "test"}
    assert halt(code)[1]["code"] == "CODE"  # good once
    assert rig.order("h-1")[1]["code"] == "HALTED"
    assert rig.ask("GET", "/health")[1]["halted"] == "test"
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    answers = [halt(wrong)[0] for _ in range(4)]
    assert answers == [401] * 4
    status, locked = halt(rig.totp.at(int(time.time()) + 30))
    assert (status, locked["code"]) == (429, "LOCKED")
    # a restart forgives nothing
    rig.kill()
    rig.start()
    assert halt(rig.totp.at(int(time.time()) + 30))[1]["code"] == "LOCKED"
    assert rig.order("h-2")[1]["code"] == "HALTED"


def test_brute_force_of_the_second_factor_gets_five_tries_in_a_quarter_of_an_hour(tmp_path):
    from framework_mt5_server.factor import Factor, Locked
    from framework_mt5_server.store import Store

    store = Store(tmp_path / "state.db")
    factor = Factor(store)
    import pyotp

    totp = pyotp.parse_uri(factor.renew("test"))
    now, tries, longest = 1_800_000_000.0, 0, 0
    for second in range(3600):
        right = {totp.at(now + second + drift) for drift in (-30, 0, 30)}
        code = f"{second:06d}"
        assert code not in right
        try:
            assert not factor.accepts(code, now + second)
            tries += 1
        except Locked as locked:
            longest = max(longest, locked.seconds)
    assert (tries, longest) == (20, 15 * 60)  # four locks of a quarter of an hour
    assert factor.accepts(totp.at(now + 7200), now + 7200)
    assert not factor.accepts(totp.at(now + 7200), now + 7201)
    assert not factor.accepts(totp.at(now + 7170), now + 7201)  # an older step
    store.close()


@pytest.mark.slow
def test_an_operator_goes_on_reads_the_log_and_revokes(rig):
    def headers(ahead):
        return {"X-TOTP": rig.totp.at(int(time.time()) + ahead)}

    rig.order("o-1")
    assert (
        rig.ask("POST", "/operator/resume", {"reason": "ok"}, key="operator", headers=headers(-30))[0] == 200
    )
    status, log = rig.ask("GET", "/operator/audit", key="operator", headers=headers(0))
    assert status == 200
    assert any(row["what"] == "POST /order" and "o-1 DONE 10009" in row["detail"] for row in log["rows"])
    name = rig.keys["trade"].split("_")[1]
    assert rig.ask("DELETE", f"/operator/keys/{name}", key="operator", headers=headers(30))[0] == 200
    assert rig.ask("GET", "/account", key="trade")[0] == 401


def test_no_secret_is_in_any_log(rig_with, wait):
    rig = rig_with(
        terminal__login=5_000_123,
        terminal__server="Simulated-Demo",
        terminal__password_env="MT5_PASSWORD",  # noqa: S106 - the name of a variable
    )
    planted = [key.split("_", 2)[2] for key in rig.keys.values()]
    rig.ask("GET", "/account", key="fmk_000000000000_planted-wrong-key")
    rig.ask("GET", f"/nowhere/{rig.keys['trade']}")
    rig.ask("GET", f"/order/x?key={rig.keys['trade']}")
    rig.order("l-1", comment=planted[0][:16])
    code = rig.totp.now()
    rig.ask("POST", "/operator/halt", {"reason": "x"}, key="operator", headers={"X-TOTP": code})
    rig.broker("ipc", up=False)
    wait(lambda: not rig.ask("GET", "/health")[1]["connected"])
    rig.close()
    state = (rig.folder / "state.db").read_bytes()
    for secret in (*planted[1:], rig.password, "planted-wrong-key"):
        assert secret not in rig.log
        assert secret.encode() not in state
    assert rig.totp.secret not in rig.log
    assert code not in rig.log


def test_log_lines_are_masked_whoever_writes_them():
    from framework_mt5_server.audit import masked

    assert masked("got fmk_0123456789ab_SeCrEt-1_x today") == "got fmk_0123456789ab_*** today"
    assert "hunter2" not in masked("password=hunter2")
    assert "abc" not in masked("Authorization: abc")
    assert masked("two\nlines") == "two lines"
