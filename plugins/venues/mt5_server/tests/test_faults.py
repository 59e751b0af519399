"""Lost answers, wedged calls, a broken pipe, a killed server: one order for each client id, and the truth."""

import contextlib
import http.client
import json
import random
import threading
import time

import pytest


def test_an_order_whose_answer_is_lost_is_found_by_its_tag(rig, wait):
    rig.broker("fault", kind="lost", when="after")
    status, doubt = rig.order("lost-1", magic=7)
    assert (status, doubt["state"]) == (202, "in_doubt")
    found = wait(lambda: (v := rig.ask("GET", "/order/lost-1")[1])["state"] == "done" and v)
    assert found["order"]["state"] == "filled"
    assert found["deals"][0]["price"] == "1.10002"
    assert rig.order("lost-1", magic=7)[1]["repeated"]
    assert len(rig.broker("truth")["sent"]) == 1


@pytest.mark.slow
def test_an_order_that_never_arrived_is_said_to_be_so_only_after_a_while(rig_with, wait):
    rig = rig_with(limits__settle_seconds=5)
    rig.broker("fault", kind="lost", when="before")
    assert rig.order("never-1")[1]["state"] == "in_doubt"
    assert rig.ask("GET", "/order/never-1")[1]["state"] == "in_doubt"
    wait(lambda: rig.ask("GET", "/order/never-1")[1]["state"] == "not_taken")
    assert rig.broker("truth")["positions"] == []


@pytest.mark.slow
def test_without_comments_an_order_is_found_only_when_it_can_be_no_other(rig_with, wait):
    rig = rig_with(broker=("--comments=overwrite",), limits__settle_seconds=5)
    rig.broker("conditions", history_lag=0.3)
    rig.broker("fault", kind="lost", when="after")
    rig.order("alone", magic=7)
    assert wait(lambda: (v := rig.ask("GET", "/order/alone")[1])["state"] == "done" and v)["order"]
    rig.broker("fault", kind="lost", when="after", count=2)
    twins = [rig.order(f"twin-{n}", magic=8, volume="0.02")[1]["client_id"] for n in (1, 2)]
    views = [
        wait(lambda n=n: (v := rig.ask("GET", f"/order/{n}")[1])["state"] == "done" and v) for n in twins
    ]
    truth = [o["ticket"] for o in rig.broker("truth")["past"] if o["magic"] == 8]
    assert [view["ticket"] for view in views] == truth
    # one of two arrived, and nobody can say which: neither is ever called gone
    rig.broker("fault", kind="lost", when="before")
    rig.order("one-1", magic=9, volume="0.02")
    rig.broker("fault", kind="lost", when="after")
    rig.order("one-2", magic=9, volume="0.02")
    time.sleep(7)  # more than settle_seconds
    assert [rig.ask("GET", f"/order/one-{n}")[1]["state"] for n in (1, 2)] == ["in_doubt"] * 2


@pytest.mark.slow
def test_books_of_a_terminal_without_its_broker_prove_nothing(rig, wait):
    rig.broker("fault", kind="cut")
    assert rig.order("cut-1")[1]["state"] == "in_doubt"
    ends = time.monotonic() + 2  # twice settle_seconds
    wait(lambda: rig.ask("GET", "/order/cut-1")[1]["state"] != "in_doubt" or time.monotonic() > ends)
    assert rig.ask("GET", "/order/cut-1")[1]["state"] == "in_doubt"
    rig.broker("conditions", connected=True)
    found = wait(lambda: (v := rig.ask("GET", "/order/cut-1")[1])["state"] != "in_doubt" and v)
    assert (found["state"], found["order"]["state"]) == ("done", "filled")


def test_an_account_that_somebody_logged_the_terminal_in_to_is_not_traded(rig_with):
    rig = rig_with(terminal__login=5_000_123, terminal__server="Simulated-Demo")
    assert rig.order("own")[1]["state"] == "done"
    rig.broker("conditions", login=7)
    status, refused = rig.order("other")
    assert (status, refused["code"]) == (409, "OTHER_ACCOUNT")
    assert len(rig.broker("truth")["sent"]) == 1


