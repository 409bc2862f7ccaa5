"""authsvc dev: a whole server on a laptop, born at its first start."""

import json
import logging
import os
import sys
from io import TextIOWrapper
from pathlib import Path

import typer

from authsvc.cli import bootstrap
from authsvc.cli.embedded import loopback_hosts, serve_embedded
from authsvc.cli.installation import find_tenant, sqlite_file
from authsvc.cli.master_file import init_master_keys, read_master_keys
from authsvc.cli.migrate import bring_up, make_default_tenant
from authsvc.cli.preflight import open_keys, require_address
from authsvc.cli.refusal import Refused
from authsvc.cli.serving import raise_file_limit, share_metrics
from authsvc.domain.tenants import Tenant
from authsvc.observe.logging import configure
from authsvc.observe.redact import redact
from authsvc.protocol.grants import token_exchange
from authsvc.protocol.subject_token import ACCESS_TOKEN
from authsvc.settings import Settings, read_settings
from authsvc.storage.sql.engine import Storage, open_storage

DEFAULT_DATA = Path("var")
_DATA = typer.Option(DEFAULT_DATA, "--data", help="Its directory: database, log, dev.json.")


def dev(
    port: int = typer.Option(8000, min=1, max=65_535),
    data: Path = _DATA,
) -> None:
    """Start a development server on http://localhost:PORT, with a user, four clients and two APIs to try it with.

    Its database is SQLite in the directory, its master key keys/master.key (DIR/master.key with --data DIR). The first
    start prints credentials and keeps them in DIR/dev.json; the next ones reuse everything. Settings in the
    environment win: AUTHSVC_DATABASE_URL lets it run on PostgreSQL.
    """
    settings = _settings(data, f"http://localhost:{port}")
    facts_file = data / "dev.json"
    _require_own_directory(settings, data, facts_file)
    hosts = loopback_hosts()
    for host in hosts:
        require_address(host, port)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    bring_up(settings)
    make_default_tenant(settings)
    facts = _prepare(settings, data, facts_file)
    _say_hello(settings, facts, facts_file)
    if len(hosts) == 1:
        typer.echo("This machine has no IPv6: listening on 127.0.0.1 only.")
    _log_to_file(settings)
    raise_file_limit()
    stop_metrics = share_metrics(settings.observe.metrics_host, settings.observe.metrics_port)
    try:
        serve_embedded(settings, hosts, port, lambda: _say_ready(settings))
    finally:
        stop_metrics()


def _settings(data: Path, issuer: str) -> Settings:
    """Return the settings with what is this command's own; what the environment names stays."""
    given = read_settings()
    own: dict[str, object] = {"issuer": issuer, "workers": 1}
    if "database_url" not in given.model_fields_set:
        own["database_url"] = f"sqlite:///{data / 'authsvc.db'}"
    if "master_key_file" not in given.model_fields_set and data != DEFAULT_DATA:
        own["master_key_file"] = data / "master.key"
    if given.observe.log_file is None:
        own["observe"] = given.observe.model_copy(update={"log_file": data / "authsvc.log"})
    return given.model_copy(update=own)


def _require_own_directory(settings: Settings, data: Path, facts_file: Path) -> None:
    try:
        known = json.loads(facts_file.read_text())["issuer"]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{facts_file} is damaged: delete {data} to start anew.") from None
    if known != settings.issuer:
        raise _belongs_elsewhere(data, str(known))


def _prepare(settings: Settings, data: Path, facts_file: Path) -> bootstrap.Facts | None:
    """Make what the first start makes; None if it was there. Raises: Refused."""
    storage = open_storage(settings.database_url, pool_size=1, cache=None)
    try:
        tenant = find_tenant(storage.list_tenants(), None)
        if tenant.issuer != settings.issuer:
            raise _belongs_elsewhere(data, tenant.issuer)
        _make_master_key(settings, storage, tenant)
        master_keys = read_master_keys(settings.master_key_file)
        if not bootstrap.is_born(storage, tenant):
            return bootstrap.give_birth(settings, storage, tenant, master_keys, facts_file)
        open_keys(settings, storage, master_keys)
        bootstrap.catch_up(storage, tenant, facts_file)
        return None
    finally:
        storage.close()


