"""Write what deploy/kustomize holds a second time: the resource, the alerts, their routes, the list of dashboards.

    python scripts/make_manifests.py

Each has one source: the code (`helios crd`), alerts/helios-rules.yaml, alerts/alertmanager-config.yaml, dashboards/*.json.
A test holds the written files to them. What a Kubernetes object has no field for is refused here, not left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helios.operator.crds import crd_yaml
from scripts.routes import alertmanager_spec

ROOT = Path(__file__).parents[1]
KUSTOMIZE = ROOT / "deploy" / "kustomize"
RULES = ROOT / "alerts" / "helios-rules.yaml"
ROUTES = ROOT / "alerts" / "alertmanager-config.yaml"
TEMPLATES = ROOT / "alerts" / "templates"
DASHBOARDS = ROOT / "dashboards"

_LABELS = {"app.kubernetes.io/name": "helios"}
_RULE = {"alert", "record", "expr", "for", "labels", "annotations"}
"""What Google's ClusterRules know too."""

Object = dict[str, Any]


def main() -> None:
    """Write every file."""
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


def written() -> Mapping[Path, str]:
    """File -> what belongs into it."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    routes = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))
    templates = "".join(file.read_text(encoding="utf-8") for file in sorted(TEMPLATES.glob("*.tmpl")))
    components = KUSTOMIZE / "components"
    return {
        KUSTOMIZE / "base" / "crd.yaml": crd_yaml(),
        components / "prometheus-operator" / "prometheusrule.yaml": _text(prometheus_rule(rules), RULES),
        components / "prometheus-operator" / "alertmanagerconfig.yaml": _text(
            alertmanager_config(routes, templates, "helios"), ROUTES
        ),
        components / "gmp" / "clusterrules.yaml": _text(cluster_rules(rules), RULES),
        KUSTOMIZE / "overlays" / "saleor" / "alertmanagerconfig.yaml": _text(
            alertmanager_config(routes, templates, "saleor"), ROUTES
        ),
        DASHBOARDS / "kustomization.yaml": _text(dashboards(), DASHBOARDS),
    }


def prometheus_rule(rules: Object) -> Object:
    """The alerts for the prometheus-operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "helios", "namespace": "helios", "labels": _LABELS},
        "spec": {"groups": _groups(rules)},
    }


def cluster_rules(rules: Object) -> Object:
    """The alerts for Google's Managed Prometheus; its `Rules` would see the series of one namespace alone."""
    return {
        "apiVersion": "monitoring.googleapis.com/v1",
        "kind": "ClusterRules",
        "metadata": {"name": "helios", "labels": _LABELS},
        "spec": {"groups": _groups(rules)},
    }


def alertmanager_config(routes: Object, templates: str, namespace: str) -> Object:
    """The routes for one namespace' alerts: an AlertmanagerConfig sees no others."""
    return {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": {"name": "helios", "namespace": namespace, "labels": _LABELS},
        "spec": alertmanager_spec(routes, templates),
    }


def dashboards() -> Object:
    """One ConfigMap for each dashboard, as Grafana's sidecar looks for them."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "generatorOptions": {"disableNameSuffixHash": True, "labels": {**_LABELS, "grafana_dashboard": "1"}},
        "configMapGenerator": [
            {"name": file.stem, "namespace": "helios", "files": [file.name]}
            for file in sorted(DASHBOARDS.glob("*.json"))
        ],
    }


def _groups(rules: Object) -> list[Object]:
    for group in rules["groups"]:
        unknown = group.keys() - {"name", "interval", "rules"}
        unknown |= {key for rule in group["rules"] for key in rule.keys() - _RULE}
        if unknown:
            raise ValueError(f"{RULES.name}: group {group['name']}: no ClusterRules know {sorted(unknown)}")
    return list(rules["groups"])


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as people write them, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """Everything is written out."""
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def _text(content: Object, source: Path) -> str:
    head = f"# Written by scripts/make_manifests.py from {source.relative_to(ROOT)}; change that.\n"
    return head + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    main()
