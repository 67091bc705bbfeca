"""The demo's environment of business accounts, with how each export's story ends."""

from datetime import date, timedelta

from exports.demo.businesses import write_businesses
from exports.demo.plan import DemoConnection, DemoExport, DemoPlan, DemoSegment, DemoTable, condition
from exports.schedules.recurrence import Recurrence
from roles.kinds import Audience

TABLES = (
    DemoTable(
        "Accounts",
        "AccountId",
        "account",
        shown=(
            "Company",
            "Industry",
            "Employees",
            "Website",
            "City",
            "Country",
            "CustomerSince",
            "Orders",
            "YearlySpend",
            "LastOrderOn",
        ),
    ),
    DemoTable(
        "Contacts", "ContactId", "contact", refers_to=(("AccountId", "Accounts"),), shown=("JobTitle", "LastContactOn")
    ),
    DemoTable(
        "Orders",
        "OrderId",
        refers_to=(("AccountId", "Accounts"),),
        shown=("OrderedOn", "Product", "Quantity", "TotalPrice", "Channel"),
    ),
)


def of_account(field: str, operator: str, value: str = "") -> dict[str, str]:
    """Return a condition on the account of a contact."""
    return condition(field, operator, value) | {"through": "AccountId", "to": "Accounts"}


def segments(today: date) -> list[DemoSegment]:
    """Return the segments of accounts and contacts; dates are counted from `today`."""
    half_year_ago = today - timedelta(days=182)
    opted_in, is_key = condition("OptedIn", "equals", "true"), ("YearlySpend", "at_least", "5000")
    return [
        DemoSegment("All accounts", "Every business that we supply.", [], "Accounts"),
        DemoSegment("Key accounts", "Spent at least 5,000 within a year.", [condition(*is_key)], "Accounts"),
        DemoSegment(
            "Cafés and restaurants",
            "Those who pour our coffee for guests.",
            [condition("Industry", "one_of", "Cafés, Restaurants")],
            "Accounts",
        ),
        DemoSegment(
            "Hotels, with contacts",
            "Hotels; exports may send the people who work there.",
            [condition("Industry", "equals", "Hotels")],
            "Accounts",
            ("ContactId", "FirstName", "LastName", "JobTitle", "EMail", "OptedIn"),
        ),
        DemoSegment(
            "Quiet accounts, six months",
            "Ordered before, but not within six months.",
            [condition("Orders", "at_least", "1"), condition("LastOrderOn", "less", f"{half_year_ago}")],
            "Accounts",
        ),
        DemoSegment("Opted-in contacts", "People who agreed to be written to.", [opted_in], "Contacts"),
        DemoSegment(
            "Buyers at key accounts",
            "Who decides where at least 5,000 a year are spent.",
            [condition("JobTitle", "one_of", "Buyer, Owner, General manager"), of_account(*is_key)],
            "Contacts",
        ),
        DemoSegment(
            "Hotel people who opted in",
            "People of hotels who agreed to be written to.",
            [opted_in, of_account("Industry", "equals", "Hotels")],
            "Contacts",
        ),
        DemoSegment(
            "Contacts of large employers",
            "People of accounts with 250 employees or more.",
            [of_account("Employees", "at_least", "250")],
            "Contacts",
        ),
    ]


CONNECTIONS = [
    DemoConnection("Sales folder", "local", "sales"),
    DemoConnection("Agency SFTP", "sftp", "events-agency"),
]

PERSON = ("ContactId", "FirstName", "LastName", "JobTitle", "EMail")
EXPORTS = [
    DemoExport(
        "Account master data",
        "Sales folder",
        ("Key accounts",),
        tables=("Accounts", "Contacts", "Orders"),
        compression="gzip",
        by="ada",
        description="Accounts, their contacts and orders, for the data warehouse.",
    ),
    DemoExport(
        "Buyers for the sales team",
        "Sales folder",
        ("Buyers at key accounts",),
        (*PERSON, "Telephone"),
        description="Read by the sales dashboard each morning.",
        rule=Recurrence("cron", cron="30 5 * * 1-5", zone="America/Sao_Paulo"),
    ),
    DemoExport(
        "Hotel tasting invitations",
        "Agency SFTP",
        ("Hotel people who opted in",),
        PERSON,
        compression="gzip",
        description="The agency invites them to the spring tasting.",
        rule=Recurrence("weekly", ("10:00",), (3,), zone="Australia/Sydney"),
    ),
    DemoExport("Key accounts and opted-in people", "Agency SFTP", ("Key accounts", "Opted-in contacts"), ()),
    DemoExport(
        "Quiet accounts to call",
        "Sales folder",
        ("Quiet accounts, six months",),
        ("AccountId", "Company", "City", "Country", "Telephone", "AccountManager", "LastOrderOn"),
        schedule="off",
    ),
]

BUSINESSES = DemoPlan(
    "contoso-business",
    "Contoso Coffee for Business",
    Audience.BUSINESSES,
    TABLES,
    write_businesses,
    segments,
    CONNECTIONS,
    EXPORTS,
    Recurrence("weekly", ("03:00",), (6,), zone="Europe/Paris"),
)
