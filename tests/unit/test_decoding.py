from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from nautilus_trader.model import BarType, InstrumentId, Money, Quantity, Venue

from framework import PluginConfig
from framework.config import decode
from framework.config.document import parse
from framework.errors import ConfigError, PluginBroken

type Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0, description="From 0 to 1.")]
type Side = Literal["long", "short", "both"]


class Free(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="free"):
    """Costs nothing."""


class Fixed(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="fixed"):
    commission: Money


class Window(PluginConfig, frozen=True, kw_only=True):
    start: Annotated[str, msgspec.Meta(description="First moment.")] = msgspec.field(name="from")
    days: list[Literal["mon", "tue"]] = msgspec.field(default_factory=list)


class Settings(PluginConfig, frozen=True, kw_only=True):
    period: Annotated[int, msgspec.Meta(ge=2, description="Bars to look back.", examples=[20])]
    side: Side = "both"
    share: Share | None = None
    rate: Decimal = Decimal(0)
    limit: Decimal | None = None
    size: Quantity | None = None
    mixed: int | Decimal | None = None
    either: Literal["auto"] | int = "auto"
    bars: list[BarType] = msgspec.field(default_factory=list)
    fees: Free | Fixed = Free()
    windows: list[Window] = msgspec.field(default_factory=list)
    leverages: dict[InstrumentId, Decimal] = msgspec.field(default_factory=dict)
    rates: dict[Decimal, int] = msgspec.field(default_factory=dict)
    levels: dict[int, str] = msgspec.field(default_factory=dict)
    pair: tuple[int, Quantity] | None = None
    venues: frozenset[Venue] = frozenset()
    free: dict[str, Any] = msgspec.field(default_factory=dict)
    flag: bool = False

    def __post_init__(self):
        if self.period == 13:
            raise ValueError("`period` 13 brings bad luck; choose another")
        if self.period == 14:
            raise ValueError("fourteen is right out")
        if self.period == 15:
            Decimal(1) / Decimal(0)


def read(text, **options):
    return decode(parse(f"config:\n{indented(text)}", "f.yaml"), ("config",), Settings, **options)


def indented(text):
    return "".join(f"  {line}\n" for line in text.splitlines())


def refused(text, **options):
    with pytest.raises(ConfigError) as caught:
        read(text, **options)
    return caught.value


def test_every_kind_of_setting_is_read_as_its_type():
    settings = read(
        """\
period: 20
side: long
share: 1
rate: "0.10"
limit: 5
size: "1.50"
mixed: 3
either: 7
bars: [EUR/USD.SIM-1-HOUR-LAST-EXTERNAL]
fees: {model: fixed, commission: 1.5 USD}
windows:
  - {from: "09:00", days: [mon]}
leverages: {EUR/USD.SIM: "30"}
rates: {"0.5": 1}
levels: {"10": ten}
pair: [1, "2.5"]
venues: [SIM, SIM]
free: {anything: [1, 0.5]}
"""
    )
    assert settings == Settings(
        period=20,
        side="long",
        share=1.0,
        rate=Decimal("0.10"),
        limit=Decimal(5),
        size=Quantity.from_str("1.50"),
        mixed=3,
        either=7,
        bars=[BarType.from_str("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL")],
        fees=Fixed(commission=Money.from_str("1.50 USD")),
        windows=[Window(start="09:00", days=["mon"])],
        leverages={InstrumentId.from_str("EUR/USD.SIM"): Decimal(30)},
        rates={Decimal("0.5"): 1},
        levels={10: "ten"},
        pair=(1, Quantity.from_str("2.5")),
        venues=frozenset({Venue("SIM")}),
        free={"anything": [1, 0.5]},
    )
    assert isinstance(settings.share, float)
    assert isinstance(settings.mixed, int)
    assert isinstance(settings.limit, Decimal)
    assert isinstance(next(iter(settings.leverages)), InstrumentId)


