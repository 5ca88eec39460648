"""dependencies BINARY LOCKFILE: reads the list of dependencies that cargo-auditable has embedded into a binary, the section
.dep-v0, and holds it against the lock file. Prints how many there are."""

import json
import subprocess
import sys
import tempfile
import tomllib
import zlib
from pathlib import Path


def embedded(binary):
    with tempfile.NamedTemporaryFile() as section:
        call = ["objcopy", "--dump-section", f".dep-v0={section.name}", binary, "/dev/null"]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        data = Path(section.name).read_bytes()
    if done.returncode != 0 or not data:
        raise SystemExit(f"image: {binary} has no list of its dependencies; build it with `cargo auditable build`")
    return json.loads(zlib.decompress(data))["packages"]


packages = embedded(sys.argv[1])
locked = {(package["name"], package["version"]) for package in tomllib.loads(Path(sys.argv[2]).read_text())["package"]}
unknown = [f"{it['name']} {it['version']}" for it in packages if (it["name"], it["version"]) not in locked]
if unknown:
    raise SystemExit(f"image: the lock file does not have {', '.join(unknown)}, of which the binary is made")
names = {package["name"] for package in packages}
missing = {"scimgate-cli", "scimgate", "wasmtime", "rustls", "tokio-postgres"} - names
if missing:
    raise SystemExit(f"image: the binary's list of dependencies lacks {', '.join(sorted(missing))}")
print(len([package for package in packages if package.get("kind") != "build"]))
