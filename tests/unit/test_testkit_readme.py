"""A README that promises what the plugin does not do is caught, with what is wrong."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from framework import APPROVE, Deny, PluginConfig, RiskRule, RiskSpec
from framework.testkit import ReadmeKit


class QuietConfig(PluginConfig, frozen=True, kw_only=True):
    most: Annotated[int, msgspec.Meta(description="Largest order in units.")]
    names: Annotated[list[str], msgspec.Meta(description="Instruments.")] = msgspec.field(
        default_factory=list
    )
    why: Annotated[str | None, msgspec.Meta(description="Reason.")] = None
    hours: Annotated[str, msgspec.Meta(description="From when on.")] = "09:30"


class Quiet(RiskRule[QuietConfig]):
    def check(self, proposal):
        return APPROVE if proposal.quantity.as_decimal() <= self.config.most else Deny("too large")


SPEC = RiskSpec(name="quiet", rule=Quiet, config=QuietConfig)
OTHER = RiskSpec(name="other", rule=Quiet, config=QuietConfig)
RUN = """
```yaml
risk:
  - use: quiet
    config: {most: 50000}
```
"""
TABLE = """
| setting | default | meaning |
|---|---|---|
| `most` | required | the largest |
| `names` | `[]` | where |
| `why` | none | the reason |
| `hours` | `"09:30"` | from when on |
"""


def kit(tmp_path, text, specs=(SPEC,), **attributes):
    (tmp_path / "README.md").write_text(f"# framework-quiet\n{text}", encoding="utf-8")
    made = type("Mine", (ReadmeKit,), {"folder": tmp_path, "specs": specs, "length": 300, **attributes})
    return made()


def test_a_readme_that_keeps_its_promises_passes(tmp_path):
    mine = kit(tmp_path, RUN + TABLE)
    mine.test_its_yaml_runs(tmp_path)
    mine.test_its_tables_are_the_settings()


@pytest.mark.parametrize(
    ("text", "attributes", "says"),
    [
        ("", {}, "no block that begins with"),
        (RUN.replace("quiet", "testkit"), {}, "its YAML uses testkit, and the plugin offers quiet"),
        (RUN.replace("most", "msot"), {}, "msot"),
        (RUN.replace("50000", "0"), {}, "0 orders filled, and least_fills is 10"),
        (RUN, {"sizes": (1, 50_000)}, "none of quiet intervened"),
        (RUN.replace("use: quiet", "id: hush\n    use: quiet"), {"sizes": (1, 50_000)}, "none of hush"),
    ],
)
def test_yaml_that_does_not_do_what_it_shows_is_caught(tmp_path, text, attributes, says):
    with pytest.raises(pytest.fail.Exception, match="If this fails, the first thing") as caught:
        kit(tmp_path, text, **attributes).test_its_yaml_runs(tmp_path)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("| `why` | none | the reason |\n", "", "has most, names, hours"),
        ("`why`", "`reason`", "the table has most, names, reason, hours"),
        ("| `most` | required | the largest |\n| `names` |", "| `names` |", "the table has names, why"),
        ("| `why` | none |", "| `most` | none |", "the table has most, names, most, hours"),
        ("required", "`5`", "the default of most is required; the table says `5`"),
        ("`[]`", "none", "the default of names is []; the table says none"),
        ("none", '`"no"`', "the default of why is none"),
        ('"09:30"', '"09:31"', "the default of hours is 09:30"),
        ('`"09:30"`', "09:30", ""),  # a default is code
        ("| setting | default |", "| key | default |", "the table has "),
    ],
)  # fmt: skip
def test_a_table_that_is_not_the_settings_is_caught(tmp_path, before, after, says):
    assert before in TABLE
    mine = kit(tmp_path, TABLE.replace(before, after))
    if not says:
        mine.test_its_tables_are_the_settings()
        return
    with pytest.raises(pytest.fail.Exception, match="If this fails, the README promises settings") as caught:
        mine.test_its_tables_are_the_settings()
    assert says in str(caught.value)


def test_each_of_several_has_a_table_under_its_own_heading(tmp_path):
    good = f"## other\n{TABLE}\n## quiet\n{TABLE}\n## Limits\n"
    kit(tmp_path, good, (SPEC, OTHER)).test_its_tables_are_the_settings()
    with pytest.raises(pytest.fail.Exception, match="has no heading ## other"):
        kit(tmp_path, f"## quiet\n{TABLE}", (SPEC, OTHER)).test_its_tables_are_the_settings()
    with pytest.raises(pytest.fail.Exception, match="quiet has the settings"):
        kit(tmp_path, f"## quiet\n## other\n{TABLE}", (SPEC, OTHER)).test_its_tables_are_the_settings()
