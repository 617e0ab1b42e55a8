"""`report performance` over a real store: figures counted by hand, and data as it really comes."""

from datetime import timedelta

import pytest

from bot.config.fields import parse_matcher
from bot.reports.draw import png
from bot.reports.figures import Performance, ServiceWays
from bot.reports.performance import REPORT
from bot.reports.publish import read_order
from bot.reports.report import Page, Panels, ReportFailed, Window
from storage.model.labels import Labels
from tests.bot.reports.shop import DAY, END, HOUR, Shop, counter, histogram, node
from tests.fakes import NOON

WEEK = 7 * DAY
LATENCY = "http_request_duration_seconds"


async def page(shop: Shop, service: str = "", period: timedelta = timedelta(days=1)) -> Page:
    window = Window(start=NOON - period, end=NOON)
    return REPORT.build(await REPORT.load(shop.desks, window, service), window)


def table(page: Page, title: str = "Figures") -> dict[str, list[str]]:
    (rows,) = (table.rows for table in page.tables if table.title == title)
    return {row[0]: list(row[1:]) for row in rows}


def requests(rate: float, *, code: str = "200", job: str = "checkout", **more: float):  # type: ignore[no-untyped-def]
    labels = Labels.of(__name__="http_requests_total", code=code, job=job, instance="a:80")
    return counter(labels, rate, **more)


async def test_a_service_beside_the_period_and_the_week_before(shop: Shop) -> None:
    await shop.send([requests(9.5), requests(0.5, code="503")])
    await shop.send([requests(4, since=2 * DAY, until=DAY + 60)])
    await shop.send([requests(8, since=WEEK + DAY, until=WEEK + 60)])
    await shop.send(histogram(LATENCY, {"job": "checkout"}, {"0.1": 5, "1": 10, "+Inf": 10}))
    cpu = Labels.of(__name__="process_cpu_seconds_total", job="checkout")
    await shop.send([counter(cpu, 0.5)])
    found = await page(shop, "checkout")
    assert found.headline.startswith("10/s requests (4")
    assert "5 % of them failed (0 % before)" in found.headline
    rows = table(found)
    assert rows["Requests"][:2] == ["10/s", "10/s"]
    assert rows["Requests"][5] in ("+25 %", "+24 %", "+26 %")
    assert rows["Failed"][:4] == ["5 %", "5 %", "0 %", "+5 pt"]
    assert [rows[f"Latency {q}"][0] for q in ("p50", "p90", "p95", "p99")] == [
        "100 ms", "820 ms", "910 ms", "982 ms",
    ]  # fmt: skip
    assert rows["CPU"][0] == "0.5"
    assert rows["CPU"][2:4] == ["-", "-"]
    assert any("process_resident_memory_bytes" in note and "Memory" in note for note in found.notes)


@pytest.mark.parametrize(
    ("metrics", "failed"),
    [
        ({"__name__": "http_server_requests_seconds_count", "status": "200"}, {"status": "500"}),
        (
            {"__name__": "http_server_request_duration_seconds_count",
             "http_response_status_code": "200"},
            {"http_response_status_code": "502"},
        ),
        ({"__name__": "grpc_server_handled_total", "grpc_code": "OK"}, {"grpc_code": "Internal"}),
        ({"__name__": "http_requests_total", "status": "2xx"}, {"status": "5xx"}),
    ],
)  # fmt: skip
async def test_usual_metrics(shop: Shop, metrics: dict[str, str], failed: dict[str, str]) -> None:
    who = {"service": "checkout", "job": "pods"}
    await shop.send([counter(Labels.of({**metrics, **who}), 3)])
    await shop.send([counter(Labels.of({**metrics, **failed, **who}), 1)])
    rows = table(await page(shop, "checkout"))
    assert (rows["Requests"][0], rows["Failed"][0]) == ("4/s", "25 %")


