"""The only reader of the environment and of authsvc.toml: small groups, one sentence for each setting.

Every setting is `AUTHSVC_<GROUP>__<NAME>` in the environment, or `[group] name` in the file that AUTHSVC_CONFIG names
(authsvc.toml in the working directory by default); the environment wins.
"""

import os
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

CONFIG_VARIABLE = "AUTHSVC_CONFIG"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lifetimes(_Group):
    """How long things live, in seconds."""

    access_token: int = Field(300, ge=10, le=86_400)
    """A person's access token."""
    machine_access_token: int = Field(900, ge=10, le=86_400)
    """A client_credentials access token."""
    id_token: int = Field(300, ge=10, le=86_400)
    """An ID token."""
    refresh_idle: int = Field(30 * 86_400, ge=60)
    """A refresh family that is not used."""
    refresh: int = Field(180 * 86_400, ge=60)
    """A refresh family, however often it is used."""
    refresh_retry: int = Field(10, ge=0, le=60)
    """How long the previous refresh token still gives the same successor."""
    session: int = Field(30 * 86_400, ge=60)
    """A session, however often it is used."""
    browser_idle: int = Field(43_200, ge=60)
    """A browser's sign-in that is not used."""
    authorization_code: int = Field(60, ge=10, le=600)
    """An authorization code."""
    continuation: int = Field(600, ge=60, le=3_600)
    """What a browser came for, while its person signs in and agrees."""
    recent_login: int = Field(300, ge=30)
    """How old a sign-in may be for deleting the account or changing password or address."""
    mailed_link: int = Field(1_800, ge=60)
    """A link sent by mail."""
    jwks_max_age: int = Field(300, ge=10, le=86_400)
    """How long verifiers may cache the key set."""
    skew: int = Field(60, ge=0, le=300)
    """How far clocks may differ."""
    signing_key: int = Field(90 * 86_400, ge=3_600)
    """When a signing key gets a successor."""
    idempotent_answer: int = Field(86_400, ge=60, le=30 * 86_400)
    """How long a request that is sent again with its Idempotency-Key gets its first answer."""
    audit: int = Field(400 * 86_400, ge=86_400)
    """How long audit rows are kept."""


class Throttle(_Group):
    """One counter of attempts."""

    free: int = Field(ge=1)
    """How many pass before the counter closes."""
    first_delay_seconds: int = Field(ge=1)
    """The first closing time; it doubles with each further one."""
    longest_delay_seconds: int = Field(ge=1)
    """The longest closing time."""
    window_seconds: int = Field(ge=60)
    """A counter that was quiet so long starts anew."""


class Passwords(_Group):
    """What a password must be, and how guesses are throttled."""

    min_length: int = Field(8, ge=8)
    """Shortest password of a person with a second factor."""
    min_length_single_factor: int = Field(15, ge=8)
    """Shortest password of a person without a second factor."""
    per_address: Throttle = Throttle(free=10, first_delay_seconds=30, longest_delay_seconds=900, window_seconds=3_600)
    """Attempts at one account from one address."""
    per_account: Throttle = Throttle(free=50, first_delay_seconds=30, longest_delay_seconds=900, window_seconds=3_600)
    """Attempts at one account from all addresses."""
    forgotten_per_address: Throttle = Throttle(
        free=30, first_delay_seconds=10, longest_delay_seconds=300, window_seconds=3_600
    )
    """Letters that are asked for from one address by who has forgotten a password, whatever the names."""
    failure_seconds: float = Field(1.0, ge=0, le=5)
    """Refused sign-ins are answered at a multiple of this, longer than the costliest imported hash takes."""


class Registration(_Group):
    """Sign-up of people."""

    open: bool = True
    """Whether POST /register is there at all."""
    confirm_mail: bool = False
    """Whether an account needs an address, and is made, with its password, only behind the link mailed there."""
    per_address: Throttle = Throttle(free=30, first_delay_seconds=10, longest_delay_seconds=300, window_seconds=3_600)
    """Sign-ups from one address."""


