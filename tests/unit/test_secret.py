import copy
import pickle
import re
import traceback
from typing import Annotated

import msgspec
import pytest

from framework import ConfigError, PluginConfig, Secret
from framework.config import decode
from framework.config.document import dump, parse
from framework.config.values import schema_hook, to_plain
from framework.explain import settings
from framework.secret import Mask

CANARY = "hunter2-CANARY-hunter2"


class VenueConfig(PluginConfig, frozen=True, kw_only=True):
    api_key: Annotated[Secret, msgspec.Meta(description="The account's key.")]
    passphrase: Secret | None = None
    more: list[Secret] = []


def test_a_secret_is_looked_up_when_it_is_asked_for(monkeypatch):
    secret = Secret("env:VENUE_KEY")
    monkeypatch.setenv("VENUE_KEY", "first")
    assert secret.reveal() == "first"
    monkeypatch.setenv("VENUE_KEY", "second")
    assert secret.reveal() == "second"


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_secret_that_is_not_there_is_named_by_its_variable(monkeypatch, value):
    monkeypatch.delenv("VENUE_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("VENUE_KEY", value)
    with pytest.raises(ConfigError, match=r"VENUE_KEY is (not set|empty)") as caught:
        Secret("env:VENUE_KEY").reveal()
    assert "VENUE_KEY=" in caught.value.remedy


def test_whatever_shows_a_config_shows_the_reference(monkeypatch):
    monkeypatch.setenv("VENUE_KEY", CANARY)
    config = decode(parse("{api_key: env:VENUE_KEY, more: [env:OTHER]}"), (), VenueConfig)
    assert config.api_key.reveal() == CANARY
    shown = [repr(config), str(config), f"{config.api_key}", dump(to_plain(config)), repr(to_plain(config))]
    shown += [str(pickle.dumps(config)), repr(vars(Secret)), repr(msgspec.structs.asdict(config))]
    assert all("env:VENUE_KEY" in text or "VENUE_KEY" not in text for text in shown)
    assert CANARY not in "".join(shown)
    assert decode(parse(dump(to_plain(config))), (), VenueConfig) == config


def test_equal_references_are_equal_secrets():
    one = Secret("env:A")
    assert one == Secret("env:A") == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))  # noqa: S301 - ours
    assert len({one, Secret("env:A"), Secret("env:B")}) == 2
    assert one != "env:A"


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: {CANARY}",
        f'api_key: "env:{CANARY}"',
        f'api_key: "other:{CANARY}"',
        f'api_key: "keyring:{CANARY}"',
        f'api_key: "vault:/{CANARY}"',
        f"api_key: [{CANARY}]",
        f"api_key: {{{CANARY}: 1}}",
        "api_key: 4716253",
        "api_key: null",
        f"{{api_key: env:A, passphrase: {CANARY}}}",
        f"{{api_key: env:A, more: [env:B, {CANARY}]}}",
    ],
)
def test_a_secret_written_into_the_file_is_refused_and_not_repeated(text):
    with pytest.raises(ConfigError) as caught:
        decode(parse(text), (), VenueConfig, owner='venue "x"')
    said = "".join(traceback.format_exception(caught.value))
    assert "never written" in caught.value.message
    for way in ("env:BINANCE_API_KEY", "vault:binance-key", "keyring:binance/key", "framework secret set"):
        assert way in said
    assert CANARY not in said
    assert "4716253" not in said


NOT_REFERENCES = ["", "env:", "env:1A", "env:A B", "env:A\n", "ENV:A", "env", " env:A", "vault:", "vault:-a"]
NOT_REFERENCES += [
    "vault:a/b",
    "vault:" + "a" * 65,
    "keyring:",
    "keyring:a",
    "keyring:/a",
    "keyring:a/",
    "keyring:a b/c",
]
REFERENCES = [
    "env:A_1",
    "vault:a",
    "vault:Binance_key.2-b",
    "keyring:binance/key",
    "keyring:https://x.example/api/me",
]


@pytest.mark.parametrize("text", NOT_REFERENCES)
def test_text_that_is_no_reference_is_no_secret(text):
    with pytest.raises(ValueError, match="never written"):
        Secret(text)


def test_the_reference_pages_and_the_schema_know_the_type():
    assert [row["type"] for row in settings(VenueConfig)] == ["Secret", "Secret or null", "list of Secret"]
    schema = schema_hook(Secret)
    assert str(schema["pattern"]) in str(msgspec.json.schema(VenueConfig, schema_hook=schema_hook))
    for text in REFERENCES:
        assert re.search(schema["pattern"], text), text
        assert str(Secret(text)) == text
    for text in NOT_REFERENCES:
        assert not re.search(schema["pattern"].replace("$", r"\Z"), text), (
            text
        )  # a JSON schema's $ is the end


def test_a_credential_that_is_a_word_of_a_name_leaves_names_whole(monkeypatch):
    monkeypatch.setenv("MASKED", "breakout")
    mask = Mask([Secret("env:MASKED")])
    row = {
        "strategy": "breakout",
        "order": {"strategy_id": "breakout-b764", "client_order_id": "O-breakout-1", "tags": ["breakout"]},
        "venue_order_ids": ["breakout-1"],
        "reason": "GET /?key=breakout",
    }
    assert mask.plain(row) == row | {
        "order": row["order"] | {"tags": ["[env:MASKED]"]},
        "reason": "GET /?key=[env:MASKED]",
    }


def test_what_is_shorter_than_eight_characters_is_not_hidden(monkeypatch):
    monkeypatch.setenv("MASKED", "BUY-EUR")
    assert not Mask([Secret("env:MASKED")]).hides
    monkeypatch.setenv("MASKED", "BUY-EURO")
    assert Mask([Secret("env:MASKED")]).hides