async def test_milliseconds_are_told_in_seconds(shop: Shop) -> None:
    name = "http_server_duration_milliseconds"
    await shop.send(histogram(name, {"job": "a"}, {"100": 10, "200": 10, "+Inf": 10}))
    assert table(await page(shop, "a"))["Latency p50"][0] == "50 ms"


async def test_no_requests_and_no_failures_divide_nothing(shop: Shop) -> None:
    await shop.send([requests(0)])
    await shop.send(histogram(LATENCY, {"job": "checkout"}, {"0.1": 0, "+Inf": 0}))
    found = await page(shop, "checkout")
    rows = table(found)
    assert rows["Requests"][0] == "0/s"
    assert rows["Failed"][0] == "-"
    assert "Latency p50" not in rows
    assert found.headline == "0/s requests."


async def test_nothing_failed_is_zero_and_not_unknown(shop: Shop) -> None:
    await shop.send([requests(5)])
    assert table(await page(shop, "checkout"))["Failed"][0] == "0 %"


async def test_where_no_label_tells_failures_it_is_said(shop: Shop) -> None:
    await shop.send([counter(Labels.of(__name__="http_requests_total", job="checkout"), 5)])
    found = await page(shop, "checkout")
    assert "Failed" not in table(found)
    assert any("http_requests_total has no label such as code" in note for note in found.notes)


async def test_a_counter_that_begins_anew_loses_nothing(shop: Shop) -> None:
    labels = Labels.of(__name__="http_requests_total", code="200", job="checkout")
    points = [(END - DAY + 60.0 * n, 300.0 * (n % 500)) for n in range(1441)]
    await shop.send([(labels, points)])
    now, peak = table(await page(shop, "checkout"))["Requests"][:2]
    assert 4.9 < float(now.removesuffix("/s")) <= 5.0
    assert float(peak.removesuffix("/s")) <= 5.1


async def test_partial_history_is_told(shop: Shop) -> None:
    await shop.send([requests(10, since=DAY + 6 * HOUR)])
    found = await page(shop, "checkout")
    assert table(found)["Requests"][0] == "10/s"
    assert "The week before: no data yet." in found.notes
    assert any("The period before: data for 2" in note for note in found.notes)


async def test_a_service_that_stopped_is_still_in_it(shop: Shop) -> None:
    await shop.send([requests(10, until=3 * HOUR)])
    assert table(await page(shop, "checkout"))["Requests"][0].startswith(("10/s", "9.9"))


async def test_many_services_are_counted(shop: Shop) -> None:
    shop.settings.swap({"performance": Performance(top=3)})
    await shop.send([requests(n + 1, job=f"job-{n}") for n in range(8)])
    found = await page(shop)
    assert list(table(found, "Services"))[1:] == ["job-7", "job-6", "job-5"]
    assert "5 more services not shown; the CSV has all." in found.notes
    assert {row[1] for row in found.csv[1:]} == {f"job-{n}" for n in range(8)}


async def test_the_first_label_names_the_service(shop: Shop) -> None:
    both = {"__name__": "http_requests_total", "code": "200"}
    await shop.send([counter(Labels.of({**both, "job": "pods", "service": "checkout"}), 2)])
    await shop.send([counter(Labels.of({**both, "job": "checkout"}), 3)])
    await shop.send([counter(Labels.of({**both, "job": "search"}), 1)])
    found = table(await page(shop), "Services")
    assert {name: row[0] for name, row in found.items() if name != "service"} == {
        "checkout": "5/s",
        "search": "1/s",
    }
    assert table(await page(shop, "checkout"))["Requests"][0] == "5/s"


async def test_configured_ways(shop: Shop) -> None:
    shop.settings.swap(
        {
            "performance": Performance(
                figures={"requests": "orders_total"},
                services={
                    "till": ServiceWays(
                        match=(parse_matcher('kind="till"'),),
                        figures={"p95": "max(till_seconds{quantile='0.95'})"},
                    )
                },
            )
        }
    )
    await shop.send([counter(Labels.of(__name__="orders_total", kind="till", code="500"), 2)])
    await shop.send([counter(Labels.of(__name__="orders_total", kind="web", code="200"), 2)])
    took = Labels.of(__name__="till_seconds", quantile="0.95")
    await shop.send([(took, [(END - 60 * n, 0.25) for n in range(1440, -1, -1)])])
    rows = table(await page(shop, "till"))
    assert rows["Requests"][0] == "2/s"
    assert rows["Failed"][0] == "100 %"
    assert rows["Latency p95"][0] == "250 ms"


