"""Alertmanager's own configuration as the prometheus-operator's AlertmanagerConfig, whose words and reach are others.

It holds the routes of Helios' alerts alone, has no templates (they are written out where they are used), no time zone but
UTC, and reads secrets from a Secret of its own namespace. What cannot be said in it is refused, not left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MOUNTED = re.compile(r"/etc/alertmanager/secrets/(?P<name>[^/]+)/(?P<key>[^/]+)")
"""Where the prometheus-operator mounts a Secret for its Alertmanager: its name, its key."""

_KEYS = ("route", "receivers", "inhibit_rules", "time_intervals", "templates")
_MATCHER = re.compile(r'\s*(?P<name>\w+)\s*(?P<matchType>=~|!~|!=|=)\s*"?(?P<value>.*?)"?\s*')
_MATCHERS = {"matchers": "matchers", "source_matchers": "sourceMatch", "target_matchers": "targetMatch"}
_RENAMED = {"url_file": "urlSecret"}
_ACTION = re.compile(
    r'{{-? (?P<word>define|block|if|range|with|end)\b(?: "(?P<name>[^"]+)")?.*?}}', re.DOTALL
)
_USED = re.compile(r'{{ template "(?P<name>[^"]+)" \. }}')

Object = dict[str, Any]


def alertmanager_spec(native: Mapping[str, Any], templates: str) -> Object:
    """The `spec` of an AlertmanagerConfig.

    Args:
        native: Alertmanager's configuration; its first route but the root is that of Helios' alerts.
        templates: the text of its template files.

    Raises:
        ValueError: something that an AlertmanagerConfig has no words for.
    """
    if unknown := native.keys() - set(_KEYS):
        raise ValueError(f"{sorted(unknown)} cannot become part of an AlertmanagerConfig")
    (route,) = native["route"]["routes"]
    receivers, intervals = set(_values(route, "receiver")), set(_values(route, "active_time_intervals"))
    intervals |= set(_values(route, "mute_time_intervals"))
    inherited = {key: value for key, value in native["route"].items() if key not in ("receiver", "routes")}
    spec = {
        "route": inherited | route,
        "receivers": [one for one in native["receivers"] if one["name"] in receivers],
        "inhibit_rules": native.get("inhibit_rules", []),
        "mute_time_intervals": [one for one in native.get("time_intervals", []) if one["name"] in intervals],
    }
    return _written_out(_camel(spec), dict(_definitions(templates)))


def _values(route: Mapping[str, Any], key: str) -> Iterator[str]:
    """What a route and those below it say under `key`."""
    value = route.get(key, [])
    yield from [value] if isinstance(value, str) else value
    for below in route.get("routes", ()):
        yield from _values(below, key)


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    return dict(_field(key, inner) for key, inner in value.items() if not _is_default(key, inner))


def _is_default(key: str, value: Any) -> bool:
    if key == "location" and value != "UTC":
        raise ValueError(f"location {value}: an AlertmanagerConfig knows UTC alone")
    return key == "location"


def _field(key: str, value: Any) -> tuple[str, Any]:
    if key in _MATCHERS:
        return _MATCHERS[key], [_matcher(one) for one in value]
    if key.endswith("_file"):
        secret = MOUNTED.fullmatch(value)
        if secret is None:
            raise ValueError(f"{key}: {value} is not where a Secret is mounted: {MOUNTED.pattern}")
        return _RENAMED.get(key) or _camel_case(key.removesuffix("_file")), secret.groupdict()
    return _camel_case(key), _camel(value)


def _camel_case(key: str) -> str:
    first, *more = key.split("_")
    return first + "".join(word.upper() if word == "url" else word.capitalize() for word in more)


def _matcher(text: str) -> Object:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is not one matcher")
    return found.groupdict()


def _definitions(templates: str) -> Iterator[tuple[str, str]]:
    """Name and body of each definition: up to the `{{ end }}` that is its own."""
    depth, name, start = 0, "", 0
    for action in _ACTION.finditer(templates):
        if action["word"] == "define":
            depth, name, start = 0, action["name"], action.end()
        elif action["word"] != "end":
            depth += 1
        elif depth:
            depth -= 1
        else:
            body = templates[start : action.start()]
            if "$" in body:
                raise ValueError(f"template {name}: `$` means another thing where it is written out")
            yield name, body


def _written_out(value: Any, definitions: Mapping[str, str]) -> Any:
    """Each use of a template replaced by its body."""
    if isinstance(value, list):
        return [_written_out(one, definitions) for one in value]
    if isinstance(value, dict):
        return {key: _written_out(inner, definitions) for key, inner in value.items()}
    while isinstance(value, str) and (used := _USED.search(value)):
        if used["name"] not in definitions:
            raise ValueError(f"template {used['name']} is defined nowhere")
        value = value[: used.start()] + definitions[used["name"]] + value[used.end() :]
    return value
