"""A page in a headless Chromium, with a probe that looks at it from inside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--enable-logging=stderr", "--virtual-time-budget=8000", "--dump-dom",
)  # fmt: skip

# Runs in the page after its own scripts; what it finds is read back from the document.
FRAME = """
<script>
setTimeout(() => {
  const painted = (canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i]) count += 1;
    return count;
  };
  const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);
  const rows = () => [...document.querySelectorAll("#layer-table tr.row")];
  const boxes = [...document.querySelectorAll(".chart")].filter((box) => box.offsetParent);
  const found = {
    drawn: (document.documentElement.dataset.drawn || "").split(" ").sort(),
    painted: Object.fromEntries(boxes.map((box) =>
      [box.id, [...box.querySelectorAll("canvas")].reduce((sum, canvas) => sum + painted(canvas), 0)])),
    overflow: document.documentElement.scrollWidth - window.innerWidth,
  };
  PROBE
  const result = document.createElement("output");
  result.id = "probe";
  result.textContent = JSON.stringify(found);
  document.body.append(result);
}, 3000);
</script>
</body>"""


def look(page: str, probe: str, folder: Path, width: int = 1280) -> tuple[dict[str, Any], list[str]]:
    """What the probe, a script that fills `found`, sees of a page; and the console's lines."""
    assert BROWSER is not None
    file = folder / "report.html"
    before, _, after = page.rpartition("</body>")
    file.write_text(before + FRAME.replace("PROBE", probe) + after, encoding="utf-8")
    profile, size = f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900"
    done = subprocess.run(
        [BROWSER, *FLAGS, size, profile, file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    answer = re.search(r'<output id="probe">(.*?)</output>', done.stdout, re.S)
    assert answer, f"the page's scripts did not finish: {console}"
    return json.loads(unescape(answer.group(1))), console
