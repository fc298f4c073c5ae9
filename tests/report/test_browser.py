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
    done = subprocess.run([chromium, *QUIET, *words], capture_output=True, text=True, timeout=90, check=True)
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


def test_a_click_sorts_and_a_second_one_turns_round(chromium: str, page: Path, tmp_path: Path) -> None:
    script = """
      const header = document.querySelector("#methods th:nth-child(4)");
      const body = header.closest("table").tBodies[0];
      const names = () => [...body.rows].map((row) => row.cells[0].innerText.split("\\n")[0]);
      header.firstElementChild.click(); const up = names();
      header.firstElementChild.click(); const down = names();
      document.body.dataset.order = [...up, ...down].join(" ") + " " + header.getAttribute("aria-sort");
    """
    dom, _ = _open(chromium, page, tmp_path, script=script)
    assert 'data-order="topdown bottomup bottomup topdown descending"' in dom


def test_nothing_but_tables_scrolls_sideways_on_a_phone(chromium: str, page: Path, tmp_path: Path) -> None:
    script = "document.body.dataset.over = document.documentElement.scrollWidth - document.documentElement.clientWidth;"
    dom, _ = _open(chromium, page, tmp_path, width_px=400, script=script)
    assert 'data-over="0"' in dom
