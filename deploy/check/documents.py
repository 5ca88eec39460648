"""Checks the documents: the chart's README has every value with its default, and what is to be typed exists."""

import re

import yaml

from source import COMMANDS, ROOT, SETTINGS, VERSION

CHART = ROOT / "deploy/helm/scimgate"
DOCUMENTS = [
    *ROOT.glob("deploy/**/*.md"),
    *ROOT.glob("docs/**/*.md"),
    CHART / "templates/NOTES.txt",
    ROOT / "README.md",
]


def require(truth, sentence):
    if not truth:
        raise SystemExit(f"deploy: {sentence}")


def leaves(values, prefix=""):
    """Every value that can be set, with its default. What is empty is a value; what is full is a group of them."""
    for key, value in values.items():
        if isinstance(value, dict) and value and key != "resources":
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def check_values():
    table = dict(re.findall(r"(?m)^\| `([A-Za-z.]+)` \| ([^|]*) \|", (CHART / "README.md").read_text()))
    values = dict(leaves(yaml.safe_load((CHART / "values.yaml").read_text())))
    require(set(table) == set(values), f"the chart's README and values.yaml differ in {sorted(set(table) ^ set(values))}")
    for key, value in values.items():
        default = str(value).lower() if isinstance(value, bool) else str(value)
        # What is empty, or too long for a table, is a dash there.
        wanted = f"`{default}`" if value not in ("", [], {}) and key != "resources" else "–"
        require(table[key].strip() == wanted, f"the chart's README: the default of {key} is {wanted}, not {table[key]}")


def check_versions():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    require(str(chart["appVersion"]) == VERSION, f"Chart.yaml: appVersion is not the workspace's, {VERSION}")


def check_typed():
    """In blocks of code, and between backticks, `scimgate …` is a command and SCIMGATE_… a setting."""
    for file in DOCUMENTS:
        text = file.read_text()
        typed = re.findall(r"(?m)(?:`|^\$? *|-- )scimgate ([a-z]+)", text)
        unknown = set(typed) - COMMANDS
        require(not unknown, f"{file.relative_to(ROOT)}: scimgate has no command {sorted(unknown)}")
        settings = set(re.findall(r"\bSCIMGATE_[A-Z_]+\b", text)) - SETTINGS - TESTS
        require(not settings, f"{file.relative_to(ROOT)}: there is no setting {sorted(settings)}")


def check_links():
    """A link into the repository leads to a file that is there."""
    for file in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", file.read_text()):
            require((file.parent / target).exists(), f"{file.relative_to(ROOT)}: there is no {target}")


# Settings of the tests, not of the binary.
TESTS = {"SCIMGATE_TEST_POSTGRES", "SCIMGATE_BIN"}

for check in [check_values, check_versions, check_typed, check_links]:
    check()
