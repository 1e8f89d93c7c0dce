"""What holds for every file of the project, whoever writes it."""

from __future__ import annotations

import configparser
import hashlib
import re
import subprocess
import tomllib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = re.compile(r"(?<![\w.*}$~-])/(?:home|mnt|opt|root|tmp|work)/[\w.]")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|anaconda\.org|npmjs\.(?:com|org)|docker\.io|golang\.org|--(?:extra-)?index-url|--find-link[s]")
CODE = re.compile(r"DQ-[A-Z]+-\d{3}")
LINES = 500
APACHE_2 = "09ae9bf1886f530f7338889ef805f37b288ec6adedd1e1e32058921acf05a782"
"""Digest of the terms, with runs of white space read as one blank."""


@pytest.fixture(scope="module")
def files(repository: Path) -> list[Path]:
    """Every file that is, or is about to be, part of the project; links as links."""
    if (repository / ".git").exists():
        listing = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=repository, check=True, capture_output=True, text=True)
        found = {repository / name for name in listing.stdout.split("\0") if name}
    else:
        made = {".venv", "build", "dist", "demo_out", "__pycache__"}
        found = {file for file in repository.rglob("*") if not made & set(file.relative_to(repository).parts)}
    return sorted(file for file in found if file.is_file() or file.is_symlink())


@pytest.fixture(scope="module")
def texts(files: list[Path], repository: Path) -> dict[str, str]:
    """The text of each file that is text, by its path in the project; nothing is read through a link."""
    found = {}
    for file in files:
        if not file.is_symlink() and b"\0" not in (content := file.read_bytes()):
            found[str(file.relative_to(repository))] = content.decode("utf-8")
    return found


def test_no_file_names_a_path_of_somebodys_machine(texts: dict[str, str]) -> None:
    assert [(name, match[0]) for name, text in texts.items() for match in MACHINE.finditer(text)] == []


def test_no_file_names_a_registry(texts: dict[str, str]) -> None:
    assert [(name, match[0]) for name, text in texts.items() for match in REGISTRY.finditer(text)] == []


@pytest.mark.parametrize("text", ["open('|home/ann/x')", "|opt/wheels", "see |root/.config", "file://|tmp/x", "cd |work/main"])
def test_a_machine_path_is_recognised(text: str) -> None:
    assert MACHINE.search(text.replace("|", "/"))  # written otherwise, this file would be found itself


@pytest.mark.parametrize("text", ["./work/x", "a/root/b", "{root}/tmp/x", "$HOME/opt/x", "/Volumes/main/default/tmp/x", "root/"])
def test_a_relative_path_is_no_machine_path(text: str) -> None:
    assert not MACHINE.search(text)


def test_no_python_file_is_longer_than_a_sitting(texts: dict[str, str]) -> None:
    assert {name: lines for name, text in texts.items() if name.endswith(".py") and (lines := text.count("\n")) > LINES} == {}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-databricks.lock"])
def test_a_lock_pins_every_requirement_exactly_and_by_hash(lock: str, texts: dict[str, str]) -> None:
    requirements = [entry for entry in re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", texts[lock], flags=re.MULTILINE)) if entry.strip()]
    assert len(requirements) > 50
    assert [entry.split()[0] for entry in requirements if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", entry, re.DOTALL)] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-databricks.lock"])
def test_a_lock_holds_what_the_project_asks_for(lock: str, texts: dict[str, str]) -> None:
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    extras = ["demo", "postgres", "spark", "dev"] if lock == "requirements.lock" else ["databricks", "spark", "dev"]
    asked = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = {re.split(r"[\[<>=]", line)[0].lower() for line in asked}
    assert names - set(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", texts[lock], flags=re.MULTILINE)) == set()


def test_every_error_code_is_explained_exactly_once_and_none_is_explained_that_is_gone(texts: dict[str, str]) -> None:
    raised = {code for name, text in texts.items() if re.match(r"dq_assets/.*\.(py|sql)$", name) for code in CODE.findall(text)}
    explained = Counter(re.findall(rf"^\| `?({CODE.pattern})`? \|", texts["docs/errors.md"], flags=re.MULTILINE))
    assert raised ^ explained.keys() == set()
    assert {code for code, times in explained.items() if times > 1} == set()


def test_the_license_is_apache_2(texts: dict[str, str]) -> None:
    terms, end, _ = texts["LICENSE"].partition("END OF TERMS AND CONDITIONS")
    assert end
    assert hashlib.sha256(" ".join(terms.split()).encode()).hexdigest() == APACHE_2
    assert tomllib.loads(texts["pyproject.toml"])["project"]["license"] == "Apache-2.0"


def test_every_link_is_relative_stays_inside_and_leads_somewhere(files: list[Path], repository: Path) -> None:
    links = [file for file in files if file.is_symlink()]
    assert {str(link.relative_to(repository)) for link in links} >= {"dq_assets/notebooks", "dq_assets/sql"}
    assert [link for link in links if link.readlink().is_absolute() or not link.exists() or not link.resolve().is_relative_to(repository)] == []


def test_setup_cfg_states_nothing_that_pyproject_states(texts: dict[str, str]) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(texts["setup.cfg"])
    assert [name for name in parser.sections() if name.startswith(("metadata", "options"))] == []


def test_the_makefile_explains_every_verb(texts: dict[str, str]) -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", texts["Makefile"], flags=re.MULTILINE)
    assert sorted(" ".join(phony).split()) == sorted(re.findall(r"^([a-z-]+):.*## \S", texts["Makefile"], flags=re.MULTILINE))
