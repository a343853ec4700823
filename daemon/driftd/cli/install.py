"""`driftd install --systemd`: writes units for these settings, and says what each is for and what comes next."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftd.cli.options import Config

if TYPE_CHECKING:
    from driftd.service.units import UnitFile


def register(app: typer.Typer) -> None:
    app.command("install")(install)


def install(
    config: Config = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="As a service of systemd; the only kind there is.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show every file, and write none.")] = False,
    root: Annotated[Path, typer.Option(metavar="DIR", help="Write below another folder, such as an image's.")] = Path(
        "/"
    ),
) -> None:
    """Write a hardened systemd service that runs driftd with these settings. It starts nothing."""
    from driftd import config as settings_of
    from driftd.errors import UsageError
    from driftd.service import units

    if not systemd:
        raise UsageError("nothing is named to install for", remedy="driftd install --systemd")
    file = settings_of.find_file(config).absolute()
    settings = settings_of.load(file)
    program = Path(sys.argv[0]).absolute()
    files = units.unit_files(settings, file, program, (Path(sys.prefix), Path(sys.base_prefix)))
    if dry_run:
        _show(files, root)
    else:
        _write(files, root)
    _explain(units.writable(settings))


def _show(files: Iterable["UnitFile"], root: Path) -> None:
    from driftd.cli import output

    for file in files:
        output.say(output.text(f"{root / file.place}: {file.why}", "bold"))
        output.say(f"{file.text}")


def _write(files: Sequence["UnitFile"], root: Path) -> None:
    from driftd.cli import output
    from driftd.errors import OperationError, UsageError
    from driftd.service.units import MARK

    for file in files:
        place = root / file.place
        if place.exists() and not place.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise UsageError(
                f"{place} exists and is not from `driftd install`; nothing was written",
                remedy="move it away; what you changed in it belongs into a drop-in (systemctl edit driftd)",
            )
    rows = []
    for file in files:
        place = root / file.place
        try:
            before = place.read_text(encoding="utf-8") if place.exists() else None
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.text, encoding="utf-8")
            place.chmod(0o644)
        except OSError as error:
            raise OperationError(f"{place}: {error.strerror}", remedy="sudo driftd install --systemd") from error
        rows.append(
            (place, "written" if before is None else "as it was" if before == file.text else "renewed", file.why)
        )
    output.show_table(("file", "", "what it is"), rows)


def _explain(folders: Sequence[Path]) -> None:
    from driftd.cli import output
    from driftd.share import share_dir

    owned = " ".join(shlex.quote(str(folder)) for folder in folders)
    output.say("\nWhat comes next, as root:")
    for line in (
        "systemd-sysusers && systemd-tmpfiles --create",
        f"chown -R driftd: {owned}",
        "systemctl daemon-reload",
        "systemctl enable --now driftd",
        "systemd-analyze security driftd",
    ):
        output.say(f"    {line}")
    output.say(
        "\nThe unit reaches no other machine. Drop-ins that let it (network.conf), that hand over keys (credentials.conf) or let stages\n"
        f"compile (jit.conf), and a unit that reloads a server on promotion, are in {share_dir() / 'systemd' / 'examples'}."
    )
