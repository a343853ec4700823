"""`driftd install`: writes units for these settings, or what Prometheus and Grafana need, and says what each file is for and what comes next."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftd.cli.options import Config

if TYPE_CHECKING:
    from driftd.config import Settings
    from driftd.service.deploy.systemd_units import UnitFile


def register(app: typer.Typer) -> None:
    app.command("install")(install)


def install(
    config: Config = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="A hardened service that runs driftd with these settings.")
    ] = False,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Alerts and recording rules for a Prometheus on this machine.")
    ] = False,
    grafana: Annotated[bool, typer.Option("--grafana", help="The dashboard for a Grafana on this machine.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show every file, and write none.")] = False,
    root: Annotated[Path, typer.Option(metavar="DIR", help="Write below another folder, such as an image's.")] = Path(
        "/"
    ),
) -> None:
    """Write files for systemd, Prometheus or Grafana, and say what comes next. It starts nothing."""
    from driftd import config as settings_of
    from driftd.errors import UsageError
    from driftd.service.deploy import prometheus_files, systemd_units

    if not (systemd or prometheus or grafana):
        raise UsageError(
            "nothing is named to install for",
            remedy="driftd install --systemd, --prometheus or --grafana; with --dry-run to look",
        )
    file = settings_of.find_file(config).absolute()
    settings = settings_of.load(file)
    files: list[UnitFile] = []
    if systemd:
        program = Path(sys.argv[0]).absolute()
        files += systemd_units.unit_files(settings, file, program, (Path(sys.prefix), Path(sys.base_prefix)))
    if prometheus:
        files += prometheus_files.prometheus_files()
    if grafana:
        files += prometheus_files.grafana_files()
    if dry_run:
        _show(files, root)
    else:
        _write(files, root)
    if systemd:
        _explain_service(settings)
    if prometheus:
        _explain_prometheus(prometheus_files.scraping(settings), root)
    if grafana:
        _explain_grafana()


def _show(files: Iterable["UnitFile"], root: Path) -> None:
    from driftd.cli import output

    for file in files:
        output.say(output.text(f"{root / file.place}: {file.why}", "bold"))
        output.say(f"{file.text}")


def _write(files: Sequence["UnitFile"], root: Path) -> None:
    from driftd.cli import output
    from driftd.errors import OperationError, UsageError

    for file in files:
        place = root / file.place
        if place.exists() and not place.read_text(encoding="utf-8", errors="replace").startswith(file.mark):
            raise UsageError(
                f"{place} exists and is not from `driftd install`; nothing was written",
                remedy="move it away; what you changed in it belongs into a file beside it (of the unit: systemctl edit driftd)",
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
            raise OperationError(f"{place}: {error.strerror}", remedy="run it with sudo") from error
        rows.append(
            (place, "written" if before is None else "as it was" if before == file.text else "renewed", file.why)
        )
    output.show_table(("file", "", "what it is"), rows)


def _explain_service(settings: "Settings") -> None:
    from driftd.cli import output
    from driftd.resources import share_dir
    from driftd.service.deploy import systemd_units

    folders = systemd_units.writable(settings)
    owned = " ".join(shlex.quote(str(folder)) for folder in folders)
    missing = [folder for folder in systemd_units.made(settings) if not folder.exists()]
    _next(
        "systemd-sysusers && systemd-tmpfiles --create",
        *(f"mkdir -p {shlex.quote(str(folder))}" for folder in missing),
        f"chown -R driftd: {owned}",
        "systemctl daemon-reload",
        "systemctl enable --now driftd",
        "systemd-analyze security driftd",
    )
    for folder in folders:
        if any(folder.is_relative_to(place) for place in ("/tmp", "/var/tmp")):  # noqa: S108  # nothing is written there
            output.say(f"\nThe unit has a /tmp of its own and does not see {folder}: move it, such as to /srv.")
    output.say(
        "\nThe unit reaches no other machine. Drop-ins that let it (network.conf), that hand over keys (credentials.conf) or let stages\n"
        f"compile (jit.conf), and a unit that reloads a server on promotion, are in {share_dir() / 'systemd' / 'examples'}."
    )


def _explain_prometheus(text: str, root: Path) -> None:
    from driftd.cli import output
    from driftd.service.deploy.prometheus_files import PROMETHEUS

    file = root / PROMETHEUS / "prometheus.yml"
    output.say(f"\nMerge into {file}; `alerting` names your Alertmanager:\n")
    typer.echo("".join(f"    {line}\n" if line else "\n" for line in text.splitlines()), nl=False)
    _next(f"promtool check config {file}", "systemctl reload prometheus")


def _explain_grafana() -> None:
    _next("systemctl restart grafana-server")


def _next(*commands: str) -> None:
    from driftd.cli import output

    output.say("\nWhat comes next, as root:")
    for command in commands:
        output.say(f"    {command}")
