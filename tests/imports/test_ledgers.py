"""A running Helios is asked for its ledgers; where there is none, the message says how to get there."""

from __future__ import annotations

import pytest

from helios.imports.ledgers import LedgersAwayError, figures
from tests.imports.objects import figures as example
from tests.sources.web_servers import Reply, json_reply, refused, said, serve


def test_the_figures_of_every_target_are_read() -> None:
    """From /targets, below whatever path the address has."""
    one = example()
    content = {"cycle": 7, "targets": [{**one.model_dump(), "of_another_version": 1}]}
    with serve(lambda _: json_reply(content)) as helios:
        assert (one,) == figures(f"{helios.url}/helios/")
        assert ["/helios/targets"] == [request.path for request in helios.requests]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(said(404, "not here"), "404", id="somebody else's page"),
        pytest.param(said(200, "<html>"), "is no Helios of this version", id="a web page"),
        pytest.param(said(200, '{"targets": [{}]}'), "is no Helios of this version", id="another shape"),
        pytest.param(said(503, "{}"), "503", id="an operator that is away"),
        pytest.param(lambda _: Reply(200, [b'{"targets"'], length=100), "no Helios answers", id="broken off"),
    ],
)
def test_what_is_no_answer_is_said(reply: object, words: str) -> None:
    """With the way to get one."""
    with serve(reply) as other, pytest.raises(LedgersAwayError, match=words):  # type: ignore[arg-type]
        figures(other.url)


def test_where_nobody_listens_the_way_there_is_said() -> None:
    """As a command."""
    with pytest.raises(
        LedgersAwayError, match="kubectl port-forward --namespace helios service/helios-inference 8080"
    ):
        figures(refused())


@pytest.mark.parametrize("url", ["helios", "ftp://helios:8080", "http://helios:port", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """With an example."""
    with pytest.raises(LedgersAwayError, match="is no address"):
        figures(url)


def test_credentials_are_not_repeated() -> None:
    """The message may end up in a log."""
    with pytest.raises(LedgersAwayError) as caught:
        figures(refused().replace("http://", "http://ann:secret@"))
    assert "secret" not in str(caught.value)
