"""`sneeuwbal reproduce`: every published figure again, from its package."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click


@click.command()
@click.argument("package", type=click.Path(path_type=Path, exists=True, file_okay=False))
def command(package: Path) -> None:
    """Check every file of PACKAGE, make its figures again without a network, and say which are equal.

    With an archive in it the tables are loaded from that; otherwise the database in it is where it begins. A file that
    was changed is refused by its name (exit 2); figures that differ are told with the difference (exit 3).
    """
    from commands.comparing import compared
    from commands.package import DATABASE_IN, REPORT_IN, STUDY_IN, make, report_options
    from storage import ro_crate
    from storage.archive.manifest import checksum
    from storage.errors import Partial

    click.echo(f"{ro_crate.verify(package):,} files are as the manifest says ({checksum(package / ro_crate.MANIFEST)})")
    _tell_versions(package)
    with tempfile.TemporaryDirectory(prefix="sneeuwbal-") as place:
        database, study = package / DATABASE_IN, None
        if (package / STUDY_IN).is_dir():
            from commands.context import DATABASE, open_study
            from commands.job import load_study

            shutil.copytree(package / STUDY_IN, Path(place) / "study")
            study = open_study(Path(place) / "study")
            load_study(study, click.echo, fresh=True)
            database = study.directory / DATABASE
        make(database, Path(place) / REPORT_IN, report_options(study))
        found = list(compared(package / REPORT_IN, Path(place) / REPORT_IN))
    for one in found:
        click.echo(one.told())
    wrong = [one.name for one in found if one.differences]
    equal = sum(one.equal for one in found)
    if wrong:
        raise Partial(f"{len(wrong)} of {len(found)} tables differ ({', '.join(wrong)}); {equal:,} figures are equal")
    click.echo(f"all {equal:,} figures of {len(found)} tables are equal to the last digit")


def _tell_versions(package: Path) -> None:
    import json

    from storage.versions import versions

    made, here = json.loads((package / "versions.json").read_text("utf-8")), versions()
    changed = [name for name in sorted(made) if made[name] != here.get(name)]
    other = [f"{name} {made[name]} (here {here.get(name, 'none')})" for name in changed]
    if other:
        click.echo(f"made with other versions: {', '.join(other)}")
