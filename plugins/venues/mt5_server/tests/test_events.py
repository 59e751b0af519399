"""What the push stream does when something goes wrong: it goes on, and loses no tick."""

import asyncio
import time

import pytest
from framework_mt5_server.events import Listener
from framework_mt5_server.server import Server
from framework_mt5_server.settings import load
from framework_mt5_server.terminal import Stuck


@pytest.fixture
def listening(rig_with):
    """Runs a server's events in this process while a scenario awaits what they tell."""

    def run(scenario):
        rig = rig_with(serve=False)
        server = Server(load(rig.settings))
        listener = Listener()
        listener.symbols.add("EURUSD")

        async def main():
            server.events.listeners.add(listener)
            task = asyncio.create_task(server.events.run())
            try:
                await scenario(rig.broker, server, listener)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        try:
            asyncio.run(main())
        finally:
            server.close()

    return run


async def until(fact):
    """Wait until something is so."""
    ends = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < ends, "it did not happen"
        await asyncio.sleep(0.01)


async def bids(listener, last):
    """What was told until a bid was."""
    heard = []

    def came():
        heard.extend(m["tick"]["bid"] for m in listener.waiting if m["type"] == "tick")
        listener.waiting.clear()
        return last in heard

    await until(came)
    return heard


def test_a_failure_that_nobody_thought_of_is_logged_and_is_not_the_end(listening, caplog):
    async def scenario(broker, server, listener):
        broker.quote("1.10000", "1.10002")
        await bids(listener, "1.10000")
        look, failures = server.events._look, []

        def fails(*_):
            failures.append("odd row")
            raise ValueError(failures[-1])

        server.events._look = fails
        await until(lambda: len(failures) > 1)
        broker.quote("1.10001", "1.10003")
        server.events._look = look
        assert await bids(listener, "1.10001") == ["1.10001"]

    listening(scenario)
    assert "ValueError: odd row" in caplog.text
    assert "Traceback" in caplog.text


def test_ticks_of_an_answer_that_came_too_late_are_told_with_the_next(listening):
    async def scenario(broker, server, listener):
        broker.quote("1.10000", "1.10002")
        await bids(listener, "1.10000")
        do, begun, late = server.terminal.do, [], []

        async def once(work):
            begun.append(work)
            found = await do(work)
            if found["ticks"] and not late:
                late.append(found)
                raise Stuck("the answer is thrown away")
            return found

        server.terminal.do = once
        await until(lambda: begun)  # the look before it has been told
        broker.quote("1.10001", "1.10003")
        await until(lambda: late)
        broker.quote("1.10002", "1.10004")
        assert await bids(listener, "1.10002") == ["1.10001", "1.10002"]

    listening(scenario)
