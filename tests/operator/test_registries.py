"""Who is to be scored: what the watch tells, what a list corrects, and who wins."""

from __future__ import annotations

from typing import Any

import pytest

from helios.operator.adoptions import FINALIZER
from helios.operator.registries import Registry
from tests.operator.targets import body, parsed


def registry(*bodies: Any) -> Registry:
    """A registry that was told of these by a list."""
    made = Registry(parsed)
    made.take(bodies, made.begin_listing())
    return made


def names(of: Registry) -> list[str]:
    """The workloads that are scored."""
    return [target.deployment for target in of.roster().scored]


def test_a_target_is_scored_as_soon_as_the_watch_tells_of_it() -> None:
    """Added, edited and deleted, each with a new version for the loop."""
    of = registry()
    versions = [of.roster().version]
    of.see(body("web"))
    assert ["web"] == names(of)
    versions.append(of.roster().version)
    of.see(body("web", generation=2, replicas={"min": 2, "max": 5}))
    assert 5 == of.roster().scored[0].max_replicas
    versions.append(of.roster().version)
    of.see(body("web", generation=2), deleted=True)
    assert [] == names(of)
    versions.append(of.roster().version)
    assert 4 == len(set(versions))


def test_a_status_that_was_written_brings_no_cycle_forward() -> None:
    """Our own PATCH comes back by the watch: the status is taken, the version stays."""
    of = registry(body("web"))
    before = of.roster().version
    of.see(body("web", status={"model": "baseline"}))
    assert (before, "baseline") == (of.roster().version, of.roster().targets[0].status["model"])


def test_what_vanished_while_the_watch_was_away_is_dropped_by_the_next_list() -> None:
    """A delete during an outage is never told; the list finds it."""
    of = registry(body("web"), body("worker"))
    assert (1, 1) == of.take([body("web"), body("new")], of.begin_listing())
    assert ["new", "web"] == sorted(names(of))


def test_what_the_watch_told_during_a_list_is_believed_over_the_list() -> None:
    """A list is as old as its beginning."""
    of = registry(body("web"))
    since = of.begin_listing()
    of.see(body("fresh"))
    of.see(body("web"), deleted=True)
    of.take([body("web")], since)
    assert ["fresh"] == names(of)


