"""The README's YAML trades on the shipped sample, and its table is the config's."""

from __future__ import annotations

import re
from pathlib import Path

import framework_mean_reversion
import msgspec
import pytest
import yaml
from nautilus_trader.persistence import ParquetDataCatalog

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
SAMPLE = HERE.parents[3] / "catalog" / "sample"
SPEC = next(iter(framework_mean_reversion.register_strategies()))


def test_the_readmes_yaml_is_a_strategy_that_trades(bench):
    if not SAMPLE.exists():
        pytest.skip("catalog/sample is not in this checkout")
    (entry,) = yaml.safe_load(re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1])["strategies"]
    assert entry["use"] == SPEC.name
    config = msgspec.convert(entry["config"], SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))
    catalog = ParquetDataCatalog(str(SAMPLE))
    (kind,) = config.bar_types
    (instrument,) = catalog.instruments([str(kind.instrument_id)])
    strategy = bench.strategy(config)
    engine = bench.engine(strategy, catalog.query_bars([str(kind)]), symbols=(), instruments=(instrument,))
    engine.run()
    assert not bench.failures
    assert len(bench.fills()) > 20


def test_the_readmes_table_has_every_setting_and_its_default():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", README, re.MULTILINE)
    fields = {field.name: field for field in msgspec.structs.fields(SPEC.config)}
    assert [name for name, _ in rows] == list(fields)
    for name, shown in rows:
        field = fields[name]
        if field.required:
            assert shown == "required"
        elif field.default is None:
            assert shown == "none"
        else:
            default = [] if field.default is msgspec.NODEFAULT else field.default
            assert yaml.safe_load(shown.strip("`")) == default
