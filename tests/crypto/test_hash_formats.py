import pytest

from authsvc.crypto.errors import UnsupportedHash
from authsvc.crypto.hash_formats import recognise

SALT, DIGEST = "A" * 22, "A" * 43
BCRYPT = "A" * 53
SHA512 = "A" * 86


def argon2(m=19456, t=2, p=1, kind="id", version="v=19$"):
    return f"$argon2{kind}${version}m={m},t={t},p={p}${SALT}${DIGEST}"


def pbkdf2(iterations, digest="sha256"):
    return f"$pbkdf2-{digest}${iterations}${SALT}${DIGEST if digest == 'sha256' else SHA512}"


def scrypt(ln=16, r=8, p=1):
    return f"$scrypt$ln={ln},r={r},p={p}${SALT}${DIGEST}"


@pytest.mark.parametrize(
    ("password_hash", "scheme"),
    [
        (argon2(), "argon2"),
        (argon2(m=131072, t=10, p=4, kind="i"), "argon2"),
        (argon2(kind="d", version=""), "argon2"),
        (f"argon2{argon2()}", "argon2"),
        (f"$2a$04${BCRYPT}", "bcrypt"),
        (f"$2b$12${BCRYPT}", "bcrypt"),
        (f"$2y$10${BCRYPT}", "bcrypt"),
        (f"bcrypt$$2b$12${BCRYPT}", "bcrypt"),
        (f"bcrypt_sha256$$2b$12${BCRYPT}", "django_bcrypt_sha256"),
        (pbkdf2(1_000_000), "pbkdf2_sha256"),
        (pbkdf2(25000, "sha512"), "pbkdf2_sha512"),
        (f"pbkdf2_sha256$1000000$abc${DIGEST}=", "django_pbkdf2_sha256"),
        (scrypt(17), "scrypt"),
        (scrypt(14, 8, 5), "scrypt"),
        (f"$6$salt${SHA512}", "sha512_crypt"),
        (f"$6$rounds=656000$salt${SHA512}", "sha512_crypt"),
        (f"$5$rounds=1000$salt${DIGEST}", "sha256_crypt"),
    ],
)
def test_a_known_hash_within_the_caps_is_recognised(password_hash, scheme):
    assert recognise(password_hash).scheme == scheme


@pytest.mark.parametrize(
    "password_hash",
    [
        pytest.param(argon2(m=131073), id="argon2_memory"),
        pytest.param(argon2(m=4 * 1024 * 1024), id="argon2_gigabytes"),
        pytest.param(argon2(t=11), id="argon2_passes"),
        pytest.param(argon2(t=0), id="argon2_no_pass"),
        pytest.param(argon2(p=5), id="argon2_lanes"),
        pytest.param(argon2(p=0), id="argon2_no_lane"),
        pytest.param(argon2(m=7), id="argon2_less_memory_than_lanes"),
        pytest.param("argon2" + argon2(t=11), id="argon2_behind_a_prefix"),
        pytest.param(f"$2b$13${BCRYPT}", id="bcrypt"),
        pytest.param(f"$2b$31${BCRYPT}", id="bcrypt_years"),
        pytest.param(f"$2b$99${BCRYPT}", id="bcrypt_impossible"),
        pytest.param(f"$2b$03${BCRYPT}", id="bcrypt_too_cheap"),
        pytest.param(f"bcrypt$$2b$13${BCRYPT}", id="bcrypt_behind_a_prefix"),
        pytest.param(f"bcrypt_sha256$$2b$13${BCRYPT}", id="django_bcrypt"),
        pytest.param(pbkdf2(1_000_001), id="pbkdf2"),
        pytest.param(pbkdf2(4294967295, "sha512"), id="pbkdf2_sha512"),
        pytest.param(pbkdf2(0), id="pbkdf2_none"),
        pytest.param(f"pbkdf2_sha256$1000001$abc${DIGEST}=", id="django_pbkdf2"),
        pytest.param(scrypt(18), id="scrypt_memory"),
        pytest.param(scrypt(17, 16), id="scrypt_block"),
        pytest.param(scrypt(14, 8, 9), id="scrypt_work"),
        pytest.param(scrypt(31, 1, 1), id="scrypt_n"),
        pytest.param(scrypt(99, 99999999, 99999999), id="scrypt_everything"),
        pytest.param(scrypt(0), id="scrypt_nothing"),
        pytest.param(f"$6$rounds=656001$salt${SHA512}", id="sha512_crypt"),
        pytest.param(f"$5$rounds=999999999$salt${DIGEST}", id="sha256_crypt"),
        pytest.param(f"$5$rounds=999$salt${DIGEST}", id="sha256_crypt_too_cheap"),
    ],
)
def test_a_cost_above_the_caps_is_refused(password_hash):
    with pytest.raises(UnsupportedHash, match="cost"):
        recognise(password_hash)


@pytest.mark.parametrize(
    "password_hash",
    [
        pytest.param("", id="empty"),
        pytest.param("password", id="clear_text"),
        pytest.param("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", id="salted_sha1"),
        pytest.param("5f4dcc3b5aa765d61d8327deb882cf99", id="md5"),
        pytest.param("$1$salt$" + "A" * 22, id="md5_crypt"),
        pytest.param("$2x$12$" + BCRYPT, id="bcrypt_2x"),
        pytest.param("$2b$12$" + BCRYPT[:-1], id="bcrypt_cut"),
        pytest.param("$2b$12$" + BCRYPT + "A", id="bcrypt_longer"),
        pytest.param("$2b$12$" + BCRYPT + "\n", id="line_end"),
        pytest.param(" $2b$12$" + BCRYPT, id="space"),
        pytest.param("$2b$１２$" + BCRYPT, id="full_width_digits"),
        pytest.param("sha1$salt$" + "a" * 40, id="django_sha1"),
        pytest.param("!unusable", id="unusable"),
        pytest.param(argon2() + "\x00", id="nul"),
        pytest.param(argon2().replace("m=", "data=AAAA,m="), id="argon2_data"),
        pytest.param(argon2(version="v=18$"), id="argon2_version"),
        pytest.param(argon2(m="-1"), id="negative_cost"),
        pytest.param("$scrypt$ln=16,r=8$x$y", id="scrypt_without_p"),
        pytest.param("A" * 10_000_000, id="long"),
        pytest.param("bcrypt$argon2" + argon2(), id="two_prefixes"),
        pytest.param("\ud800", id="lone_surrogate"),
    ],
)
def test_an_unknown_or_malformed_hash_is_refused(password_hash):
    with pytest.raises(UnsupportedHash):
        recognise(password_hash)
