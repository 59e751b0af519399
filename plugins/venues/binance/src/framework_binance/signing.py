"""Requests to Binance outside the engine: signed, and answered with a body or with why not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from framework import RunError

if TYPE_CHECKING:
    from framework_binance.config import BinanceConfig

HOSTS = {
    ("usdm_futures", "live"): "https://fapi.binance.com",
    ("usdm_futures", "testnet"): "https://testnet.binancefuture.com",
    ("usdm_futures", "demo"): "https://demo-fapi.binance.com",
    ("spot", "live"): "https://api.binance.com",
    ("spot", "testnet"): "https://testnet.binance.vision",
    ("spot", "demo"): "https://demo-api.binance.com",
}
SECONDS = 10
USED = "X-MBX-USED-WEIGHT-1M"


class RefusedByBinance(RunError):  # noqa: N818 - what Binance does
    """Binance said no.

    Attributes:
        code: Its own code, such as -4046.
    """

    def __init__(self, message: str, *, code: int, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


@dataclass(slots=True)
class Api:
    """The REST API of one product.

    Attributes:
        base: Scheme, host and port.
        key: The API key.
        secret: The HMAC secret, or a private key in PEM.
        kind: How requests are signed.
        window_ms: How old a request may be when it is taken.
        weight: Request weight used in this minute, as the last answer said.
    """

    base: str
    key: str
    secret: str
    kind: Literal["hmac", "ed25519"]
    window_ms: int
    weight: int = 0

    def public(self, path: str) -> Any:
        """The answer to an unsigned question.

        Raises:
            RunError: There was none.
        """
        return self._answer(Request(f"{self.base}{path}"))  # noqa: S310 - the base is http(s) by config

    def signed(self, method: str, path: str, **fields: str) -> Any:
        """The answer to a signed request.

        Raises:
            RunError: There was none, or Binance refused.
        """
        now = int(time.time() * 1_000)
        query = urlencode({**fields, "recvWindow": self.window_ms, "timestamp": now})
        url = f"{self.base}{path}?{query}&signature={quote(self._signature(query), safe='')}"
        headers = {"X-MBX-APIKEY": self.key}
        return self._answer(Request(url, headers=headers, method=method))  # noqa: S310

    def _signature(self, query: str) -> str:
        if self.kind == "hmac":
            return hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        private = load_pem_private_key(self.secret.encode(), password=None)
        if not isinstance(private, Ed25519PrivateKey):
            raise RunError("the private key is not Ed25519", remedy="Write `key_type: hmac`, or another key.")
        return base64.b64encode(private.sign(query.encode())).decode()

    def _answer(self, request: Request) -> Any:
        where = f"{request.get_method()} {request.full_url.partition('?')[0]}"
        try:
            with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                self.weight = int(answer.headers.get(USED) or self.weight)
                return json.loads(answer.read())
        except HTTPError as error:
            with error:
                raise _refused(where, error.code, error.read(), error.headers.get("Retry-After")) from error
        except (URLError, OSError, ValueError) as error:
            raise RunError(
                f"Binance does not answer {where}: {getattr(error, 'reason', error)}",
                remedy="Is the address right, and the network there?",
            ) from error


def _refused(where: str, status: int, body: bytes, wait: str | None) -> RunError:
    try:
        told = json.loads(body)
        code, text = int(told["code"]), str(told["msg"])
    except (ValueError, KeyError, TypeError):
        code, text = 0, "no reason given"
    remedy = (
        f"Wait {wait} s: the limit of requests is reached."
        if wait
        else _REMEDIES.get(code, "See its documentation of codes.")
    )
    return RefusedByBinance(
        f"Binance refused {where}: HTTP {status}, {code} {text}", code=code, remedy=remedy
    )


_REMEDIES = {
    -1021: "Set this machine's clock.",
    -1022: "Is the secret that of this key, and `key_type` right?",
    -1121: "Does Binance list every one of `instruments`?",
    -2014: "The key is empty or malformed.",
    -2015: "Is the key of this environment, allowed to trade this product, and from this address?",
    -4028: "Write a `leverage` that Binance allows for the instrument.",
    -4047: "Cancel the open orders first, or write the `margin_type` that is set.",
    -4048: "Close the position first, or write the `margin_type` that is set.",
    -4067: "Cancel the open orders first, or write the `position_mode` that is set.",
    -4068: "Close the positions first, or write the `position_mode` that is set.",
}


def api(config: BinanceConfig, window_ms: int) -> Api:
    """The API that settings describe; the credentials are looked up now.

    Raises:
        ConfigError: They are not where the settings say.
    """
    base = config.url if config.environment == "loopback" else HOSTS[config.product, config.environment]
    assert base is not None  # noqa: S101 - `clients` refuses loopback without a url
    return Api(base, config.key.reveal(), config.secret.reveal(), config.key_type, window_ms)
