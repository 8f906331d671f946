"""Certificates of a control plane that lives for one test run: authorities, and what they sign."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Pair:
    """Files of a certificate and its key, in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs for servers on loopback and for clients.

    Attributes:
        folder: where all of its files are.
        pair: its own.
    """

    folder: Path
    pair: Pair
    _certificate: x509.Certificate
    _key: Key

    @classmethod
    def made(cls, folder: Path, name: str) -> Authority:
        """A new one; `folder` is made."""
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name)
        certificate = _signed(subject, key, issuer=subject, signer=key, authority=True)
        return cls(folder, _stored(folder, "ca", certificate, key), certificate, key)

    def signs(self, name: str, *groups: str) -> Pair:
        """A certificate for `name`, as a server on loopback and as a client in these groups."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name, *groups)
        issuer = self._certificate.subject
        certificate = _signed(subject, key, issuer=issuer, signer=self._key, authority=False)
        return _stored(self.folder, name.replace(":", "-"), certificate, key)


def signing_key(file: Path) -> Path:
    """A key that signs service accounts' tokens; the API server reads its public half from it too."""
    # The one format in which the API server looks for the public half.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    file.write_bytes(_pem(ec.generate_private_key(ec.SECP256R1()), form))
    return file


def _subject(name: str, *groups: str) -> x509.Name:
    """Kubernetes reads the user from the common name, its groups from the organizations."""
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _stored(folder: Path, name: str, certificate: x509.Certificate, key: Key) -> Pair:
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(_pem(key))
    return pair


def _pem(key: Key, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _signed(
    subject: x509.Name, key: Key, *, issuer: x509.Name, signer: Key, authority: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    # loopback, and the API server's Service as a pod in a network of its own sees it
    names = [
        *(x509.DNSName(name) for name in ("localhost", "kubernetes.default.svc")),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "10.0.0.1")),
    ]
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_key_usage(authority=authority), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
