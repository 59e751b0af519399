"""The vault: what is in its file, who may read it, what happens to it, and `framework secret`."""

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import random
import select
import stat
import subprocess
import sys
import textwrap
import time

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from framework import ConfigError, Secret, cli
from framework import vault as vaults
from framework.secret import Mask
from framework.vault import Vault, file, passphrase, sealed

PHRASE = "correct horse battery staple"
CANARY = 'hunter2-"CANARY"/ä-hunter2'
PEM = f"-----BEGIN PRIVATE KEY-----\n{'MC4CAQAwBQYDK2VwBCIEI' * 3}\n-----END PRIVATE KEY-----"
CHEAP = (14, 8, 1)
SECONDS = 60


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch, tmp_path):
    """The variables of whoever runs the tests are not theirs."""
    for name in (vaults.PLACE, passphrase.VALUE, passphrase.FILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def path(monkeypatch, tmp_path):
    """Where a vault may be made quickly, under a passphrase in the environment."""
    monkeypatch.setattr(sealed, "COSTS", CHEAP)
    monkeypatch.setenv(passphrase.VALUE, PHRASE)
    place = tmp_path / "safe" / "vault"
    monkeypatch.setenv(vaults.PLACE, str(place))
    return place


@pytest.fixture
def asked(monkeypatch, path):
    """Have a person answer with these, one after the other; what was asked is listed."""
    monkeypatch.delenv(passphrase.VALUE)

    @contextlib.contextmanager
    def answer(*answers):
        questions, left = [], list(answers)

        def one(question):
            questions.append(question)
            return left.pop(0)

        token = passphrase.ASK.set(one)
        try:
            yield questions
        finally:
            passphrase.ASK.reset(token)

    return answer


def read_independently(content, phrase):
    """The format as `framework.vault.sealed` documents it, with Python's own scrypt."""
    assert content[:16] == b"framework vault\n"
    assert content[16] == 1
    log_n, r, p = content[17:20]
    key = hashlib.scrypt(phrase.encode(), salt=content[20:52], n=2**log_n, r=r, p=p, maxmem=2**28, dklen=32)
    assert content[-32:] == hashlib.sha256(content[:-32]).digest()
    return json.loads(AESGCM(key).decrypt(content[52:64], content[64:-32], content[:64]))


def written_independently(entries, phrase, *, version=1, costs=CHEAP):
    salt, nonce = random.randbytes(32), random.randbytes(12)
    header = b"framework vault\n" + bytes([version, *costs]) + salt + nonce
    key = hashlib.scrypt(phrase.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    body = header + AESGCM(key).encrypt(nonce, json.dumps(entries).encode(), header)
    return body + hashlib.sha256(body).digest()


def put(path, content, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def test_what_is_put_in_comes_out_again(path):
    assert not Vault(path).set("api-key", CANARY)
    assert not Vault(path).set("signing", PEM)
    assert Vault(path).get("api-key") == CANARY
    assert Secret("vault:signing").reveal() == PEM
    assert Vault(path).names() == ["api-key", "signing"]
    assert Vault(path).set("api-key", "another")
    assert Secret("vault:api-key").reveal() == "another"


def test_the_file_is_what_its_documentation_says(path):
    Vault(path).set("api-key", CANARY)
    assert read_independently(path.read_bytes(), PHRASE) == {"api-key": CANARY}
    put(path, written_independently({"other": CANARY}, PHRASE))
    assert Vault(path).get("other") == CANARY


def test_a_new_vault_costs_a_guess_128_mebibytes():
    log_n, r, p = sealed.COSTS
    assert 128 * 2**log_n * r * p == 128 * 2**20


def test_neither_values_nor_names_can_be_read_in_the_file(path):
    Vault(path).set("api-key", CANARY)
    content = path.read_bytes()
    for text in (CANARY.encode(), b"CANARY", b"api-key", PHRASE.encode()):
        assert text not in content


def test_each_writing_has_a_nonce_of_its_own_and_keeps_the_salt(path):
    contents = []
    for number in range(4):
        Vault(path).set("key", str(number))
        contents.append(path.read_bytes())
    assert len({content[52:64] for content in contents}) == 4
    assert len({content[20:52] for content in contents}) == 1


def test_a_wrong_passphrase_opens_nothing_and_changes_nothing(path, monkeypatch):
    Vault(path).set("key", CANARY)
    before = path.read_bytes()
    monkeypatch.setenv(passphrase.VALUE, "wrong-wrong-wrong")
    stranger = Vault(path)
    for attempt in (stranger.names, lambda: stranger.set("key", "x"), lambda: stranger.remove("key")):
        with pytest.raises(ConfigError, match="passphrase does not open the vault") as caught:
            attempt()
        assert caught.value.where == str(path)
        assert "wrong-wrong" not in str(caught.value)
    assert path.read_bytes() == before


def test_every_changed_byte_is_refused(path):
    kept = Vault(path)
    kept.set("key", CANARY)
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << random.Random(position).randrange(8)
        put(path, bytes(changed))
        with pytest.raises(ConfigError, match="the vault is damaged"):
            kept.get("key")


def test_a_change_that_mends_the_checksum_is_refused_too(path):
    kept = Vault(path)
    kept.set("key", CANARY)
    content = path.read_bytes()
    dear = {17: 0b1}  # the costs: 2**15 instead of 2**14 is one of the changes that can be tried at once
    for position in [*range(20), 20, 51, *range(52, len(content) - 32)]:
        changed = bytearray(content[:-32])
        changed[position] ^= dear.get(position, 1 << random.Random(position).randrange(8))
        put(path, bytes(changed) + hashlib.sha256(changed).digest())
        with pytest.raises(ConfigError, match="damaged|somebody without it has changed the file"):
            kept.get("key")


def test_a_file_that_is_cut_or_longer_is_refused(path):
    kept = Vault(path)
    kept.set("key", CANARY)
    content = path.read_bytes()
    for length in range(len(content)):
        put(path, content[:length])
        with pytest.raises(ConfigError, match="damaged"):
            kept.get("key")
    put(path, content + b"\0")
    with pytest.raises(ConfigError, match="damaged"):
        kept.get("key")


@pytest.mark.parametrize(
    "facts", [{"version": 2}, {"costs": (30, 8, 1)}, {"costs": (14, 255, 1)}, {"costs": (14, 8, 9)}]
)
def test_a_file_cannot_ask_for_more_than_a_vault_ever_does(path, facts):
    put(path, written_independently({"key": CANARY}, PHRASE, **facts))
    with pytest.raises(ConfigError, match="none that is written here"):
        Vault(path).get("key")


def test_a_vault_is_for_its_user_only(path):
    Vault(path).set("key", CANARY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o400)
    assert Vault(path).get("key") == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o666])
def test_a_vault_that_others_may_open_is_not_read(path, mode):
    Vault(path).set("key", CANARY)
    before = path.read_bytes()
    path.chmod(mode)
    for attempt in (lambda: Vault(path).get("key"), lambda: Vault(path).set("key", "x")):
        with pytest.raises(ConfigError, match=f"others than you .* {mode:04o}") as caught:
            attempt()
        assert "chmod 600" in caught.value.remedy
    assert path.read_bytes() == before


def test_what_is_no_plain_file_is_refused_without_waiting_for_it(path):
    path.parent.mkdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="no plain file"):
        Vault(path).get("key")
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="no plain file"):
        Vault(path).get("key")
    path.rmdir()
    put(path, b"framework vault\n" * 70_000)
    with pytest.raises(ConfigError, match="larger than any"):
        Vault(path).get("key")


