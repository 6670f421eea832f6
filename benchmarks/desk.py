"""How long the desk lets people wait: `python -m benchmarks.desk [SECONDS]`.

The desk of this folder is started with its final models. Measured are the seconds until its page is
up, those from a click in a real browser to the first answer and to all of it, and those of each
question while 20 people ask one after the other and while 8 ask at the same time, each for so many
SECONDS (120). A person asks for the expectation of a bead, its reasons, advice and map, one after
the other, and goes on to the next bead; beads are simulated and none is asked twice. A table is
printed, and nothing written. It needs requirements-desk.txt, the browser of the tests and a machine
that does nothing else.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pandas as pd

from benchmarks.measure import ROOT, machine, memory
from llm4waam.advice.settings import AdviceParams
from llm4waam.card.card import Card, read_card
from llm4waam.core.settings import read_params
from llm4waam.desk.beads import form_fields
from llm4waam.plotting.pages import markdown_table
from llm4waam.simulator.population import simulate_population

CHROMIUM = "/usr/bin/chromium"
ASKED = ("predict_bead", "explain_bead", "advise_bead", "process_map")
ASKERS = {"20 one after the other": (20, 1), "8 at the same time": (8, 8)}
BEADS = 4000  # more than are asked
LONGEST_S = 120.0  # of one answer


def main(seconds: float = 120.0) -> None:
    """Measure, and print the tables."""
    params = read_params(AdviceParams)
    beads = _beads(read_card(params.card_file), params)
    with running() as (address, process, up):
        print(f"{machine(gpu=False)}, load {os.getloadavg()[0]:.1f}\n")
        rows = [["page is up", up], *_clicks(address, beads)]
        print(markdown_table(pd.DataFrame(rows, columns=["what", "seconds"]).round(2)), "\n")
        resident = [["at the start", memory(process.pid) // 2**20]]
        for name, (askers, together) in ASKERS.items():
            took, wrong = _ask(address, beads, askers, together, seconds)
            resident.append([f"after {name}", memory(process.pid) // 2**20])
            print(f"{name}, {seconds:.0f} s: {len(wrong)} errors {wrong[:3] or ''}\n")
            print(markdown_table(_quantiles(took)), "\n")
    print(markdown_table(pd.DataFrame(resident, columns=["memory", "MiB"])))


def _beads(card: Card, params: AdviceParams) -> Iterator[dict[str, object]]:
    """The set-points of simulated beads, no two alike."""
    names = [one.name for one in form_fields(card, params.text.information)]
    table = simulate_population(BEADS, 7)
    table = table[[name for name in names if name in table]].drop_duplicates()
    for row in table.to_dict("records"):
        yield {name: cell for name, cell in row.items() if not pd.isna(cell)}


@contextmanager
def running() -> Iterator[tuple[str, subprocess.Popen, float]]:
    """(address, process, seconds until the page was up) of a desk that ends afterwards."""
    command = [sys.executable, "-m", "llm4waam.commands.main", "desk", "--no-browser"]
    began = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"the desk is at (http://\S+)", line):
                    break
            else:
                raise SystemExit("the desk did not start: llm4waam desk says why")
            threading.Thread(target=process.stderr.read, daemon=True).start()
            httpx.get(found[1]).raise_for_status()
            yield found[1], process, time.monotonic() - began
        finally:
            process.terminate()


def _clicks(address: str, beads: Iterator[dict]) -> list[tuple[str, float]]:
    """Seconds from the click to an answer, right after the start and once more."""
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        for when in ("cold", "warm"):
            page.click("#example")
            page.wait_for_timeout(2000)  # a person looks at it
            for name, cell in next(beads).items():
                if not isinstance(cell, str):
                    box = page.locator(f".column-{name} input, .column-{name} textarea").first
                    box.fill(f"{cell:g}")
            began = time.monotonic()
            page.click("#ask")
            page.wait_for_selector("#answer .answer:has(.waiting)")
            rows.append([f"click to first answer, {when}", time.monotonic() - began])
            page.wait_for_selector("#answer .answer:not(:has(.waiting))")
            rows.append([f"click to the whole answer, {when}", time.monotonic() - began])
        browser.close()
    return rows


def _ask(
    address: str, beads: Iterator[dict], askers: int, together: int, seconds: float
) -> tuple[dict[str, list[float]], list[str]]:
    """Seconds of each question by its kind, and what went wrong."""
    took, wrong, lock = defaultdict(list), [], threading.Lock()
    each = seconds * together / askers

    def ask_for_a_while(asker: int) -> None:
        ends, language = time.monotonic() + each, ("en", "ko")[asker % 2]
        with httpx.Client(base_url=address, timeout=LONGEST_S) as client:
            while time.monotonic() < ends:
                with lock:
                    bead = next(beads)
                for kind in ASKED:
                    began = time.monotonic()
                    said = _answer(client, kind, bead, language)
                    with lock:
                        took[kind].append(time.monotonic() - began)
                        wrong.extend([said] if said else [])

    with ThreadPoolExecutor(together) as pool:
        list(pool.map(ask_for_a_while, range(askers)))
    return took, wrong


def _answer(client: httpx.Client, kind: str, bead: dict, language: str) -> str:
    """Ask for one thing; what is wrong with the answer, "" where nothing is."""
    try:
        asked = client.post(f"gradio_api/call/{kind}", json={"data": [bead, language]})
        event = asked.raise_for_status().json()["event_id"]
        text = client.get(f"gradio_api/call/{kind}/{event}").raise_for_status().text
    except httpx.HTTPError as error:
        return f"{kind}: {error!r}"
    *_, last = text.strip().split("\n\n")  # before it may be beats of a heart
    state, _, data = last.partition("\n")
    whole = state == "event: complete" and json.loads(data.removeprefix("data: "))
    return "" if whole else f"{kind}: {text[:200]}"


def _quantiles(took: dict[str, list[float]]) -> pd.DataFrame:
    every = took | {"any": [one for kind in took.values() for one in kind]}
    rows = [
        [kind, len(times), *pd.Series(times).quantile([0.5, 0.95, 1.0]).round(2)]
        for kind, times in every.items()
    ]
    return pd.DataFrame(rows, columns=["asked for", "answers", "p50, s", "p95, s", "longest, s"])


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
