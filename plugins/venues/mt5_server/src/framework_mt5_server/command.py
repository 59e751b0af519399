"""`framework-mt5-server`: set up, check, serve."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from framework_mt5_server import certificates, signing
from framework_mt5_server.audit import masked
from framework_mt5_server.check import examine
from framework_mt5_server.connections import bounded
from framework_mt5_server.factor import Factor
from framework_mt5_server.keys import SCOPES, Keys
from framework_mt5_server.server import application
from framework_mt5_server.settings import Settings, SettingsError, load
from framework_mt5_server.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_USAGE, EXIT_SETTINGS, EXIT_BUSY, EXIT_CHECK = 1, 2, 6, 7
TEMPLATE = """\
# See the README of framework-mt5-server for every setting.
state = "state.db"

[terminal]
module = "MetaTrader5"
path = 'C:\\Program Files\\MetaTrader 5\\terminal64.exe'
clock = "Europe/Athens"        # what the broker's clock shows; see `check`

[listen]
host = "0.0.0.0"
port = 8443
certificate = "server.pem"
key = "server.key"
allow = ["127.0.0.0/8"]        # add the machine that trades, such as "192.168.1.20/32"

[limits]
max_lots = "1"
max_notional = "100000"
symbols = []
allow_real = false
require_signature = false
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 is good, 2 wrong settings, 6 a port that is taken, 7 a check that found something."""
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except SettingsError as error:
        return _say(options, str(error), EXIT_SETTINGS)
    except (ValueError, FileExistsError) as error:
        return _say(options, str(error), EXIT_USAGE)
    except OSError as error:
        return _say(options, str(error), EXIT_BUSY)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="framework-mt5-server", description="A REST server beside a MetaTrader 5 terminal."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.add_argument("--json", action="store_true", help="answer in JSON")
        made.set_defaults(run=run)
        return made

    init = command("init", _init, "write a settings file to begin with, certificates, a key of each scope")
    init.add_argument("folder", type=Path)
    init.add_argument("--name", action="append", required=True, help="a name or address clients connect to")
    serve = command("serve", _serve, "serve until SIGTERM or Ctrl-C")
    serve.add_argument("settings", type=Path)
    serve.add_argument("--check", action="store_true", help="check first, and serve only when all is good")
    check = command("check", _check, "look at settings, files, terminal, account and clock; send nothing")
    check.add_argument("settings", type=Path)
    key = command("key", _key, "make, list or revoke keys")
    key.add_argument("what", choices=["new", "list", "revoke"])
    key.add_argument("settings", type=Path)
    key.add_argument("--scope", choices=SCOPES, default="read", help="what a new key may do")
    key.add_argument("--label", default="", help="whose it is")
    key.add_argument(
        "--sign", action="store_true", help="make a key pair too; changes must be signed with it"
    )
    key.add_argument("--id", help="the key to revoke")
    totp = command("totp", _totp, "make a new second factor for the operator")
    totp.add_argument("what", choices=["new"])
    totp.add_argument("settings", type=Path)
    made = command("certificate", _certificate, "make ca.pem for clients, server.pem and server.key")
    made.add_argument("folder", type=Path)
    made.add_argument("--name", action="append", required=True, help="a name or address clients connect to")
    made.add_argument("--days", type=int, default=certificates.DAYS)
    return parser


def _init(options: argparse.Namespace) -> int:
    path = options.folder / "server.toml"
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    files = certificates.make(options.folder, options.name)
    path.write_text(TEMPLATE, encoding="utf-8")
    settings = load(path)
    store = Store(settings.state)
    keys = {scope: Keys(store).make(scope, f"{scope} key made by init") for scope in SCOPES}
    uri = Factor(store).renew(options.name[0])
    store.close()
    return _show(
        options,
        {"settings": str(path), "ca": str(files["ca.pem"]), "keys": keys, "totp": uri},
        [
            f"settings        {path}",
            f"for clients     {files['ca.pem']}",
            *(f"{scope + ' key':15} {key}" for scope, key in keys.items()),
            f"second factor   {uri}",
            "Keys are shown now and never again. Next: edit the settings, then `check`.",
        ],
    )


def _serve(options: argparse.Namespace) -> int:
    settings = load(options.settings)
    if options.check and (status := _report(options, settings)):
        return status
    return serve(settings)


def serve(settings: Settings) -> int:
    """Serve until told to stop; the port that is listened on is printed as one JSON line."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(_mask)
    # It warns of every request that makes no sense: whoever has no key could fill the disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    app, _ = application(settings)
    listen = settings.listen
    config = uvicorn.Config(
        app,
        http=bounded(listen),
        host=listen.host,
        port=listen.port,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        timeout_keep_alive=listen.idle_seconds,
        timeout_graceful_shutdown=3,
        limit_concurrency=listen.connections + 1,
    )
    sockets = [config.bind_socket()]
    sockets[0].listen(128)
    port = sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"port": port, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=sockets)
    return 0


