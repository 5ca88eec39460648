"""Runs every filter and every PATCH of the corpus on the gateway and on other SCIM libraries. Writes each disagreement to
docs/disagreements.md with its verdict from tests/conformance/verdicts.json, and fails if there is none. With --check it
writes nothing, and fails if the document would change."""

import json
import pathlib
import subprocess
import sys
import tempfile

import answers
import document

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target/conformance-tools"
DOCUMENT = ROOT / "docs/disagreements.md"
VERDICTS = ROOT / "tests/conformance/verdicts.json"


def main():
    corpus = answers.corpus(ROOT)
    found = {"filters": {}, "patches": {}}
    with tempfile.TemporaryDirectory() as folder, answers.gateway(ROOT, corpus) as (ours, discovered):
        found["filters"]["scimgate"] = answers.filters_over_http(ours, corpus)
        found["patches"]["scimgate"] = answers.patches_over_http(ours, corpus)
        with answers.scim2_server(TOOLS, pathlib.Path(folder), discovered) as theirs:
            found["filters"]["scim2-server"] = answers.filters_over_http(theirs, corpus)
            found["patches"]["scim2-server"] = answers.patches_over_http(theirs, corpus)
    found["filters"]["scim2-filter-parser"] = answers.filters_by_sql(corpus, discovered)
    node = ["node", str(ROOT / "tests/conformance/libraries.mjs"), str(TOOLS / "node")]
    for what, by_library in json.loads(subprocess.run(
            node, input=json.dumps(corpus), capture_output=True, text=True, check=True).stdout).items():
        for library, by_case in by_library.items():
            found[what][library] = {case: answers.comparable(what, answer) for case, answer in by_case.items()}

    wrong = list(answers.unexpected(corpus, found["filters"]["scimgate"]))
    for line in wrong:
        print(f"the gateway's result is not the one that the corpus expects: {line}", file=sys.stderr)
    verdicts = json.loads(VERDICTS.read_text())
    written, complaints = document.write(corpus, found, verdicts)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if "--dump" in sys.argv:
        json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
    elif "--check" in sys.argv:
        if DOCUMENT.read_text() != written:
            complaints.append("changed")
            print(f"{DOCUMENT.name} is out of date; run `make disagreements`", file=sys.stderr)
    else:
        DOCUMENT.write_text(written)
    print(document.summary(found))
    sys.exit(1 if wrong or complaints else 0)


if __name__ == "__main__":
    main()