def test_a_link_stays_a_link(path, tmp_path):
    Vault(path).set("key", "old")
    link = tmp_path / "link"
    link.symlink_to(path)
    Vault(link).set("key", "new")
    assert link.is_symlink()
    assert Vault(path).get("key") == "new"


def test_a_folder_that_cannot_be_written_is_a_config_error(path):
    path.parent.write_text("a file stands there")
    with pytest.raises(ConfigError, match="cannot be (read|written): Not a directory"):
        Vault(path).set("key", CANARY)


@pytest.mark.parametrize("work", [lambda kept: kept.get("key"), lambda kept: kept.remove("key"), Vault.names])
def test_without_a_vault_it_is_said_how_to_make_one(path, work):
    with pytest.raises(ConfigError, match="there is no vault") as caught:
        work(Vault(path))
    assert "framework secret set" in caught.value.remedy
    assert not path.parent.exists()


def test_a_missing_name_is_named_and_the_others_are_not(path):
    Vault(path).set("key", CANARY)
    for work in (lambda: Secret("vault:kez").reveal(), lambda: Vault(path).remove("kez")):
        with pytest.raises(ConfigError, match="holds no kez") as caught:
            work()
        assert "framework secret set kez" in caught.value.remedy
    assert Vault(path).names() == ["key"]


