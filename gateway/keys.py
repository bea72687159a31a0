"""`breakwire keys`: adds an API key to a configuration file, and lists those that are in it.

A key is appended as text, so that the operator's comments and order stay as they are. The new file is checked before
it takes the old one's place in one step: whoever reads at any moment reads a whole file that loads.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from gateway.config import ApiKey, ClientId, Role, load, parse
from gateway.credentials import generate_secret, hash_secret
from gateway.errors import KeyFileError
from gateway.tables import shown, wanted


def add_key(path: str | os.PathLike[str], client_id: str, portfolio: int, role: Role = "trader") -> str:
    """Appends a new [[api_key]] to the file and returns its secret, which is kept nowhere.

    Mode and owner of the file stay; a symbolic link stays one.

    Raises:
        ConfigError: the file is not a valid configuration, or would not be one with the key; it is untouched.
        KeyFileError: the client id is in use or not one, the portfolio is not in the file, or it cannot be written.
    """
    file = Path(os.path.realpath(path))
    try:
        with locked(file.parent):
            return _add_key(file, client_id, portfolio, role)
    except OSError as error:
        raise KeyFileError(f"{file}: no key added: {error.strerror}") from None


def list_keys(path: str | os.PathLike[str]) -> tuple[ApiKey, ...]:
    """The keys of a configuration file, in its order.

    Raises:
        ConfigError: the file is not a valid configuration.
    """
    return load(path).api_keys


def _add_key(file: Path, client_id: str, portfolio: int, role: Role) -> str:
    config = load(file)
    try:
        msgspec.convert(client_id, ClientId)
    except msgspec.ValidationError:
        raise KeyFileError(f"client id: wanted {wanted(ClientId)}, was {shown(client_id)}") from None
    if any(key.client_id == client_id for key in config.api_keys):
        raise KeyFileError(f"client id: wanted a new one, but {file} has a key {shown(client_id)}")
    known = [known.id for known in config.portfolios]
    if portfolio not in known:
        raise KeyFileError(f"portfolio: wanted one of those in {file}, {known}, was {portfolio}")
    secret = generate_secret()
    text = file.read_text(encoding="utf-8")
    text += ("" if text.endswith("\n") or not text else "\n") + _table(client_id, portfolio, role, hash_secret(secret))
    parse(text, f"{file} with the new key")
    _replace(file, text)
    return secret


def _table(client_id: str, portfolio: int, role: Role, secret_hash: str) -> str:
    # A JSON string of printable ASCII is a TOML string too.
    return (
        f"\n[[api_key]]\nclient_id = {msgspec.json.encode(client_id).decode()}\nportfolio = {portfolio}\n"
        f'role = "{role}"\nsecret_hash = "{secret_hash}"\n'
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time: the lock is the folder's, since the file itself is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(file: Path, text: str) -> None:
    """Puts a file with this text in the place of the old one; nobody sees it half written or with wider access."""
    old = file.stat()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(new.fileno(), old.st_uid, old.st_gid)
            os.fchmod(new.fileno(), stat.S_IMODE(old.st_mode))
            os.fsync(new.fileno())
        os.replace(temporary, file)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
