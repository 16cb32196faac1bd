"""Opens the report of a small sweep in headless Chromium, without a network: report_page_test.py PROGRAM"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import h5py
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from checks import run_checks

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1]).resolve()
CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">&amp;'"


def report(*arguments):
    return subprocess.run([sys.executable, ROOT / "scripts" / "report.py", "--program", PROGRAM,
                           *map(str, arguments)], capture_output=True, text=True)


def run(*arguments, folder: Path):
    outcome = subprocess.run([PROGRAM, "run", *map(str, arguments), "--results", folder], cwd=ROOT,
                             capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout + outcome.stderr


def sweep(folder: Path) -> Path:
    """Two seeds, three variants, trained at 32 tokens; full runs out of memory at 2,048."""
    run("--attention", "full,flash,linear", "--length", "32:2048:x4", "--seed", "1,2", "--repeats", "2",
        "--task", "text", "--task.text.validation_bytes", "16384", "--train.steps", "2",
        "--train.batch", "2", "--train.lengths", "32", "--eval.lengths", "32+64",
        "--memory-limit", "100MiB", folder=folder)
    return folder / "sweep.h5"


class Browser:
    """Pages of one Chromium, and whatever they said or asked for that they should not have."""

    def __init__(self, chromium):
        self.chromium = chromium
        self.said = []

    @contextmanager
    def page(self, path: Path, width: int = 1366, scheme: str = "light"):
        context = self.chromium.new_context(viewport={"width": width, "height": 900},
                                            color_scheme=scheme, offline=True)
        page = context.new_page()
        self.said = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.said.append(request.url)
                if not request.url.startswith(("file:", "data:", "blob:")) else None)
        page.goto(path.as_uri())
        page.wait_for_selector(".main-svg")
        try:
            yield page
        finally:
            context.close()


def draw_all(page) -> None:
    """Scrolls down, since figures are drawn when they come into view, and up again."""
    page.evaluate("""async () => {
        const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        for (let y = 0; y < document.documentElement.scrollHeight; y += 500) { scrollTo(0, y); await wait(60); }
        scrollTo(0, 0);
    }""")
    page.wait_for_function("[...document.querySelectorAll('.plot:not([hidden]) .canvas')]"
                           ".every((box) => box.querySelector('.main-svg'))")


def lines_of(page, figure: str) -> dict:
    """Name -> whether the line is there, by what the browser holds in the drawing itself."""
    return page.evaluate("""(figure) => {
        const box = document.getElementById(figure);
        if (!box.querySelector('.main-svg')) throw new Error(`${figure} is not drawn`);
        const there = box.querySelectorAll('.scatterlayer .trace .lines path.js-line').length;
        const visible = box.data.filter((t) => t.visible && t.mode.startsWith('lines')).length;
        if (there !== visible) throw new Error(`${there} lines drawn, ${visible} meant`);
        return Object.fromEntries(box.data.filter((t) => t.meta.role === 'line').map((t) => [t.name, t.visible]));
    }""", figure)


def loads_offline_without_a_word(browser, path, results):
    assert path.stat().st_size < 6e6, f"{path.stat().st_size} bytes"
    for width, scheme in [(1366, "light"), (390, "dark")]:
        with browser.page(path, width, scheme) as page:
            draw_all(page)
            drawn = page.locator(".plot:not([hidden]) .main-svg").count()
            assert drawn >= 10, f"only {drawn} drawings"
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{overflow} pixels too wide at {width}"
        assert not browser.said, browser.said


def a_legend_click_hides_a_line_in_every_figure(browser, path, results):
    with browser.page(path) as page:
        draw_all(page)
        figures = ["figure-training_step_seconds", "figure-peak_total_bytes", "figure-accuracy"]
        page.locator(f"#{figures[0]} .legend .traces .legendtoggle").nth(1).click()
        page.wait_for_function("!document.querySelectorAll('input[name=variant]')[1].checked")
        for figure in figures:
            assert lines_of(page, figure) == {"flash": True, "full": False, "linear": True}, figure
        assert page.locator("#figure-training_step_seconds .annotation-text-g", has_text="full").count() == 0
        page.get_by_role("checkbox", name="full").check()
        for figure in figures:
            assert all(lines_of(page, figure).values()), figure


def the_controls_change_axes_bands_and_parts(browser, path, results):
    def figure(page, what):
        return page.evaluate(f"document.getElementById('figure-training_step_seconds').{what}")
    with browser.page(path) as page:
        draw_all(page)
        assert figure(page, "layout.yaxis.type") == "log"
        page.get_by_role("button", name="log values").click()
        assert figure(page, "layout.yaxis.type") == "linear"
        assert figure(page, "layout.xaxis.type") == "log"
        page.get_by_role("button", name="log length").click()
        assert figure(page, "layout.xaxis.type") == "linear"
        shown = "data.filter((t) => t.meta.role === 'band' && t.visible).length"
        bands = figure(page, shown)
        page.get_by_role("button", name="intervals").click()
        assert figure(page, shown) == 0 and bands >= 0
        page.get_by_label("What is divided").select_option("training_step_flops")
        draw_all(page)
        assert page.locator(".plot[data-quantity=training_step_flops] .main-svg").count() > 0
        assert page.locator(".plot[data-quantity=training_step_seconds]:visible").count() == 0


def zooms_and_goes_back(browser, path, results):
    with browser.page(path) as page:
        page.locator("#figure-training_step_seconds").scroll_into_view_if_needed()
        area = page.locator("#figure-training_step_seconds .nsewdrag").first
        at = area.bounding_box()
        ranges = "document.getElementById('figure-training_step_seconds').layout.xaxis.range"
        whole = page.evaluate(ranges)
        page.mouse.move(at["x"] + 60, at["y"] + 60)
        page.mouse.down()
        page.mouse.move(at["x"] + 260, at["y"] + 200, steps=4)
        page.mouse.up()
        page.wait_for_function(f"{ranges}[0] > {whole[0]} + 0.01")
        page.get_by_role("checkbox", name="linear").uncheck()
        assert page.evaluate(ranges)[0] > whole[0] + 0.01, "hiding a line undid the zoom"
        page.get_by_role("button", name="reset zoom").click()
        assert page.evaluate(ranges) == whole


def hollow_marks_say_what_failed(browser, path, results):
    with browser.page(path) as page:
        failed = page.evaluate("""document.getElementById('figure-training_step_seconds')
            .data.filter((t) => t.meta.role === 'failure').map((t) => [t.x, t.customdata])""")
        assert failed == [[[2048], ["<b>full</b> at 2,048 tokens: out of memory"]]], failed
        assert page.get_by_text("2 of 24 runs did not end as they should").count() == 1


def the_table_has_every_run(browser, path, results):
    with h5py.File(results) as file:
        wanted = [[run_id, attention, str(length), str(seed)] for run_id, attention, length, seed in zip(
            file["run_id"].asstr()[()], file["attention"].asstr()[()], file["length"][()], file["seed"][()])]
    with browser.page(path) as page:
        found = page.evaluate("""[...document.querySelectorAll('#table-runs tbody tr')].map((row) =>
            [0, 1, 5, 7].map((column) => row.children[column].textContent))""")
        assert found == wanted, f"{len(found)} rows, expected {len(wanted)}"
        page.get_by_text("24 runs", exact=True).click()
        assert page.locator("#table-runs").is_visible()


def everything_is_reached_by_keyboard(browser, path, results):
    with browser.page(path) as page:
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
        reached = """document.activeElement.dataset.reached = 'yes';
            document.activeElement === document.body || document.activeElement.className === 'skip'"""
        for _ in range(400):
            page.keyboard.press("Tab")
            if page.evaluate(reached):
                break
        missed = page.evaluate("""[...document.querySelectorAll(
            'header a[href], main a[href], main button, main input, main select, main summary, main .scroll, main pre')]
            .filter((e) => !e.dataset.reached && e.checkVisibility() && !e.closest('.js-plotly-plot'))
            .map((e) => e.outerHTML.slice(0, 80))""")
        assert not missed, missed
        page.get_by_role("checkbox", name="full").focus()
        page.keyboard.press("Space")
        assert lines_of(page, "figure-training_step_seconds")["full"] is False
        page.get_by_role("button", name="log values").focus()
        page.keyboard.press("Enter")
        kind = page.evaluate("document.getElementById('figure-training_step_seconds').layout.yaxis.type")
        assert kind == "linear", kind


def axe_finds_nothing_serious(browser, path, results):
    for width, scheme in [(1366, "light"), (1366, "dark"), (390, "light")]:
        with browser.page(path, width, scheme) as page:
            draw_all(page)
            page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
            found = [f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:100]}"
                     for v in Axe().run(page).response["violations"]
                     if v["impact"] in ("serious", "critical")]
            assert not found, found


def follows_the_theme(browser, path, results):
    colour = "document.getElementById('figure-training_step_seconds').data.find((t) => t.meta.role === 'line').line.color"
    with browser.page(path) as page:
        light = page.evaluate(colour)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"{colour} !== '{light}'")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"


def text_of_a_file_stays_text(browser, path, results):
    copy = path.with_name("hostile.h5")
    shutil.copy(results, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["study"] = HOSTILE
        names = file["attention"].asstr()[()]
        file["attention"][...] = [f"<b>{HOSTILE}</b>" if n == "full" else n for n in names]
    page_path = path.with_name("hostile.html")
    outcome = report(copy, "-o", page_path)
    assert outcome.returncode == 0, outcome.stderr
    with browser.page(page_path) as page:
        draw_all(page)
        assert page.title() == f"How attention scales: {HOSTILE}", page.title()
        assert page.locator("img").count() == 0
    assert not browser.said, browser.said


def its_config_is_the_same_sweep(browser, path, results):
    with browser.page(path) as page:
        config = page.locator("pre[aria-label='sweep.ini']").text_content()
    (results.parent / "again.ini").write_text(config)
    said = run(results.parent / "again.ini", folder=results.parent)
    assert "24 runs: 0 done now, 24 were there" in said, said


def is_the_same_twice_and_whole_or_not_at_all(browser, path, results):
    again = path.with_name("again.html")
    assert report(results, "-o", again).returncode == 0
    assert again.read_bytes() == path.read_bytes()
    (path.parent / "words.h5").write_text("not HDF5")
    for file, output, said in [("missing.h5", again, "missing.h5"), ("words.h5", again, "words.h5"),
                               (results, path.parent / "nowhere" / "report.html", "cannot be written")]:
        outcome = report(path.parent / file, "-o", output)
        assert outcome.returncode == 2, f"{file}: exit code {outcome.returncode}"
        assert said in outcome.stderr and outcome.stderr.count("\n") == 1, outcome.stderr
    assert again.read_bytes() == path.read_bytes(), "a failed report changed the one that was there"
    assert not list(path.parent.glob("*.tmp"))


def scores_stand_beside_their_ceilings(browser, path, results):
    """Of a sweep whose windows cannot reach every answer, in two learning rates of which one is chosen."""
    folder = path.parent / "recall"
    run("--attention", "full,windowed", "--attention.windowed.window", "8", "--task", "mqar",
        "--task.mqar.vocabulary", "128", "--task.mqar.train_cells", "64x8",
        "--task.mqar.test_cells", "32x4+64x4+64x8", "--length", "64", "--model.width", "16",
        "--model.heads", "1", "--train.steps", "2", "--train.batch", "2", "--eval.lengths", "32+64",
        "--eval.examples", "5", "--seed", "0,1", "--repeats", "1", "--train.learning_rate", "1e-3,1e-2",
        folder=folder)
    outcome = report(folder / "sweep.h5", "-o", folder / "report.html")
    assert outcome.returncode == 0, outcome.stderr
    said = json.loads(subprocess.run([PROGRAM, "compare", folder / "sweep.h5", "--json"], check=True,
                                     capture_output=True).stdout)
    limited = next(line for line in said["scores"] if line["chosen"] and line["group"] == "windowed")
    with browser.page(folder / "report.html") as page:
        draw_all(page)
        traces = page.evaluate("""document.getElementById('figure-accuracy').data
            .filter((t) => ['line', 'ceiling'].includes(t.meta.role)).map((t) => [t.meta.role, t.name, t.y])""")
        assert [t[1] for t in traces if t[0] == "line"] == ["full", "windowed"], traces
        assert [t[2] for t in traces if t[0] == "ceiling"] == [limited["ceiling"]], traces
        table = page.locator("#table-parts-of-scores").text_content()
        for part in limited["parts"]:
            assert f"of {part['ceiling'][0]:.3f}" in table and part["part"] in table, table
        assert page.get_by_text("2 lines of learning rates that were not chosen left out").count() == 1
    assert not browser.said, browser.said


TESTS = [loads_offline_without_a_word, a_legend_click_hides_a_line_in_every_figure,
         the_controls_change_axes_bands_and_parts, zooms_and_goes_back, hollow_marks_say_what_failed,
         the_table_has_every_run, everything_is_reached_by_keyboard, axe_finds_nothing_serious,
         follows_the_theme, text_of_a_file_stays_text, its_config_is_the_same_sweep,
         is_the_same_twice_and_whole_or_not_at_all, scores_stand_beside_their_ceilings]


def main() -> int:
    if not CHROMIUM.exists():
        print(f"report_page_test: skipped, no {CHROMIUM}: scripts/setup --browser installs it")
        return 0
    wanted = [test for test in TESTS if re.search("|".join(sys.argv[2:]), test.__name__)]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        results = sweep(folder / "results")
        path = folder / "report.html"
        outcome = report(results, "-o", path)
        assert outcome.returncode == 0, outcome.stderr
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        # A time-out of the browser is a failure like any other.
        code = run_checks(wanted, lambda test: test(Browser(chromium), path, results), Exception)
        chromium.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