def test_what_is_removed_is_gone(path):
    for name in ("one", "two"):
        Vault(path).set(name, CANARY)
    Vault(path).remove("one")
    assert read_independently(path.read_bytes(), PHRASE) == {"two": CANARY}


def test_another_process_s_change_is_seen_without_the_passphrase(path, monkeypatch):
    Vault(path).set("key", "old")
    node = vaults.vault()
    assert node.get("key") == "old"
    monkeypatch.delenv(passphrase.VALUE)
    with monkeypatch.context() as other:
        other.setenv(passphrase.VALUE, PHRASE)
        Vault(path).set("key", "new")
    assert Secret("vault:key").reveal() == "new"


# Where it is, and its passphrase


@pytest.mark.parametrize(
    ("variable", "ends"),
    [("", "config/framework/vault"), ("  ", "config/framework/vault"), ("~/v", "home/v")],
)
def test_the_file_is_where_the_variable_says_or_in_the_configuration(monkeypatch, tmp_path, variable, ends):
    if sys.platform == "darwin" and not variable.strip():
        ends = "home/Library/Application Support/framework/vault"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(vaults.PLACE, variable)
    assert vaults.vault().path == (tmp_path / ends).resolve()


@pytest.mark.parametrize("ends", ["", "\n", "\r\n"])
def test_the_passphrase_may_be_in_a_file_that_a_variable_names(path, monkeypatch, tmp_path, ends):
    Vault(path).set("key", CANARY)
    monkeypatch.delenv(passphrase.VALUE)
    credential = tmp_path / "credential"
    credential.write_bytes(PHRASE.encode() + ends.encode())
    monkeypatch.setenv(passphrase.FILE, str(credential))
    assert Vault(path).get("key") == CANARY


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"", "no passphrase"), (b"\n", "no passphrase"), (b"x" * 5000, "more than")],
)
def test_a_file_without_a_passphrase_is_named(path, monkeypatch, tmp_path, content, says):
    Vault(path).set("key", CANARY)
    monkeypatch.delenv(passphrase.VALUE)
    credential = tmp_path / "credential"
    if content is not None:
        credential.write_bytes(content)
    monkeypatch.setenv(passphrase.FILE, str(credential))
    with pytest.raises(ConfigError, match=says) as caught:
        Vault(path).get("key")
    assert caught.value.where == str(credential)
    assert passphrase.FILE in caught.value.remedy


def test_two_passphrases_are_one_too_many(path, monkeypatch):
    monkeypatch.setenv(passphrase.FILE, "somewhere")
    with pytest.raises(ConfigError, match="both set"):
        Vault(path).set("key", CANARY)


def test_an_accent_may_be_typed_in_either_way(path, monkeypatch):
    monkeypatch.setenv(passphrase.VALUE, "caf\N{LATIN SMALL LETTER E WITH ACUTE} noir")
    Vault(path).set("key", CANARY)
    monkeypatch.setenv(passphrase.VALUE, "cafe\N{COMBINING ACUTE ACCENT} noir")
    assert Vault(path).get("key") == CANARY


