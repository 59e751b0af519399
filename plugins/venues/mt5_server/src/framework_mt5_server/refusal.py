"""The server's own no."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - an answer, not a malfunction
    """A request is not passed on to the terminal; nothing happened.

    Attributes:
        code: For programs.
        status: Of the HTTP answer.
    """

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.code, self.status = code, status
