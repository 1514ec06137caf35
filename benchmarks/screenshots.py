"""The pictures of docs/images, taken anew: `python -m benchmarks.screenshots` (needs Chromium).

The report of `make eval`, two of its models compared, its leaderboard with the pages of a task and of a model, and the
gate that README shows, catching the regression that examples/damage.py plants; each light, dark and narrow.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "narrow": ("light", 500)}
HEIGHTS = {
    "report": (2400, 2200), "comparison": (1500, 1500), "gate": (1340, 1500), "leaderboard": (1500, 1300),
    "leaderboard-task": (1250, 1250), "leaderboard-model": (1100, 1100),
}  # fmt: skip
LANGUAGE = ("-t", "likelihood/prose", "-t", "reasoning/arithmetic", "--decoder", "greedy")


def bench(place: Path, *words: str, code: int = 0) -> None:
    """`bench WORDS...` in a folder, which must end with that exit code."""
    command = [sys.executable, "-m", "bench", *words]
    done = subprocess.run(command, cwd=place, env=HERE, check=False)  # noqa: S603 - our own words
    if done.returncode != code:
        raise SystemExit(f"bench {' '.join(words)}: exit code {done.returncode}, not {code}")


def pages(place: Path) -> dict[str, Path]:
    """Each page, made in `place`; what they show are its relative paths."""
    shutil.copytree(ROOT / "bench/zoo/checkpoints/lm-base", place / "lm-base")
    bench(place, "eval", "-q", "--out", "quick")
    bench(place, "leaderboard", "quick", "--out", "site")
    (quick,) = (place / "quick").iterdir()
    compared = [f"quick/{quick.name}@{model}" for model in ("lm-base", "lm-tuned")]
    bench(place, "compare", *compared, "-t", "reasoning/arithmetic", "--out", "comparison")
    bench(place, "eval", "-q", "-m", "hf:lm-base", *LANGUAGE, "--out", "base")
    (base,) = (place / "base").iterdir()
    bench(place, "baseline", "save", f"base/{base.name}", "-o", "baseline.json")
    bench(place, "gate", "init", f"base/{base.name}", "-o", "gate.yaml")
    damage = [sys.executable, str(ROOT / "examples/damage.py"), "lm-base", "damaged"]
    subprocess.run(damage, cwd=place, env=HERE, check=True)  # noqa: S603 - our own words
    bench(place, "gate", "--baseline", "baseline.json", "-m", "hf:damaged", *LANGUAGE, "-q", code=1)
    (task,), (model,) = (
        list((place / "site").glob(p)) for p in ("tasks/*-calibration-digits.html", "models/*-mlp.html")
    )
    return {
        "report": quick / "report.html", "comparison": place / "comparison" / "comparison.html",
        "gate": place / "gate" / "gate.html", "leaderboard": place / "site" / "index.html", "leaderboard-task": task,
        "leaderboard-model": model,
    }  # fmt: skip


def shoot(chromium: str, page: Path, name: str, profile: Path) -> None:
    """A page in its three looks."""
    for look, (theme, width) in LOOKS.items():
        height = HEIGHTS[name][look == "narrow"]
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        target = [f"--window-size={width},{height}", f"--screenshot={IMAGES / f'{name}-{look}.png'}"]
        url = f"{page.as_uri()}?theme={theme}"
        subprocess.run([chromium, *flags, *target, url], check=True, capture_output=True, timeout=300)  # noqa: S603 - ours
        _shrink(IMAGES / f"{name}-{look}.png")


def _shrink(path: Path) -> None:
    """A palette in the place of true colours: a third of the bytes, and to the eye the same."""
    from PIL import Image

    with Image.open(path) as image:
        # By coverage, so that a colour of few pixels, such as a thin line's, is kept.
        palette = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(path, optimize=True)


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
