"""The commands of ``dq`` and the options before them."""

from __future__ import annotations

from typing import Annotated

import typer

from dq_assets.cli import config_commands, reconcile_command, run_commands, schedule_commands, start_commands, status_command, test_commands

EPILOG = "Exit codes: 0 ok, 1 failed checks, 2 usage or configuration, 3 could not evaluate, 4 not stored; of several, 4 before 2 before 3 before 1."

app = typer.Typer(
    name="dq",
    help="Profile tables, learn tests from them, and judge each batch that arrives.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    # Typer's tracebacks show local variables, which may hold what customers' tables hold.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from dq_assets import __version__

        typer.echo(f"dq {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[str | None, typer.Option("--config", metavar="FILE", help="Configuration file.", show_default="$DQ_CONFIG, else dq.yaml")] = None,
    _version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Take the options that stand before the command."""
    context.obj = config


app.command()(run_commands.provision)
app.command()(run_commands.register)
app.command()(run_commands.profile)
app.command()(run_commands.suggest)
app.command()(run_commands.test)
app.command()(run_commands.alerts)
app.command()(run_commands.run)
app.command()(status_command.status)
app.command()(reconcile_command.reconcile)
config_app = typer.Typer(help="Check or show the configuration.", no_args_is_help=True)
config_app.command()(config_commands.check)
config_app.command()(config_commands.show)
app.add_typer(config_app, name="config")
tests_app = typer.Typer(help="List tests; switch, mute, bound or lock one at run time.", no_args_is_help=True)
tests_app.command("list")(test_commands.list_)
tests_app.command()(test_commands.show)
tests_app.command()(test_commands.mute)
tests_app.command()(test_commands.unmute)
tests_app.command()(test_commands.disable)
tests_app.command()(test_commands.enable)
tests_app.command()(test_commands.bound)
tests_app.command()(test_commands.lock)
tests_app.command()(test_commands.unlock)
app.add_typer(tests_app, name="tests")
schedules_app = typer.Typer(help="List schedules; set, switch or remove one at run time.", no_args_is_help=True)
schedules_app.command("list")(schedule_commands.list_)
schedules_app.command("set")(schedule_commands.set_)
schedules_app.command()(schedule_commands.enable)
schedules_app.command()(schedule_commands.disable)
schedules_app.command()(schedule_commands.remove)
app.add_typer(schedules_app, name="schedules")
app.command()(start_commands.demo)
app.command()(start_commands.ui)
