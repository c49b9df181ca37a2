"""The server's page in a real browser, which can reach nothing but the server."""

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running_server import Running, is_ready
from serving_models import make_classifier, make_detector, picture

from watching import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER and importlib.util.find_spec("selenium")),
        reason="needs a browser: apt-get install chromium chromium-driver, pip install selenium",
    ),
]
PIXELS = """
const canvas = document.querySelector("canvas");
const {width, height} = canvas, data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
const found = {};
for (let at = 0; at < data.length; at += 4) {
  const colour = [data[at], data[at + 1], data[at + 2]].join();
  found[colour] = (found[colour] || 0) + 1;
}
return found;
"""
RED, GREEN = "230,25,75", "60,180,75"


class Browser:
    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str, width: int = 1000) -> None:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(url)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.find(selector).text)

    def shows(self, selector: str, words: str) -> None:
        eventually(lambda: words in self.text(selector))

    def complaints(self) -> list[str]:
        """What the console holds, and what was asked of anyone but the server."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return said + [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]

    def width(self) -> int:
        return int(self.driver.execute_script("return document.documentElement.scrollWidth"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", nowhere):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any) -> Browser:
    found = Browser(chromium)
    found.complaints()  # those of the test before
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., str]]:
    started: list[Running] = []

    def start_(**config: Any) -> str:
        started.append(Running(tmp_path, **config))
        eventually(lambda: is_ready(started[-1].url), 60)
        return started[-1].url

    yield start_
    for running in started:
        running.process.kill()
        running.process.communicate()


@pytest.mark.parametrize("width", [1000, 390])
def test_boxes_are_drawn_on_the_picture(
    browser: Browser, start: Callable[..., str], promote: Callable, tmp_path: Path, width: int
) -> None:
    promote(make_detector(tmp_path / "model"), 7)
    (tmp_path / "picture.png").write_bytes(picture())
    browser.open(start(), width)
    browser.shows("h1", "digits")
    browser.find("#file").send_keys(str(tmp_path / "picture.png"))
    browser.shows("#answer", "2 found")
    lines = [line.text.split() for line in browser.driver.find_elements("css selector", "#answer li")]
    assert [line[0] for line in lines] == ["zero", "one"]
    pixels = browser.driver.execute_script(PIXELS)
    assert pixels[RED] > 200
    assert pixels[GREEN] > 200
    assert "version 7" in browser.text("#answer")
    assert browser.width() <= width
    assert browser.complaints() == []


def test_a_row_is_asked_for_by_its_columns(
    browser: Browser, start: Callable[..., str], promote: Callable, tmp_path: Path
) -> None:
    promote(make_classifier(tmp_path / "model"))
    browser.open(start(), 390)
    browser.shows("#rows", "delay")
    browser.find("[name=delay]").send_keys("3")
    browser.find("#rows button").click()
    browser.shows("#answer", "Answer: ")
    assert browser.driver.find_elements("css selector", "#answer .bar i")
    assert browser.width() <= 390
    assert browser.complaints() == []


def test_what_is_no_picture_is_said(
    browser: Browser, start: Callable[..., str], promote: Callable, tmp_path: Path
) -> None:
    promote(make_detector(tmp_path / "model"))
    (tmp_path / "picture.png").write_text("no picture")
    browser.open(start())
    browser.shows("h1", "digits")
    browser.find("#file").send_keys(str(tmp_path / "picture.png"))
    eventually(lambda: browser.text("#problem"))
    assert "undefined" not in browser.text("#problem")


def test_a_token_is_asked_for(
    browser: Browser, start: Callable[..., str], promote: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENS", "sesame-street")
    promote(make_detector(tmp_path / "model"))
    (tmp_path / "picture.png").write_bytes(picture())
    browser.open(start(auth={"tokens": ["${secret.TOKENS}"]}))
    eventually(lambda: browser.find("#token").is_displayed())
    assert browser.text("#problem") == ""
    browser.find("#token").send_keys("wrong\n")
    browser.shows("#problem", "does not know that token")
    browser.find("#token").clear()
    browser.find("#token").send_keys("sesame-street\n")
    eventually(lambda: browser.find("#drop").is_displayed())
    browser.find("#file").send_keys(str(tmp_path / "picture.png"))
    browser.shows("#answer", "2 found")
