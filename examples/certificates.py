"""A certificate authority for localhost alone, and a certificate by it. For demonstrations on one machine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "ca.pem"
_DAYS = 90


def of_localhost(directory: Path) -> tuple[Path, Path, Path]:
    """Return the files of the authority's certificate, of localhost's, and of its key; made where they are missing.

    The authority's own key is thrown away once it has signed: nobody can make a second certificate with it.
    """
    ca, cert, key = directory / CA_FILE, directory / "localhost.pem", directory / "localhost-key.pem"
    if not (ca.exists() and cert.exists() and key.exists()):
        authority_key, own_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _signed("authsvc demo authority", authority_key, None, authority_key)
        own = _signed("localhost", own_key, authority, authority_key)
        key.touch(mode=0o600)
        key.write_bytes(own_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        ca.write_bytes(authority.public_bytes(Encoding.PEM))
        cert.write_bytes(own.public_bytes(Encoding.PEM))
    return ca, cert, key


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, by: x509.Certificate | None, by_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Return a certificate of the name: of the authority itself without `by`, else of a server."""
    now, subject = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    localhost = x509.DNSName("localhost")
    building = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=0 if by is None else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
    )
    if by is None:
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        building = building.add_extension(usage, critical=True).add_extension(
            x509.NameConstraints([localhost], None), critical=True
        )
    else:
        building = building.add_extension(x509.SubjectAlternativeName([localhost]), critical=False).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
    return building.sign(by_key, hashes.SHA256())
