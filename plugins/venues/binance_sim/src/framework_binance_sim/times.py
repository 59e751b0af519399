"""Times in microseconds, for who asks for them: answers and events are made with milliseconds."""

from __future__ import annotations

from typing import Any

from framework_binance_sim.refusals import Refused

BAD_UNIT = (-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
_NAMES = {
    "authorizedSince",
    "closeTime",
    "connectedSince",
    "openTime",
    "serverTime",
    "time",
    "transactTime",
    "transactionTime",
    "updateTime",
    "workingTime",
}
_LETTERS = {"C", "E", "O", "T", "W"}
"""In events; where they are not times they are no numbers."""
_KLINE, _OPENED, _CLOSED = 12, 0, 6


def wanted(unit: str | None) -> bool:
    """Whether a unit is microseconds.

    Raises:
        Refused: It is no unit of time.
    """
    if unit is None or unit.upper() == "MILLISECOND":
        return False
    if unit.upper() != "MICROSECOND":
        raise Refused(BAD_UNIT)
    return True


def microseconds(told: Any) -> Any:
    """The same with every time in microseconds; -1 stays what it is."""
    if isinstance(told, dict):
        return {
            name: _finer(value) if _is_time(told, name) else microseconds(value)
            for name, value in told.items()
        }
    if isinstance(told, list):
        kline = len(told) == _KLINE and isinstance(told[0], int)
        return [
            _finer(value) if kline and place in {_OPENED, _CLOSED} else microseconds(value)
            for place, value in enumerate(told)
        ]
    return told


def _finer(value: Any) -> Any:
    return value * 1_000 if isinstance(value, int) and value > 0 else microseconds(value)


def _is_time(told: dict[str, Any], name: str) -> bool:
    if name == "t":  # of a kline; of a trade it is a number
        return isinstance(told.get("x"), bool)
    if name == "u":  # of the account; of a book it is a number
        return told.get("e") == "outboundAccountPosition"
    return name in _NAMES or name in _LETTERS
