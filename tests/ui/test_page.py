"""What a reader of the page gets: the fleet at a glance, one target in full, and the truth about the connection."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.ui.builders import NOW, after, calibrating, critical, report, silent
from tests.ui.conftest import Tab
from tests.ui.servers import Served

MINUS, SIGMA = "\u2212", "\u03c3"

pytestmark = pytest.mark.integration


def test_fleet_shows_recommended_against_current(tab: Tab) -> None:
    """Each row says how many replicas run, how many are recommended, and the difference with its direction."""
    page = tab.open()
    up = page.get_by_role("row", name="saleor-api")
    expect(up.locator(".c-replicas")).to_have_text("2 → 4▲ +2")
    expect(up.locator(".c-reason")).to_contain_text("demand is expected to reach 2.4 cores")
    expect(up.locator(".c-anomaly")).to_contain_text("normal")
    expect(up.locator(".c-ledger")).to_contain_text("-14 % replica-hours")
    expect(page.get_by_role("row", name="saleor-worker").locator(".c-replicas")).to_have_text(
        f"5 → 3▼ {MINUS}2"
    )
    expect(page.locator(".totals")).to_contain_text("7 → 7")


def test_click_opens_target_with_three_charts(tab: Tab) -> None:
    """One click on a row shows that target with its demand, its replicas and its score drawn; back returns to the fleet."""
    page = tab.open()
    page.get_by_role("row", name="saleor-api").locator(".c-reason").click()
    expect(page.get_by_role("heading", name="saleor-api")).to_be_focused()
    expect(page.locator(".uplot canvas")).to_have_count(3)
    expect(page.locator(".verdict")).to_contain_text("Scale up from 2 to 4: demand is expected")
    expect(
        page.get_by_role("img", name=re.compile(r"Demand, cpu of saleor.saleor-api: latest .* cores"))
    ).to_be_visible()
    assert drawn(tab), "nothing was painted on the demand chart"
    page.go_back()
    expect(page.locator("#target")).to_be_hidden()
    expect(page.get_by_role("link", name="saleor-api")).to_be_focused()


def drawn(tab: Tab) -> bool:
    """Whether the demand chart comes to hold pixels of the actual demand's blue."""
    for _ in range(50):
        if tab.page.evaluate(
            """() => {
              const canvas = document.querySelector(".uplot canvas");
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] > 200 && data[i + 2] > data[i] + 80) return true;
              return false;
            }"""
        ):
            return True
        tab.page.wait_for_timeout(40)
    return False


def test_keyboard_alone_reaches_a_target(tab: Tab) -> None:
    """Arrows move along the rows, Enter opens one, Escape closes it."""
    page = tab.open()
    page.get_by_role("link", name="saleor-api").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="saleor-worker")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#target")).to_be_hidden()


def test_metric_and_range_can_be_chosen(tab: Tab) -> None:
    """Another metric and another time range redraw the same charts, in units that people read."""
    page = tab.open("#/saleor/saleor-api")
    page.get_by_role("radio", name="memory").check()
    expect(page.locator("[data-f=demandKeys]")).to_contain_text("GiB")
    with page.expect_request(lambda request: "points=2017" in request.url):
        page.get_by_role("radio", name="7 d").check()
    expect(page.locator(".uplot canvas")).to_have_count(3)


def test_what_was_chosen_is_said_in_words(tab: Tab) -> None:
    """Who forecasts the metric at each horizon, and what that is worth."""
    page = tab.open("#/saleor/saleor-api")
    expect(page.locator("[data-f=why]")).to_have_text(
        "network at 5m: 12 % better than persistence lately; persistence at 30m: nothing beats it here."
    )


