"""Setting up, checking, and what a person sees when something is wrong."""

import json
import ssl
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_check_says_what_is_good_and_what_is_not(rig_with, command):
    rig = rig_with(serve=False)
    rig.broker.quote()
    done = command("check", rig.settings, "--json")
    found = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, found
    assert found["clock"]["good"]
    assert "demo" in found["account"]["detail"]
    rig.broker("conditions", trade_allowed=False)
    rig.settings.write_text(rig.settings.read_text().replace("Europe/Athens", "Asia/Tokyo"))
    done = command("check", rig.settings)
    assert done.returncode == 7
    assert "LOOK algorithmic trading" in done.stdout
    assert "LOOK clock" in done.stdout
    rig.broker("ipc", up=False)
    assert "LOOK terminal" in command("check", rig.settings).stdout
    assert rig.broker("truth")["sent"] == []


@pytest.mark.slow
def test_keys_are_made_listed_and_revoked(rig_with, command):
    rig = rig_with(serve=False)
    key = json.loads(command("key", "new", rig.settings, "--label=node", "--json").stdout)["key"]
    listed = command("key", "list", rig.settings).stdout
    name = key.split("_")[1]
    assert f"{name}  read" in listed
    assert key.split("_", 2)[2] not in listed
    assert command("key", "revoke", rig.settings, "--id", name).returncode == 0
    assert command("key", "revoke", rig.settings, "--id", name).returncode == 1
    assert "otpauth://" in command("totp", "new", rig.settings).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("clock", "clok"), "terminal.clok"),
        (('host = "127.0.0.1"', 'host = "127.0.0.1"\nprot = 1'), "listen.prot"),
        (('max_lots = "1"', 'max_lots = "much"'), "limits.max_lots"),
        (('max_lots = "1"', 'max_lots = "-1"'), "limits.max_lots"),
        (("[limits]", "[limits"), "server.toml"),
        (('["127.0.0.0/8"]', '["localhost"]'), "listen.allow"),
        (("framework_mt5_terminal", "no_such_module"), "terminal.module"),
        (("Europe/Athens", "Nowhere"), "clock"),
    ],
)
def test_wrong_settings_are_told_by_name(rig_with, command, change, words):
    rig = rig_with(serve=False)
    rig.settings.write_text(rig.settings.read_text().replace(*change))
    done = command("serve", rig.settings)
    assert done.returncode in {1, 2}, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_other_machines_are_not_served_without_a_certificate(rig_with, command):
    rig = rig_with(serve=False)
    lines = [x for x in rig.settings.read_text().splitlines() if not x.startswith(("certificate", "key ="))]
    rig.settings.write_text("\n".join(lines).replace('host = "127.0.0.1"', 'host = "0.0.0.0"'))
    done = command("check", rig.settings)
    assert done.returncode == 2
    assert "give a certificate" in done.stderr


def test_certificates_are_good_for_the_names_and_for_nobody_else(tmp_path, command):
    done = command("certificate", tmp_path / "c", "--name", "mt5.example", "--name", "192.0.2.7", "--json")
    assert done.returncode == 0
    from cryptography import x509

    server = x509.load_pem_x509_certificate((tmp_path / "c" / "server.pem").read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mt5.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    root = x509.load_pem_x509_certificate((tmp_path / "c" / "ca.pem").read_bytes())
    server.verify_directly_issued_by(root)
    assert (tmp_path / "c" / "server.key").stat().st_mode & 0o077 == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
        tmp_path / "c" / "server.pem", tmp_path / "c" / "server.key"
    )
    again = command("certificate", tmp_path / "c", "--name", "mt5.example")
    assert again.returncode == 1
    assert "there already" in again.stderr


@pytest.mark.slow
def test_a_port_that_is_taken_is_told(rig_with, command):
    rig = rig_with()
    text = rig.settings.read_text().replace("port = 0", f"port = {rig.port}")
    rig.settings.write_text(text)
    done = command("serve", rig.settings)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_server_stops_when_it_is_told_to(rig_with):
    import signal

    rig = rig_with()
    rig.process.send_signal(signal.SIGTERM)  # a shell in the background has its children ignore SIGINT
    assert rig.process.wait(15) in {0, 143, -15}
    _, err = rig.process.communicate()
    assert "Traceback" not in err


def test_the_server_needs_no_trading_engine():
    code = (
        "import sys, framework_mt5_server.command;"
        "print([m for m in sys.modules if m.startswith(('nautilus_trader', 'framework.', 'pandas'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
