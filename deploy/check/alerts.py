"""Checks the alerts and the dashboard: every metric that they use is in docs/metrics.md, every alert has its section in docs/alerts.md and
its case in alerts-test.yaml, and promtool evaluates them all.

alerts.py <promtool>"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from source import ROOT

(promtool,) = sys.argv[1:]
MONITORING = ROOT / "deploy/helm/scimgate/monitoring"
RULES = MONITORING / "alerts.yaml"
CASES = ROOT / "deploy/check/alerts-test.yaml"

alerts = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
dashboard = json.loads((MONITORING / "dashboard.json").read_text())
shown = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def require(truth, sentence):
    if not truth:
        raise SystemExit(f"deploy: {sentence}")


def run(*arguments):
    done = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True)
    require(done.returncode == 0, f"promtool {arguments[0]} {arguments[1]}:\n{done.stdout}{done.stderr}")


def check_metrics():
    page = (ROOT / "docs/metrics.md").read_text()
    known = set()
    for name, kind in re.findall(r"(?m)^\| `([a-z_]+)` \| (\w+) \|", page):
        known |= {f"{name}{suffix}" for suffix in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    for expression in [*(alert["expr"] for alert in alerts), *shown]:
        used = set(re.findall(r"\b(?:scimgate|process)_[a-z_]+\b", expression))
        require(used, f"uses no metric: {expression}")
        require(used <= known, f"docs/metrics.md has no {sorted(used - known)}: {expression}")


def check_sections():
    page = (ROOT / "docs/alerts.md").read_text()
    sections = dict(re.findall(r"(?ms)^## (\w+)\n(.*?)(?=^## |\Z)", page))
    names = [alert["alert"] for alert in alerts]
    require(sorted(sections) == sorted(names), f"docs/alerts.md and the alerts differ in {sorted(set(sections) ^ set(names))}")
    for name, text in sections.items():
        for part in ("**Means.**", "**Look at.**", "**Do.**"):
            require(part in text, f"docs/alerts.md: {name} has no {part}")


def check_cases():
    fired = set()
    for test in yaml.safe_load(CASES.read_text())["tests"]:
        fired |= {case["alertname"] for case in test["alert_rule_test"] if case["exp_alerts"]}
    missing = {alert["alert"] for alert in alerts} - fired
    require(not missing, f"alerts-test.yaml fires no {sorted(missing)}")


def evaluate():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for file in (RULES, CASES):
            (folder / file.name).write_text(file.read_text())
        run("check", "rules", folder / RULES.name)
        run("test", "rules", folder / CASES.name)
        # What a panel shows is the expression of a rule, too.
        plain = [re.sub(r"\$namespace", ".*", expression) for expression in shown]
        rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(plain)]
        (folder / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        run("check", "rules", folder / "panels.yaml")


for check in (check_metrics, check_sections, check_cases, evaluate):
    check()
