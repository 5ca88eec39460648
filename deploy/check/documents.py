"""Checks the documents: the chart's README has every value with its default, what is to be typed exists, and every link
leads somewhere."""

import re
import shlex

import yaml

from source import COMMANDS, LENIENCIES, OPTIONS, ROOT, SETTINGS, VERSION

CHART = ROOT / "deploy/helm/scimgate"
DOCS = ROOT / "docs"
FOLDERS = ["deploy", "docs", "gateway", "plugin-sdk", "plugins", "tests"]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(file for folder in FOLDERS for file in ROOT.glob(f"{folder}/**/*.md")),
    CHART / "templates/NOTES.txt",
]


def require(truth, sentence):
    if not truth:
        raise SystemExit(f"deploy: {sentence}")


# What is given to Kubernetes as it is: one value each.
WHOLE = {"resources", "podSecurityContext", "securityContext"}


def leaves(values, prefix=""):
    """Every value that can be set, with its default. What is empty is a value; what is full is a group of them."""
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in WHOLE:
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
        wanted = f"`{default}`" if value not in ("", [], {}) and key.split(".")[-1] not in WHOLE else "–"
        require(table[key].strip() == wanted, f"the chart's README: the default of {key} is {wanted}, not {table[key]}")


def check_versions():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    require(str(chart["appVersion"]) == VERSION, f"Chart.yaml: appVersion is not the workspace's, {VERSION}")


def check_typed():
    """In blocks of code, and between backticks, `scimgate …` is a command and SCIMGATE_… a setting."""
    for file in DOCUMENTS:
        text = file.read_text()
        for line in typed(text):
            wrong = misfit(line)
            require(not wrong, f"{file.relative_to(ROOT)}: `scimgate {line}`: {wrong}")
        settings = set(re.findall(r"\bSCIMGATE_[A-Z_]+\b", text)) - SETTINGS - TESTS
        require(not settings, f"{file.relative_to(ROOT)}: there is no setting {sorted(settings)}")


def typed(text):
    """What follows `scimgate` wherever it stands as a command: at the beginning of a line, after a prompt, a pipe, a
    folder, or between backticks, which end it."""
    whole = re.sub(r" *\\\n *", " ", text)
    return re.findall(r"(?m)(?:`|^(?:\$ )? *|-- |\| |\$\()(?:[\w./-]+/)?scimgate +([a-z-][^`\n]*)", whole)


def misfit(line):
    """What the binary does not know of a command line, if anything."""
    words = shlex.split(line, comments=True) if line.count("'") % 2 == 0 and line.count('"') % 2 == 0 else line.split()
    known, path = COMMANDS, []
    for word in words:
        if word.startswith("--"):
            option = word.split("=")[0].rstrip('.,;:)"')
            if option != "--" and path and option not in OPTIONS[path[0]]:
                return f"{path[0]} has no option {option}"
        elif re.search(r"[<>;&…]", word) or word == "|":
            break
        elif known and re.fullmatch(r"[a-z|-]+", word) and not word.startswith("-"):
            # Where a document leaves the choice, `show|set`, every one of them must be there.
            strangers = [each for each in word.split("|") if each not in known]
            if strangers:
                return f"there is no {' '.join([*path, strangers[0]])}"
            known, path = known[word.split("|")[0]], [*path, word]
    return None


def check_leniencies():
    """A leniency that a document names is one of the binary's."""
    for file in DOCUMENTS:
        text = re.sub(r"\s+", " ", file.read_text())
        listed = re.findall(r"lenienc(?:y|ies)((?:,? (?:and |or )?`[a-z-]+`)+)", text)
        unknown = {name for names in listed for name in re.findall(r"`([a-z-]+)`", names)} - LENIENCIES
        require(not unknown, f"{file.relative_to(ROOT)}: there is no leniency {sorted(unknown)}")


def anchors(text):
    """The anchors of a document's headings, as a forge makes them."""
    seen, names = {}, set()
    for heading in re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^ *```.*?^ *```", "", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return names


def check_links():
    """A link into the repository leads to a file that is there, and to a heading that is in it."""
    for file in DOCUMENTS:
        text = file.read_text()
        for target in re.findall(r"""\]\(([^)\s]+)\)|(?:src|href)="([^"]+)\"""", text):
            path, _, anchor = "".join(target).partition("#")
            if ":" in path:
                continue
            there = file.parent / path if path else file
            require(there.exists(), f"{file.relative_to(ROOT)}: there is no {path}")
            if anchor and there.suffix == ".md":
                headed = anchor in anchors(there.read_text())
                require(headed, f"{file.relative_to(ROOT)}: {there.name} has no heading #{anchor}")


def linked(file):
    """The files that a document links to."""
    return {(file.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s:]+)", file.read_text())}


def check_index():
    """Every document in docs/ is in its folder's index, but for the order of all, and every picture is shown."""
    for index in DOCS.rglob("README.md"):
        beside = {page for page in index.parent.glob("*.md") if page not in (index, DOCS / "SUMMARY.md")} | set(index.parent.glob("*/README.md"))
        missing = sorted(page.name for page in beside if page.resolve() not in linked(index))
        require(not missing, f"{index.relative_to(ROOT)}: does not name {missing}")
    shown = set().union(*map(linked, DOCUMENTS))
    unseen = sorted(picture.name for picture in DOCS.rglob("*.svg") if picture.resolve() not in shown)
    require(not unseen, f"docs: no document shows {unseen}")


# Settings of the tests, not of the binary.
TESTS = {"SCIMGATE_TEST_POSTGRES", "SCIMGATE_BIN"}

for check in [check_values, check_versions, check_typed, check_leniencies, check_links, check_index]:
    check()
