"""Binance's public data from a server on this machine: continued, and compared with its checksum."""

import hashlib
import io
import json
import random
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from framework_binance.command import build
from framework_binance.download import download, part_of
from framework_binance.funding import schedule
from framework_binance.vision import Wanted, is_whole
from typer.testing import CliRunner

from framework import DataError, RunError

PATH = "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip"
NAME = "BTCUSDT-1m-2024-01.zip"
BODY = random.Random(3).randbytes(700_000)


class Site(ThreadingHTTPServer):
    """Files by path; what was asked for is kept.

    Attributes:
        cuts: After how many bytes each next file's connection is cut; None for not.
        busy: With which status the next requests are refused.
        ranges: Whether it knows of them.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked, self.cuts, self.busy, self.ranges = {}, [], [], [], True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, path, body, digest=None):
        digest = digest or hashlib.sha256(body).hexdigest()
        self.files[f"/{path}"] = body
        self.files[f"/{path}.CHECKSUM"] = f"{digest}  {path.rpartition('/')[2]}\n".encode()

    def asked_for_data(self):
        return [asked for asked in self.asked if not asked[0].endswith(".CHECKSUM")]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        site, asked = self.server, self.headers.get("Range")
        site.asked.append((self.path, asked))
        if site.busy:
            self.send_error(site.busy.pop(0))
            return
        body = site.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.ranges else 0
        if start and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        cut = site.cuts.pop(0) if site.cuts and not self.path.endswith(".CHECKSUM") else None
        self.wfile.write(body[start:] if cut is None else body[start : start + cut])

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def site():
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def bring(site, tmp_path):
    def run(target=tmp_path / "in" / NAME):
        told = []
        return download(f"{site.url}/{PATH}", target, lambda *row: told.append(row), pause=0.0), told

    return run


@pytest.fixture
def target(tmp_path):
    return tmp_path / "in" / NAME


def test_a_file_gets_its_name_when_its_checksum_agrees(site, bring, target):
    site.put(PATH, BODY)
    status, told = bring()
    assert (status, told[0], told[-1]) == ("downloaded", (0, 700_000), (700_000, 700_000))
    assert target.read_bytes() == BODY
    assert is_whole(target)
    assert not part_of(target).exists()


def test_what_is_here_is_not_asked_for_again(site, bring, target):
    site.put(PATH, BODY)
    bring()
    site.asked.clear()
    assert bring()[0] == "unchanged"
    assert site.asked == []
    target.with_name(f"{NAME}.CHECKSUM").unlink()
    assert bring()[0] == "unchanged"
    assert site.asked_for_data() == []
    target.write_bytes(BODY[:-1] + b"?")
    assert bring()[0] == "downloaded"
    assert target.read_bytes() == BODY


def test_a_cut_connection_is_continued_where_it_ended(site, bring, target):
    site.put(PATH, BODY)
    site.cuts = [300_000, 200_000]
    bring()
    assert [asked for _, asked in site.asked_for_data()] == [None, "bytes=300000-", "bytes=500000-"]
    assert target.read_bytes() == BODY


def test_a_download_that_was_given_up_is_continued_by_the_next(site, bring, target):
    site.put(PATH, BODY)
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(RunError, match="the same command continues it"):
        bring()
    assert part_of(target).stat().st_size == 300_000
    assert not target.exists()
    site.asked.clear()
    status, told = bring()
    assert (status, told[0]) == ("resumed", (300_000, 700_000))
    assert [asked for _, asked in site.asked_for_data()] == ["bytes=300000-"]
    assert target.read_bytes() == BODY


def test_a_server_without_ranges_sends_it_all_again(site, bring, target):
    site.put(PATH, BODY)
    site.ranges = False
    site.cuts = [300_000]
    bring()
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("part", [BODY, BODY + b"more", b"of another version", bytes(700_000)])
def test_a_part_that_is_complete_or_of_something_else_comes_right(site, bring, target, part):
    site.put(PATH, BODY)
    target.parent.mkdir()
    part_of(target).write_bytes(part)
    bring()
    assert target.read_bytes() == BODY


def test_what_is_not_as_published_is_not_kept(site, bring, target):
    site.put(PATH, BODY, digest="0" * 64)
    with pytest.raises(DataError, match="not what was published"):
        bring()
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"<html>", b"0" * 64 + b"  another.zip\n"])
def test_a_checksum_file_that_is_none_is_refused(site, bring, target, text):
    site.put(PATH, BODY)
    site.files[f"/{PATH}.CHECKSUM"] = text
    with pytest.raises(DataError, match="no checksum"):
        bring()
    assert not target.exists()


def test_a_busy_server_is_asked_again_and_a_refusal_is_not(site, bring, target):
    site.put(PATH, BODY)
    site.busy = [503, 429]
    assert bring()[0] == "downloaded"
    target.unlink()
    site.asked.clear()
    site.busy = [403]
    with pytest.raises(DataError, match="403"):
        bring()
    site.files.clear()
    with pytest.raises(DataError, match="no such file"):
        bring()
    assert len(site.asked) == 2
    site.busy = [503] * 9
    with pytest.raises(RunError, match="503"):
        bring()


def spans(**more):
    wanted = {"kind": "klines", "symbol": "BTCUSDT", "market": "futures", "step": "1m"} | more
    return Wanted(**wanted).files()


def test_the_files_are_those_that_binance_names():
    """As the README of Binance's public data repository gives them."""
    assert spans(first="2023-12", last="2024-02") == [
        f"data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-{month}.zip"
        for month in ("2023-12", "2024-01", "2024-02")
    ]
    assert spans(first="2024-02-28", last="2024-03-01", kind="trades", step=None, market="spot") == [
        f"data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-{day}.zip"
        for day in ("2024-02-28", "2024-02-29", "2024-03-01")
    ]
    assert spans(first="2024-01", last="2024-01", kind="aggTrades", step=None) == [
        "data/futures/um/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01.zip"
    ]
    assert spans(first="2024-01", last="2024-01", kind="fundingRate", step=None) == [
        "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip"
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"symbol": "../../etc"},
        {"symbol": "btcusdt"},
        {"step": "7m"},
        {"step": None},
        {"kind": "trades"},
        {"kind": "fundingRate", "step": None, "market": "spot"},
        {"kind": "fundingRate", "step": None, "first": "2024-01-01", "last": "2024-01-02"},
        {"first": "2024-02"},
        {"first": "2024-01-01"},
        {"first": "2024-13", "last": "2024-13"},
        {"first": "January", "last": "May"},
    ],
    ids=str,
)
def test_files_that_cannot_be_are_refused(more):
    with pytest.raises(DataError):
        spans(**{"first": "2024-01", "last": "2024-01"} | more)


