"""The demo's environment of individual consumers, with how each export's story ends."""

from datetime import date, timedelta

from connections.models import Sharing
from exports.demo.people import write_people
from exports.demo.plan import DemoConnection, DemoExport, DemoPlan, DemoSegment, DemoTable, condition
from exports.schedules.recurrence import LAST_DAY, Recurrence
from roles.kinds import Audience

TABLES = (
    DemoTable(
        "Customers",
        "CustomerId",
        "customer",
        shown=("City", "Country", "JoinedOn", "LoyaltyTier", "Orders", "TotalSpent", "LastPurchaseOn"),
    ),
    DemoTable(
        "Purchases",
        "PurchaseId",
        refers_to=(("CustomerId", "Customers"),),
        shown=("PurchasedOn", "Product", "Quantity", "TotalPrice", "Channel"),
    ),
)


def segments(today: date) -> list[DemoSegment]:
    """Return the segments of customers; dates are counted from `today`."""
    year_ago, half_year_ago = (today - timedelta(days=days) for days in (365, 182))
    mail = condition("Newsletter", "equals", "true")
    return [
        DemoSegment(
            "High value, last 12 months",
            "Spent at least 250 and bought within a year.",
            [condition("TotalSpent", "at_least", "250"), condition("LastPurchaseOn", "at_least", f"{year_ago}")],
        ),
        DemoSegment(
            "Newsletter subscribers, Spain",
            "Agreed to the newsletter and live in Spain.",
            [mail, condition("Country", "equals", "Spain")],
        ),
        DemoSegment("Newsletter subscribers", "Everybody who agreed to the newsletter.", [mail]),
        DemoSegment(
            "Loyalty gold and platinum",
            "The two upper tiers of the loyalty programme.",
            [condition("LoyaltyTier", "one_of", "gold, platinum")],
        ),
        DemoSegment(
            "Lapsed customers, 12 months",
            "Bought before, but not within a year.",
            [condition("Orders", "at_least", "1"), condition("LastPurchaseOn", "less", f"{year_ago}")],
        ),
        DemoSegment(
            "Churn risk",
            "Three orders or more, none within six months.",
            [condition("Orders", "at_least", "3"), condition("LastPurchaseOn", "less", f"{half_year_ago}")],
        ),
        DemoSegment(
            "Joined this year", "Customers since 1 January.", [condition("JoinedOn", "at_least", f"{today.year}-01-01")]
        ),
        DemoSegment("Walk-in customers", "Left no e-mail address.", [condition("EMail", "empty")]),
        DemoSegment("Callable customers", "Left a telephone number.", [condition("Telephone", "not_empty")]),
        DemoSegment(
            "Platinum in Iceland",
            "Nobody yet: its export is held, since there is nothing to send.",
            [condition("LoyaltyTier", "equals", "platinum"), condition("Country", "equals", "Iceland")],
        ),
        DemoSegment("All customers", "Everybody.", []),
    ]


CONNECTIONS = [
    DemoConnection("Partner SFTP", "sftp", "partner"),
    DemoConnection("Analytics folder", "local", "analytics"),
    DemoConnection("Call-centre SFTP", "sftp", "call-centre", sharing=Sharing.NAMED, named=("carl",)),
    DemoConnection("Finance archive", "local", "finance", sharing=Sharing.NOBODY),
    DemoConnection("Postcard printer", "sftp", "postcards", password="last year's password"),  # noqa: S106
    DemoConnection("Old loyalty server", "sftp", "loyalty", port="closed"),
]

ADDRESS = ("FirstName", "LastName", "StreetAddress", "PostCode", "City", "Country")
MAIL = ("CustomerId", "FirstName", "LastName", "EMail", "Country")
EXPORTS = [
    DemoExport(
        "Autumn newsletter",
        "Partner SFTP",
        ("Newsletter subscribers",),
        MAIL,
        compression="gzip",
        description="For the agency; they load it each morning.",
        rule=Recurrence("daily", ("06:30",), zone="Europe/Paris"),
    ),
    DemoExport(
        "Call-centre list",
        "Call-centre SFTP",
        ("Callable customers",),
        ("CustomerId", *ADDRESS, "Telephone"),
        rule=Recurrence("weekly", ("07:45",), (1, 2, 3, 4, 5), zone="Europe/Lisbon"),
    ),
    DemoExport("Churn risk, weekly", "Partner SFTP", ("Churn risk",), MAIL, schedule="off"),
    DemoExport(
        "Contoso data lake",
        "Analytics folder",
        ("Newsletter subscribers", "Loyalty gold and platinum"),
        tables=("Customers", "Purchases"),
        by="ada",
        description="Everything, with model.json, for the analysts' lake.",
    ),
    DemoExport("High value customers", "Analytics folder", ("High value, last 12 months",), ()),
    DemoExport("Lapsed customers 12 m", "Analytics folder", ("Lapsed customers, 12 months",), MAIL, schedule="off"),
    DemoExport(
        "Loyalty sync",
        "Old loyalty server",
        ("Loyalty gold and platinum",),
        ("CustomerId", "LoyaltyTier", "TotalSpent"),
        description="The old server was switched off; to be moved.",
    ),
    DemoExport(
        "Newsletter, Spain and everybody",
        "Analytics folder",
        ("Newsletter subscribers, Spain", "Newsletter subscribers"),
        MAIL,
    ),
    DemoExport("Postcards spring", "Postcard printer", ("Walk-in customers",), ADDRESS, schedule="off"),
    DemoExport(
        "Revenue by customer",
        "Finance archive",
        ("All customers",),
        ("CustomerId", "TotalSpent"),
        by="ada",
        rule=Recurrence("monthly", ("22:00",), month_day=LAST_DAY, zone="America/New_York"),
    ),
    DemoExport("Reykjavík opening", "Partner SFTP", ("Platinum in Iceland",), MAIL, schedule="off"),
    DemoExport("Support VIPs", "Call-centre SFTP", ("Loyalty gold and platinum",), MAIL, story="cancel"),
    DemoExport("Welcome series", "Partner SFTP", ("Joined this year",), MAIL, story="", schedule="off"),
]

CONSUMERS = DemoPlan(
    "contoso",
    "Contoso Coffee",
    Audience.CONSUMERS,
    TABLES,
    write_people,
    segments,
    CONNECTIONS,
    EXPORTS,
    Recurrence("weekly", ("06:00",), (7,), zone="Europe/Paris"),
)
