"""The parameters of a request, read with the exchange's own complaints."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from framework_binance_sim.refusals import Refused, illegal, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_NUMBER = re.compile(NUMBER)
_WHOLE = re.compile(r"^-?[0-9]{1,18}$")


class Params:
    """The parameters by name, as the text that was sent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def __contains__(self, name: str) -> bool:
        return bool(self.values.get(name))

    def text(self, name: str, default: str | None = None) -> str:
        """The text called `name`."""
        value = self.values.get(name) or default
        if value is None:
            raise missing(name)
        return value

    def maybe(self, name: str) -> str | None:
        """The text called `name`, or None."""
        return self.values.get(name) or None

    def choice(
        self, name: str, options: Iterable[str], code: tuple[int, str], default: str | None = None
    ) -> str:
        """One of `options`; anything else is refused with `code`."""
        value = self.text(name, default)
        if value not in options:
            raise Refused(code)
        return value

    def decimal(self, name: str) -> Decimal:
        """A positive decimal number, written out."""
        value = self.text(name)
        if _NUMBER.match(value) is None:
            raise illegal(name, NUMBER)
        return Decimal(value)

    def maybe_decimal(self, name: str) -> Decimal | None:
        """A decimal number, or None; a zero counts as not sent."""
        if name not in self:
            return None
        return self.decimal(name) or None

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.text(name, None if default is None else str(default))
        if _WHOLE.match(value) is None:
            raise missing(name) if default is None else illegal(name, r"^[0-9]{1,20}$")
        return int(value)

    def maybe_whole(self, name: str) -> int | None:
        """A whole number, or None."""
        return self.whole(name) if name in self else None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """`true` or `false`."""
        value = self.text(name, str(default).lower()).lower()
        if value not in {"true", "false"}:
            raise missing(name)
        return value == "true"

    def matched(self, name: str, legal: str) -> str | None:
        """A text that fits a regular expression, or None."""
        value = self.maybe(name)
        if value is not None and re.fullmatch(legal, value) is None:
            raise illegal(name, legal)
        return value

    def limit(self, default: int, most: int) -> int:
        """How many rows are asked for."""
        value = self.whole("limit", default)
        if value < 1:
            raise Refused((-1130, "Data sent for parameter 'limit' is not valid."))
        return min(value, most)

    def within(self, at: int) -> bool:
        """Whether a time lies between `startTime` and `endTime`, when they are given."""
        start, end = self.maybe_whole("startTime"), self.maybe_whole("endTime")
        return (start is None or at >= start) and (end is None or at <= end)
