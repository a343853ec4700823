"""The pictures of the docs: every page of the demo's daemon, and two reports, in real Chromium. `make screenshots` takes them anew.

Desktop pictures are light and dark; those of a phone hold both, side by side. What is too tall is cut, so that no file is large.
"""

import gzip
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from driftd.cli.demo.sandbox import Stage, incoming  # noqa: E402  # tests/ comes first
from driftd.cli.demo.story import tell  # noqa: E402
from driftd.cli.main import build_app  # noqa: E402
from driftd.observe import views  # noqa: E402
from driftd.service.daemon_lock import owner  # noqa: E402
from support.browser import DESKTOP, PHONE, Browser  # noqa: E402

LARGEST = 150_000  # bytes of a picture
TALLEST = 2400  # pixels
HEIGHT = "document.documentElement.scrollHeight"
PAGES = {
    "overview": "/",
    "project": "/projects/{project}",
    "distributions": "/projects/{project}/distributions",
    "incident": "/incidents/1",
    "explanation": "/incidents/1/explanation",
    "run": "/runs/2",
    "models": "/projects/{project}/models?old=v1.0.0&new=v2.0.0",
    "intake": "/projects/{project}/intake",
}
FILES = 8  # files of each kind of addresses that the report compares
HOUSEHOLDS = 3500  # rows of the employment survey before those of group quarters


class ChangingStage(Stage):
    """The demo, with a person who changes a parameter once the first model is there."""

    changed = False

    def drop(self, file: Path) -> None:
        if not self.changed:
            self.changed = True
            params = self.folder / "params.yaml"
            params.write_text(params.read_text("utf-8").replace("epochs: 5", "epochs: 6"), "utf-8")
            command = ["git", "-c", "user.name=A person", "-c", "user.email=person@example.com"]
            subprocess.run([*command, "commit", "-q", "-a", "-m", "One more epoch"], cwd=self.folder, check=True)
        super().drop(file)


def main() -> None:
    with TemporaryDirectory(prefix="pictures-") as temporary, Browser() as browser:
        folder = Path(temporary)
        stage = ChangingStage(folder / "addresses")
        try:
            tell(stage, stay=False)
            refuse(stage, folder)
            site = f"http://{owner(stage.layout.state_dir).listen}"
            for name, path in PAGES.items():
                take(browser, site + path.format(project=stage.project), name, folder)
        finally:
            stage.close()
        for name, report in (("report-addresses", addresses(folder)), ("report-employment", employment(folder))):
            take(browser, report.as_uri(), name, folder)


def refuse(stage: Stage, folder: Path) -> None:
    """Let a file arrive that is no data."""
    file = folder / "customers.pdf"
    file.write_bytes(b"%PDF-1.7\n" + b"x" * 4000)
    stage.drop(file)
    stage.wait(lambda: views.files(stage.journal, stage.project, "quarantined"), "refusal of a file")


def take(browser: Browser, url: str, name: str, folder: Path) -> None:
    for dark in (False, True):
        theme = "dark" if dark else "light"
        browser.look(size=DESKTOP, dark=dark)
        browser.open(url)
        save(browser, HERE / f"{name}-{theme}.png")
        browser.look(size=PHONE, dark=dark)
        browser.open(url)
        browser.picture(folder / f"{theme}.png", min(TALLEST * 2 // 3, browser.ask(HEIGHT)))
    both = folder / "both.html"
    images = "".join(
        f"<img src={theme}.png style='vertical-align: top; margin: 0 10px'>" for theme in ("light", "dark")
    )
    both.write_text(f"<body style='margin: 0; background: #8888'><nobr>{images}</nobr>")
    browser.look(size=(2 * PHONE[0] + 44, PHONE[1]))
    browser.open(both.as_uri())
    save(browser, HERE / f"{name}-phone.png")


def save(browser: Browser, path: Path) -> None:
    """Save the page from its top, as much of it as the bound leaves room for."""
    height = min(TALLEST, browser.ask(HEIGHT))
    browser.picture(path, height)
    while path.stat().st_size > LARGEST:
        height = height * 9 // 10
        browser.picture(path, height)


def addresses(folder: Path) -> Path:
    """Compare addresses of one state with those of the whole country."""
    for name, files in (("iowa", incoming("iowa")[:FILES]), ("nationwide", incoming("nationwide")[:FILES])):
        blocks = (file.read_bytes() for file in files)
        rows = b"".join(gzip.decompress(block) if block.startswith(b"\x1f\x8b") else block for block in blocks)
        (folder / f"{name}.jsonl").write_bytes(rows)
    return report(folder, "iowa.jsonl", "nationwide.jsonl")


def employment(folder: Path) -> Path:
    """Compare people in households with people in group quarters."""
    content = (ROOT / "tests/data/employment/rows.csv.gz").read_bytes()
    head, *rows = gzip.decompress(content).decode().splitlines()
    for name, part in (("households", rows[:HOUSEHOLDS]), ("group-quarters", rows[HOUSEHOLDS:])):
        (folder / f"{name}.csv").write_text("\n".join([head, *part]))
    return report(folder, "households.csv", "group-quarters.csv")


def report(folder: Path, before: str, now: str) -> Path:
    made = folder / f"{before}.html"
    build_app()(["check", str(folder / before), str(folder / now), "--html", str(made)], standalone_mode=False)
    return made


if __name__ == "__main__":
    main()
