"""What a pod requests is added up as the HPA does it, exactly, and is unknown where it is not said."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.operator.footprints import (
    Footprint,
    PerPod,
    PodShape,
    asks_for_cpu,
    quantity,
    start_seconds,
    together,
    without_memory,
)
from tests.operator.objects import NOW, container, pod, stamp


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100m", "0.1"),
        ("1", "1"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("1Gi", "1073741824"),
        ("128974848", "128974848"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1000000000000000000"),
        ("129M", "129000000"),
        ("123n", "0.000000123"),
        ("123Mi", "128974848"),
        ("12k", "12000"),
        ("250u", "0.00025"),
        (2, "2"),
        (0.25, "0.25"),
    ],
)
def test_a_quantity_is_read_exactly(text: Any, value: str) -> None:
    """In every form in which Kubernetes writes one."""
    expected = None if text == "1E" else Decimal(value)  # an exabyte per pod is a typing error
    assert expected == quantity(text)


@pytest.mark.parametrize(
    "text",
    ["", "m", "1x", "1ki", "abc", "NaN", "Infinity", "-1", "0", "0m", "1e999999999", None, True, [], {}],
)
def test_what_is_no_positive_quantity_is_not_known(text: Any) -> None:
    """It is never zero: zero cores per pod would ask for infinitely many."""
    assert quantity(text) is None


@given(st.integers(1, 10**9), st.sampled_from([("m", -3), ("", 0), ("k", 3), ("M", 6), ("u", -6), ("n", -9)]))
def test_decimal_suffixes_are_powers_of_ten(number: int, suffix: tuple[str, int]) -> None:
    """Without a rounding error of floats on the way."""
    letter, power = suffix
    assert Decimal(number).scaleb(power) == quantity(f"{number}{letter}")


def requests(*containers: dict[str, Any], **spec: Any) -> PerPod:
    return Footprint.of({"containers": list(containers), **spec}).requests


def test_containers_and_sidecars_are_added_up() -> None:
    """A sidecar is a restartable init container; other init containers are gone when the pod runs."""
    sidecar = container("50m", "32Mi", name="proxy", restartPolicy="Always")
    once = container("2", "1Gi", name="migrate")
    found = requests(container("100m", "128Mi"), container("0.2", "1Gi"), initContainers=[sidecar, once])
    assert PerPod(0.35, 128 * 2**20 + 2**30 + 32 * 2**20) == found


def test_three_tenths_are_three_tenths() -> None:
    """A sum of quantities is as exact as its parts."""
    assert 0.3 == requests(container("100m"), container("200m")).cpu


def test_one_container_without_a_request_makes_the_pods_unknown() -> None:
    """A sidecar's request alone would make the workload look tiny."""
    assert PerPod(None, 256 * 2**20) == requests(container("100m"), container(None))


def test_a_limit_alone_is_a_request_too() -> None:
    """The API server writes it so into the pod, though not into the template."""
    found = Footprint.of({"containers": [container(None, None, limits={"cpu": "2", "memory": "1Gi"})]})
    assert Footprint(PerPod(2.0, 2.0**30), PerPod(2.0, 2.0**30)) == found


def test_a_request_of_the_whole_pod_comes_first() -> None:
    """Pod-level resources stand over those of the containers."""
    whole = {"requests": {"cpu": "3"}, "limits": {"memory": "4Gi"}}
    found = Footprint.of({"containers": [container(None)], "resources": whole})
    assert Footprint(PerPod(3.0, 4 * 2.0**30), PerPod(None, 4 * 2.0**30)) == found


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="no containers"),
        pytest.param({"containers": []}, id="empty"),
        pytest.param({"containers": [{"name": "app"}]}, id="no resources"),
        pytest.param({"containers": [{"name": "app", "resources": None}]}, id="null"),
        pytest.param({"containers": [container("0", "0")]}, id="zero"),
        pytest.param({"containers": [container("lots", "more")]}, id="words"),
    ],
)
def test_what_is_not_said_is_unknown(spec: dict[str, Any]) -> None:
    """Unknown, not zero."""
    assert Footprint() == Footprint.of(spec)


def test_the_mean_of_pods_is_unknown_where_one_is() -> None:
    """Half a picture is none."""
    one, two, none = (Footprint(PerPod(cpu, 64.0)) for cpu in (0.1, 0.3, None))
    assert Footprint(PerPod(0.2, 64.0)) == Footprint.mean([one, two])
    assert Footprint(PerPod(None, 64.0)) == Footprint.mean([one, two, none])
    assert Footprint() == Footprint.mean([])


# templates and pods

APP, PROXY = container("100m", "64Mi"), container("50m", "16Mi", name="proxy")
SILENT, BARE = container(None, None), container(None, None, name="proxy")


