"""Dockerfile and docker-compose.yml say nothing that the program does not know."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from cli.app import app
from worker.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOTS = {"bucket", "migrate"}
OURS = {name for name, service in SERVICES.items() if service["image"] == "catalogue-tagger"}
MANDATORY = re.compile(r"\$\{(\w+):\?[^}]+\}")


def test_the_whole_topology_is_there() -> None:
    assert set(SERVICES) == {"redis", "postgres", "s3", "bucket", "migrate", "scheduler", "worker", "review"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_stops_in_order_and_runs_as_nobody_special(name: str) -> None:
    service = SERVICES[name]

    assert service["stop_grace_period"] == "90s"
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_looked_after_or_ends_by_itself(name: str) -> None:
    service = SERVICES[name]

    if name in ONE_SHOTS:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


def test_a_service_waits_for_what_it_needs() -> None:
    conditions = {
        name: "service_completed_successfully" if name in ONE_SHOTS else "service_healthy"
        for name in ("postgres", "redis", "s3", "migrate", "bucket")
    }

    for name in ("scheduler", "worker", "review"):
        waits_for = {service: condition["condition"] for service, condition in SERVICES[name]["depends_on"].items()}
        assert waits_for == conditions


def test_workers_can_be_multiplied() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])


def test_ports_are_open_to_this_host_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|AUTH$", variable):
            assert MANDATORY.fullmatch(value), f"{variable} is a literal"
        for password in re.findall(r"://[^/@:]*:([^@]*)@", value or ""):
            assert MANDATORY.fullmatch(password), f"{variable} holds a literal password"


def test_the_example_names_every_secret_and_gives_none() -> None:
    needed = set(MANDATORY.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8")))

    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    empty = {line.removesuffix("=") for line in lines if line.endswith("=") and not line.startswith("#")}
    assert empty == needed
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", sorted(OURS - {"bucket"}))
def test_a_service_starts_a_command_that_exists(name: str) -> None:
    assert _resolve(SERVICES[name]["command"]) is not None


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_a_health_check_asks_a_command_that_exists(name: str) -> None:
    [words] = re.findall(r"tagger ([^|]+)", SERVICES[name]["healthcheck"]["test"][1])

    command = _resolve(words.split())

    options = {option for parameter in command.params for option in parameter.opts}
    assert set(words.split()) - {command.name} <= options


def test_the_comments_name_commands_that_exist() -> None:
    for file in ("docker-compose.yml", "Dockerfile"):
        text = (ROOT / file).read_text(encoding="utf-8")
        for words in re.findall(r"(?:exec scheduler tagger|`tagger) (\w+)", text):
            assert _resolve([words]) is not None


@pytest.mark.parametrize("name", SERVICES)
def test_every_tagger_variable_is_a_setting(name: str) -> None:
    known = {f"TAGGER_{field.upper()}" for field in Settings.model_fields}

    variables = {variable for variable in SERVICES[name].get("environment", {}) if variable.startswith("TAGGER_")}

    assert variables <= known


def test_the_settings_of_a_worker_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in SERVICES["worker"]["environment"].items():
        filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", MANDATORY.sub("filled", value))
        monkeypatch.setenv(variable, filled)

    settings = Settings()

    assert not settings.embedded
    assert settings.source == "s3://catalogue/"


def test_redis_never_evicts_and_keeps_its_queue() -> None:
    configuration = SERVICES["redis"]["command"][-1]

    for line in ("maxmemory 256mb", "maxmemory-policy noeviction", "appendonly yes", "appendfsync everysec"):
        assert f"\n{line}\n" in configuration
    assert '\nuser default on #$$(printf %s "$$REDISCLI_AUTH"' in configuration


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed")
    filled = dict.fromkeys(("POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_SECRET_ACCESS_KEY"), "filled")

    accepted = _config(program, tmp_path, filled)
    unfilled = _config(program, tmp_path, {})

    assert accepted.returncode == 0, accepted.stderr
    assert unfilled.returncode != 0
    assert "set it in .env" in unfilled.stderr


def test_the_image_runs_the_command_as_nobody_special_and_hears_sigterm() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()

    assert 'ENTRYPOINT ["tagger"]' in lines
    assert "STOPSIGNAL SIGTERM" in lines
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["tagger"]
    assert lines.index("USER tagger") < lines.index('ENTRYPOINT ["tagger"]')


def test_the_image_is_the_core_install_and_all_of_it() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    copied = set(" ".join(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)).split())
    packages = {pattern.removesuffix("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))

    assert "[train" not in text
    assert "--require-hashes --requirement requirements.txt" in text
    assert packages | {"pyproject.toml", "requirements.txt", project["project"]["readme"]} <= copied
    assert copied == allowed
    assert all((ROOT / path).exists() for path in copied)


def _config(program: str, folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `docker-compose config` on the file, with an empty .env."""
    no_file = folder / "empty"
    no_file.touch()
    command = [program, "--file", str(ROOT / "docker-compose.yml"), "--env-file", str(no_file), "config", "--quiet"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | variables
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)


def _resolve(words: list[str]) -> Any:
    """Return the command that these words call."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("-"):
            break
        command = command.commands[word]
    assert not hasattr(command, "commands"), f"{words} stops at a group"
    return command
