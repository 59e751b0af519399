"""The bad network between node and exchange, tried with plain sockets."""

import socket
import threading
import time

import pytest

from framework.drill.proxy import Proxy


@pytest.fixture
def echo():
    """A server that says back what it hears."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(peer,), daemon=True).start()

    def answer(peer):
        with peer:
            while True:
                try:
                    heard = peer.recv(65_536)
                    if not heard:
                        return
                    peer.sendall(heard)
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


@pytest.fixture
def proxy(echo):
    with Proxy(echo) as made:
        yield made


@pytest.fixture
def dial(proxy):
    made = []

    def call():
        peer = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
        made.append(peer)
        return peer

    yield call
    for peer in made:
        peer.close()


def said_back(peer, what=b"hello"):
    peer.sendall(what)
    heard = b""
    while len(heard) < len(what):
        piece = peer.recv(65_536)
        if not piece:
            return heard
        heard += piece
    return heard


def heard_of(peer):
    """Everything that comes until the connection ends, however it ends."""
    heard = b""
    while True:
        try:
            piece = peer.recv(65_536)
        except ConnectionError:
            return heard
        if not piece:
            return heard
        heard += piece


def works(peer):
    """Whether the connection passes bytes; one that was reset does not."""
    try:
        return said_back(peer) == b"hello"
    except ConnectionError:
        return False


def reaches(dial):
    """Whether a new connection passes bytes; it may be refused while it is made, or after."""
    try:
        return works(dial())
    except ConnectionError:
        return False


def test_bytes_pass_both_ways(dial):
    peer = dial()
    assert said_back(peer, b"x" * 100_000) == b"x" * 100_000
    peer.shutdown(socket.SHUT_WR)
    assert peer.recv(1) == b""


def test_a_cut_resets_what_is_there_and_not_what_comes(proxy, dial):
    peer = dial()
    assert said_back(peer) == b"hello"
    assert proxy.cut() == 1
    assert not works(peer)
    assert works(dial())
    assert proxy.accepted == 2


def test_a_dropped_network_refuses_for_its_time(proxy, dial):
    began = time.monotonic()
    proxy.drop(0.3)
    while not reaches(dial):
        assert time.monotonic() < began + 60, "it went on refusing"
        time.sleep(0.02)
    assert time.monotonic() - began >= 0.29


def test_a_half_open_connection_says_nothing_and_then_everything(proxy, dial):
    peer = dial()
    assert said_back(peer) == b"hello"
    began = time.monotonic()
    proxy.half_open(0.3)
    assert said_back(peer, b"late") == b"late"
    assert time.monotonic() - began >= 0.29


def test_a_half_open_connection_can_be_ended_early(proxy, dial):
    peer = dial()
    proxy.half_open(60)
    peer.sendall(b"held")
    peer.settimeout(0.2)
    with pytest.raises(TimeoutError):
        peer.recv(10)
    peer.settimeout(5)
    proxy.calm()
    assert peer.recv(10) == b"held"


def test_a_delay_is_paid_each_way(proxy, dial):
    peer = dial()
    proxy.delay(5, 60)
    began = time.monotonic()
    assert said_back(peer) == b"hello"
    assert time.monotonic() - began >= 0.12


def test_a_throttle_lets_so_many_bytes_through_a_second(proxy, dial):
    peer = dial()
    proxy.throttle(10, 10_000)
    began = time.monotonic()
    assert said_back(peer, b"y" * 3_000) == b"y" * 3_000
    assert time.monotonic() - began >= 0.25


def test_a_message_is_cut_in_the_middle(proxy, dial):
    peer = dial()
    proxy.truncate("node", 3)
    peer.sendall(b"message")
    assert (heard := heard_of(peer)) in (b"", b"mes"), (
        f"a reset may overtake what was sent before it: {heard}"
    )


def test_nobody_behind_it_is_a_reset():
    with socket.socket() as nobody:  # it has the port, so that nobody else gets it, and does not listen
        nobody.bind(("127.0.0.1", 0))
        with Proxy(nobody.getsockname()[1]) as proxy:
            try:
                peer = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
            except ConnectionResetError:  # it may come before the connection is said to be there
                return
            with peer:
                assert heard_of(peer) == b""
