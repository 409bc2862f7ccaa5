"""What must be right before a server starts, each with the sentence that says what to do."""

import errno
import os
import socket
import ssl
from pathlib import Path

from authsvc.cli.installation import find_tenant, key_policy, opened, unit
from authsvc.cli.listen import Listen
from authsvc.cli.master_file import read_master_keys
from authsvc.cli.refusal import DATABASE, Refused
from authsvc.clock import utc_now
from authsvc.crypto.envelope import MasterKeys
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain.keyring import Keyring
from authsvc.domain.tenants import IssuerInvalid, check_issuer
from authsvc.settings import Settings
from authsvc.storage.redis import connect
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.migrate import pending
from authsvc.storage.sql.obstacles import obstacles


def check_serving(settings: Settings, listen: Listen) -> None:
    """Check all that a production server needs. Raises: Refused, StorageUnavailable."""
    require_tls(listen.tls_cert, listen.tls_key)
    require_issuer(settings)
    require_redis(settings)
    master_keys = read_master_keys(settings.master_key_file)
    with opened(settings) as storage:
        require_own_tenant(settings, storage)
        open_keys(settings, storage, master_keys)
    require_address(listen.host, listen.port)
    if settings.observe.metrics_port is not None:
        _require_metrics_address(settings.observe.metrics_host, settings.observe.metrics_port)


def require_issuer(settings: Settings) -> None:
    """Raise Refused unless the issuer can be one: https, or http on loopback."""
    try:
        check_issuer(settings.issuer)
    except IssuerInvalid as error:
        raise Refused(f"AUTHSVC_ISSUER is {settings.issuer}, but {error.detail}.") from None


def require_redis(settings: Settings) -> None:
    """Raise Refused unless the Redis that is set, if any, could be used; whether it answers decides nothing."""
    if settings.redis_url is not None:
        try:
            connect(settings.redis_url)
        except RuntimeError as error:
            raise Refused(str(error)) from None


def require_own_tenant(settings: Settings, storage: Storage) -> None:
    """Raise Refused unless the default tenant is the issuer of the settings."""
    tenant = find_tenant(storage.list_tenants(), None)
    if tenant.issuer != settings.issuer:
        raise Refused(
            f"The database belongs to the issuer {tenant.issuer}, not to {settings.issuer}: "
            "set AUTHSVC_ISSUER to the former, or AUTHSVC_DATABASE_URL to another database."
        )


def migration_state(settings: Settings) -> str:
    """Return what `authsvc migrate` would do. Raises: Refused if something is in its way, StorageUnavailable."""
    url = settings.database_url
    try:
        lacking = pending(url)
    except ValueError:
        raise Refused(f"Nothing can be said: {DATABASE} is wrong.") from None
    if not lacking:
        return "nothing to apply"
    if found := obstacles(url):
        raise Refused(f"`authsvc migrate` would apply {', '.join(lacking)}, but {'; and '.join(found)}.")
    return f"`authsvc migrate` would apply {', '.join(lacking)}; nothing is in its way"


def open_keys(settings: Settings, storage: Storage, master_keys: MasterKeys) -> None:
    """Make the default tenant's first keys, or see that the master key opens those that there are. Raises: Refused."""
    keyring = Keyring(master_keys, key_policy(settings))
    with unit(storage, find_tenant(storage.list_tenants(), None).id) as uow:
        try:
            keyring.prepare(uow, utc_now())
        except DecryptionFailed as error:
            raise Refused(
                f"The keys in the database cannot be opened with {settings.master_key_file} ({error}): "
                "put back the master key file that belongs to this database."
            ) from None


def require_address(host: str, port: int) -> None:
    """Raise Refused unless a server may listen there. A taken port of the same user would be shared without a word."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # On some systems only listening tells.
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Refused(
                    f"Port {port} of {host} is taken: stop what uses it, or choose another with --port."
                ) from None
            if error.errno == errno.EACCES:
                raise Refused(f"Port {port} is reserved to root: choose one above 1023 with --port.") from None
            raise Refused(
                f"This machine cannot listen on {host} ({os.strerror(error.errno or 0)}): choose another --host."
            ) from None


def require_tls(cert: str | None, key: str | None) -> None:
    """Raise Refused unless both files or neither are given, and belong together."""
    if (cert is None) != (key is None):
        raise Refused("--tls-cert and --tls-key go together: give both, or neither behind a proxy that does TLS.")
    if cert is None or key is None:
        return
    for path, option in ((cert, "--tls-cert"), (key, "--tls-key")):
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise Refused(f"{option} {path} cannot be read ({error.strerror}): see its path and its owner.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=_no_password)
    except ssl.SSLError:
        raise Refused(
            f"{cert} and {key} are no certificate with its unencrypted key in PEM: see that they belong together."
        ) from None


def _require_metrics_address(host: str, port: int) -> None:
    try:
        require_address(host, port)
    except Refused:
        raise Refused(
            f"/metrics cannot listen on {host}:{port}: change AUTHSVC_OBSERVE__METRICS_HOST or METRICS_PORT."
        ) from None


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal.
    return ""