def test_new_cycle_changes_numbers_in_place(tab: Tab) -> None:
    """A cycle announced by the stream changes the numbers within a second, with no reload and no new charts."""
    page = tab.open("#/saleor/saleor-api")
    page.locator(".uplot canvas").first.wait_for()
    page.evaluate("window.marked = document.querySelector('.uplot').marked = true")
    tab.served.turn(report("saleor-api", recommended=7))
    expect(page.locator("[data-f=recommended]")).to_have_text("7")
    expect(page.locator(".moment")).to_contain_text("cycle 2")
    expect(page.get_by_role("row", name="saleor-api").locator(".c-replicas")).to_have_text("2 → 7▲ +5")
    assert page.evaluate("window.marked && document.querySelector('.uplot').marked") is True


def test_many_cycles_are_asked_for_at_most_twice_a_second(tab: Tab) -> None:
    """A demo that turns fast does not make the page hammer its server."""
    page = tab.open()
    before = len(tab.requests)
    for _ in range(20):
        tab.served.turn()
        page.wait_for_timeout(50)
    expect(page.locator(".moment")).to_contain_text("cycle 21")
    assert len(tab.requests) - before <= 4


def test_dark_scheme_applies_and_can_be_chosen(tabs: Callable[..., Tab]) -> None:
    """The system's preference decides, and the reader's choice outlives a reload."""
    tab = tabs(color_scheme="dark")
    page = tab.open()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.locator("#theme").click()  # auto -> light
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert light == page.evaluate(ground)
    assert tab.faults() == []


def test_lost_connection_is_said_and_recovers(tabs: Callable[..., Tab], served: Served) -> None:
    """When the server goes the page says so and how old its data is; when it returns the page goes on by itself."""
    tab = tabs()
    page = tab.open()
    expect(page.locator("#connection")).to_have_text("Live")
    served.stop()
    expect(page.locator("#connection")).to_have_text("Connection lost")
    expect(page.get_by_role("status")).to_contain_text("What you see is cycle 1")
    served.turn(report("saleor-api", recommended=9))
    served.start()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.get_by_role("row", name="saleor-api").locator(".c-replicas")).to_contain_text("9")
    expect(page.get_by_role("status")).to_be_hidden()


def test_what_a_cycle_could_not_do_is_said_on_top(tab: Tab) -> None:
    """A failing stage is named with its fault in an alert above everything, which goes by itself on recovery."""
    fault = "Prometheus at http://prometheus:9090, query cpu demand: no connection (Connection refused) <b>"
    page = tab.open()
    alert = page.get_by_role("alert")
    expect(alert).to_be_hidden()
    tab.served.faults = {"advance": fault, "observe": "no replicas"}
    tab.served.turn()
    expect(alert).to_contain_text(f"The last cycle failed at “advance”: {fault}")
    expect(alert).to_contain_text("“observe”: no replicas")
    assert page.evaluate("document.querySelector('#faults').getBoundingClientRect().bottom") < 130
    tab.served.faults = {"advance": fault}  # without a new cycle
    expect(alert).not_to_contain_text("observe")
    tab.served.faults = {}
    tab.served.turn()
    expect(alert).to_be_hidden()
    expect(page.locator("#faults")).to_have_text("")


def test_server_that_cannot_answer_is_quoted(tabs: Callable[..., Tab], served: Served) -> None:
    """An error of the API is shown in its own words, before there is anything else to show."""
    served.status = 503
    page = tabs().page
    page.goto(served.address)
    expect(page.locator(".nothing").first).to_contain_text("the loop is starting")


def test_no_targets_says_what_to_do(tabs: Callable[..., Tab], served: Served) -> None:
    """An empty fleet names the remedy."""
    served.turn()
    served.reports = []
    page = tabs().page
    page.goto(served.address)
    expect(page.get_by_text("No targets yet")).to_be_visible()


def test_markup_in_a_name_stays_text(tab: Tab) -> None:
    """A hostile name, reason or unit is shown letter for letter and runs nothing."""
    name = "<img src=x onerror=alert(1)>"
    tab.served.turn(report(name))
    page = tab.open()
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".uplot canvas")).to_have_count(3)
    assert page.locator("img[src=x]").count() == 0


