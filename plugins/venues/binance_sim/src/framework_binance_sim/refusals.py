"""What the exchange says when it says no: codes and texts as Binance documents them."""

from __future__ import annotations

from typing import Any

TIMEOUT = (
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
)
INVALID_SYMBOL = (-1121, "Invalid symbol.")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
NO_SUCH_ORDER = (-2013, "Order does not exist.")
BAD_KEY_FORMAT = (-2014, "API-key format invalid.")
BAD_KEY = (-2015, "Invalid API-key, IP, or permissions for action.")
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.")
TOO_OLD = (-1021, "Timestamp for this request is outside of the recvWindow.")
TOO_EARLY = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
LONG_WINDOW = (-1131, "recvWindow must be less than 60000")
POST_ONLY = (
    -5022,
    (
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history"
    ),
)
FILL_OR_KILL = (
    -5021,
    (
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history"
    ),
)
USE_ALGO = (
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
)
CLOSE_EXISTS = (
    -4130,
    "An open stop or take profit order with GTE and closePosition in the direction is existing.",
)
GOOD_TILL = (
    -5040,
    (
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
        "253402300799000 (UTC 9999-12-31 23:59:59)"
    ),
)
BAD_PRECISION = (-1111, "Precision is over the maximum defined for this asset.")


class Refused(Exception):  # noqa: N818 - it is what the exchange does, and no error of the program
    """A request that the exchange refuses.

    Args:
        code: Binance's code and text.
        status: The HTTP status.
        headers: More HTTP headers, such as Retry-After.
        data: What the answer carries beside code and text.
    """

    def __init__(
        self,
        code: tuple[int, str],
        *,
        status: int = 400,
        headers: dict[str, str] | None = None,
        data: Any = None,
    ) -> None:
        super().__init__(f"{code[0]}: {code[1]}")
        self.code, self.message = code
        self.status = status
        self.headers = headers or {}
        self.data = data

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {"code": self.code, "msg": self.message}
        return body if self.data is None else {**body, "data": self.data}


def missing(name: str) -> Refused:
    """A parameter that has to be there and is not, or cannot be read."""
    return Refused((-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))


def neither(one: str, other: str) -> Refused:
    """One of two parameters has to be there."""
    return Refused((-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!"))


def unwanted(name: str) -> Refused:
    """A parameter that must not be there."""
    return Refused((-1106, f"Parameter '{name}' sent when not required."))


def illegal(name: str, legal: str) -> Refused:
    """A parameter with characters that it may not have."""
    return Refused((-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."))