def _make_master_key(settings: Settings, storage: Storage, tenant: Tenant) -> None:
    path = settings.master_key_file
    if path.exists():
        return
    uow = storage.unit_of_work(tenant.id)
    try:
        has_keys = bool(uow.keys.list())
    finally:
        uow.close()
    if has_keys:
        database = sqlite_file(settings) or "the database"
        raise Refused(
            f"{path} is missing, and only it opens the keys in {database}: put it back, or delete {database}."
        )
    init_master_keys(path)


def _belongs_elsewhere(data: Path, issuer: str) -> Refused:
    port = issuer.rpartition(":")[2]
    mend = f"start with --port {port}" if port.isdigit() else "give it a database of its own"
    return Refused(f"{data} belongs to {issuer}: {mend}, or choose another directory with --data.")


def _say_hello(settings: Settings, facts: bootstrap.Facts | None, facts_file: Path) -> None:
    issuer = settings.issuer
    if facts is None:
        kept = (
            f"credentials are in {facts_file}"
            if facts_file.exists()
            else f"{facts_file} is gone: delete its directory to start anew"
        )
        typer.echo(f"Everything is as the last start left it; {kept}.")
        return
    login = (
        f"curl -s {issuer}/login -d username={bootstrap.USERNAME} -d password={facts.password} "
        f"-d client_id={bootstrap.APP_CLIENT} -d scope='openid offline_access orders:read'"
    )
    read_token = """python3 -c 'import json, sys; print(json.load(sys.stdin)["{}"])'"""
    typer.echo(
        f"""\
Made for this first start, shown once, kept in {facts_file} (only you can read it):

  user            {bootstrap.USERNAME}   password  {facts.password}
  service client  {bootstrap.SERVICE_CLIENT}   secret  {facts.client_secret}
  app client      {bootstrap.APP_CLIENT}   (public, first-party)
  web client      {bootstrap.WEB_CLIENT}   secret  {facts.web_secret}   at {bootstrap.REDIRECT_URIS[0]}
  administrator   {bootstrap.ADMIN_CLIENT}   secret  {facts.admin_secret}
  resource        {bootstrap.AUDIENCE}   scopes  {" ".join(bootstrap.SCOPES)}
  by exchange     {bootstrap.NEXT_AUDIENCE}   scopes  {" ".join(bootstrap.NEXT_SCOPES)}

A person signs in:

  {login}

A service gets a token:

  curl -s {issuer}/token -u {bootstrap.SERVICE_CLIENT}:{facts.client_secret} \
-d grant_type=client_credentials -d scope=orders:read

An app refreshes (signs in first, to have something to refresh):

  REFRESH=$({login} | {read_token.format("refresh_token")})
  curl -s {issuer}/token -d grant_type=refresh_token -d client_id={bootstrap.APP_CLIENT} -d refresh_token="$REFRESH"

A service calls the next one in the name of its caller (signs in first, to have a caller's token):

  TOKEN=$({login} | {read_token.format("access_token")})
  curl -s {issuer}/token -u {bootstrap.SERVICE_CLIENT}:{facts.client_secret} -d grant_type={token_exchange.GRANT_TYPE} \
-d subject_token_type={ACCESS_TOKEN} -d subject_token="$TOKEN" -d audience={bootstrap.NEXT_AUDIENCE}

API documentation: {issuer}/docs
Letters, kept instead of sent: {issuer}/dev/outbox
"""
    )


def _say_ready(settings: Settings) -> None:
    typer.echo(f"ready at {settings.issuer} (Ctrl-C ends it; the log is {settings.observe.log_file})")
    sys.stdout.flush()


def _log_to_file(settings: Settings) -> None:
    """JSON lines into the file; a person at the terminal sees warnings, in words."""
    nowhere: TextIOWrapper = open(os.devnull, "w")  # noqa: SIM115, PTH123 - lives as long as the process
    configure(settings.observe.log_level, stream=nowhere, log_file=settings.observe.log_file)
    words = logging.StreamHandler(sys.stderr)
    words.setLevel(logging.WARNING)
    words.setFormatter(_Words())
    logging.getLogger().addHandler(words)


class _Words(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        text = redact(record.getMessage() + (f" ({type(error).__name__}: {error})" if error else ""))
        return f"authsvc: {text}; see the log"