def test_unknown_numbers_are_dashes_never_zero(tab: Tab) -> None:
    """A target without data says what is wrong and shows no number that nobody knows."""
    tab.served.turn(silent(report("saleor-api")), critical(report("saleor-worker")))
    page = tab.open()
    expect(page.get_by_role("row", name="saleor-api").locator(".c-replicas")).to_have_text("—")
    expect(page.get_by_role("row", name="saleor-worker").locator(".c-anomaly")).to_have_text(
        f"4.2 {SIGMA}◆ critical"
    )
    page.get_by_role("link", name="saleor-api").click()
    expect(page.locator(".problem")).to_contain_text("check that kube-state-metrics is scraped")
    expect(page.locator("[data-f=current]")).to_have_text("—")
    expect(page.locator("[data-f=confidence]")).to_have_text("—")


def test_an_anomaly_is_told_above_the_figures_and_in_its_card(tab: Tab) -> None:
    """A banner says in words what came and what was expected; the card what Helios does, and what the threshold means."""
    tab.served.turn(critical(report("saleor-api")), report("saleor-worker"))
    page = tab.open("#/saleor/saleor-api")
    banner = page.locator(".finding")
    expect(banner).to_contain_text("Drop since 14:20 UTC: cpu came at 0.4 cores where 3.1 were expected")
    expect(banner).to_have_attribute("data-severity", "critical")
    expect(page.locator("[data-f=effects] li")).to_have_text(
        ["Scale-in is frozen until 15:20 UTC at the latest", "The sample is left out of training"]
    )
    facts = page.locator("[data-f=anomalyFacts] tr")
    expect(facts).to_have_text(
        [
            "cpu, came0.400\u00a0cores",
            "cpu, expected3.10\u00a0cores",
            f"Score at its worst4.6 {SIGMA}",
            f"Threshold2.5 {SIGMA}, about 1 a week",
            "Alarms so far4",
        ]
    )
    tab.served.turn(report("saleor-api"))
    expect(banner).to_be_hidden()
    expect(page.locator(".is-anomaly")).to_contain_text("Nothing unusual: score 0.7")


def test_an_anomaly_that_is_over_is_still_told(tab: Tab) -> None:
    """For an hour above the figures, in the colour of nothing; in its card until the next one."""
    tab.served.turn(after(report("saleor-api"), 3000))
    page = tab.open("#/saleor/saleor-api")
    expect(page.locator(".finding")).to_contain_text("It is over. Drop from 13:20 UTC to 13:50 UTC: cpu came")
    expect(page.locator(".finding")).to_have_attribute("data-severity", "none")
    tab.served.turn(after(report("saleor-api"), 3900))
    expect(page.locator(".finding")).to_be_hidden()
    expect(page.locator(".is-anomaly")).to_contain_text("The last one: Drop from 13:20 UTC to 13:50 UTC")


def test_the_score_is_drawn_against_its_threshold(tab: Tab) -> None:
    """The chart says score, threshold and how many anomalies began, under the cursor and for a screen reader."""
    page = tab.open("#/saleor/saleor-api")
    keys = page.locator("[data-f=scoreKeys]")
    expect(keys).to_have_text(f"Score0.5 {SIGMA}Threshold2.5 {SIGMA}Began in this time1")
    expect(page.get_by_role("img", name=f"Anomaly score: 0.5 {SIGMA}, threshold 2.5 {SIGMA}")).to_be_visible()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        pytest.param({"muted": True, "muted_until": NOW + 7200}, "◇ muted", id="muted"),
        pytest.param({"acknowledged": True}, "◇ seen", id="acknowledged"),
    ],
)
def test_an_anomaly_that_raises_no_alarm_is_shown_and_alarms_nobody(
    tab: Tab, said: dict[str, object], word: str
) -> None:
    """Its score and words stay; the colour of alarm and its place in the total do not."""
    tab.served.turn(critical(report("saleor-api"), **said))
    page = tab.open("#/saleor/saleor-api")
    expect(page.get_by_role("row", name="saleor-api").locator(".c-anomaly")).to_have_text(
        f"4.2 {SIGMA}{word}"
    )
    expect(page.locator(".finding")).to_have_attribute("data-severity", "none")
    expect(page.locator("[data-f=severity]")).to_have_text(word)
    page.keyboard.press("Escape")
    expect(page.locator("[data-f=anomalies]")).to_have_text("01 muted or seen")


