"""Our XXH64 against the reference implementation's binding."""

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from codec import wire


@pytest.mark.parametrize("size", [*range(70), 127, 128, 129, 17 * 1868])
def test_a_digest_is_the_reference_one(size: int) -> None:
    data = bytes(31 * position % 251 for position in range(size))
    assert wire.xxh64(data) == xxhash.xxh64_intdigest(data)


@given(pieces=st.lists(st.binary(max_size=100), max_size=8))
def test_pieces_make_the_digest_of_the_whole(pieces: list[bytes]) -> None:
    assert wire.xxh64(*pieces) == xxhash.xxh64_intdigest(b"".join(pieces))
