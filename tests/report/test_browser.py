"""The page in a real browser: it loads without a complaint, shows names as text, sorts, and fits a phone."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from posewright.labels.skeleton import Skeleton
from posewright.report.build import build_report

from .make_results import make_results

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
)
TITLE = "<b>x</b>"
NODES = ("<script>document.title = 'caught'</script>", "<img src=x onerror=alert(1)>", "tail & tip")


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser, or a loud skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        message = "NO BROWSER: install chromium (apt-get install chromium) to test the page as a reader sees it"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose title, nodes and methods carry markup."""
    folder = tmp_path_factory.mktemp("hostile")
    skeleton = Skeleton(NODES, ((0, 1), (1, 2)))
    made = make_results(folder, methods=["<i>one", "two"], seeds=[0], skeleton=skeleton, n_videos=6, frames_each=2)
    out = folder / "index.html"
    build_report(results=made.results, side="val", status=made.status, out=out, store=made.store, title=TITLE)
    return out


def _open(chromium: str, page: Path, folder: Path, width_px: int = 1400, script: str = "") -> tuple[str, str]:
    """Return (DOM after loading, what the browser logged); ``script`` runs at the end of the page."""
    changed = folder / "page.html"
    text = page.read_text(encoding="utf-8").replace(
        "</body>", f"<script>{script}</script></body>" if script else "</body>"
    )
    changed.write_text(text, encoding="utf-8")
    words = [f"--user-data-dir={folder / 'profile'}", f"--window-size={width_px},1200", "--dump-dom", changed.as_uri()]
    done = subprocess.run([chromium, *QUIET, *words], capture_output=True, text=True, timeout=180, check=True)
    return done.stdout, done.stderr


def test_it_loads_without_complaint_and_shows_the_answer(chromium: str, page: Path, tmp_path: Path) -> None:
    dom, log = _open(chromium, page, tmp_path)
    assert "CONSOLE" not in log
    answer = re.search(r'<p class="headline">(.*?)</p>', dom)
    assert answer is not None
    assert "places" in answer[1]
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?https?:", dom)


def test_every_picture_has_pixels(chromium: str, page: Path, tmp_path: Path) -> None:
    script = """
      for (const image of document.images) image.loading = "eager";
      window.addEventListener("load", () => {
        document.body.dataset.bad = [...document.images].filter((image) => image.naturalWidth === 0).length;
      });
    """
    dom, _ = _open(chromium, page, tmp_path, script=script)
    assert 'data-bad="0"' in dom


def test_markup_in_names_is_text(chromium: str, hostile: Path, tmp_path: Path) -> None:
    dom, log = _open(chromium, hostile, tmp_path)
    assert "CONSOLE" not in log
    assert f"<title>{html.escape(TITLE)}</title>" in dom
    assert f"<h1>{html.escape(TITLE)}</h1>" in dom
    assert dom.count("<script") == 1
    assert '<img src="x"' not in dom
    assert html.escape(NODES[0], quote=False) in dom
    assert "&lt;i&gt;one" in dom


def test_sorting_filtering_and_switching_methods_off(chromium: str, page: Path, tmp_path: Path) -> None:
    script = """
      const told = {};
      const shown = (part) => part.getClientRects().length > 0;
      const header = document.querySelector("#methods th:nth-child(4)");
      const body = header.closest("table").tBodies[0];
      const names = () => [...body.rows].map((row) => row.cells[0].innerText.split("\\n")[0]);
      header.firstElementChild.click(); const up = names();
      header.firstElementChild.click(); const down = names();
      told.order = [...up, ...down].join(" ") + " " + header.getAttribute("aria-sort");

      const field = document.querySelector("#pairs input[type=search]");
      field.closest("details").open = true;
      const rows = [...field.closest("details").querySelectorAll("tbody tr")];
      told.rows = rows.length;
      field.value = "Coverage ALL"; field.dispatchEvent(new Event("input"));
      told.fit = rows.filter(shown).map((row) => row.cells[1].innerText + " " + row.cells[2].innerText).join("; ");
      told.said = field.closest("p").querySelector("output").textContent;
      field.value = ""; field.dispatchEvent(new Event("input"));
      told.after = rows.filter(shown).length;

      const about = (name) => [...document.querySelectorAll("[data-methods]")].filter(
        (part) => part.dataset.methods.split("\\n").includes(name) && shown(part)).length;
      told.before = [about("topdown") > 10, about("bottomup") > 10].join(" ");
      document.querySelector(".toggles input[value=bottomup]").click();
      told.off = [about("topdown") > 5, about("bottomup")].join(" ");
      told.pairs = [...document.querySelectorAll("#pairs tbody tr")].filter(shown).length;
      document.querySelector(".toggles input[value=bottomup]").click();
      told.again = about("bottomup") > 10;
      document.body.dataset.told = Object.entries(told).map(([key, found]) => key + "=" + found).join(" | ");
    """
    dom, log = _open(chromium, page, tmp_path, script=script)
    assert "CONSOLE" not in log
    found = re.search(r'data-told="([^"]*)"', dom)
    assert found is not None
    told = dict(part.split("=", 1) for part in html.unescape(found[1]).split(" | "))
    assert told["order"] == "topdown bottomup bottomup topdown descending"
    assert told["fit"] == "coverage all"
    assert told["said"] == f"1 of {told['rows']} rows" and told["after"] == told["rows"]
    assert (told["before"], told["off"], told["pairs"], told["again"]) == ("true true", "true 0", "0", "true")


