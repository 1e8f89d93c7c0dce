"""What only a real process shows: exit codes, streams, terminals, signals."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

AS_OF, DAY_AFTER = "2024-01-26", "2024-01-27"


def on_terminal(shop, *arguments, **environment):
    """Run ``dq`` on a terminal and return what it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dq_assets.cli", *arguments], cwd=shop.folder, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", **environment}
    ):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                part = b""
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode()


def test_failed_checks_end_a_process_with_1_and_the_document_is_all_of_stdout(shop, bad_day):
    shop.land(bad_day)
    answer = shop.process("test", "--as-of", DAY_AFTER, "--json")
    assert (answer.returncode, answer.stderr) == (1, "")
    assert json.loads(answer.stdout)["exit_code"] == 1


def test_metadata_that_cannot_be_written_ends_a_process_with_4(new_shop):
    new_shop.configure((new_shop.folder / "dq.yaml").read_text() + "metadata: {url: 'sqlite:///dq.yaml/metadata.db'}\n")
    answer = new_shop.process("run", "--json")
    document = json.loads(answer.stdout)
    assert (answer.returncode, document["exit_code"], document["errors"][0]["code"]) == (4, 4, "DQ-STORE-001")
    assert answer.stderr.startswith("error: DQ-STORE-001: ")


def test_a_usage_error_ends_a_process_with_2_and_a_plain_line(new_shop):
    answer = new_shop.process("test", "--frobnicate")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-1] == "Error: No such option: --frobnicate"


def test_a_crash_is_not_taken_for_failed_checks(new_shop):
    program = (
        "import sys; from dq_assets.cli import main; from dq_assets.cli.app import app; app.command('crash')(lambda: 1 / 0); sys.argv = ['dq', 'crash']; main()"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 3
    assert answer.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_terminal_without_the_letters_still_gets_an_answer(shop):
    answer = shop.process("test", "--as-of", AS_OF, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (answer.returncode, answer.stderr) == (0, "")
    assert r"0 fail \xb7 0 warn" in answer.stdout


def test_somebody_who_watches_sees_progress_and_colours(shop):
    shown = on_terminal(shop, "test", "--as-of", AS_OF)
    assert "testing main.orders" in shown
    assert "\x1b[32m" in shown


def test_no_color_is_respected(shop):
    shown = on_terminal(shop, "test", "--as-of", AS_OF, NO_COLOR="1")
    assert "18 pass" in shown
    assert "\x1b[3" not in shown


def test_without_arguments_the_help_is_shown(new_shop):
    answer = new_shop.process()
    shown = answer.stdout + answer.stderr
    commands = ("provision", "register", "profile", "suggest", "test", "alerts", "run", "status", "config", "demo", "ui")
    assert [command for command in commands if f"\n  {command} " not in shown] == []
    # A command's line that does not fit would end in dots.
    assert "..." not in shown.partition("Commands:")[2]


def test_the_version_is_that_of_the_package(new_shop):
    from dq_assets import __version__

    assert new_shop.process("--version").stdout == f"dq {__version__}\n"
