"""Runs the corpus on servers over HTTP and on libraries in this process."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from filter_parser import GROUP, USER, Tables

CORPUS = "gateway/scim/testdata/corpus"
PATCHES = "gateway/scim/testdata/patch"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENDPOINTS = {"User": "/Users", "Group": "/Groups"}
BASE = {"User": USER, "Group": GROUP}


def corpus(root):
    """The documents, the filters, the PATCH requests, and their schemas."""
    read = lambda path: json.loads((root / path).read_text())
    filters = [json.loads(line) for line in (root / CORPUS / "filters.jsonl").read_text().splitlines()]
    schemas = [read(f"{CORPUS}/schema.json"), read(f"{PATCHES}/odd-schema.json"),
               *(it["schema"] for it in read("gateway/scim/src/schema/packs/ws1b.json")["extensions"])]
    return {"documents": read(f"{CORPUS}/documents.json"), "filters": filters,
            "patches": list(patches(root / PATCHES)), "schemas": schemas}


def patches(folder):
    """The recorded PATCH requests for all libraries: without those that need other settings of a tenant, or unknown
    attributes that were kept before. A group has members before."""
    for path in sorted(folder.glob("*.json")):
        cases = json.loads(path.read_text())
        for case in cases if isinstance(cases, list) else []:
            odd = {"leniencies", "without", "unknown", "flagOff", "profile"} & case.keys()
            operations = case.get("patch") or []
            if isinstance(operations, dict):
                operations = operations.get("Operations")
            if odd or not isinstance(operations, list) or not case["before"]:
                continue
            type_ = case.get("type", "User")
            before = {"schemas": [BASE[type_]], **case["before"]}
            before["schemas"] = [BASE[type_]] + [key for key in before if key.startswith("urn:")]
            if type_ == "Group":
                before["members"] = [{"value": value} for value in ("u1", "u2", "u3")]
            elif "userName" not in before:
                continue
            yield {"id": f"{path.stem}: {case['name']}", "type": type_, "before": before, "operations": operations}


class Server:
    """A SCIM endpoint."""

    def __init__(self, base, token=None):
        self.base, self.token = base.rstrip("/"), token

    def send(self, method, path, body=None):
        headers = {"Content-Type": "application/scim+json", "Accept": "application/scim+json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read()
                return response.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, None

    def made(self, path, body):
        status, answer = self.send("POST", path, body)
        if status != 201:
            raise RuntimeError(f"{self.base}{path} was answered {status} for {json.dumps(body)}")
        return answer


@contextlib.contextmanager
def running(command, environment=None):
    """A process that is ended afterwards."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def gateway(root, asked):
    """The built binary with a tenant that has the corpus's schemas, and its discovery documents."""
    plugins = root / "target/wasm32-unknown-unknown/plugin"
    ports = ["--port", "0", "--internal-port", "0", "--probe-port", "0", "--bind", "127.0.0.1"]
    command = [root / "target/debug/scimgate", "dev", "--ephemeral", "--json", *ports, "--plugins", plugins]
    with running(command, {"PATH": os.environ["PATH"], "SCIMGATE_LOG": "off"}) as process:
        ready = json.loads(process.stdout.readline())
        admin = Server(ready["admin_url"], ready["operator_key"])
        admin.made("/tenants", {"name": "corpus"})
        for schema in asked["schemas"]:
            admin.made("/tenants/corpus/schemas", {"schema": schema})
        token = admin.made("/tenants/corpus/tokens", {"scope": "scim"})["secret"]
        server = Server(ready["tenant_url"], token)
        discovered = {name: server.send("GET", f"/{name}")[1]["Resources"] for name in ("Schemas", "ResourceTypes")}
        yield server, discovered


@contextlib.contextmanager
def scim2_server(tools, folder, discovered):
    """The reference server, with the same schemas."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = []
    for option, name in (("--schema", "Schemas"), ("--resource-type", "ResourceTypes")):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(discovered[name]))
        arguments += [option, path]
    command = [tools / "python/bin/scim2-server", "--port", str(port), *arguments]
    with running(command) as process:
        server = Server(f"http://127.0.0.1:{port}")
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if server.send("GET", "/ServiceProviderConfig")[0] == 200:
                    break
            if process.poll() is not None:
                raise RuntimeError("scim2-server ended")
            time.sleep(0.1)
        yield server


def filters_over_http(server, asked):
    """Creates every document, sends every filter, deletes every document."""
    names = {}
    for type_, documents in asked["documents"].items():
        for name, body in documents.items():
            names[server.made(ENDPOINTS[type_], body)["id"]] = (type_, name)
    found = {}
    for case in asked["filters"]:
        path = f"{ENDPOINTS[case['type']]}?count=100&filter={urllib.parse.quote(case['filter'])}"
        status, answer = server.send("GET", path)
        listed = (answer or {}).get("Resources") or []
        found[case["id"]] = sorted(names[it["id"]][1] for it in listed) if status == 200 else "error"
    for id_, (type_, _) in names.items():
        server.send("DELETE", f"{ENDPOINTS[type_]}/{id_}")
    return found


def patches_over_http(server, asked):
    """Each PATCH on a resource of its own."""
    found = {}
    for case in asked["patches"]:
        endpoint = ENDPOINTS[case["type"]]
        status, made = server.send("POST", endpoint, case["before"])
        if status != 201:
            found[case["id"]] = "not created"
            continue
        path = f"{endpoint}/{made['id']}"
        status, _ = server.send("PATCH", path, {"schemas": [PATCH], "Operations": case["operations"]})
        answer = server.send("GET", path)[1] if status in (200, 204) else "error"
        found[case["id"]] = comparable("patches", answer)
        server.send("DELETE", path)
    return found


def filters_by_sql(asked, discovered):
    schemas = {schema["id"]: schema for schema in discovered["Schemas"]}
    found = {}
    for type_, documents in asked["documents"].items():
        core = BASE[type_]
        known = [core] + ([it for it in schemas if it not in (USER, GROUP)] if type_ == "User" else [])
        # Attributes of every resource, which discovery does not list.
        common = {"id": core, "attributes": [{"name": "externalId", "type": "string", "caseExact": True},
                                             {"name": "schemas", "type": "reference", "multiValued": True, "caseExact": True}]}
        tables = Tables(core, documents, [common, *(schemas[urn] for urn in known)])
        found |= {case["id"]: tables.answer(case["filter"]) for case in asked["filters"] if case["type"] == type_}
    return found


def unexpected(asked, found):
    for case in asked["filters"]:
        expected = sorted(case["matches"]) if "matches" in case else "error"
        if found[case["id"]] != expected:
            yield f"{case['id']}: {case['filter']}: {found[case['id']]}, and not {expected}"


def comparable(what, answer):
    """The comparable part of a result: without ids, times, addresses, order and unassigned attributes."""
    if what == "filters":
        return sorted(answer) if isinstance(answer, list) else answer
    if not isinstance(answer, dict):
        return answer
    return settled({key: value for key, value in answer.items() if key.lower() not in ("id", "meta", "groups", "schemas")})


def settled(value):
    if isinstance(value, dict):
        parts = {key: settled(part) for key, part in value.items() if key not in ("$ref",)}
        return {key: parts[key] for key in sorted(parts) if parts[key] not in (None, [], {})}
    if isinstance(value, list):
        return sorted((settled(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
    return value