class Clients(_Group):
    """Clients that strangers register, where a tenant lets everybody (`authsvc tenants`)."""

    per_address: Throttle = Throttle(free=20, first_delay_seconds=60, longest_delay_seconds=3_600, window_seconds=3_600)
    """Attempts to register a client from one address."""
    per_tenant: Throttle = Throttle(free=500, first_delay_seconds=10, longest_delay_seconds=60, window_seconds=3_600)
    """Attempts from all addresses."""
    most: int = Field(10_000, ge=0)
    """Clients of one tenant that strangers may have registered; further ones are refused."""
    unused_seconds: int = Field(7_776_000, ge=86_400, le=3_153_600_000)
    """How long such a client is kept that nobody ever allowed anything and nobody changed."""


class Imports(_Group):
    """Files of users that the admin API takes."""

    max_bytes: int = Field(2_147_483_648, ge=65_536)
    """Largest request body of an import; it lies in the database, encrypted, until it is imported."""
    at_once: int = Field(4, ge=1)
    """Imports of one tenant that may be under way; the next is refused."""


class Mail(_Group):
    """Outgoing mail."""

    smtp_host: str | None = None
    """SMTP server; without one letters stay in the outbox."""
    smtp_port: int = Field(587, ge=1, le=65_535)
    """Its port."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """starttls, tls or none (none is for a server on this host)."""
    smtp_username: str | None = None
    """Its user name."""
    smtp_password: str | None = Field(None, repr=False)
    """Its password."""
    sender: str = "authsvc@localhost"
    """The From address."""


def _host(text: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[1-9][0-9]{0,4})?", text):
        raise ValueError("name each host as host or host:port, IPv6 addresses in brackets")
    return text


AllowedHost = Annotated[str, AfterValidator(_host)]


class Outbound(_Group):
    """Reading documents of strangers: key sets of clients and trusted issuers."""

    allowed_hosts: tuple[AllowedHost, ...] = ()
    """Hosts that may be read although their addresses are private, also with http, as host or host:port."""
    ca_file: Path | None = None
    """Certificates, in PEM, that are trusted besides those of the system."""
    waiting_threads: int = Field(4, ge=1, le=4)
    """Machine threads that may wait for a stranger at once; one is always kept free."""


class Http(_Group):
    """The edge."""

    max_body_bytes: int = Field(65_536, ge=4_096)
    """Largest request body."""
    body_deadline_seconds: float = Field(10, gt=0)
    """How long a client may take to send its body."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose Forwarded headers count."""
    machine_threads: int = Field(8, ge=1)
    """Threads (and database connections) of the machine lane."""
    people_threads: int = Field(4, ge=1)
    """Threads (and database connections) of the people lane."""
    queue_length: int = Field(256, ge=1)
    """Requests that may wait for a lane; the next is answered 503."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Requests that one address may make a minute, of each process or, with Redis, of all; none, no limit."""


class Observe(_Group):
    """Logs and metrics."""

    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    """debug, info, warning or error."""
    log_file: Path | None = None
    """Also write the log there (`authsvc why` reads it)."""
    metrics_host: str = "127.0.0.1"
    """Where /metrics listens."""
    metrics_port: int | None = None
    """Its port; none, no metrics server."""


class Settings(BaseSettings):
    """Everything that can be set; frozen, handed down by the composition root."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="AUTHSVC_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        frozen=True,
        extra="forbid",
    )

    issuer: str = "http://localhost:8000"
    """The issuer of the default tenant: the public URL of this service."""
    database_url: str = "sqlite:///var/authsvc.db"
    """sqlite:///PATH, or postgresql://USER:PASSWORD@HOST/NAME."""
    master_key_file: Path = Path("keys/master.key")
    """The file of the keys under which secrets lie encrypted."""
    redis_url: str | None = Field(None, repr=False)
    """redis://, rediss:// (TLS) or unix:// URL of a Redis by which all processes share what they count."""
    workers: int = Field(1, ge=1, le=256)
    """Worker processes; `authsvc serve --workers` sets it."""
    lifetimes: Lifetimes = Lifetimes()
    passwords: Passwords = Passwords()
    registration: Registration = Registration()
    clients: Clients = Clients()
    imports: Imports = Imports()
    mail: Mail = Mail()
    outbound: Outbound = Outbound()
    http: Http = Http()
    observe: Observe = Observe()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there is no .env: one place for each setting
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        path = Path(os.environ.get(CONFIG_VARIABLE, "authsvc.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)


def read_settings() -> Settings:
    """Read the environment and the file. Raises: pydantic.ValidationError naming each bad setting."""
    return Settings()