def _mask(record: logging.LogRecord) -> bool:
    """No key and no password in a log, whoever writes it."""
    record.msg, record.args = masked(record.getMessage()), ()
    return True


def _check(options: argparse.Namespace) -> int:
    return _report(options, load(options.settings))


def _report(options: argparse.Namespace, settings: Settings) -> int:
    findings = examine(settings)
    good = all(finding.good for finding in findings)
    _show(
        options,
        {"good": good, "findings": [{"what": f.what, "good": f.good, "detail": f.detail} for f in findings]},
        [f"{'ok  ' if f.good else 'LOOK'} {f.what:20} {f.detail}" for f in findings],
    )
    return 0 if good else EXIT_CHECK


def _key(options: argparse.Namespace) -> int:
    store = Store(load(options.settings).state)
    keys = Keys(store)
    try:
        if options.what == "list":
            rows = keys.listed()
            lines = [
                f"{row['id']}  {row['scope']:8}  {_day(row['made_ms'])}  "
                f"{'revoked  ' if row['revoked_ms'] else ''}{row['label']}"
                for row in rows
            ]
            return _show(options, {"keys": rows}, lines)
        if options.what == "revoke":
            if not keys.revoke(options.id or ""):
                raise ValueError(f"there is no key with --id {options.id}")
            return _show(options, {"revoked": options.id}, [f"revoked {options.id}"])
        private, public = signing.new_pair() if options.sign else (None, None)
        key = keys.make(options.scope, options.label, public)
    finally:
        store.close()
    lines = [f"key      {key}", *([f"signing  {private}"] if private else [])]
    return _show(options, {"key": key, "signing": private}, [*lines, "Shown now and never again."])


def _totp(options: argparse.Namespace) -> int:
    store = Store(load(options.settings).state)
    uri = Factor(store).renew(str(options.settings.resolve().parent.name))
    store.close()
    return _show(options, {"totp": uri}, [uri, "Shown now and never again."])


def _certificate(options: argparse.Namespace) -> int:
    files = certificates.make(options.folder, options.name, options.days)
    plain = {name: str(path) for name, path in files.items()}
    return _show(options, plain, [f"{name:11} {path}" for name, path in plain.items()])


def _day(ms: Any) -> str:
    return datetime.fromtimestamp(int(ms) / 1000, tz=UTC).strftime("%Y-%m-%d")


def _show(options: argparse.Namespace, plain: dict[str, Any], lines: list[str]) -> int:
    sys.stdout.write((json.dumps(plain) if options.json else "\n".join(lines)) + "\n")
    return 0


def _say(options: argparse.Namespace, words: str, status: int) -> int:
    if options.json:
        sys.stdout.write(json.dumps({"error": words, "exit": status}) + "\n")
    else:
        sys.stderr.write(f"framework-mt5-server: {words}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
