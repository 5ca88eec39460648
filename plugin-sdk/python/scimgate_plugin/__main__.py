"""`python -m scimgate_plugin build [folder]` makes dist/plugin.wasm of the folder's plugin.py; `python -m scimgate_plugin test
[folder]` runs its examples and the functions `test_*` of test_plugin.py."""

import importlib
import subprocess
import sys
import sysconfig
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import Callable

SDK = Path(__file__).resolve().parent.parent
WIT = next((path for path in (SDK / "wit", SDK.parent / "wit") if path.is_dir()), SDK / "wit")


def build(folder: Path) -> None:
    target = folder / "dist" / "plugin.wasm"
    target.parent.mkdir(exist_ok=True)
    tool = Path(sysconfig.get_path("scripts")) / "componentize-py"
    with tempfile.TemporaryDirectory() as staging:
        # Only what belongs into the component is on its path.
        (Path(staging) / "plugin.py").write_bytes((folder / "plugin.py").read_bytes())
        package = Path(staging) / "scimgate_plugin"
        package.mkdir()
        for source in (SDK / "scimgate_plugin").glob("*.py"):
            if source.name not in ("__main__.py", "testing.py"):
                (package / source.name).write_bytes(source.read_bytes())
        command = [str(tool), "--quiet", "-d", str(WIT), "-w", "mapping", "componentize"]
        command += ["-p", staging, "-o", str(target), "scimgate_plugin._app"]
        if subprocess.run(command, check=False).returncode != 0:
            raise SystemExit("componentize-py cannot make a component of this plugin")
    print(f"{target}: {target.stat().st_size} bytes")


def test(folder: Path) -> None:
    from . import Plugin, testing

    sys.path.insert(0, str(folder))
    module = importlib.import_module("plugin")
    plugin = next(
        it for it in vars(module).values() if isinstance(it, type) and issubclass(it, Plugin) and it is not Plugin
    )
    tests: list[tuple[str, Callable[[], object]]] = [(it["name"], partial(testing.check, plugin, it)) for it in testing.fixtures(folder / "fixtures")]
    if (folder / "test_plugin.py").exists():
        own = vars(importlib.import_module("test_plugin"))
        tests += [(name, it) for name, it in own.items() if name.startswith("test_") and callable(it)]
    failed = 0
    for name, run in tests:
        try:
            run()
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}")
        else:
            print(f"ok {name}")
    print(f"{len(tests) - failed} passed, {failed} failed")
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build" | "test" as command, *rest] if len(rest) <= 1:
            {"build": build, "test": test}[command](Path(*rest).resolve())
        case _:
            raise SystemExit("usage: python -m scimgate_plugin build|test [folder]")
