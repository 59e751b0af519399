"""The account belongs to one node at a time: a token that the exchange gives out, kept alive and watched."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

from framework import RunError
from framework_simexchange.constants import ACCOUNT_TAKEN, FENCED
from framework_simexchange.rest import NotSent, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_simexchange.rest import Rest

RENEW_SECONDS = 1.0
RETRY_SECONDS = 0.25
GRACE_SECONDS = 2.0


class Lease:
    """Takes the account, keeps it, and knows when it is gone.

    A node that was killed leaves its lease behind; the next one waits until it has run out. A node that is
    alive renews its lease, so a second one is refused for good.

    Args:
        rest: Sends the requests, and carries the token from then on.
        name: Who takes the account, for the exchange's answer to others.
        seconds: How long the account stays ours without a sign of life.
        on_lost: Called once, with why, when somebody else has the account.
    """

    def __init__(self, rest: Rest, name: str, seconds: float, on_lost: Callable[[str], None]) -> None:
        self._rest = rest
        self._holder = f"{name}/{uuid.uuid4().hex[:12]}"
        self._seconds = seconds
        self._on_lost = on_lost
        self.lost: str | None = None

    async def take(self) -> None:
        """Take the account, waiting for a dead node's lease to run out.

        Raises:
            RunError: Another node keeps it, or the exchange does not answer.
        """
        deadline = time.monotonic() + self._seconds + GRACE_SECONDS
        while True:
            try:
                answer = await self._rest.send(
                    "POST",
                    "/v1/session",
                    body={"holder": self._holder, "seconds": self._seconds},
                    urgent=True,
                )
            except (Refused, Unknown, NotSent) as error:
                final = isinstance(error, Refused) and error.code != ACCOUNT_TAKEN
                if final or time.monotonic() > deadline:
                    raise RunError(
                        f"the account cannot be taken: {error}",
                        remedy="Stop the other node, or wait until its lease has run out.",
                    ) from error
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._rest.token = int(answer["token"])
                return

    async def keep(self) -> None:
        """Renew until cancelled, or until the account is lost."""
        while self.lost is None:
            pause = RENEW_SECONDS
            try:
                await self._rest.send("PUT", "/v1/session", body=self._claim(), urgent=True)
            except Refused as refused:
                if refused.code == FENCED:
                    self.lose(str(refused))
                    return
                pause = RETRY_SECONDS
            except (Unknown, NotSent):
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    def lose(self, why: str) -> None:
        """Somebody else has the account: nothing of ours may be sent any more."""
        if self.lost is None:
            self.lost = why
            self._on_lost(why)

    async def give_back(self) -> None:
        """Let the next node have the account at once, if the exchange can be told."""
        if self.lost is not None or self._rest.token is None:
            return
        try:
            await self._rest.send("DELETE", "/v1/session", body=self._claim(), urgent=True)
        except (Refused, Unknown, NotSent):
            return  # it runs out by itself

    def _claim(self) -> dict[str, object]:
        return {"token": self._rest.token, "seconds": self._seconds}