@pytest.fixture
def command(site, tmp_path):
    def run(*arguments):
        words = ["download", *arguments, "--into", str(tmp_path / "in"), "--url", site.url, "--json"]
        done = CliRunner().invoke(build(), words, catch_exceptions=False)
        assert done.exit_code == 0
        return [row["status"] for row in json.loads(done.stdout)["files"]]

    return run


def test_the_command_says_what_is_missing_brings_it_and_does_it_once(site, command, target):
    site.put(PATH, BODY)
    site.put(PATH.replace("2024-01", "2024-02"), BODY[:1000])
    words = ("klines", "BTCUSDT", "--step", "1m", "--from", "2024-01", "--to", "2024-02")
    target.parent.mkdir()
    part_of(target).write_bytes(BODY[:1234])
    assert command(*words, "--dry-run") == ["would be continued after 1,234 bytes", "would be downloaded"]
    assert site.asked == []
    assert command(*words) == ["resumed", "downloaded"]
    assert command(*words) == ["unchanged", "unchanged"]
    assert command(*words, "--dry-run") == ["unchanged", "unchanged"]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("klines", "--step", "1m"), "klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip"),
        (("trades",), "trades/BTCUSDT/BTCUSDT-trades-2024-01.zip"),
        (("aggTrades",), "aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01.zip"),
    ],
)
@pytest.mark.parametrize("spot_first", [False, True])
def test_a_file_of_one_market_is_never_taken_for_that_of_the_other(
    site, command, tmp_path, words, path, spot_first
):
    name = path.rpartition("/")[2]
    site.put(f"data/futures/um/monthly/{path}", b"futures")
    site.put(f"data/spot/monthly/{path}", b"spot")
    futures = (words[0], "BTCUSDT", *words[1:], "--from", "2024-01")
    spot = (*futures, "--market", "spot")
    first, second = (spot, futures) if spot_first else (futures, spot)
    assert command(*first) == ["downloaded"]
    assert command(*second, "--dry-run") == ["would be downloaded"]
    assert command(*second) == ["downloaded"]
    assert command(*futures) == command(*spot) == ["unchanged"]
    assert (tmp_path / "in" / name).read_bytes() == b"futures"
    assert (tmp_path / "in" / "spot" / name).read_bytes() == b"spot"


@pytest.mark.parametrize(
    "wrong",
    [
        ("candles", "BTCUSDT", "--from", "2024-01"),
        ("klines", "BTCUSDT", "--from", "2024-01", "--step", "1m", "--market", "options"),
        ("klines", "BTCUSDT", "--from", "2024-01", "--step", "1m", "--url", "file:///etc"),
    ],
)
def test_a_wrong_word_is_refused(wrong):
    with pytest.raises(DataError):
        CliRunner().invoke(build(), ["download", *wrong], catch_exceptions=False)


def zipped(name, text):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, text)
    return held.getvalue()


FUNDING = "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-{}.zip"
HEAD = "calc_time,funding_interval_hours,last_funding_rate\n"


def test_months_of_funding_are_read_as_they_were_downloaded(site, command, tmp_path):
    site.put(FUNDING.format("2024-01"), zipped("a.csv", HEAD + "1706745600000,8,0.0001\n"))
    site.put(FUNDING.format("2024-02"), zipped("b.csv", HEAD + "1706774400000,8,-0.0002\n"))
    command("fundingRate", "BTCUSDT", "--from", "2024-01", "--to", "2024-02")
    plan = schedule(str(tmp_path / "in" / "BTCUSDT-fundingRate-*.zip"))
    assert plan.times == (1706745600000 * 10**6, 1706774400000 * 10**6)
    assert [str(rate) for rate in plan.rates] == ["0.0001", "-0.0002"]
    (tmp_path / "in" / "BTCUSDT-fundingRate-2024-02.zip").write_bytes(zipped("b.csv", HEAD + "1,8,0\n"))
    with pytest.raises(DataError, match="CHECKSUM"):
        schedule(str(tmp_path / "in" / "BTCUSDT-fundingRate-*.zip"))
    with pytest.raises(DataError, match="no file"):
        schedule(str(tmp_path / "in" / "ETHUSDT-*.zip"))
    (tmp_path / "broken.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="no funding rates"):
        schedule(str(tmp_path / "broken.zip"))