def test_a_score_that_calibrates_says_how_far_it_is(tab: Tab) -> None:
    """Points of those needed, and that there is no alarm before."""
    tab.served.turn(calibrating(report("saleor-api")))
    page = tab.open("#/saleor/saleor-api")
    expect(page.locator("[data-f=calibration]")).to_have_text("120 of 288 points")
    expect(page.locator(".is-anomaly")).to_contain_text("no alarm before that")
    expect(page.get_by_role("row", name="saleor-api").locator(".c-anomaly")).to_have_text("—○ calibrating")


def test_unknown_target_is_said(tab: Tab) -> None:
    """An old bookmark of a target that is gone says so."""
    page = tab.open("#/saleor/gone")
    expect(page.get_by_text("Helios does not watch saleor/gone")).to_be_visible()


def test_fleet_sorts_and_filters(tab: Tab) -> None:
    """The head of a column sorts, the box filters by name, the chips by what is to be done."""
    page = tab.open()
    names = page.locator(".row a")
    page.get_by_role("button", name="Replicas").click()
    expect(names).to_have_text(["saleor-api", "saleor-worker"])
    page.get_by_role("button", name="Replicas").click()
    expect(names).to_have_text(["saleor-worker", "saleor-api"])
    page.get_by_label("Filter targets by name").fill("sale work")
    expect(names).to_have_text(["saleor-worker"])
    page.get_by_label("Filter targets by name").fill("")
    page.get_by_role("button", name="Scale up").click()
    expect(names).to_have_text(["saleor-api"])


@pytest.mark.parametrize("route", ["", "#/saleor/saleor-api"], ids=["fleet", "target"])
def test_phone_needs_no_sideways_scrolling(tabs: Callable[..., Tab], route: str) -> None:
    """On a phone the page is as wide as the screen."""
    tab = tabs(viewport={"width": 360, "height": 740})
    page = tab.page
    page.goto(tab.served.address + route)
    page.locator(".uplot canvas" if route else ".row").first.wait_for()
    widths = (
        "[...document.querySelectorAll('html, body, #fleet, .scroller, #target')].map((e) => e.scrollWidth)"
    )
    assert max(page.evaluate(widths)) <= 360
    assert tab.faults() == []


def test_thousand_targets_stay_smooth(
    tab: Tab, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A thousand targets are drawn, scrolled and renewed without holding the page up."""
    fleet = [report(f"service-{i:04d}", current=i % 9 + 1, recommended=i * 7 % 11 + 1) for i in range(1000)]
    tab.served.turn(*fleet)
    page = tab.open()
    longest = """() => new Promise((done) => {
      let [worst, last, left] = [0, performance.now(), 40];
      const scroller = document.querySelector(".scroller");
      const frame = (now) => {
        [worst, last] = [Math.max(worst, now - last), now];
        scroller.scrollTop += 1200;
        if ((left -= 1) > 0) requestAnimationFrame(frame); else done(worst);
      };
      requestAnimationFrame(frame);
    })"""
    record_testsuite_property("first_row_ms", page.evaluate("performance.now()"))
    record_testsuite_property("worst_scroll_frame_ms", page.evaluate(longest))
    assert page.locator(".row").count() < 100
    page.locator(".scroller").evaluate("(e) => { e.scrollTop = e.scrollHeight; }")
    expect(page.get_by_role("link", name="service-0999")).to_be_visible()
    page.get_by_role("link", name="service-0999").click()
    expect(page.get_by_role("heading", name="service-0999")).to_be_visible()
