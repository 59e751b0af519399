"""The floor: the engine wired by hand, with the same chunks and the same tables as the framework's runs."""

from decimal import Decimal

from engine import BarsConfig, QuotesConfig, VenueTerms, fills_of, settings_of, venue
from nautilus_trader.backtest import BacktestDataConfig, BacktestEngineConfig, BacktestNode, BacktestRunConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import BarType, Currency, InstrumentId, NautilusDataType, Venue
from protocol import serve

CHUNK = 10_000


def work(job, folder):
    return lambda: run(job, folder)


def run(job, folder):
    node = built(job, folder)
    node.run()
    fills = node.generate_fills_report("run")
    total = node.get_engine_portfolio("run").account(Venue("SIM")).balance_total(Currency.from_str("USD"))
    node.dispose()
    return lambda: {
        "fills": fills_of(fills, folder, job["symbols"]),
        "equity": str(total.as_decimal()),
        **timings(job),
    }


def built(job, folder):
    """A node with data, venue and strategy, ready to run."""
    kind, settings = settings_of(job, folder)
    if job["rule"] == "quotes":
        config = QuotesConfig(
            instrument=InstrumentId.from_str(settings["instrument"]), every=settings["every"]
        )
    else:
        names = settings.pop("bar_types")
        config = BarsConfig(bar_types=tuple(BarType.from_str(name) for name in names), **settings)
    node = BacktestNode(
        [
            BacktestRunConfig(
                venues=[venue("SIM", VenueTerms(cash=job["cash"], fee=Decimal(job["fee"])))],
                data=[data_of(job, folder, symbol) for symbol in job["symbols"]],
                engine=BacktestEngineConfig(logging=LoggerConfig(stdout_level=LogLevel.OFF)),
                id="run",
                chunk_size=CHUNK,
                raise_exception=True,
                dispose_on_completion=False,
            )
        ]
    )
    node.build()
    node.add_strategy("run", kind(config))
    return node


def data_of(job, folder, symbol):
    """One stream, read by the engine from the catalog."""
    quotes = job["rule"] == "quotes"
    return BacktestDataConfig(
        NautilusDataType.QuoteTick if quotes else NautilusDataType.Bar,
        str(folder / "catalog"),
        instrument_ids=[InstrumentId.from_str(f"{symbol}.SIM")],
        bar_types=None if quotes else [f"{symbol}.SIM-1-MINUTE-LAST-EXTERNAL"],
        optimize_file_loading=True,  # a stream's files as one: memory per file otherwise, and slower
    )


def timings(job):
    """What the timed strategy found, nanoseconds."""
    if job["rule"] != "timed":
        return {}
    from statistics import median  # noqa: PLC0415

    from engine import Timed  # noqa: PLC0415

    return {"p50_us": median(Timed.taken) / 1_000}


if __name__ == "__main__":
    serve(work)
