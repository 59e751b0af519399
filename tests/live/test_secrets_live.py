"""Fault 40 where credentials sign: a live session in which requests fail in every way."""

import json
from base64 import b64encode
from urllib.parse import quote

SECRET, KEY = "planted-secret-2718281828", "test-key"
FORMS = [
    form for word in (SECRET, KEY) for form in (word, quote(word, safe=""), b64encode(word.encode()).decode())
]
LOG = {"level": "debug", "format": "json", "file": {"level": "debug"}}


def test_credentials_that_sign_requests_are_in_nothing_that_a_live_session_leaves(exchange, node_on, until):
    node = node_on(exchange, log=LOG).start()
    for kind in ("status", "garbage", "drop", "rate_limit"):
        exchange.fault(kind, on="submit", when="before", code=500, seconds=0.2)
        node.do("submit", side="BUY", qty="1", price="1.00000", name=f"F-{kind}")
        until(lambda kind=kind: len(node.heard(id=f"F-{kind}")) > 1, node.log)  # submitted, or denied
    exchange.control("POST", "/cut")
    node.do("fail")
    until(lambda: "as it was told" in (node.folder / "node.log").read_text(), node.log)
    journal = node.folder / "state" / "journal.db"
    said = [
        node.framework("node", "status", node.file, "--json"),
        node.framework("node", "explain", node.file, "--json"),
        node.framework("node", "check", node.file, "--json"),
        node.framework("node", "kill", node.file, "--why", "a test", "--json"),
        node.framework("node", "flatten", node.file, "--why", "a test", "--json"),
        node.framework("journal", "show", journal),
        node.framework("journal", "export", journal, node.folder / "export.jsonl"),
    ]
    node.stop()
    for done in said:
        clean(str(done.args), done.stdout + done.stderr)
    left = [file for file in node.folder.rglob("*") if file.is_file() and "plugin" not in file.parts]
    assert {"node.log", "journal.db", "heartbeat.json", "export.jsonl"} <= {file.name for file in left}
    for file in left:
        clean(str(file), file.read_bytes().decode(errors="replace"))
    lines = (node.folder / "state" / "logs" / "node.log").read_text().splitlines()
    assert "debug" in {json.loads(line)["level"] for line in lines}


def clean(name, text):
    for form in FORMS:
        assert form not in text, f"{form!r} is in {name}"
