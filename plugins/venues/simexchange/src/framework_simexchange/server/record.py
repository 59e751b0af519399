"""The truth log told in words that know nothing of this exchange: what a checker of invariants reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from framework_simexchange.server.matching import Event

REASONS = {"cancel": "canceled", "expire": "expired"}


def told(
    events: Iterable[Event],
    arrivals: Mapping[str, int],
    now_ns: int,
    times: Mapping[int, int] | None = None,
) -> Iterator[dict[str, Any]]:
    """One row for each order, fill, change and end in the log, in its order.

    Args:
        events: The log, from its beginning.
        arrivals: How often a submission of each client order id came to the door; those of an earlier
            process are not known, and not needed: what was taken is in the log.
        now_ns: The time given to submissions that were only counted.
        times: When each event was written down by the machine's own clock, which no fault puts wrong; an
            event of an earlier process has its own time.

    Yields:
        `seq`, `ns`, `what` (`order`, `refused`, `again`, `fill`, `change`, `over`), `order` (the client order
        id), and where they apply `number`, `symbol`, `side`, `quantity`, `price`, `trade`, `why`, `by_hand`.
    """
    orders: dict[int, dict[str, Any]] = {}
    seen: dict[str, int] = {}
    known = times or {}
    last = 0
    for event in events:
        last, body = event["seq"], event["body"]
        row = {"seq": last, "ns": known.get(last, event["ns"])}
        match event["kind"]:
            case "account" | "session" | "trigger":
                continue
            case "repeat":
                name = body["client_order_id"]
                seen[name] = seen.get(name, 0) + 1
                yield {**row, "what": "again", "order": name}
            case "order":
                order = body["order"]
                orders[order["number"]] = order
                name = order["client_order_id"]
                seen[name] = seen.get(name, 0) + 1
                refused = order["status"] == "REJECTED"
                yield {
                    **row,
                    **_about(order),
                    "what": "refused" if refused else "order",
                    "quantity": order["quantity"],
                    "price": order["price"],
                    "why": order["reason"],
                }
            case "fill":
                yield {
                    **row,
                    **_about(orders[body["number"]]),
                    "what": "fill",
                    "trade": body["trade_id"],
                    "quantity": body["quantity"],
                    "price": body["price"],
                }
            case "modify":
                yield {
                    **row,
                    **_about(orders[body["number"]]),
                    "what": "change",
                    "quantity": body["quantity"],
                    "price": body["price"],
                }
            case kind:
                why = body.get("reason") or REASONS[kind]
                yield {**row, **_about(orders[body["number"]]), "what": "over", "why": why}
    for name, count in arrivals.items():
        for _ in range(count - max(1, seen.get(name, 0))):
            yield {"seq": last, "ns": now_ns, "what": "again", "order": name}


def _about(order: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "order": order["client_order_id"],
        "number": str(order["number"]),
        "symbol": order["symbol"],
        "side": order["side"],
        "by_hand": order["source"] != "client",
    }