def test_nothing_but_tables_scrolls_sideways_on_a_phone(chromium: str, page: Path, tmp_path: Path) -> None:
    """A window of Chromium is never as narrow as a phone, a frame in it is."""
    inside = tmp_path / "inside.html"
    root = "document.documentElement"
    script = f"parent.postMessage([innerWidth, {root}.scrollWidth - {root}.clientWidth].join(' over '), '*');"
    text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{script}</script></body>")
    inside.write_text(text, encoding="utf-8")
    outside = tmp_path / "outside.html"
    outside.write_text(
        "<body><script>addEventListener('message', (told) => { document.body.dataset.told = told.data; });</script>"
        '<iframe src="inside.html" style="width: 430px; height: 900px; border: 0"></iframe></body>'
    )
    dom, _ = _open(chromium, outside, tmp_path)
    assert 'data-told="430 over 0"' in dom


def test_on_a_desk_every_column_of_a_table_is_seen(chromium: str, page: Path, tmp_path: Path) -> None:
    script = """
      for (const part of document.querySelectorAll("details")) part.open = true;
      document.body.dataset.told = [...document.querySelectorAll(".scroll")].filter(
        (part) => part.scrollWidth > part.clientWidth).map((part) => part.closest("section").id).join(" ");
    """
    dom, _ = _open(chromium, page, tmp_path, script=script)
    assert 'data-told=""' in dom


def test_it_prints_with_tables_unfolded_and_without_controls(chromium: str, page: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    words = [f"--user-data-dir={tmp_path / 'profile'}", "--no-pdf-header-footer", f"--print-to-pdf={out}"]
    subprocess.run([chromium, *QUIET, *words, page.as_uri()], capture_output=True, timeout=180, check=True)
    assert out.read_bytes().startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        message = "PDF NOT READ: install poppler-utils (apt-get install poppler-utils) to test what is printed"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    done = subprocess.run(["pdftotext", "-layout", str(out), "-"], capture_output=True, text=True, check=True)
    assert "Each trained model by itself" in done.stdout and "seed" in done.stdout.lower()
    assert "sha256" in done.stdout  # a folded table
    assert "Methods shown" not in done.stdout and "Filter" not in done.stdout
    parts = [paper for paper in done.stdout.split("\f") if "with its interval" in paper]
    assert len(parts) > 1 and all("Stratum" in paper for paper in parts)  # a table goes on with its titles


def test_no_table_is_wider_than_paper(chromium: str, page: Path, tmp_path: Path) -> None:
    on_paper = tmp_path / "paper.html"
    text = page.read_text(encoding="utf-8").replace(">arena", ">recording-of-arena-")
    on_paper.write_text(text.replace("@media print {", "@media all {"), encoding="utf-8")
    script = """
      for (const part of document.querySelectorAll("details")) part.open = true;
      document.body.style.width = "7.7in";  // a letter between Chromium's margins
      document.body.dataset.told = [...document.querySelectorAll("table")].filter(
        (table) => table.offsetWidth > table.parentElement.clientWidth).map((table) => table.innerText).join(" ");
    """
    dom, _ = _open(chromium, on_paper, tmp_path, script=script)
    assert 'data-told=""' in dom
