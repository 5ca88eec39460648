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
    return int(one(rf'env = "{variable}", value_name = "PORT", default_value_t = (\d+)', CONFIG, variable))


def seconds(file, name):
    """A `Duration` constant, or a field's default, in seconds."""
    return int(one(rf"\b{name}: (?:Duration = )?Duration::from_secs\((\d+)\)", (ROOT / file).read_text(), name))


PORTS = {
    "public": port("SCIMGATE_PORT"),
    "internal": port("SCIMGATE_INTERNAL_PORT"),
    "probes": port("SCIMGATE_PROBE_PORT"),
}

# Every environment variable that the binary reads: its own, and the one of the machine's certificates.
SETTINGS = {"SSL_CERT_FILE"} | {
    name
    for folder in ["gateway/src", "gateway/cli/src"]
    for file in (ROOT / folder).rglob("*.rs")
    for name in re.findall(r'env = "([A-Z_]+)"', file.read_text())
}

CLI = ROOT / "gateway/cli/src"


def kebab(name):
    """A Rust name as clap writes it: AccountList and account_list are account-list."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lower()


def body(kind, name, text):
    """What is between the braces of a struct or an enum, or nothing where the text has no such type."""
    found = re.search(rf"(?s)\b{kind} {name} \{{\n(.*?)\n\}}", text)
    return found.group(1) if found else ""


def subcommands(text, enum, folder=CLI):
    """The commands of one of clap's enums, each with its own; a variant may hold the arguments of another module, or its commands."""
    tree = {}
    variant = r"(?m)^(    #\[command\(flatten\)\]\n)?    ([A-Z]\w*)(?:\((?:(\w+)::)?(\w+)\))?,"
    for flat, name, module, holds in re.findall(variant, body("enum", enum, text)):
        within, below = ((folder / f"{module}.rs").read_text(), folder / module) if module else (text, folder)
        if flat:
            tree |= subcommands(within, holds, below)
            continue
        deeper = re.search(r"#\[command\(subcommand\)\]\s+\w+: (\w+)", body("struct", holds, within)) if holds else None
        tree[kebab(name)] = subcommands(within, deeper.group(1), below) if deeper else {}
    return tree


def options(*files):
    """The long options that these files define."""
    fields = [
        field
        for file in files
        for field in re.findall(r"(?s)#\[arg\(((?:(?!\)\]).)*)\)\]\s+(?:pub(?:\(\w+\))? )?(\w+):", file.read_text())
    ]
    named = [(re.search(r'\blong(?: = "([^"]+)")?', arguments), field) for arguments, field in fields]
    return {f"--{long.group(1) or kebab(field)}" for long, field in named if long}


def module_of(command):
    """Where the arguments of a command are: clap's enum names the module, which need not have the command's name."""
    return one(rf"(?m)^    {command}\((\w+)::", body("enum", "Command", MAIN), f"the arguments of {command}")


MAIN = (CLI / "main.rs").read_text()

def options_of(command):
    """The long options of a command: its own, those it takes over from what commands share, and clap's."""
    module = module_of(command)
    files = [CLI / f"{module}.rs", *(CLI / module).rglob("*.rs")]
    text = "".join(file.read_text() for file in files)
    if "OperatorOptions" in text:
        files.append(CLI / "client.rs")
    if "Listeners" in text:
        files += [ROOT / "gateway/src/config.rs", *(ROOT / "gateway/src/config").glob("*.rs")]
    return {"--help", "--version"} | options(CLI / "main.rs", CLI / "configuration.rs", CLI / "log.rs", *files)


# Every command with its subcommands, and every long option of each.
COMMANDS = subcommands(MAIN, "Command") | {"help": {}}
OPTIONS = {
    kebab(name): options_of(name) for name in re.findall(r"(?m)^    ([A-Z]\w*)\(", body("enum", "Command", MAIN))
}

LENIENCIES = set(re.findall(r'(?m)^    \w+ = "([a-z-]+)",', (ROOT / "gateway/scim/src/leniency.rs").read_text()))

VERSION = one(r'(?s)\[workspace\.package\]\nversion = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), "the version")