def test_without_a_login_the_first_account_is_the_one_and_after_a_restart_the_one_that_was_traded(
    rig_with, wait, websocket, command
):
    rig = rig_with()
    stream = websocket(rig)
    assert rig.order("own", type="limit", price="1.05000", filling="return")[1]["state"] == "done"
    rig.broker("conditions", login=7)
    # those who listen hear of it, although the money is the same
    wait(lambda: json.loads(stream.recv(5)).get("account", {}).get("login") == 7)
    order = {"client_id": "other", "symbol": "EURUSD", "type": "market", "side": "buy", "volume": "0.01"}
    books = ("/account/orders", "/account/orders?active=false", "/account/deals", "/account/positions")
    asked = [
        ("POST", "/order"),
        ("DELETE", "/order/own"),
        *(("GET", path) for path in (*books, "/order/own")),
    ]
    codes = [
        rig.ask(method, path, order if method == "POST" else None)[1].get("code") for method, path in asked
    ]
    assert codes == ["OTHER_ACCOUNT"] * len(asked)
    assert rig.ask("GET", "/account")[1]["login"] == 7
    rig.kill()
    rig.start()
    assert "is for 5000123" in rig.order("other")[1]["message"]
    found = json.loads(command("check", rig.settings, "--json").stdout)["findings"]
    assert {finding["what"]: finding["good"] for finding in found}["account"] is False
    rig.broker("conditions", login=5_000_123)
    assert rig.ask("DELETE", "/order/own")[1]["state"] == "done"
    assert len(rig.broker("truth")["sent"]) == 2


def test_what_waited_while_another_node_took_the_account_over_is_not_sent(rig_with, wait, websocket):
    from concurrent.futures import ThreadPoolExecutor

    rig = rig_with(terminal__call_seconds=120.0)
    old = {"X-Session": "OLD/1"}
    stream = websocket(rig, session="OLD/1")
    assert rig.order("resting", type="limit", price="1.05000", filling="return")[1]["state"] == "done"
    order = {"client_id": "late", "symbol": "EURUSD", "type": "market", "side": "buy", "volume": "0.01"}
    rig.broker("fault", kind="wedge", on="any", when="before", seconds=120)
    wait(lambda: rig.broker("truth")["struck"])
    with ThreadPoolExecutor() as pool:
        answers = [
            pool.submit(rig.ask, method, path, body, headers=old, timeout=120)
            for method, path, body in (
                ("POST", "/order", order),
                ("PATCH", "/order/resting", {"price": "1.06000"}),
                ("DELETE", "/order/resting", None),
            )
        ]
        health = wait(lambda: (h := rig.ask("GET", "/health")[1])["waiting"] == 3 and h)
        stream.close()
        wait(lambda: opened(websocket, rig, "NEW/1"))
        rig.broker("disarm")
        codes = [answer.result()[1].get("code") for answer in answers]
    assert codes == ["FENCED"] * 3
    assert health["in_doubt"] == 1  # the new node waits for what is under way
    assert rig.ask("GET", "/health")[1]["in_doubt"] == 0
    assert len(rig.broker("truth")["sent"]) == 1


def opened(websocket, rig, session):
    """Whether a stream has the account; the end of the one before may not have been noticed yet."""
    from websockets.exceptions import ConnectionClosed

    try:
        return websocket(rig, session=session)
    except ConnectionClosed:
        return None


@pytest.mark.parametrize("retcode", [10011, 10012, 10024, 10031])
def test_return_codes_that_prove_nothing_leave_the_order_in_doubt(shared, retcode):
    shared.broker("fault", kind="retcode", retcode=retcode)
    status, body = shared.order(f"unknown-{retcode}")
    assert (status, body["state"]) == (202, "in_doubt")


@pytest.mark.parametrize("retcode", [10006, 10013, 10018, 10019, 10030, 10040])
def test_return_codes_that_refuse_are_told_as_they_are(shared, retcode):
    shared.broker("fault", kind="retcode", retcode=retcode)
    status, body = shared.order(f"refused-{retcode}")
    assert (status, body["state"], body["answer"]["retcode"]) == (200, "rejected", retcode)


@pytest.mark.slow
def test_a_requote_is_answered_once_within_the_deviation(rig):
    rig.broker("fault", kind="requote")
    assert rig.order("q-1")[1]["state"] == "done"
    assert [s["retcode"] for s in rig.broker("truth")["sent"]] == [10004, 10009]
    rig.broker("fault", kind="requote", count=2)
    assert rig.order("q-2")[1]["answer"]["retcode"] == 10004
    rig.broker("fault", kind="requote")
    # seen at 1.09900, 102 points away, and 20 are accepted
    assert rig.order("q-3", price="1.09900")[1]["state"] == "rejected"


def test_a_wedged_call_blocks_nothing_for_ever_and_its_order_is_known_in_the_end(rig_with, wait):
    rig = rig_with(terminal__call_seconds=0.5)
    rig.broker("fault", kind="wedge", when="before", seconds=5)
    answers = {}

    def sent(name, **order):
        """Whether the terminal has begun it; on a busy machine that takes more than `call_seconds`."""
        answers[name] = rig.order(name, **order)
        return answers[name][1].get("sent") is not False

    wedged = threading.Thread(target=wait, args=(lambda: sent("wedged", volume="0.01", magic=3),))
    wedged.start()
    wait(lambda: rig.broker("truth")["struck"])
    status, waited = rig.order("behind", volume="0.02")
    assert (status, waited["code"], waited["sent"]) == (503, "NOT_SENT", False)
    wedged.join()
    assert answers["wedged"][1]["state"] in {"in_doubt", "intent"}
    wait(lambda: rig.ask("GET", "/order/wedged")[1].get("state") == "done")
    wait(lambda: rig.order("behind", volume="0.02")[1].get("state") == "done")
    assert len(rig.broker("truth")["positions"]) == 2