@pytest.mark.parametrize(
    ("text", "place", "path", "message", "remedy"),
    [
        (
            "period: 1",
            "2:11",
            "period",
            "expected a whole number >= 2, got 1",
            "Bars to look back. Example: 20.",
        ),
        (
            "period: 2.5",
            "2:11",
            "period",
            "expected a whole number, got 2.5",
            "Bars to look back. Example: 20.",
        ),
        ('period: "5"', "2:11", "period", 'expected a whole number, got "5"', "Write it without quotes: 5."),
        (
            "period: true",
            "2:11",
            "period",
            "expected a whole number, got true",
            "Bars to look back. Example: 20.",
        ),
        (
            "period:",
            "2:10",
            "period",
            "expected a whole number, got nothing",
            "Bars to look back. Example: 20.",
        ),
        (
            "side: long",
            "2:3",
            "",
            'missing key "period"',
            "Write `period: ...` here. Bars to look back. Example: 20.",
        ),
        (
            "period: 2\nside: lng",
            "3:9",
            "side",
            '"lng" is not one of the choices; did you mean "long"?',
            "One of: long, short, both.",
        ),
        (
            "period: 2\nside: LONG",
            "3:9",
            "side",
            '"LONG" is not one of the choices; did you mean "long"?',
            "One of: long, short, both.",
        ),
        ("period: 2\nside: 5", "3:9", "side", "5 is not one of the choices", "One of: long, short, both."),
        ("period: 2\nshare: 1.5", "3:10", "share", "expected a number <= 1.0, got 1.5", "From 0 to 1."),
        ("period: 2\nflag: 1", "3:9", "flag", "expected true or false, got 1", None),
        (
            "period: 2\nrate: 0.1",
            "3:9",
            "rate",
            "0.1 without quotes is a binary fraction",
            'Write it as text: "0.1".',
        ),
        (
            "period: 2\nlimit: 0.1",
            "3:10",
            "limit",
            "0.1 without quotes is a binary fraction",
            'Write it as text: "0.1".',
        ),
        (
            "period: 2\nmixed: 0.1",
            "3:10",
            "mixed",
            "0.1 without quotes is a binary fraction",
            'Write it as text: "0.1".',
        ),
        (
            'period: 2\nlimit: "nan"',
            "3:10",
            "limit",
            '"nan" is not a decimal',
            'Write digits and a point, like "0.1".',
        ),
        ("period: 2\nrate: true", "3:9", "rate", "expected a decimal as text", 'Write it like "0.1".'),
        (
            "period: 2\nsize: 0.5",
            "3:9",
            "size",
            "0.5 without quotes is a binary fraction",
            'Write it as text: "0.5".',
        ),
        ("period: 2\nbars: x", "3:9", "bars", 'expected a list, got "x"', None),
        ("period: 2\nbars: {a: 1}", "3:9", "bars", "expected a list, got a mapping", None),
        (
            "period: 2\nfees: {model: fre}",
            "3:17",
            "fees.model",
            '"fre" is not one of the choices; did you mean "free"?',
            "One of: free, fixed.",
        ),
        (
            "period: 2\nfees: {model: [1]}",
            "3:17",
            "fees.model",
            "a list of 1 is not one of the choices",
            "One of: free, fixed.",
        ),
        (
            "period: 2\nfees: {}",
            "3:9",
            "fees",
            'missing key "model", which says which kind this is',
            "One of: free, fixed.",
        ),
        (
            "period: 2\nfees: {model: free, commission: 1 USD}",
            "3:23",
            "fees.commission",
            'unknown key "commission"',
            "Allowed: model.",
        ),
        ("period: 2\nfees: free", "3:9", "fees", 'expected a mapping, got "free"', None),
        (
            "period: 2\nwindows: [{form: x}]",
            "3:14",
            "windows[0].form",
            'unknown key "form"; did you mean "from"?',
            "Allowed: from, days.",
        ),
        (
            "period: 2\nwindows: [{}]",
            "3:13",
            "windows[0]",
            'missing key "from"',
            "Write `from: ...` here. First moment.",
        ),
        ("period: 2\nwindows: [5]", "3:13", "windows[0]", "expected a mapping of settings, got 5", None),
        (
            "period: 2\nwindows: [{from: a, days: [mon, wed]}]",
            "3:35",
            "windows[0].days[1]",
            '"wed" is not one of the choices',
            "One of: mon, tue.",
        ),
        (
            "period: 2\nleverages: {EURUSD: '1'}",
            "3:15",
            "leverages.EURUSD",
            '"EURUSD" is not an instrument',
            None,
        ),
        (
            "period: 2\nleverages: {A.B: 1.5}",
            "3:20",
            'leverages["A.B"]',
            "1.5 without quotes is a binary fraction",
            'Write it as text: "1.5".',
        ),
        (
            "period: 2\nrates: {x: 1}",
            "3:11",
            "rates.x",
            '"x" is not a decimal',
            'Write digits and a point, like "0.1".',
        ),
        (
            "period: 2\nrates: {'1': 1, '1.0': 2}",
            "3:19",
            'rates["1.0"]',
            '"1.0" is the same key as another one here',
            "Keep one.",
        ),
        ("period: 2\nlevels: {ten: x}", "3:12", "levels.ten", 'expected a whole number, got "ten"', None),
        ("period: 2\npair: [1]", "3:9", "pair", "expected a list of length 2, got a list of 1", None),
        ('period: 2\npair: [1, "x"]', "3:13", "pair[1]", '"x" is not a quantity', None),
        ("period: 13", "2:11", "period", "`period` 13 brings bad luck", "Choose another."),
        ("period: 14", "2:3", "", "fourteen is right out", None),
        (
            "period: 15",
            "2:3",
            "",
            "the plugin cannot compute with these settings",
            "Check the numbers (DivisionByZero).",
        ),
        ("perod: 5", "2:3", "perod", 'unknown key "perod"; did you mean "period"?', None),
    ],
)
def test_a_mistake_is_told_at_its_place_with_its_remedy(text, place, path, message, remedy):
    error = refused(text)
    assert error.where == f"f.yaml:{place}"
    assert error.path == ".".join(["config", path] if path else ["config"])
    assert message in error.message
    assert error.remedy
    assert remedy is None or error.remedy.startswith(remedy)


