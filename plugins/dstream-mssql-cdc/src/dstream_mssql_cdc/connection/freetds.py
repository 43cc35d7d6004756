"""FreeTDS' configuration file, for what pymssql has no parameter for: which certificates to trust, and TDS 8.0.

Seen with FreeTDS 1.5: without `ca file` no certificate is checked at all, whatever the encryption. So
`trust_server_certificate = false` is a section in a file of our own, which FreeTDS finds by `FREETDSCONF`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import ssl
import tempfile
import threading
from pathlib import Path

from dstream_mssql_cdc.connection.errors import SetupError
from dstream_mssql_cdc.connection.settings import ConnectionSettings

_KNOWN_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def checks_certificate(settings: ConnectionSettings) -> bool:
    """Whether the server's certificate is checked."""
    return settings.encrypt == "strict" or (settings.encrypt != "off" and not settings.trust_server_certificate)


def authorities(settings: ConnectionSettings) -> str:
    """The file with the certificates to trust.

    Raises:
        SetupError: `mssql/no-authorities`, there is none.
    """
    named = settings.certificate_authority
    candidates = (named,) if named else (ssl.get_default_verify_paths().cafile, *_KNOWN_BUNDLES)
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return candidate
    if named:
        raise SetupError(f"there is no file {named}", code="mssql/no-authorities", hint="check certificate_authority")
    raise SetupError(
        "this machine has no file of trusted certificates",
        code="mssql/no-authorities",
        hint="install its package (ca-certificates), set SSL_CERT_FILE, or name one in certificate_authority",
    )


def server_name(settings: ConnectionSettings, host: str, port: int) -> str:
    """What pymssql is given as the server: `host:port`, or a section of our file that says more.

    Args:
        settings: what to say.
        host: name or address.
        port: TCP port.

    Raises:
        SetupError: `mssql/no-authorities`.
    """
    if checks_certificate(settings):
        return f"{_FILE.section(_options(settings, host, port))}:{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _options(settings: ConnectionSettings, host: str, port: int) -> tuple[str, ...]:
    lines = [f"host = {host}", f"port = {port}"]
    if settings.encrypt == "strict":
        lines.append("encryption = strict")
    lines += [f"ca file = {authorities(settings)}", "check certificate hostname = yes"]
    if settings.certificate_host:
        lines.append(f"certificate hostname = {settings.certificate_host}")
    if any("\n" in line or "\r" in line for line in lines):
        raise SetupError("a name of the connection has a line break in it", code="mssql/server-name")
    return tuple(lines)


class _ConfigurationFile:
    """The file, made when it is first needed and removed with the process; it holds no secret.

    `FREETDSCONF` is set once and never changed: other threads may read the environment at any time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: str | None = None
        self._sections: dict[tuple[str, ...], str] = {}

    def section(self, options: tuple[str, ...]) -> str:
        """The name of the section with these options."""
        with self._lock:
            if options not in self._sections:
                self._sections[options] = f"dstream-{len(self._sections) + 1}"
                self._write()
            return self._sections[options]

    def _write(self) -> None:
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="dstream-tds-")
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        path = Path(self._folder, "freetds.conf")
        text = "".join(f"[{name}]\n" + "\n".join(options) + "\n" for options, name in self._sections.items())
        unfinished = path.with_suffix(".new")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
        if os.environ.get("FREETDSCONF") != str(path):
            os.environ["FREETDSCONF"] = str(path)


_FILE = _ConfigurationFile()
