"""TLS inside TDS: the certificate, and records that travel through memory instead of straight over the socket."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificate(name: str = "localhost") -> tuple[bytes, bytes]:
    """A certificate and its key, in PEM, for this process's life; it signs itself and may be trusted as an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def server_context(certificate: bytes, key: bytes) -> ssl.SSLContext:
    """A context for TDS 7.x: TLS 1.2 at most, as the login of TDS 7.x expects the handshake to end with the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as directory:
        # The ssl module reads certificates from files only.
        path = Path(directory, "server.pem")
        path.touch(0o600)
        path.write_bytes(key + certificate)
        context.load_cert_chain(path)
    return context


class TlsLayer:
    """One connection's TLS: bytes in, bytes out; no socket. Safe for one reader and one writer at a time."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._lock = threading.Lock()

    def handshake(self, received: bytes) -> tuple[bytes, bool]:
        """Takes the client's bytes; gives those to answer with and whether the handshake is complete."""
        self._incoming.write(received)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._outgoing.read(), False
        return self._outgoing.read(), True

    def decrypt(self, received: bytes) -> bytes:
        """What was inside of received records so far (it may be nothing yet).

        Raises:
            ssl.SSLError: The client closed TLS, or sent something else.
        """
        parts = []
        with self._lock:
            self._incoming.write(received)
            try:
                while piece := self._tls.read(65536):
                    parts.append(piece)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                if not parts:
                    raise
        return b"".join(parts)

    def encrypt(self, plain: bytes) -> bytes:
        """Records that carry the bytes."""
        with self._lock:
            self._tls.write(plain)
            return self._outgoing.read()
