"""The fault harness: a node and an exchange as processes, a seed's worth of trouble, and a verdict.

    >>> breaches = check([state / "journal.db"], record, Terms(venue="SIM"))   # I1-I6, offline

`invariants` judges what a journal and the record of a venue say, and needs neither to be running: authors
of venues use it on their own.
"""

from __future__ import annotations

from framework.drill.digest import digest
from framework.drill.invariants import check
from framework.drill.record import Held, VenueRow, held_in, rows_of
from framework.drill.terms import Breach, Terms

__all__ = ["Breach", "Held", "Terms", "VenueRow", "check", "digest", "held_in", "rows_of"]
