"""A certificate authority of one's own, and a server certificate signed by it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 397
"""The longest life of a server certificate that clients commonly accept."""
SKEW = timedelta(minutes=5)


def make(folder: Path, names: list[str], days: int = DAYS) -> dict[str, Path]:
    """Write `ca.pem` for clients, and `server.pem` and `server.key` for the server.

    The authority's key is not kept: it signs this one certificate, and nothing else ever.

    Args:
        folder: Where to; made when it is not there.
        names: Host names and addresses that clients connect to.
        days: How long it is good.

    Raises:
        ValueError: No names.
        FileExistsError: One of the files is there already.
    """
    if not names:
        raise ValueError("a certificate needs at least one name or address that clients connect to")
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / name for name in ("ca.pem", "server.pem", "server.key")}
    for path in files.values():
        if path.exists():
            raise FileExistsError(f"{path} is there already; move it away first")
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("framework-mt5-server authority")
    begins = datetime.now(UTC) - SKEW
    ends = begins + timedelta(days=days)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
            )
        )

    root = (
        builder(issuer, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    server = (
        builder(_name(names[0]), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files["ca.pem"].write_bytes(root.public_bytes(pem))
    files["server.pem"].write_bytes(server.public_bytes(pem))
    files["server.key"].touch(mode=0o600)
    files["server.key"].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