async def test_machines_by_node_exporter_and_by_our_own_sampler(shop: Shop) -> None:
    await shop.send(node("web1", 0.4, days=1.0))
    own = {"job": "own_host"}
    await shop.send(
        [counter(Labels.of(__name__="host_cpu_seconds_total", mode="idle", **own), 0.8)]
    )
    found = await page(shop)
    rows = table(found, "Machines")
    assert list(rows) == ["machine", "web1:9100", "this machine"]
    assert rows["web1:9100"][1:3] == ["40 %", "85 %"]
    assert rows["this machine"][0] == "20 %"
    assert found.headline == "2 machines, the busiest at 40 % CPU."


async def test_an_unknown_service_gets_the_nearest_guess(shop: Shop) -> None:
    await shop.send([requests(1)])
    with pytest.raises(ReportFailed, match="did you mean 'checkout'"):
        await page(shop, "chekout")


async def test_an_empty_store(shop: Shop) -> None:
    found = await page(shop)
    assert found.headline == "No figures are known of in the last 24 h."
    assert any("http_requests_total or http_request_duration" in note for note in found.notes)
    with pytest.raises(ReportFailed, match="no metric of a service has come in yet"):
        await page(shop, "checkout")


async def test_hostile_names_stay_text(shop: Shop) -> None:
    evil = '=cmd|\'/c calc\'!A1","$x$_{\\"\n<!channel>'
    await shop.send([requests(1, job=evil), requests(2, job="_hidden"), requests(3, job="$a$")])
    found = await page(shop)
    assert evil in {row[1] for row in found.csv}
    assert all(png(chart).startswith(b"\x89PNG") for chart in found.charts)
    assert table(await page(shop, evil))["Requests"][0] == "1/s"


async def test_charts_of_ugly_data(shop: Shop) -> None:
    labels = {"__name__": "process_resident_memory_bytes"}
    await shop.send(
        [
            (Labels.of({**labels, "job": "one-point"}), [(END - 9 * HOUR, 1e12)]),
            (
                Labels.of({**labels, "job": "zero"}),
                [(END - 60.0 * n, 0.0) for n in range(99, 0, -1)],
            ),
            (
                Labels.of({**labels, "job": "huge"}),
                [(END - 60.0 * n, 1e300) for n in range(9, 0, -1)],
            ),
        ]
    )
    for service in ("one-point", "zero", "huge", ""):
        for chart in (await page(shop, service)).charts:
            assert isinstance(chart, Panels)
            assert png(chart).startswith(b"\x89PNG")


@pytest.mark.parametrize("minutes", [1, 5, 60, 180])
async def test_any_period(shop: Shop, minutes: int) -> None:
    await shop.send([requests(10, step=15.0, since=4 * HOUR)])
    found = await page(shop, "checkout", timedelta(minutes=minutes))
    assert table(found)["Requests"][0] == "10/s"
    quarter = await page(shop, "checkout", timedelta(days=90))
    assert table(quarter)["Requests"][0].endswith("/s")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Which report"),
        (["performence"], "did you mean 'performance'"),
        (["alerts", "checkout"], "I do not understand 'checkout'"),
        (["performance", "a", "b"], "takes a service, a duration"),
        (["alerts", "900d"], "between 1m and 366d"),
    ],
)
def test_orders_that_are_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(ReportFailed, match=sentence):
        read_order(words)


def test_orders_that_are_read() -> None:
    order, formats = read_order(["performance", "Checkout", "36h", "JSON"])
    assert (order.subject, order.period, formats) == ("Checkout", timedelta(hours=36), ["json"])