@pytest.mark.parametrize("text", ["", "; ", "bad; ", "; write it", "one; two; ", ";"])
def test_a_plugin_may_say_what_it_likes_about_its_settings(text):
    class Terse(PluginConfig, frozen=True, kw_only=True):
        def __post_init__(self):
            raise ValueError(text)

    with pytest.raises(ConfigError) as caught:
        decode(parse("{}", "f.yaml"), (), Terse, "risk plugin terse")
    assert caught.value.message.startswith("risk plugin terse: ")
    assert caught.value.remedy


def test_whoever_owns_the_settings_is_named():
    error = refused("period: 1", owner="strategy plugin vwap")
    assert error.message == "strategy plugin vwap: expected a whole number >= 2, got 1"
    assert "strategy plugin vwap" in refused("period: 14", owner="strategy plugin vwap").remedy


def test_several_mistakes_are_told_in_the_order_of_the_file():
    error = refused("side: up\nunknown: 1\nbars: [x, z]\nflag: 2\nwindows: [1]\nperiod: 0")
    assert error.where == "f.yaml:2:9"
    lines = error.remedy.splitlines()
    assert [line.strip().split(" ")[1].rstrip(":") for line in lines[1:5]] == [
        "f.yaml:3:3",
        "f.yaml:4:10",
        "f.yaml:4:13",
        "f.yaml:5:9",
    ]
    assert lines[-1].strip() == "and 2 more"


def test_settings_that_are_not_written_are_an_empty_mapping():
    class Optional(PluginConfig, frozen=True, kw_only=True):
        period: int = 5

    document = parse("strategies:\n  - id: a\n", "f.yaml")
    assert decode(document, ("strategies", 0, "config"), Optional) == Optional()
    with pytest.raises(ConfigError, match='missing key "period"') as caught:
        decode(document, ("strategies", 0, "config"), Settings)
    assert caught.value.where == "f.yaml:2:5"
    assert caught.value.path == "strategies[0].config"


def test_a_config_class_that_no_yaml_can_fill_is_the_fault_of_its_plugin():
    class Callback(PluginConfig, frozen=True, kw_only=True):
        call: complex

    class Both(PluginConfig, frozen=True, kw_only=True):
        what: InstrumentId | BarType

    with pytest.raises(PluginBroken, match="complex"):
        decode(parse("call: 1", "f.yaml"), (), Callback, "strategy plugin odd")
    with pytest.raises(PluginBroken, match="strategy plugin odd: its config class cannot be read") as caught:
        decode(parse("what: A.B", "f.yaml"), (), Both, "strategy plugin odd")
    assert caught.value.where == "f.yaml:1:1"


def test_a_bug_in_a_plugin_is_not_the_users_mistake():
    class Buggy(PluginConfig, frozen=True, kw_only=True):
        def __post_init__(self):
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        decode(parse("{}"), (), Buggy)
