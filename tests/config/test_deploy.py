"""Units and containers of docs/deploy: every command in them exists, and is stopped as a cluster has to be."""

import configparser
import http.server
import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from config import keys, postgres_log
from tests.tools import require_tool

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVICES = [unit for unit in UNITS if "Type=exec" in unit.read_text()]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in COMPOSE.items() if name != "db"}
POSTGRES_DEFAULTS = {
    "log_min_messages": "warning",
    "log_min_error_statement": "error",
    "log_error_verbosity": "default",
    "log_parameter_max_length": "-1",
}
PYTHON = "/opt/waybill/.venv/bin/python"


def name_of(unit: Path) -> str:
    return unit.name


def understand(words: list[str]) -> None:
    """Fail unless a command of ours, without its Python, can be carried out."""
    match words:
        case ["manage.py", name, *arguments]:
            command = load_command_class(get_commands()[name], name)
            command.create_parser("manage.py", name).parse_args(arguments)
        case ["-m", module]:
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
        case _:
            pytest.fail(f"not understood: {words}")


def unit_of(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(path)
    return parser


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_commands_of_units_are_understood(unit):
    commands = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        python, *words = shlex.split(command.replace("%i", "exports"))
        assert python == PYTHON
        understand(words)


@pytest.mark.parametrize("unit", SERVICES, ids=name_of)
def test_a_unit_is_started_again_and_stopped_through_its_main_process(unit):
    service = unit_of(unit)["Service"]
    assert (service["Restart"], service["KillMode"], service["TimeoutStopSec"]) == ("always", "mixed", "30")
    assert service["User"] == "waybill"


def test_every_process_of_a_machine_has_its_unit():
    wanted = unit_of(DEPLOY / "systemd" / "waybill.target")["Unit"]["Wants"].split()
    files = {re.sub(r"@\w+", "@", name) for name in wanted}
    assert files == {unit.name for unit in SERVICES}
    assert {"waybill-worker@exports.service", "waybill-worker@chores.service"} <= set(wanted)


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    program = require_tool("systemd-analyze", "apt-get install systemd")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace(PYTHON, sys.executable).replace("/opt/waybill", str(ROOT))
        (tmp_path / unit.name).write_text(text)
    names = [name.replace("@.", "@exports.") for name in sorted(path.name for path in tmp_path.iterdir())]
    done = subprocess.run(
        [str(program), "verify", "--man=no", *(f"./{name}" for name in names)],
        check=False, cwd=tmp_path, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", OURS)
def test_commands_of_containers_are_understood(name):
    python, *words = OURS[name]["command"]
    assert python == "python"
    understand(words)


@pytest.mark.parametrize("name", OURS)
def test_a_container_has_an_init_and_time_to_stop(name):
    service = OURS[name]
    assert service["init"] is True
    assert service["stop_grace_period"] == "30s"
    assert service["read_only"] is True


def test_nothing_starts_before_the_tables_are_there():
    assert OURS["prepare"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    others = {name for name, service in OURS.items() if "prepare" in service["depends_on"]}
    assert others == set(OURS) - {"prepare"}
    assert {name for name, service in OURS.items() if service["restart"] != "always"} == {"prepare"}


def test_every_process_has_its_container():
    commands = {" ".join(service["command"]) for service in OURS.values()}
    assert {f"python manage.py worker --cluster {name}" for name in ("exports", "chores")} <= commands
    assert "python manage.py dispatcher" in commands


def test_images_are_named_without_where_they_come_from():
    named = [service["image"] for service in COMPOSE.values()]
    named += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [name for name in named if "/" in name] == []


def dockerfile(instruction: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction} (.+)$", text, re.MULTILINE)


def test_the_image_runs_as_nobody_special_and_says_whether_it_is_well():
    assert dockerfile("USER") == ["waybill"]
    (command,) = dockerfile("CMD")
    understand(yaml.safe_load(command)[1:])
    (check,) = dockerfile("HEALTHCHECK")
    understand(yaml.safe_load(check.partition("CMD ")[2])[1:])


@pytest.mark.long
def test_what_the_image_is_built_with_is_there_and_makes_no_keys(tmp_path):
    (step,) = [step for step in dockerfile("RUN") if "collectstatic" in step]
    given = dict(re.findall(r"(WAYBILL_\w+)=(\S+)", step))
    keys.refuse_useless([given["WAYBILL_SECRETS_KEYS"]], None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"],
        check=True, cwd=ROOT, env=environment | given | {"WAYBILL_DATA_DIR": str(tmp_path)}, timeout=120,
    )  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"staticfiles"}


def test_variables_of_the_example_are_documented():
    named = re.findall(r"^([A-Z_]+)=", (DEPLOY / "waybill.env.example").read_text(), re.MULTILINE)
    table = (ROOT / "docs" / "configuration.md").read_text()
    assert [name for name in named if f"| `{name}` |" not in table] == []


def test_a_shell_reads_the_example_as_systemd_and_compose_do(tmp_path):
    example = DEPLOY / "waybill.env.example"
    meant = dict(re.findall(r"^([A-Z_]+)='?(.*?)'?$", example.read_text(), re.MULTILINE))
    done = subprocess.run(
        ["sh", "-euc", 'set -a; . "$1"; exec env -0', "sh", example],
        check=True, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    read = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    assert {name: read[name] for name in meant} == meant
    assert list(tmp_path.iterdir()) == []


def test_the_socket_file_of_the_guide_can_be_made_by_the_web_unit():
    (path,) = set(re.findall(r"unix:(/run/\S+?)`", (ROOT / "docs" / "operations.md").read_text()))
    service = unit_of(DEPLOY / "systemd" / "waybill-web.service")["Service"]
    assert Path(path).parent == Path("/run") / service["RuntimeDirectory"]


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers as told, to the right host alone."""

    status, host = 200, ""

    def do_GET(self) -> None:
        is_right = self.path == "/healthz" and self.headers["Host"] == self.host
        self.send_response(self.status if is_right else 400)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("hosts, host", [("waybill.example.com,localhost", "waybill.example.com"), ("*", "localhost")])
@pytest.mark.parametrize("status, code", [(200, 0), (503, 1)])
def test_the_health_check_tells_what_healthz_answers(monkeypatch, status, code, hosts, host):
    from config import healthy

    monkeypatch.setattr(Answering, "status", status)
    monkeypatch.setattr(Answering, "host", host)
    monkeypatch.setenv("WAYBILL_HOSTS", hosts)
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        monkeypatch.setenv("WAYBILL_BIND", f"0.0.0.0:{server.server_port}")
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert healthy.main() == code
        thread.join(60)


def test_the_health_check_tells_that_nobody_answers(monkeypatch):
    from config import healthy

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        monkeypatch.setenv("WAYBILL_BIND", f"127.0.0.1:{server.server_port}")
    assert healthy.main() == 1


def commands_of_the_guide() -> list[str]:
    """Every command of ours in the guide's shell blocks."""
    text = (ROOT / "docs" / "operations.md").read_text()
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return sorted(set(re.findall(r"\bpython (manage\.py .+?)$", "".join(blocks), re.MULTILINE)))


@pytest.mark.parametrize("command", commands_of_the_guide())
def test_commands_of_the_guide_are_understood(command):
    understand(shlex.split(command, comments=True))


def test_metrics_of_the_guide_are_those_that_there_are():
    from exports.metrics.figures import FIGURES

    named = re.findall(r"^\| `waybill_(\w+)(?:\{([\w,]+)\})?`", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert {(name, labels) for name, labels in named} == {(name, ",".join(labels)) for name, _t, labels, _r in FIGURES}


def test_units_of_the_guide_are_those_that_there_are():
    text = (ROOT / "docs/operations.md").read_text()
    named = set(re.findall(r"\bwaybill-[a-z]+\b", re.sub(r"@\w+", "", text)))
    assert named - {"waybill-work"} == {unit.name.partition(".")[0].rstrip("@") for unit in UNITS}


def test_the_composed_database_logs_no_values():
    _program, *words = COMPOSE["db"]["command"]
    given = dict(word.removeprefix("-c").split("=") for word in words)
    assert given.items() <= postgres_log.QUIET.items()
    assert postgres_log.revealing(postgres_log.QUIET | POSTGRES_DEFAULTS | given) == {}