def test_nobody_is_asked_where_nobody_sits(path, monkeypatch):
    Vault(path).set("key", CANARY)
    monkeypatch.delenv(passphrase.VALUE)
    with pytest.raises(ConfigError, match="nobody has said its passphrase") as caught:
        Vault(path).get("key")
    assert passphrase.FILE in caught.value.remedy
    with pytest.raises(ConfigError, match="nobody has said its passphrase"):
        Vault(path.with_name("new")).set("key", CANARY)


def test_a_person_is_asked_once_and_may_mistype_twice(path, asked):
    put(path, written_independently({"key": CANARY}, PHRASE))
    kept = Vault(path)
    with asked("no", "nor this", PHRASE) as questions:
        assert [kept.get("key"), kept.get("key")] == [CANARY, CANARY]
    assert len(questions) == 3
    assert all(str(path) in question for question in questions)
    assert "does not open" in questions[1]


def test_a_person_who_does_not_know_it_is_not_asked_again(path, asked):
    put(path, written_independently({"key": CANARY}, PHRASE))
    for answers, says in ((["a", "b", "c"], "does not open"), ([""], "nobody"), ([None], "nobody")):
        kept = Vault(path)
        with asked(*answers) as questions:
            with pytest.raises(ConfigError, match=says):
                kept.get("key")
            with pytest.raises(ConfigError, match="nobody has said"):
                kept.get("key")
        assert len(questions) == len(answers)


def test_the_passphrase_of_a_new_vault_is_typed_twice_and_is_not_short(path, asked):
    with asked(PHRASE, PHRASE) as questions:
        kept = Vault(path)
        kept.unlock()
        kept.set("key", CANARY)
        kept.set("more", CANARY)
    assert len(questions) == 2
    assert read_independently(path.read_bytes(), PHRASE) == {"key": CANARY, "more": CANARY}
    other = path.with_name("other")
    for answers, says in (
        ([PHRASE, "else"], "differ"),
        (["seven77", "seven77"], "shorter than 8"),
        ([""], "nobody"),
    ):
        with asked(*answers), pytest.raises(ConfigError, match=says):
            Vault(other).set("key", CANARY)
    assert not other.exists()


# Processes side by side, and their deaths


def child(code, path, *arguments, **options):
    start = f"""
        import os, signal, sys, time
        from pathlib import Path
        from framework import vault
        from framework.vault import Vault, file, sealed
        sealed.COSTS = {CHEAP}
        path = Path({str(path)!r})
    """
    code = textwrap.dedent(start) + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, bufsize=1, **options
    )


def test_processes_that_write_at_once_lose_nothing_of_one_another(path):
    code = """
        for number in range(6):
            Vault(path).set(f"{sys.argv[1]}-{number}", sys.argv[1] * 50)
    """
    writers = [child(code, path, name) for name in "abcd"]  # the vault itself is made by one of them
    for writer in writers:
        writer.communicate(timeout=SECONDS)
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    entries = read_independently(path.read_bytes(), PHRASE)
    assert entries == {f"{name}-{number}": name * 50 for name in "abcd" for number in range(6)}


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_a_process_killed_while_it_writes_leaves_the_old_file(path, at):
    Vault(path).set("key", "old")
    before = path.read_bytes()
    code = f"""
        def here(*arguments):
            print("writing", flush=True)
            time.sleep(600)
        {"os.fsync" if at == "fsync" else "Path.replace"} = here
        Vault(path).set("key", "new")
    """
    writer = child(code, path)
    assert writer.stdout.readline() == "writing\n"
    assert path.with_name(f".{path.name}.part").exists()
    writer.kill()
    writer.communicate(timeout=SECONDS)
    assert path.read_bytes() == before
    assert Vault(path).get("key") == "old"
    Vault(path).set("key", "newest")  # nobody holds the lock, and what was half written is gone
    assert Vault(path).get("key") == "newest"
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, f".{path.name}.lock"}