@pytest.mark.slow
def test_too_much_waiting_is_refused_at_once(rig_with, wait):
    from concurrent.futures import ThreadPoolExecutor

    rig = rig_with(terminal__queue=2)
    rig.broker("fault", kind="wedge", on="any", when="before", seconds=4)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: rig.ask("GET", "/account")[0], range(12)))
    assert 503 in answers
    wait(lambda: rig.ask("GET", "/account")[0] == 200)


@pytest.mark.slow
def test_a_lost_pipe_is_made_again(rig, wait):
    rig.broker("ipc", up=False)
    wait(lambda: not rig.ask("GET", "/health")[1]["connected"])
    status, refused = rig.order("ipc-1")
    assert (status, refused["sent"]) == (503, False)
    rig.broker("ipc", up=True)
    wait(lambda: rig.ask("GET", "/health")[1]["connected"])
    assert rig.order("ipc-1")[1]["state"] == "done"
    rig.broker("fault", kind="close_socket", on="order_send", when="after")
    assert rig.order("ipc-2")[1]["state"] == "in_doubt"
    wait(lambda: rig.ask("GET", "/order/ipc-2")[1].get("state") == "done")


@pytest.mark.slow
def test_a_process_that_is_wedged_for_too_long_ends_for_its_service_manager(rig_with):
    rig = rig_with(terminal__exit_when_wedged=0.5, terminal__call_seconds=0.5)
    rig.broker("fault", kind="wedge", on="any", when="before", seconds=20)
    assert rig.process.wait(15) == 75
    rig.process.communicate()


def test_real_accounts_volumes_values_and_symbols_are_capped(rig_with):
    rig = rig_with(
        broker=("--real",), limits__max_lots="5", limits__max_notional="50000", limits__symbols=["EURUSD"]
    )
    assert rig.order("cap-1")[1]["code"] == "REAL_ACCOUNT"
    assert rig.broker("truth")["sent"] == []
    rig.close()
    text = rig.settings.read_text().replace("allow_real = false", "allow_real = true")
    rig.settings.write_text(text)
    rig.start()
    assert rig.order("cap-1", volume="0.45")[1]["state"] == "done"
    # 0.46 x 100,000 x 1.10002 USD
    refused = rig.order("cap-2", volume="0.46")[1]
    assert (refused["code"], refused["message"][:8]) == ("MAX_NOTIONAL", "50600.92")
    assert rig.order("cap-3", volume="6")[1]["code"] == "MAX_LOTS"
    assert rig.order("cap-4", symbol="XAUUSD", volume="0.01")[1]["code"] == "SYMBOL_NOT_ALLOWED"


def kills(rig, wait, seed, rounds):
    """Orders are sent while the server is killed at moments drawn from the seed."""
    draw = random.Random(seed)
    sent = []
    for number in range(rounds):
        name = f"k-{seed}-{number}"
        sent.append(name)
        killer = threading.Timer(draw.uniform(0.0, 0.03), rig.kill)
        killer.start()
        with contextlib.suppress(OSError, http.client.HTTPException):  # the server dies on us
            rig.order(name, volume="0.01", magic=seed % 1000)
        killer.join()
        rig.start()
    return sent


MORE = (pytest.mark.slow, pytest.mark.more)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=MORE) for n in range(2, 8))])
def test_a_server_killed_at_any_moment_sends_nothing_twice_and_loses_nothing(rig_with, wait, seed):
    rig = rig_with(limits__settle_seconds=0.5)
    sent = kills(rig, wait, seed, 3 if seed == 1 else 10)
    states = {}
    for name in sent:
        status, _ = rig.ask("GET", f"/order/{name}")
        if status == 404:  # it died before it knew of the order
            rig.order(name, volume="0.01", magic=seed % 1000)
        states[name] = wait(
            lambda name=name: (
                (v := rig.ask("GET", f"/order/{name}")[1])["state"] not in {"intent", "in_doubt"} and v
            )
        )
    truth = rig.broker("truth")
    done = [name for name in sent if states[name]["state"] == "done"]
    assert len(truth["positions"]) == len(done)
    assert sorted(p["ticket"] for p in truth["positions"]) == sorted(states[name]["ticket"] for name in done)
    again = [rig.order(name, volume="0.01", magic=seed % 1000)[1]["repeated"] for name in sent]
    assert all(again)
    assert len(rig.broker("truth")["positions"]) == len(done)
