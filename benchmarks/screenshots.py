"""The pictures of docs/images, taken anew: `python -m benchmarks.screenshots` (needs Chromium).

The report of `make eval`, its leaderboard, and the gate that README shows, catching the regression
that examples/damage.py plants; each light, dark and narrow.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
BASE = "bench/zoo/checkpoints/lm-base"
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "narrow": ("light", 500)}
HEIGHTS = {"report": (2900, 2200), "leaderboard": (1500, 1300), "gate": (1500, 1500)}
LANGUAGE = ("-t", "likelihood/prose", "-t", "reasoning/arithmetic", "--decoder", "greedy")


def bench(*words: str, code: int = 0) -> None:
    """`bench WORDS...`, which must end with that exit code."""
    done = subprocess.run([sys.executable, "-m", "bench", *words], cwd=ROOT, check=False)  # noqa: S603 - our own words
    if done.returncode != code:
        raise SystemExit(f"bench {' '.join(words)}: exit code {done.returncode}, not {code}")


def pages(place: Path) -> dict[str, Path]:
    """Each page, made in `place`."""
    bench("eval", "-q", "--out", str(place / "quick"))
    bench("leaderboard", str(place / "quick"), "--out", str(place / "site"))
    bench("eval", "-q", "-m", f"hf:{BASE}", *LANGUAGE, "--out", str(place / "base"))
    (base,) = (place / "base").iterdir()
    policy, baseline, damaged = (str(place / name) for name in ("gate.yaml", "baseline.json", "damaged"))
    bench("baseline", "save", str(base), "-o", baseline)
    bench("gate", "init", str(base), "-o", policy)
    subprocess.run([sys.executable, "examples/damage.py", BASE, damaged], cwd=ROOT, check=True)  # noqa: S603 - our own words
    words = ("--baseline", baseline, "-m", f"hf:{damaged}", *LANGUAGE, "--policy", policy, "-q")
    bench("gate", *words, "--runs", str(place / "runs"), "--out", str(place / "gate"), code=1)
    (quick,) = (place / "quick").iterdir()
    return {
        "report": quick / "report.html", "leaderboard": place / "site" / "index.html", "gate": place / "gate/gate.html",
    }  # fmt: skip


def shoot(chromium: str, page: Path, name: str, profile: Path) -> None:
    """A page in its three looks."""
    for look, (theme, width) in LOOKS.items():
        height = HEIGHTS[name][look == "narrow"]
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        target = [f"--window-size={width},{height}", f"--screenshot={IMAGES / f'{name}-{look}.png'}"]
        url = f"{page.as_uri()}?theme={theme}"
        subprocess.run([chromium, *flags, *target, url], check=True, capture_output=True, timeout=300)  # noqa: S603 - ours


def main() -> None:
    """Evaluate, and take all pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium here")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, page in pages(place).items():
            shoot(chromium, page, name, place / "profile")


if __name__ == "__main__":
    main()
