"""Write the sample data of pipeline/ from the us_addresses set: `python benchmarks/make_sample.py [--check]`.

The set (16,513 addresses in time order) is read from $DRIFTD_SHARED/data/us_addresses, by default from `shared` beside the checkout.
`--check` proves that the committed files say what the set says.
"""

import argparse
import gzip
import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIPELINE = ROOT / "pipeline"
FIRST_DATASET = 1500  # Iowa addresses that the first model is trained on
QUIET_FILES = 8  # more of the same county
NATIONWIDE_FILES = 15  # the rest of the set, as many to a file as there are left in the last one
ROWS = 100
PLAIN = {0, QUIET_FILES}  # the first of each kind can be read without unpacking


def addresses(source: Path) -> dict[str, list[str]]:
    segments: dict[str, list[str]] = {}
    with source.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            kept = {"text": row["text"], "entities": row["entities"]}
            text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
            segments.setdefault(row["segment"], []).append(text + "\n")
    return segments


def arrivals(iowa: list[str], nationwide: list[str]) -> Iterator[tuple[str, list[str]]]:
    quiet, changed = iter(iowa), iter(nationwide)
    for number in range(QUIET_FILES):
        yield f"{number + 1:02}-iowa", list(islice(quiet, ROWS))
    for number in range(NATIONWIDE_FILES):
        last = number == NATIONWIDE_FILES - 1
        yield f"{QUIET_FILES + number + 1:02}-nationwide", list(islice(changed, None if last else ROWS))


def sample(source: Path) -> dict[str, bytes]:
    """The files of the sample, not packed, by their path in pipeline/."""
    segments = addresses(source)
    iowa, nationwide = segments["linn_county_iowa"], segments["nationwide"]
    files = {"data/iowa.jsonl": "".join(iowa[:FIRST_DATASET]).encode()}
    for number, (name, lines) in enumerate(arrivals(iowa[FIRST_DATASET:], nationwide)):
        suffix = ".jsonl" if number in PLAIN else ".jsonl.gz"
        files[f"sample/incoming/{name}{suffix}"] = "".join(lines).encode()
    return files


def agrees(path: Path, content: bytes) -> bool:
    if not path.exists():
        return False
    found = path.read_bytes()
    # another zlib packs the same rows into other bytes
    return (gzip.decompress(found) if path.suffix == ".gz" else found) == content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    check = parser.parse_args().check
    shared = Path(os.environ.get("DRIFTD_SHARED", ROOT.parent / "shared"))
    files = sample(shared / "data" / "us_addresses" / "data.jsonl")
    if check:
        differing = [name for name, content in files.items() if not agrees(PIPELINE / name, content)]
        sys.exit(f"differs from the set: {', '.join(differing)}" if differing else 0)
    for name, content in files.items():
        path = PIPELINE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    print(f"{len(files)} files, {sum(map(len, files.values())) // 1024} KiB of rows")


if __name__ == "__main__":
    main()
