"""Checks the Dockerfile against the repository, as far as that goes without a container runtime: the context that COPY
and .dockerignore leave is laid out in a directory of its own, and the workspace must resolve there."""

import fnmatch
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from source import COMMANDS, PORTS, ROOT, VERSION, one

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
# Lines continued by a backslash are one.
LINES = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", DOCKERFILE)).splitlines()
IGNORE = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


def require(truth, sentence):
    if not truth:
        raise SystemExit(f"deploy: Dockerfile: {sentence}")


def ignored(path):
    """Docker's rule: the last pattern that fits the path, or a folder it is in, decides."""
    names = [str(path), *(str(parent) for parent in path.parents if str(parent) != ".")]
    verdict = False
    for pattern in IGNORE:
        kept, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in path.parts)
        else:
            fits = any(name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern) for name in names)
        if fits:
            verdict = not kept
    return verdict


def copied():
    """The sources of COPY that come from the context."""
    calls = [line.split()[1:] for line in LINES if line.startswith("COPY ") and "--from=" not in line]
    return [Path(source) for call in calls for source in call[:-1]]


def lay_out(context):
    for source in copied():
        require((ROOT / source).exists(), f"COPY {source}: there is no such file")
        files = [source] if (ROOT / source).is_file() else [
            path.relative_to(ROOT) for path in (ROOT / source).rglob("*") if path.is_file()
        ]
        kept = [path for path in files if not ignored(path)]
        require(kept, f"COPY {source}: .dockerignore keeps it out of the context")
        for path in kept:
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, context / path)
    passed = {path.name for path in ROOT.iterdir() if not ignored(Path(path.name))}
    named = {source.parts[0] for source in copied()}
    require(passed == named, f".dockerignore lets {sorted(passed ^ named)} through, or keeps it out, and COPY differs")


def check_includes(context):
    """A file that the compiler reads beside the sources must be in the context, too. The image's build compiles no tests, and
    those hold documents against the code."""
    for file in (file for file in context.rglob("*.rs") if file.name != "tests.rs"):
        for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', file.read_text()):
            require((file.parent / name).exists(), f"{file.relative_to(context)} includes {name}, which no COPY brings")


def check_build(context):
    call = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    done = subprocess.run(call, cwd=context, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"the workspace does not resolve in the context:\n{done.stderr.strip()}")
    packages = {package["name"]: package for package in json.loads(done.stdout)["packages"] if package["source"] is None}
    builds = [line for line in LINES if "cargo build" in line or "cargo auditable build" in line]
    built = [name for line in builds for name in re.findall(r"--package (\S+)", line)]
    require(set(built) <= set(packages), f"--package {built}: not all of them are in the workspace")
    is_plugin = lambda package: any("cdylib" in target["crate_types"] for target in package["targets"])
    plugins = {name for name, it in packages.items() if "/plugins/" in it["manifest_path"] and is_plugin(it)}
    require(plugins == set(built) - {"scimgate-cli"}, f"it builds {built}; the plugins are {sorted(plugins)}")
    text = "\n".join(builds)
    for plugin in plugins:
        name = plugin.replace("-", "_")
        folder = "target/wasm32-unknown-unknown/plugin"
        require(any(f"{folder}/{file}.wasm" in text for file in (name, "*")), f"{name}.wasm is built and not taken along")
    require("embedded" in packages["scimgate-cli"]["features"]["default"], "--no-default-features leaves nothing out any more")
    require("cargo auditable build --locked --release" in text, "the binary must name its dependencies: cargo auditable")
    require("--no-default-features" in text, "the embedded database has no place in the image")
    require("[profile.plugin]" in (context / "Cargo.toml").read_text(), "there is no profile called plugin")


def check_settings():
    bases = [line.split()[1] for line in LINES if line.startswith("FROM ")]
    channel = one(r'channel = "([^"]+)"', (ROOT / "rust-toolchain.toml").read_text(), "the toolchain")
    require(bases[0] == f"rust:{channel}-bookworm", f"{bases[0]} is not the toolchain {channel} on bookworm")
    require(bases[1:] == ["scratch"], "the last stage must be empty but for what deploy/image/lay-out puts there")
    exposed = [int(port) for port in one(r"\nEXPOSE ([\d ]+)", DOCKERFILE, "EXPOSE").split()]
    require(exposed == list(PORTS.values()), f"EXPOSE {exposed}; the gateway's ports are {list(PORTS.values())}")
    user = one(r"\nUSER (\d+):\d+", DOCKERFILE, "USER as a number")
    pod = (ROOT / "deploy/helm/scimgate/values.yaml").read_text()
    require(int(user) > 0 and f"runAsUser: {user}\n" in pod, f"USER {user} is root, or not the chart's user")
    require(json.loads(one(r"\nENTRYPOINT (\[.*\])", DOCKERFILE, "ENTRYPOINT")) == ["/usr/local/bin/scimgate"], "ENTRYPOINT")
    require(set(json.loads(one(r"\nCMD (\[.*\])", DOCKERFILE, "CMD"))) <= set(COMMANDS), "CMD is not a command of the binary")
    require(one(r"\nARG VERSION=(\S+)", DOCKERFILE, "VERSION") == VERSION, f"VERSION is not the workspace's, {VERSION}")


check_settings()
with tempfile.TemporaryDirectory() as directory:
    lay_out(Path(directory))
    check_includes(Path(directory))
    check_build(Path(directory))
