"""gateway/credentials.py: secrets, their hashes, and who is let in."""

import hmac
import re

import pytest

from gateway import credentials
from gateway.config import ApiKey
from gateway.credentials import HASH_PATTERN, KeyRing, generate_secret, hash_secret
from gateway.limits import SECRET_MAX_BYTES


def _key(client_id: str, secret: str) -> ApiKey:
    return ApiKey(client_id=client_id, portfolio=1, secret_hash=hash_secret(secret))


def test_a_generated_secret_has_at_least_128_bits_and_fits_in_a_logon() -> None:
    secret = generate_secret()

    assert re.fullmatch("[0-9a-f]+", secret) is not None
    assert 4 * len(secret) >= 128
    assert len(secret) <= SECRET_MAX_BYTES


def test_no_two_generated_secrets_are_alike() -> None:
    assert len({generate_secret() for _ in range(1_000)}) == 1_000


def test_a_hash_is_salted_hmac_sha_256_of_the_secret_in_one_printable_string() -> None:
    text = hash_secret("correct horse")

    name, salt, digest = text.split("$")
    assert re.search(HASH_PATTERN, text) is not None
    assert (name, digest) == ("hmac-sha256", hmac.digest(bytes.fromhex(salt), b"correct horse", "sha256").hex())


def test_the_same_secret_hashes_differently_each_time() -> None:
    assert hash_secret("same") != hash_secret("same")


def test_a_right_secret_gives_the_index_of_its_key() -> None:
    ring = KeyRing([_key("maker-1", "alpha"), _key("taker-1", "beta")])

    assert [ring.verify(b"maker-1", b"alpha"), ring.verify(b"taker-1", b"beta")] == [0, 1]


def test_padding_of_the_logon_s_fields_does_not_count() -> None:
    ring = KeyRing([_key("maker-1", "alpha")])

    assert ring.verify(b"maker-1".ljust(16, b"\0"), b"alpha".ljust(48, b"\0")) == 0


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [
        (b"maker-1", b"beta"),
        (b"maker-1", b"alph"),
        (b"maker-1", b"alpha "),
        (b"maker-1", b""),
        (b"maker-1", b"\0alpha"),
        (b"maker-2", b"alpha"),
        (b"MAKER-1", b"alpha"),
        (b"", b""),
        (b"\xff" * 16, b"\xff" * 48),
    ],
)
def test_anything_but_a_key_with_its_own_secret_is_refused(client_id: bytes, secret: bytes) -> None:
    ring = KeyRing([_key("maker-1", "alpha"), _key("taker-1", "beta")])

    assert ring.verify(client_id, secret) == -1


def test_keys_come_go_and_change_their_secrets() -> None:
    ring = KeyRing([_key("maker-1", "alpha"), _key("taker-1", "beta")])
    ring.put(_key("maker-2", "gamma"), 7)
    ring.put(_key("maker-1", "delta"), 0)
    ring.remove("taker-1")
    ring.remove("nobody")

    assert [ring.has(name) for name in ("maker-1", "maker-2", "taker-1")] == [True, True, False]
    assert ring.verify(b"maker-2", b"gamma") == 7
    assert (ring.verify(b"maker-1", b"alpha"), ring.verify(b"maker-1", b"delta")) == (-1, 0)
    assert ring.verify(b"taker-1", b"beta") == -1


def test_a_ring_without_keys_refuses_everyone() -> None:
    assert KeyRing([]).verify(b"maker-1", b"alpha") == -1


def test_an_unknown_client_id_costs_the_same_work_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[tuple[str, int, int]] = []

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        work.append((f"digest {name}", len(key), len(message)))
        return hmac.digest(key, message, name)

    def compare_digest(ours: bytes, theirs: bytes) -> bool:
        work.append(("compare", len(ours), len(theirs)))
        return hmac.compare_digest(ours, theirs)

    ring = KeyRing([_key("maker-1", "alpha")])
    monkeypatch.setattr(credentials, "hmac", type("hmac", (), {"digest": digest, "compare_digest": compare_digest}))
    ring.verify(b"maker-1", b"wrong")
    of_a_wrong_secret = work.copy()
    work.clear()
    ring.verify(b"nobody", b"wrong")

    assert work == of_a_wrong_secret == [("digest sha256", 16, 5), ("compare", 32, 32)]


@pytest.mark.parametrize("text", ["", "alpha", "hmac-sha256$00$00", "md5$" + "0" * 32 + "$" + "0" * 64])
def test_a_key_whose_hash_is_none_is_not_taken(text: str) -> None:
    with pytest.raises(ValueError, match="secret hash"):
        KeyRing([ApiKey(client_id="maker-1", portfolio=1, secret_hash=text)])
