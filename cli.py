"""The command line. Commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from keyword import iskeyword
from pathlib import Path

import click

from storage.errors import OutOfBudget, Partial, UserError

COMMANDS = {
    "init": "Create a study: write a commented study file.",
    "run": "The whole job: collect, load, link, admit, analyse, in waves until nothing is due.",
    "collect": "Fetch what is due into the archive.",
    "load": "Derive the tables from the archive and publish study.duckdb.",
    "admit": "Queue the targets that the sampling rules select.",
    "review": "Write out links that await a decision, or read the decisions.",
    "report": "Make the page, the tables and the figures.",
    "network": "Export a network as GEXF, GraphML or Parquet, or list its communities.",
    "figure": "Draw one figure of the report for a paper: SVG, PDF or PNG, with its data.",
    "import": "Read exports, captures, archives of other tools, registers and tables.",
    "plan": "Estimate requests, hours, cost and disk space of a study.",
    "replay": "Run the whole job again from an archive, without a network.",
    "rehearse": "Run a whole study against a simulated world on this machine.",
    "schedule": "Run jobs at their times: run, list, next, pause, resume, trigger.",
    "invite": "Make invitations to take part, list or revoke them.",
    "serve": "Serve the pages for participants, or the desk for researchers.",
    "connect": "Give access to an account of your own, for a collector that reads by consent.",
    "status": "Show what is done, due or waiting, and why.",
    "sql": "Query study.duckdb, read-only: one query, or a shell.",
    "recover": "Rebuild the state from the archive.",
    "verify": "Check that archive, state and database are consistent.",
    "store": "Move the study to object storage and PostgreSQL, or back.",
    "backup": "Copy the study safely while it runs.",
    "prune": "Delete old reports and unused files.",
    "doctor": "Check the installation and the study.",
    "forget": "Remove a person permanently.",
    "compliance": "Check stored items with their platforms, and remove those deleted there.",
    "retain": "Remove what is deleted on its platform or passed its retention period.",
    "dossier": "Write what a data protection officer, or an application under the DSA, asks.",
    "package": "Make a replication package: report, tables, definitions, database.",
    "reproduce": "Recompute every figure of a package, and compare.",
}


class _Lazy(click.Group):
    """A group whose commands are modules of `commands`, imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names, in the order of a study's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_") + "_" * iskeyword(cmd_name)
        command: click.Command = import_module(f"commands.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command named; a usage error suggests the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            raise UserError(f"no command {args[0]!r}; " + (f"did you mean {near[0]!r}?" if near else "see --help"))
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sneeuwbal", prog_name="sneeuwbal")
@click.option("--study", "directory", type=click.Path(path_type=Path), default=Path(), show_default="this directory",
              help="The study's directory.")  # fmt: skip
@click.option("--log", "form", type=click.Choice(["lines", "json"]), envvar="SNEEUWBAL_LOG",
              help="Log to standard error, without secrets.")  # fmt: skip
@click.pass_context
def cli(context: click.Context, directory: Path, form: str | None) -> None:
    """Snowball-sample professional profiles and the public timelines behind them into one DuckDB file.

    Exit codes: 0 complete, 2 usage or input error, 3 partial, 4 out of budget or credit, 130 interrupted.
    """
    from commands.terminal import plain_output
    from jobs.logs import setup

    context.obj = directory
    context.with_resource(plain_output(setup(directory, form).known))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code. Errors that a user can fix are one line."""
    try:
        code = cli.main(arguments, prog_name="sneeuwbal", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say("interrupted; everything received is kept, and the next run continues", 130)
    except click.ClickException as error:
        return _say(error.format_message(), 2)
    except UserError as error:
        return _say(str(error), 2)
    except Partial as error:
        return _say(str(error), 3)
    except OutOfBudget as error:
        return _say(str(error), 4)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (the reader has closed the pipe)
        return 0
    except Exception as error:
        line = _machine_fault(error)
        if line is None:
            raise
        return _say(*line)


def _machine_fault(error: Exception) -> tuple[str, int] | None:
    """One line and the exit code for an error of the machine; None for a bug."""
    text = str(error)
    lowered = text.lower()
    where = getattr(error, "filename", None)
    if getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in lowered or "no space left" in lowered:
        return f"the disk is full{f' ({where})' if where else ''}; received data are safe: free space and run again", 3
    if "database is locked" in lowered:
        return "the state is locked by another program; stop it (`sneeuwbal doctor` shows which) and run again", 3
    if isinstance(error, PermissionError) or "permission denied" in lowered or "readonly database" in lowered:
        return f"{where or text.splitlines()[0]}: no permission; make it writable", 2
    return None


def _say(text: str, code: int) -> int:
    from jobs.logs import clean

    click.echo(f"sneeuwbal: {clean(text)}", err=True)
    return code


def entry() -> None:
    """The console script."""
    from storage.children import end_with_parent

    end_with_parent()
    from jobs.logs import log_uncaught

    log_uncaught()
    sys.exit(main())


if __name__ == "__main__":
    entry()
