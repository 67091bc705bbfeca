"""An export to a list of people: what its tests stand on."""

from collections.abc import Iterator

import pytest

from connections.destinations.registry import registered
from exports.models import Run
from roles.kinds import SemanticType
from roles.messages.field import out_of_json
from tests.factories import make_connection, make_export, make_segment, make_table
from tests.servers.mailing_list.destination import MailingList
from tests.servers.mailing_list.server import ListServer, running_list_server
from tests.warehouse import writer

EVERYBODY = {f"{name}@example.com" for name in ("ada", "bela", "chloe", "dan", "eve")}


@pytest.fixture
def lists() -> Iterator[ListServer]:
    """The server, with its connection type registered."""
    with running_list_server() as server, registered(MailingList):
        yield server


@pytest.fixture
def export(environment, lists):
    """An export of five people."""
    means = {"Email": SemanticType.EMAIL, "FirstName": SemanticType.FIRST_NAME}
    table = make_table(environment, semantic_types=means)
    target = make_connection(environment, "Newsletter", type="mailing_list", settings={"url": lists.url})
    return make_export(environment, "Weekly news", target, segments=[make_segment(table, "Everybody")])


def execute(environment, statement: str) -> None:
    """Change the customers; `{}` stands for their table."""
    with writer() as connection:
        connection.execute(statement.format(f'"{environment.warehouse_schema}"."Customers"'))


def notes(run: Run) -> dict[str, str]:
    """What each step found."""
    return {step["key"]: str(out_of_json(step["note"])) for step in run.steps}