def test_a_process_killed_at_any_time_leaves_a_whole_file_with_what_it_had_said_is_kept(path):
    Vault(path).set("key", "-1")
    code = """
        kept = Vault(path)
        for number in range(100_000):
            kept.set("key", str(number))
            print(number, flush=True)
    """
    for seed in range(5):
        writer = child(code, path)
        said = [writer.stdout.readline()]
        time.sleep(random.Random(seed).uniform(0, 0.05))
        writer.kill()
        said += writer.communicate(timeout=SECONDS)[0].splitlines()
        last = int(said[-1])
        assert int(Vault(path).get("key")) in {last, last + 1}


def test_a_full_disk_leaves_the_old_file(path):
    Vault(path).set("key", "old")
    before = path.read_bytes()
    code = """
        import resource
        from framework import ConfigError
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
        try:
            Vault(path).set("key", "new" * 1000)
        except ConfigError as error:
            print(error)
    """
    limit = len(before) + 100
    writer = child(code, path, str(limit))
    said = writer.communicate(timeout=SECONDS)[0]
    assert "the vault cannot be written: File too large" in said
    assert path.read_bytes() == before
    assert not path.with_name(f".{path.name}.part").exists()


def test_a_writer_that_hangs_is_not_waited_for_without_end(path, monkeypatch):
    Vault(path).set("key", "old")
    monkeypatch.setattr(file, "PATIENCE", 0.1)
    with path.with_name(f".{path.name}.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another process has been changing the vault"):
            Vault(path).set("key", "new")
        assert Vault(path).get("key") == "old"


# Hiding


def test_a_log_shows_neither_an_entry_nor_a_line_of_it_nor_the_passphrase(path):
    Vault(path).set("key", CANARY)
    Vault(path).set("pem", PEM)
    mask = Mask([Secret("vault:key"), Secret("vault:pem"), Secret("vault:absent")])
    line = PEM.splitlines()[1]
    assert mask(f"a {CANARY} b") == "a [vault:key] b"
    assert mask(json.dumps(CANARY)) == '"[vault:key]"'
    assert mask(f"| {line}") == "| [vault:pem]"
    assert mask(f"opened with {PHRASE}") == f"opened with [env:{passphrase.VALUE}]"


# The command line


@pytest.fixture
def framework(path, capfd, monkeypatch, tmp_path):
    """A command in this process, with something piped in; its code, what it says, and no canary in it."""

    def run(*arguments, given=b""):
        piped = tmp_path / "stdin"
        piped.write_bytes(given)
        with piped.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            with pytest.raises(SystemExit) as ended:
                cli.main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        for text in ("CANARY", "hunter2", PHRASE):
            assert text not in said.out + said.err
        return ended.value.code or 0, said.out, said.err

    return run


def test_secret_sets_lists_and_removes(framework, path):
    code, out, _ = framework("secret", "set", "api-key", given=CANARY.encode() + b"\n")
    assert (code, "vault:api-key" in out) == (0, True)
    assert Secret("vault:api-key").reveal() == CANARY
    code, out, _ = framework("secret", "set", "api-key", "--json", given=b"CANARY two")
    facts = {"vault": str(path), "name": "api-key", "reference": "vault:api-key", "replaced": True}
    assert (code, json.loads(out)) == (0, facts)
    framework("secret", "set", "b", given=PEM.encode() + b"\r\n")
    assert Secret("vault:b").reveal() == PEM
    assert framework("secret", "list")[:2] == (0, "api-key\nb\n")
    assert json.loads(framework("secret", "list", "--json")[1]) == {
        "vault": str(path),
        "names": ["api-key", "b"],
    }
    assert framework("secret", "remove", "b")[0] == 0
    assert json.loads(framework("secret", "remove", "api-key", "--json")[1])["name"] == "api-key"
    assert framework("secret", "list")[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (["set", "key", "hunter2"], b"x", "a value is never an argument"),
        (["set", "key", "--value=hunter2"], b"x", "a value is never an argument"),
        (["set", "key", "--hunter2"], b"x", "a value is never an argument"),
        (["remove", "key", "hunter2"], b"", "a value is never an argument"),
        (["set", "key=hunter2"], b"x", "no name for a credential"),
        (["remove", "../hunter2"], b"", "no name for a credential"),
        (["set", "key"], b"", "the value is empty"),
        (["set", "key"], b" \n", "the value is empty"),
        (["set", "key"], b"hunter2 \xff", "no text in UTF-8"),
        (["set", "key"], b"CANARY" * 11_000, "larger than 65,536 bytes"),
        (["remove", "key"], b"", "there is no vault"),
        (["list"], b"", "there is no vault"),
    ],
)
def test_what_secret_refuses_is_a_config_error_that_repeats_nothing(framework, path, arguments, given, says):
    code, out, err = framework("secret", *arguments, given=given)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert not path.exists()


