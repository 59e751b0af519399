"""This framework: a composed plan through `framework.engine.backtest.run`, as `framework node run` does it.

It also hashes the data's files, guards every handler, passes every order through the gate and takes the
equity curve; none of that is switched off. Composing the plan is not timed, nor is importing anything.
"""

from decimal import Decimal

from engine import (
    STRATEGIES,
    BarsConfig,
    QuotesConfig,
    VenueTerms,
    cross_signals,
    fills_of,
    settings_of,
    venue,
)
from protocol import serve
from with_engine import timings

from framework import APPROVE, Deny, PluginConfig, RiskRule, RiskSpec, StrategySpec, VenueSpec, plugins
from framework.engine import backtest
from framework.testkit.nodes import plan_node


class Empty(PluginConfig, frozen=True, kw_only=True):
    """Nothing to set."""


class Cap(RiskRule):
    """One comparison an order: what the gate costs with a rule in it."""

    def check(self, proposal):
        return APPROVE if proposal.quantity.as_decimal() <= 1_000_000 else Deny("too large")


def rules(job, symbols):
    """The `risk:` entries that a job asks for; none of them ever objects."""
    age = {"max_mark_age": "2h"}
    most = {"max_quantity": "1000000", "max_notional": "100000000 USD", **age}
    seven = {
        "order_limits": most,
        "price_collar": {"percent": "50", **age},
        "order_rate": {"max_orders": 100, "window": "1s"},
        "max_open_positions": {"max_positions": 10},
        "allow_list": {"instruments": [f"{symbol}.SIM" for symbol in symbols]},
        "message_limit": {"max_messages": 100, "window": "1s", "cancel_reserve": 20},
        "exposure_limit": {"max_gross": "100000000 USD", **age},
    }
    known = {"one": {"cap": {}}, "seven": seven}
    return [{"use": name, "config": config} for name, config in known.get(job.get("ruled"), {}).items()]


def work(job, folder):
    plan = plan_of(job, folder)

    def run():
        result = backtest.run(plan)
        result.fills  # noqa: B018 - tables are made when they are asked for, and this one is part of the work
        return lambda: read(job, folder, result)

    return run


def read(job, folder, result):
    """What the row compares."""
    profit = Decimal(str(round(result.statistics["pnl"]["USD"]["PnL (total)"], 2)))
    return {
        "fills": fills_of(result.fills, folder, job["symbols"]),
        "equity": str(Decimal(job["cash"]) + profit),
        **timings(job),
    }


def plan_of(job, folder):
    """The plan of a node with these specs."""
    return plan_node(node_of(job, folder), specs=specs())


def node_of(job, folder):
    """What node.yaml would hold."""
    _, settings = settings_of(job, folder)
    if job["rule"] == "quotes":
        data = [{"quotes": settings["instrument"]}]
    else:
        data = [{"bars": name} for name in settings["bar_types"]]
    return {
        "catalog": str(folder / "catalog"),
        "venues": [{"name": "SIM", "use": "bench", "config": {"cash": job["cash"], "fee": job["fee"]}}],
        "data": data,
        "strategies": [{"id": "subject", "use": job["rule"], "config": settings}],
        "risk": rules(job, job["symbols"]),
        "log": {"level": "off"},
    }


def specs():
    """The plugins a node of the benchmark uses."""
    return [
        *(
            StrategySpec(name=name, strategy=STRATEGIES[name], config=BarsConfig)
            for name in ("portfolio", "alternate", "timed")
        ),
        StrategySpec(name="quotes", strategy=STRATEGIES["quotes"], config=QuotesConfig),
        StrategySpec(name="cross", strategy=STRATEGIES["cross"], config=BarsConfig, signals=cross_signals),
        VenueSpec(name="bench", config=VenueTerms, backtest=venue),
        RiskSpec(name="cap", rule=Cap, config=Empty),
        *(offer.spec for offer in plugins.load([]).offers("risk")),
    ]


if __name__ == "__main__":
    serve(work)
