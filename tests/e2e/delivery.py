"""What was delivered to the SFTP server, against a query written here."""

import hashlib
import json
from pathlib import Path

FIELDS = [
    "CustomerId", "FirstName", "LastName", "EMail", "StreetAddress", "PostCode", "City", "Country",
    "DateOfBirth", "JoinedOn", "LoyaltyTier", "Newsletter", "Orders", "TotalSpent", "LastPurchaseOn",
]  # fmt: skip
SEGMENT = "Newsletter subscribers, Spain"
WHERE = """FROM data_contoso."Customers" WHERE "Newsletter" AND "Country" = 'Spain'"""


def expected_csv(portal) -> bytes:
    """Every field but Telephone, the e-mail address under a name of its own, true and false as words."""
    shown = {"EMail": '"EMail" AS "e_mail"', "Newsletter": '"Newsletter"::text AS "Newsletter"'}
    columns = ", ".join(shown.get(name, f'"{name}"') for name in FIELDS)
    return portal.copy(f"SELECT {columns} {WHERE}")


def expected_rows(portal) -> int:
    return portal.query(f"SELECT count(*) {WHERE}")[0][0]


def assert_delivered(portal, folder: Path) -> None:
    """Every row and byte is there, the manifest says so, and nothing else lies in the folder."""
    (csv_file,) = folder.rglob("*.csv")
    (manifest_file,) = folder.rglob("manifest.json")
    assert {path for path in folder.rglob("*") if path.is_file()} == {csv_file, manifest_file}
    data, wanted = csv_file.read_bytes(), expected_csv(portal)
    assert data.splitlines()[0] == wanted.splitlines()[0]
    assert sorted(data.splitlines(keepends=True)) == sorted(wanted.splitlines(keepends=True))
    (entry,) = json.loads(manifest_file.read_text())["files"]
    assert entry["rows"] == expected_rows(portal)
    assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def assert_masked(portal, text: str) -> None:
    """No address or family name of the segment stands in `text`."""
    people = portal.query(f'SELECT "EMail", "LastName" {WHERE}')
    assert people
    assert [value for row in people for value in row if value and value in text] == []