def test_errors_of_secret_are_json_when_asked_for(framework, path, monkeypatch):
    framework("secret", "set", "key", given=CANARY.encode())
    monkeypatch.setenv(passphrase.VALUE, "wrong-wrong-wrong")
    vaults._at.cache_clear()  # as another process would begin
    code, out, _ = framework("secret", "list", "--json")
    error = json.loads(out)
    assert (code, error["error"], error["where"]) == (2, "ConfigError", str(path))
    assert "does not open" in error["message"]


def at_a_terminal(arguments, answers, environment):
    """Run a command with a terminal of its own, and type each answer when its question stands there."""
    ours, theirs = pty.openpty()
    code = (
        "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        f"from framework.vault import sealed; sealed.COSTS = {CHEAP}\n"
        "from framework.cli import main; main()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment,
    )
    os.close(theirs)
    shown, seen, answers = "", 0, list(answers)
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            if answers and answers[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(ours, answers.pop(0)[1].encode() + b"\n")
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                read = os.read(ours, 4096)
            except OSError:  # what Linux says when the other end is closed
                read = b""
            if not read:
                break
            shown += read.decode()
        return running.wait(SECONDS), shown
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def test_at_a_terminal_everything_is_typed_and_nothing_is_shown(path):
    environment = {key: value for key, value in os.environ.items() if key != passphrase.VALUE}
    answers = [("new vault", PHRASE), ("again", PHRASE), ("is not shown", CANARY)]
    code, shown = at_a_terminal(["secret", "set", "key"], answers, environment)
    assert code == 0, shown
    assert read_independently(path.read_bytes(), PHRASE) == {"key": CANARY}
    code, listed = at_a_terminal(
        ["secret", "list"], [("Passphrase", "oh no"), ("Passphrase", PHRASE)], environment
    )
    assert code == 0, listed
    assert "key" in listed
    for text in (CANARY, "hunter2", PHRASE, "oh no"):
        assert text not in shown + listed


def test_a_script_is_not_asked_and_ends(path):
    environment = {key: value for key, value in os.environ.items() if key != passphrase.VALUE}
    done = subprocess.run(
        [sys.executable, "-m", "framework", "secret", "set", "key"],
        input=CANARY,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
        env=environment,
    )
    assert done.returncode == 2
    assert "nobody has said its passphrase" in done.stderr
    assert not path.exists()


def test_without_the_library_it_is_said_which_extra_to_install(path):
    Vault(path).set("key", CANARY)
    code = "import sys; sys.modules['cryptography'] = None; from framework.cli import main; main()"
    for arguments in (["secret", "list"], ["secret", "set", "other"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            input=CANARY,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 2
        assert 'pip install "framework[vault]"' in done.stderr
        assert "Traceback" not in done.stderr


def test_help_and_references_load_neither_library():
    code = (
        "import sys; from framework import Secret; from framework.cli import main\n"
        "Secret('vault:a'), Secret('keyring:a/b')\n"
        "try: main(['secret', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'cryptography', 'keyring', 'nautilus_trader', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