@pytest.mark.parametrize(
    ("template", "pods", "cores", "asks"),
    [
        pytest.param([APP], [], 0.1, True, id="no pods"),
        pytest.param([APP], [[APP]], 0.1, True, id="pods as the template says"),
        pytest.param([SILENT], [], None, None, id="a silent template alone"),
        pytest.param([SILENT], [[APP]], 0.1, True, id="a LimitRange"),
        pytest.param([SILENT], [[SILENT]], None, False, id="no LimitRange"),
        pytest.param([SILENT], [[APP, PROXY]], 0.15, True, id="a LimitRange and a sidecar"),
        pytest.param([APP], [[APP, PROXY]], 0.15, True, id="a sidecar"),
        pytest.param([APP], [[PROXY, APP], [APP]], 0.125, True, id="a sidecar in every other pod"),
        pytest.param([APP], [[APP, BARE]], None, False, id="a silent sidecar"),
        pytest.param([APP], [[APP], [APP], [APP, BARE]], None, False, id="a silent sidecar in one pod"),
        pytest.param([container("200m")], [[APP]], 0.2, True, id="a rollout to larger pods"),
        pytest.param([container("200m")], [[APP, PROXY]], 0.25, True, id="and a sidecar"),
        pytest.param([APP, PROXY], [[APP]], 0.15, True, id="a rollout to one container more"),
        pytest.param([APP, BARE], [[APP]], None, None, id="to one silent container more"),
        pytest.param([container("1", name="new")], [[APP]], 1.0, True, id="a container is renamed"),
        pytest.param(None, [], None, None, id="neither"),
        pytest.param(None, [[APP], [container("300m")]], 0.2, True, id="pods alone"),
        pytest.param(None, [[APP], [SILENT]], None, False, id="pods alone, one silent"),
    ],
)
def test_a_template_counts_at_once_and_pods_say_what_admission_added(
    template: list[Any] | None, pods: list[list[Any]], cores: float | None, asks: bool | None
) -> None:
    """Both a rollout and an injected sidecar are right; what neither says is unknown."""
    of = None if template is None else PodShape.of({"containers": template})
    shapes = Counter(PodShape.of({"containers": one}) for one in pods)
    assert (cores, asks) == (together(of, shapes).requests.cpu, asks_for_cpu(of, shapes))


NO_MEMORY = container(memory=None)
LIMITED = container(memory=None, limits={"memory": "1Gi"})


@pytest.mark.parametrize(
    ("template", "pods", "named"),
    [
        pytest.param([APP], [[APP]], "", id="requested"),
        pytest.param([LIMITED], [[LIMITED]], "", id="a limit is a request"),
        pytest.param([NO_MEMORY], [], "", id="no pod seen: a LimitRange may give it"),
        pytest.param([NO_MEMORY], [[APP]], "", id="a LimitRange"),
        pytest.param([NO_MEMORY], [[NO_MEMORY]], "app", id="neither"),
        pytest.param([APP], [[APP, BARE]], "", id="a sidecar that admission added is not in the template"),
        pytest.param([APP], [[NO_MEMORY]], "", id="a rollout that adds it"),
        pytest.param([APP, BARE], [[APP]], "", id="a container more, not seen yet"),
        pytest.param(None, [[NO_MEMORY]], "", id="no template"),
    ],
)
def test_a_container_without_memory_is_named(
    template: list[Any] | None, pods: list[list[Any]], named: str
) -> None:
    """As KEDA's webhook looks for it before it takes a memory trigger: in the template, and in what the namespace gives."""
    of = None if template is None else PodShape.of({"containers": template})
    assert named == without_memory(of, Counter(PodShape.of({"containers": one}) for one in pods))


def test_a_pod_that_has_memory_as_a_whole_names_no_container() -> None:
    """The HPA reads that first, and so does the webhook."""
    whole = {"resources": {"requests": {"memory": "1Gi"}}, "containers": [NO_MEMORY]}
    assert "" == without_memory(PodShape.of(whole), Counter([PodShape.of(whole)]))


def test_a_sidecar_lives_on_what_the_whole_pod_has() -> None:
    """Beside a request of the whole pod it adds nothing."""
    whole = {"resources": {"requests": {"cpu": "3"}}}
    template = PodShape.of({"containers": [APP], **whole})
    pods = {PodShape.of({"containers": [APP, PROXY], **whole}): 2}
    assert 3.0 == together(template, pods).requests.cpu


@given(st.integers(0, 3599))
def test_a_start_is_from_creation_to_readiness(seconds: int) -> None:
    """To the second, as Kubernetes keeps it."""
    assert float(seconds) == start_seconds(pod(start=float(seconds)))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pod(start=None), id="not ready"),
        pytest.param(pod(start=3600.0), id="an hour: ready again later"),
        pytest.param(pod(start=-1.0), id="clocks that disagree"),
        pytest.param(pod(restarts=1), id="a container was restarted"),
        pytest.param({"metadata": {}, "status": {}}, id="nothing"),
        pytest.param(
            {
                "metadata": {"creationTimestamp": stamp(NOW)},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            },
            id="no time",
        ),
        pytest.param(
            {
                "metadata": {"creationTimestamp": "yesterday"},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp(NOW)}]
                },
            },
            id="no date",
        ),
    ],
)
def test_what_is_no_start_is_left_out(body: dict[str, Any]) -> None:
    """A lead time is learned from clean starts alone."""
    assert start_seconds(body) is None
