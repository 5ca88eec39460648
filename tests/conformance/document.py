"""Writes docs/disagreements.md: every disagreement under the verdict that covers it, and the counts."""

import json

HEAD = """# Disagreements

<!-- Written by `make disagreements`: change tests/conformance/verdicts.json or the corpus. -->

The same filters and PATCH requests were sent to the gateway and to other SCIM libraries. This page has every case in
which the results differ, with who is right and by which clause. The corpus is
[gateway/scim/testdata/corpus](../gateway/scim/testdata/corpus/) (filters, each with its expected result) and
[gateway/scim/testdata/patch](../gateway/scim/testdata/patch/) (PATCH). The gateway is the built binary over HTTP, with a tenant
on the profile `auto`; scim2-server runs over HTTP with the gateway's schemas, the libraries in a process
of their own with the documents as they were sent. scim2-filter-parser generates SQL, which is run on SQLite; the filter
libraries for Node get no schemas, as usual.

A result is the names of the users found, `error` for a refusal or an exception, or the resource afterwards without ids,
times and unassigned attributes.
"""

RIGHT = {"scimgate": "the gateway", "theirs": "the other", "open": "not decided by the RFCs"}
WHAT = {"filters": "Filters", "patches": "PATCH"}


def write(corpus, found, verdicts):
    """The document, and complaints about the verdicts."""
    cases = {what: {case["id"]: case for case in corpus[what]} for what in WHAT}
    left = {(library, what, case) for what in WHAT for library, answers in found[what].items()
            for case, answer in answers.items() if answer != found[what]["scimgate"][case]}
    all_, complaints, sections = set(left), [], {}
    for verdict in verdicts:
        library, what = verdict["of"], verdict["in"]
        here = [case for case in verdict["cases"] if (library, what, case) in left]
        stale = [case for case in verdict["cases"] if (library, what, case) not in all_]
        complaints += [f"{library} and the gateway agree on {case} now: remove it from its verdict" for case in stale]
        left -= {(library, what, case) for case in here}
        if here:
            sections.setdefault(library, {}).setdefault(what, []).append((verdict, here))
    complaints += [f"{library} differs on {case}, and there is no verdict" for library, what, case in sorted(left)]
    text = [HEAD, counts(found, verdicts, all_)]
    for library in sorted(sections):
        text.append(f"\n## {library}\n")
        for what, title in WHAT.items():
            for verdict, here in sections[library].get(what, []):
                text.append(section(verdict, here, title, found[what], cases[what]))
    return "".join(text), complaints


def counts(found, verdicts, disagreements):
    lines = ["\n| | cases | agree | the gateway is right | the other is right | not decided |\n|---|---|---|---|---|---|\n"]
    right = {(verdict["of"], verdict["in"], case): verdict["right"] for verdict in verdicts for case in verdict["cases"]}
    for what, title in WHAT.items():
        for library, answers in found[what].items():
            if library == "scimgate":
                continue
            here = [right.get(it) for it in disagreements if it[:2] == (library, what)]
            numbers = [len(answers), len(answers) - len(here), *(here.count(who) for who in RIGHT)]
            lines.append(f"| {library}, {title} | {' | '.join(map(str, numbers))} |\n")
    return "".join(lines)


def section(verdict, here, title, found, cases):
    lines = [f"\n### {title}: {verdict['title']}\n\n",
             f"Right: **{RIGHT[verdict['right']]}**. {verdict['clause']}. {verdict['why']}\n\n",
             f"| case | | the gateway | {verdict['of']} |\n|---|---|---|---|\n"]
    for case in here:
        asked = cases[case].get("filter")
        if asked is None:
            asked = json.dumps(cases[case]["operations"], ensure_ascii=False)
        answers = [shown(found[who][case], cases[case]) for who in ("scimgate", verdict["of"])]
        lines.append(f"| {cell(case)} | {code(asked)} | {answers[0]} | {answers[1]} |\n")
    return "".join(lines)


def shown(answer, case):
    if isinstance(answer, list):
        return ", ".join(answer) or "none"
    if isinstance(answer, str) or answer is None:
        return str(answer)
    # Without the unchanged name, which every resource has.
    name = {"User": "userName", "Group": "displayName"}[case["type"]]
    changed = {key: value for key, value in answer.items() if key != name or value != case["before"].get(name)}
    return code(json.dumps(changed, ensure_ascii=False))


def code(text):
    text = text.replace("urn:ietf:params:scim:schemas:extension:", "…").replace("\u0000", "\\u0000")
    return f"<code>{cell(text.replace('&', '&amp;').replace('<', '&lt;'))}</code>" if text else "(empty)"


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def summary(found):
    lines = []
    for what in WHAT:
        ours = found[what]["scimgate"]
        for library, answers in found[what].items():
            if library != "scimgate":
                same = sum(answer == ours[case] for case, answer in answers.items())
                lines.append(f"{library}, {what}: {same} of {len(answers)} answers are the gateway's")
    return "\n".join(lines)
