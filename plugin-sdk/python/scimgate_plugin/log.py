"""Lines for the provisioning log of this request. Never log names or mail addresses."""

from typing import Callable

_kept: list[tuple[str, str]] = []


def _keep(level: str, message: str) -> None:
    """What a test does with a line; in a plugin the host's function is here."""
    _kept.append((level, message))


_write: Callable[[str, str], None] = _keep


def use(write: Callable[[str, str], None]) -> None:
    """Writes the lines by this function from now on."""
    global _write
    _write = write


def take() -> list[tuple[str, str]]:
    """The lines of a test since the last time."""
    lines = _kept.copy()
    _kept.clear()
    return lines


def debug(message: object) -> None:
    """Writes a line for the plugin's author."""
    _write("debug", str(message))


def info(message: object) -> None:
    """Writes a line for information."""
    _write("info", str(message))


def warn(message: object) -> None:
    """Writes a line about something unusual."""
    _write("warn", str(message))


def error(message: object) -> None:
    """Writes a line about something that failed."""
    _write("error", str(message))