def test_a_target_that_is_being_deleted_is_gone() -> None:
    """Somebody's finalizer may hold it for long; it is not scored meanwhile."""
    held = body("web")
    held["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    of = registry(body("web"))
    of.see(held)
    assert [] == names(of)
    assert [] == names(registry(held))


def test_of_two_targets_on_one_workload_the_older_wins() -> None:
    """Whichever is told of first; when the older goes, the other takes its place."""
    young = body("young", age=10, scaleTargetRef={"name": "web"})
    old = body("old", age=100, scaleTargetRef={"name": "web"})
    of = registry(young, old)
    assert "old" == of.roster().owners["shop", "web"].name
    assert {("shop", "young"): "old"} == {k: t.name for k, t in of.roster().conflicts.items()}
    assert {"conflict": 1, "invalid": 0} == of.roster().unscored
    of.see(old, deleted=True)
    assert {} == of.roster().conflicts
    assert ["web"] == names(of)


def test_two_kinds_of_one_name_collide() -> None:
    """Their gauges would have the same labels."""
    of = registry(
        body("a", age=9, scaleTargetRef={"name": "web"}),
        body("b", age=5, scaleTargetRef={"kind": "StatefulSet", "name": "web"}),
    )
    assert ["Deployment"] == [t.kind for t in of.roster().scored]
    assert [("shop", "b")] == list(of.roster().conflicts)


def test_an_invalid_target_costs_nobody_else_anything() -> None:
    """It is known, counted, and not scored; an invalid older one does not keep its workload from a younger."""
    of = registry(
        body("bad", age=100, scaleTargetRef={"name": "web"}, replicas={"min": 9, "max": 2}),
        body("web"),
        body("api"),
    )
    assert ["api", "web"] == sorted(names(of))
    assert {"conflict": 0, "invalid": 1} == of.roster().unscored


def test_an_edit_that_is_not_valid_leaves_the_last_valid_one_in_force() -> None:
    """A slip of the hand takes neither the gauges nor the ledger; a new object of the name inherits nothing."""
    of = registry(body("web", replicas={"max": 7}))
    before = of.roster().version
    of.see(body("web", generation=2, replicas={"min": 9, "max": 2}))
    assert (7, before) == (of.roster().scored[0].max_replicas, of.roster().version)
    assert {"conflict": 0, "invalid": 1} == of.roster().unscored
    of.see(body("web", uid="other", replicas={"min": 9, "max": 2}))
    assert [] == names(of)


def test_a_field_that_an_exchanged_crd_took_away_is_read_anew() -> None:
    """The API server drops it without a new generation."""
    of = registry(body("web", colour="blue"))
    assert [] == names(of)
    of.take([body("web")], of.begin_listing())
    assert ["web"] == names(of)


def test_a_field_that_an_old_watch_did_not_show_is_found_by_the_next_list() -> None:
    """In the second after a CRD upgrade the watch still drops it; the generation is the same."""
    of = registry()
    of.see(body("web"))
    assert None is of.roster().targets[0].problem
    of.take([body("web", colour="blue")], of.begin_listing())
    assert "colour" in (of.roster().targets[0].problem or "")


def test_a_list_of_what_is_known_changes_nothing() -> None:
    """No cycle is brought forward, no spec is made anew."""
    of = registry(body("web"))
    before, version, edits = of.roster().scored[0], of.roster().version, of.edits
    of.take([body("web")], of.begin_listing())
    assert before is of.roster().scored[0]
    assert (version, edits) == (of.roster().version, of.edits)


def test_the_late_end_of_an_older_object_does_not_take_its_successor() -> None:
    """Deleted and made anew under one name: the delete that comes late is about another uid."""
    of = registry(body("web", uid="old"))
    of.see(body("web", uid="new"))
    of.see(body("web", uid="old"), deleted=True)
    assert ["web"] == names(of)


@pytest.mark.parametrize(
    "junk", [{}, {"metadata": None}, {"metadata": []}, {"metadata": {}}, {"spec": {}}], ids=str
)
def test_what_is_no_object_is_passed_over(junk: dict[str, Any]) -> None:
    """Neither the watch nor a list can bring the registry down."""
    of = registry(body("web"))
    of.see(junk)
    of.take([junk, body("web")], of.begin_listing())
    assert ["web"] == names(of)


def test_a_target_recreated_under_its_name_is_read_anew() -> None:
    """The generation begins again at 1; the uid tells them apart."""
    of = registry(body("web", uid="one", replicas={"max": 5}))
    of.see(body("web", uid="two", replicas={"max": 7}))
    assert 7 == of.roster().scored[0].max_replicas


MUTED, ACKNOWLEDGED = "helios.dev/muted-until", "helios.dev/acknowledged"
LATE, LATER = "2026-03-01T14:00:00Z", "2026-03-01T16:00:00Z"


def annotated(*, generation: int = 1, notes: dict[str, str], **spec: Any) -> Any:
    """A HeliosTarget with annotations, which have no part in its generation."""
    made = body("web", generation=generation, **spec)
    made["metadata"]["annotations"] = notes
    return made


def test_an_annotation_counts_from_the_next_cycle_on() -> None:
    """Another version for the loop and an edit for the writer, though the generation stays; and so when it goes."""
    of = registry(body("web"))
    seen = [(of.roster().version, of.edits)]
    for notes in ({MUTED: LATE}, {MUTED: LATE, ACKNOWLEDGED: LATE}, {}):
        of.see(annotated(notes=notes))
        seen.append((of.roster().version, of.edits))
    assert [(n, n + seen[0][1] - 1) for n in range(1, 5)] == seen
    assert (None, None) == (of.roster().scored[0].muted_until, of.roster().scored[0].acknowledged)


def test_an_annotation_of_somebody_else_changes_nothing() -> None:
    """Tools write their own all the time."""
    of = registry(body("web"))
    before = of.roster().version, of.edits
    of.see(annotated(notes={"kubectl.kubernetes.io/last-applied-configuration": "{}"}))
    assert before == (of.roster().version, of.edits)


@pytest.mark.parametrize(
    ("spec", "note", "expected"),
    [(LATER, LATE, 16), (LATE, LATER, 16), (LATE, "never", 14), (None, LATE, 14)],
    ids=["the spec's is later", "the annotation's is later", "one is wrong", "one alone"],
)
def test_of_two_mutes_the_later_counts(spec: str | None, note: str, expected: int) -> None:
    """Whoever asks for quiet gets it."""
    wishes: dict[str, Any] = {"anomaly": {"mutedUntil": spec}} if spec else {}
    until = registry(annotated(notes={MUTED: note}, **wishes)).roster().scored[0].muted_until
    assert until is not None
    assert expected == until % 86_400 / 3600


def test_a_target_can_be_muted_while_its_spec_is_wrong() -> None:
    """Its last valid spec is in force, and pages."""
    of = registry(body("web"))
    assert of.roster().scored[0].muted_until is None
    of.see(annotated(generation=2, notes={MUTED: LATE}, replicas={"min": 9, "max": 2}))
    assert of.roster().scored[0].muted_until is not None


def adopter(name: str = "web", *, leaving: bool = True, **metadata: Any) -> dict[str, Any]:
    """A HeliosTarget that has adopted something, and is being deleted."""
    made = body(name)
    made["metadata"] |= {"finalizers": [FINALIZER], "resourceVersion": "7"} | metadata
    if leaving:
        made["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    return made


@pytest.mark.parametrize("told", ["watch", "list"])
def test_a_target_that_gives_back_what_it_adopted_is_not_scored_and_not_lost(told: str) -> None:
    """It is being deleted, and waits for us; when it is gone, it is gone."""
    of = registry(adopter(leaving=False))
    edits = of.edits
    if told == "watch":
        of.see(adopter())
    else:
        of.take([adopter()], of.begin_listing())
    roster = of.roster()
    assert ([], (), ["web"], edits + 1) == (
        names(of),
        roster.targets,
        [t.name for t in roster.leaving],
        of.edits,
    )
    of.take([adopter()], of.begin_listing())
    assert (["web"], edits + 1) == ([t.name for t in of.roster().leaving], of.edits)
    if told == "watch":
        of.see(adopter(), deleted=True)
    else:
        of.take([], of.begin_listing())
    assert () == of.roster().leaving


def test_a_target_that_waits_for_somebody_else_is_gone() -> None:
    """Its finalizer is not ours."""
    of = registry(adopter(finalizers=["example.com/theirs"]))
    assert ((), ()) == (of.roster().targets, of.roster().leaving)


def test_what_was_kept_with_a_target_is_known_before_the_watch_tells() -> None:
    """Or the next pass would keep it again, as it is by then."""
    of = registry(adopter(leaving=False, finalizers=[]))
    seen = of.roster().targets[0]
    of.marked(seen, adopter(leaving=False, resourceVersion="8"))
    assert ("8", True) == (of.roster().targets[0].resource_version, of.roster().targets[0].guarded)
    of.see(adopter(leaving=False, resourceVersion="9", finalizers=[]))
    of.marked(seen, adopter(leaving=False, resourceVersion="8"))
    assert "9" == of.roster().targets[0].resource_version


def test_a_target_that_was_let_go_is_forgotten_at_once() -> None:
    """The answer to the last write has no finalizer any more."""
    of = registry(adopter())
    of.marked(of.roster().leaving[0], adopter(finalizers=[], resourceVersion="8"))
    assert () == of.roster().leaving
