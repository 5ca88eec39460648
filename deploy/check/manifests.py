"""Checks rendered manifests: against Kubernetes' schemas, strictly, and for what they must and must not say.

manifests.py <rendered> <values> <version of Kubernetes>"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import yaml

from source import COMMANDS, PORTS, ROOT, SETTINGS, VERSION, seconds

MONITORING = ROOT / "deploy/helm/scimgate/monitoring"

rendered, values_file, kubernetes = sys.argv[1:]
text = Path(rendered).read_text()
documents = [document for document in yaml.safe_load_all(text) if document]
values = yaml.safe_load(Path(values_file).read_text())


def require(truth, sentence):
    if not truth:
        raise SystemExit(f"deploy: {values_file} on Kubernetes {kubernetes}: {sentence}")


def of(kind):
    return [document for document in documents if document["kind"] == kind]


def name(document):
    return f"{document['kind']} {document['metadata']['name']}"


def check_schemas():
    for document in documents:
        if document["apiVersion"].startswith(("gateway.networking.k8s.io/", "monitoring.coreos.com/")):
            # Not a part of Kubernetes; check_networks and check_monitoring look at it.
            continue
        try:
            kubernetes_validate.validate(document, kubernetes, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as refused:
            require(False, f"{name(document)}: {'.'.join(map(str, getattr(refused, 'path', [])))}: {refused.message}")
    names = [name(document) for document in documents]
    require(len(set(names)) == len(names), "two documents have one name")


def check_secrets():
    require(not of("Secret"), "the chart makes no Secret")
    require("postgres://" not in text, "a database's address stands in the manifests")
    for document, container in containers():
        for variable in container["env"]:
            secret = re.search(r"DATABASE_URL|KEY|TOKEN|SECRET|PASSWORD", variable["name"])
            require(not secret or "secretKeyRef" in variable.get("valueFrom", {}), f"{name(document)}: {variable['name']} is plain")
            require(variable["name"] in SETTINGS, f"{name(document)}: {variable['name']} is not a setting of the binary")


def pod_of(document):
    return document["spec"] if document["kind"] == "Pod" else document["spec"]["template"]["spec"]


def containers():
    for document in of("Deployment") + of("Job") + of("Pod"):
        (container,) = pod_of(document)["containers"]
        yield document, container


def check_pods():
    for document, container in containers():
        pod, where = pod_of(document), name(document)
        require(pod["securityContext"].get("runAsNonRoot") is True, f"{where}: may run as root")
        require(pod["securityContext"].get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: no seccomp profile")
        require(pod.get("automountServiceAccountToken") is False, f"{where}: mounts a token")
        require(pod.get("enableServiceLinks") is False, f"{where}: a Service called scimgate would set SCIMGATE_PORT")
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        require(container["securityContext"] == wanted, f"{where}: the container may more than it needs")
        require("memory" in container["resources"]["limits"], f"{where}: no limit on memory")
        require("command" not in container, f"{where}: the image has no command but scimgate")
        require(container["args"][0] in COMMANDS, f"{where}: scimgate has no command {container['args'][0]}")
        tag = values["image"].get("digest") or VERSION
        require(container["image"].endswith(tag), f"{where}: {container['image']} is not {tag}")


def check_deployment():
    (deployment,) = of("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    require(ports == PORTS, f"its ports are {ports}, the gateway's {PORTS}")
    for probe, path in {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}.items():
        require(container[probe]["httpGet"] == {"path": path, "port": "probes"}, f"{probe} does not ask {path}")
    patience = seconds("gateway/src/http/probe.rs", "DATABASE_TIMEOUT")
    require(container["readinessProbe"]["timeoutSeconds"] > patience, f"the gateway answers /readyz after {patience} s at most")
    wait = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    least = wait + seconds("gateway/src/config.rs", "drain") + 2
    require(pod["terminationGracePeriodSeconds"] > least, f"requests under way need {least} s")
    require(container["args"] == ["serve"], "it must serve")
    given = {variable["name"] for variable in container["env"]}
    scaled = values.get("autoscaling", {}).get("enabled", False)
    require(("replicas" in deployment["spec"]) != scaled, "replicas are given, or an autoscaler, and not both")
    require(len(of("HorizontalPodAutoscaler")) == scaled, "an autoscaler if it is enabled, and only then")
    divided = next(int(variable["value"]) for variable in container["env"] if variable["name"] == "SCIMGATE_REPLICAS")
    most = of("HorizontalPodAutoscaler")[0]["spec"]["maxReplicas"] if scaled else deployment["spec"]["replicas"]
    require(divided == most, f"rates are divided by {divided}, and there are {most} pods at most")
    root = values.get("rootKey", {})
    for setting, wanted in {"SCIMGATE_ROOT_KEY": "existingSecret", "SCIMGATE_PREVIOUS_ROOT_KEY": "previousKey"}.items():
        require((setting in given) == bool(root.get(wanted)), f"{setting} is given if rootKey.{wanted} is, and only then")


def check_migration():
    (job,) = of("Job")
    container = job["spec"]["template"]["spec"]["containers"][0]
    require(container["args"] == ["migrate"], "the Job must migrate")
    if values.get("migration", {}).get("hook", True):
        require(job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade", "migrations run first")
        made = {document["metadata"]["name"] for document in of("ServiceAccount")}
        account = job["spec"]["template"]["spec"].get("serviceAccountName")
        require(account not in made, "before an installation the account is not there yet")
    else:
        require("annotations" not in job["metadata"], "it is not a hook")
        require(re.search(r"-migrate-[0-9a-f]{8}$", job["metadata"]["name"]), "a Job cannot be changed: its pod is in its name")
    is_pooled = values["database"].get("pooler") == "transaction"
    through = [document["kind"] for document, it in containers() if any(v["name"] == "SCIMGATE_POOLER" for v in it["env"])]
    require(through == (["Deployment", "Pod"] if is_pooled else []), f"what goes through the pooler: {through}")
    secret = container["env"][0]["valueFrom"]["secretKeyRef"]["name"]
    wanted = values.get("migration", {}).get("existingSecret") or values["database"]["existingSecret"]
    require(secret == wanted, f"the migration reads the Secret {secret} in place of {wanted}")


def check_services():
    labels = of("Deployment")[0]["spec"]["template"]["metadata"]["labels"]
    others = of("Job")[0]["spec"]["template"]["metadata"]["labels"]
    selectors = [service["spec"]["selector"] for service in of("Service")]
    selectors += [policy["spec"]["podSelector"]["matchLabels"] for policy in of("NetworkPolicy")]
    selectors += [budget["spec"]["selector"]["matchLabels"] for budget in of("PodDisruptionBudget")]
    selectors.append(of("Deployment")[0]["spec"]["selector"]["matchLabels"])
    for selector in selectors:
        require(selector.items() <= labels.items(), f"{selector} does not find the gateway's pods")
        require(not selector.items() <= others.items(), f"{selector} finds the migration's pod")
    ports = {port["targetPort"]: port["port"] for service in of("Service") for port in service["spec"]["ports"]}
    chosen = {door: values.get("service", {}).get(door, {}).get("port", port) for door, port in PORTS.items()}
    require(ports == chosen, f"the Services' ports are {ports}")
    require(all(len(service["spec"]["ports"]) == 1 for service in of("Service")), "a Service opens more than one door")
    pods = values.get("autoscaling", {}).get("maxReplicas") or of("Deployment")[0]["spec"]["replicas"]
    require((len(of("PodDisruptionBudget")) == 1) == (pods > 1), "the disruption budget")


# What identity providers and their administrators reach, and nobody else needs more of.
PUBLIC_PATHS = ["/scim", "/t", "/oauth2", "/.well-known/oauth-authorization-server", "/setup"]


def check_networks():
    for policy in of("NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            open_ = {port["port"] for port in rule["ports"]}
            require(rule.get("from") or open_ == {"public"}, f"everybody may reach {sorted(open_)}")
            require(len(open_) == 1, "a rule opens more than one door")
    public = next(s["metadata"]["name"] for s in of("Service") if s["spec"]["ports"][0]["targetPort"] == "public")
    for ingress in of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            require(rule["host"], "an Ingress for every host")
            require([path["path"] for path in rule["http"]["paths"]] == PUBLIC_PATHS, "it publishes the public paths, no more")
            names = {path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
            require(names == {public}, f"the Ingress leads to {sorted(names)}")
            require(rule["host"] == urlsplit(values["publicUrl"]).hostname, "the Ingress has another host than publicUrl")
    for route in of("HTTPRoute"):
        (rule,) = route["spec"]["rules"]
        require(route["spec"]["hostnames"] == [urlsplit(values["publicUrl"]).hostname], "the route has another host than publicUrl")
        require([match["path"]["value"] for match in rule["matches"]] == PUBLIC_PATHS, "it publishes the public paths, no more")
        port = next(s["spec"]["ports"][0]["port"] for s in of("Service") if s["metadata"]["name"] == public)
        require(rule["backendRefs"] == [{"name": public, "port": port}], f"the route leads to {rule['backendRefs']}")


def check_monitoring():
    asked = values.get("metrics", {})
    for kind, value in {"ServiceMonitor": "serviceMonitor", "PrometheusRule": "alerts", "ConfigMap": "dashboards"}.items():
        wanted = asked.get(value, {}).get("enabled", False)
        require(len(of(kind)) == wanted, f"a {kind} if metrics.{value}.enabled, and only then")
    for monitor in of("ServiceMonitor"):
        selector = monitor["spec"]["selector"]["matchLabels"]
        found = [s for s in of("Service") if selector.items() <= s["metadata"]["labels"].items()]
        (endpoint,) = monitor["spec"]["endpoints"]
        ports = [port["name"] for service in found for port in service["spec"]["ports"]]
        require(ports == [endpoint["port"]], f"the monitor reads the ports {ports}")
        require(endpoint["path"] == "/metrics", "the gateway has its metrics at /metrics")
        require(monitor["metadata"]["labels"].items() >= asked["serviceMonitor"].get("labels", {}).items(), "the monitor's labels")
    for rules in of("PrometheusRule"):
        source = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
        require(rules["spec"] == source, "the rules differ from monitoring/alerts.yaml")
    for dashboards in of("ConfigMap"):
        (shown,) = dashboards["data"].values()
        require(json.loads(shown) == json.loads((MONITORING / "dashboard.json").read_text()), "the dashboard is another one")


for check in [
    check_schemas, check_secrets, check_pods, check_deployment, check_migration, check_services, check_networks, check_monitoring,
]:
    check()
