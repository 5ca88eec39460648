"""What the gateway's source says of its settings, so that the checks need no second list of them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = (ROOT / "gateway/src/config.rs").read_text()


def one(pattern, text, what):
    """The one group of a pattern that must be there."""
    found = re.search(pattern, text)
    if not found:
        raise SystemExit(f"deploy: {what} is no longer where the checks look for it ({pattern})")
    return found.group(1)


def port(variable):
    """The default of a port, by its environment variable."""
    return int(one(rf'env = "{variable}", default_value_t = (\d+)', CONFIG, variable))


def seconds(file, name):
    """A `Duration` constant, or a field's default, in seconds."""
    return int(one(rf"\b{name}: (?:Duration = )?Duration::from_secs\((\d+)\)", (ROOT / file).read_text(), name))


PORTS = {
    "public": port("SCIMGATE_PORT"),
    "internal": port("SCIMGATE_INTERNAL_PORT"),
    "probes": port("SCIMGATE_PROBE_PORT"),
}

# Every environment variable that the binary reads: its own, and the one of its certificate store.
SETTINGS = {"SSL_CERT_FILE"} | {
    name for file in (ROOT / "gateway/src").rglob("*.rs") for name in re.findall(r'env = "([A-Z_]+)"', file.read_text())
}

# Every command: the variants of the enum, in lower case.
COMMANDS = {
    name.lower()
    for name in re.findall(
        r"^    ([A-Z][a-z]+)\(", one(r"(?s)enum Command \{(.*?)\n\}", (ROOT / "gateway/src/cli.rs").read_text(), "the commands"), re.M
    )
}

VERSION = one(r'(?s)\[workspace\.package\]\nversion = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), "the version")
