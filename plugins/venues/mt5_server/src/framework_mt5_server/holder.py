"""Which node the account belongs to: one at a time, from its stream's beginning until another takes it over.

A node names itself in the header X-Session of its stream and of its orders. While the holder's stream is
open, nobody else's is; when it has ended, whoever comes next is the holder, and what the old one still sends
is refused. The holder is on disk, so that a restart of the server changes nothing. Programs that name no
session are not held to it: people and their tools may always trade by hand.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from framework_mt5_server.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from framework_mt5_server.store import Store

HEADER = "x-session"
TAKEN = 4409
"""What a stream is closed with while another node's is open."""
NAME = re.compile(r"[A-Za-z0-9_./-]{1,64}")
HOLDER = "holder"


class Holder:
    """The node that may trade."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name = store.flag(HOLDER)
        self._streams = 0

    @contextlib.contextmanager
    def stream(self, headers: Mapping[str, str]) -> Iterator[bool]:
        """Hold the account while a stream is open; yields False when it is another's.

        A node's own stream may come again before the end of the old one was noticed.
        """
        name = headers.get(HEADER)
        if name is None:
            yield True
            return
        if NAME.fullmatch(name) is None or (name != self._name and self._streams):
            yield False
            return
        if name != self._name:
            self._store.raise_flag(HOLDER, name)
            self._name = name
        self._streams += 1
        try:
            yield True
        finally:
            self._streams -= 1

    def fence(self, headers: Mapping[str, str]) -> Callable[[], None]:
        """Let a change pass, unless another node has taken the account over.

        Returns:
            The same question, to be asked again when the change has waited for the terminal.

        Raises:
            Refused: It has.
        """
        name = headers.get(HEADER)

        def let_pass() -> None:
            if name is not None and name != self._name:
                raise Refused("FENCED", "another node trades on this account", 409)

        let_pass()
        return let_pass
