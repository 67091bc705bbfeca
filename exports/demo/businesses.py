"""Invented, believable businesses, the people who work there, and what they order; the same for the same day."""

import csv
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from exports.demo.people import SHARES, Place, ascii_letters, places

ACCOUNT_FIELDS = [
    "AccountId", "Company", "Industry", "Employees", "Website", "Telephone", "StreetAddress", "PostCode", "City",
    "Country", "CustomerSince", "AccountManager", "Orders", "YearlySpend", "LastOrderOn",
]  # fmt: skip
CONTACT_FIELDS = [
    "ContactId", "AccountId", "FirstName", "LastName", "JobTitle", "EMail", "Telephone", "OptedIn", "LastContactOn",
]  # fmt: skip
ORDER_FIELDS = ["OrderId", "AccountId", "OrderedOn", "Product", "Quantity", "TotalPrice", "Channel"]
MOST_ACCOUNTS, FEWEST_ACCOUNTS = 2_000, 100
MANAGERS = ("Maja Lindqvist", "Tom Akerman", "Ines Carvalho", "Jonas Weiß", "Priya Nair", "Gilles Armand")


class Industry(NamedTuple):
    """One line of business: its share, its size from smallest to usual to largest, and how eagerly it orders."""

    name: str
    share: int
    employees: tuple[int, int, int]
    eagerness: float
    titles: str


INDUSTRIES = (
    Industry("Cafés", 30, (2, 6, 40), 1.3, "Owner|Head barista|Manager|Buyer"),
    Industry("Restaurants", 18, (4, 14, 90), 1.0, "Owner|Manager|Buyer|Chef"),
    Industry("Hotels", 14, (12, 60, 600), 1.6, "Food and beverage manager|Buyer|General manager|Finance"),
    Industry("Offices", 20, (10, 60, 2500), 0.8, "Office manager|Buyer|Finance|Facilities manager"),
    Industry("Bakeries", 8, (2, 9, 60), 0.9, "Owner|Manager|Buyer"),
    Industry("Co-working", 6, (3, 12, 80), 1.2, "Community manager|Office manager|Finance"),
    Industry("Universities", 4, (200, 900, 6000), 1.8, "Catering manager|Buyer|Finance|Facilities manager"),
)
# What a business of each line is called, by country and then in the order of INDUSTRIES.
NAMES = {
    "Spain": ("Café {}", "Restaurante {}", "Hotel {}", "{} S.L.", "Panadería {}", "Espacio {}", "Universidad {}"),
    "France": ("Café {}", "Bistro {}", "Hôtel {}", "{} SARL", "Boulangerie {}", "Atelier {}", "Université {}"),
    "Germany": ("Café {}", "Gasthaus {}", "Hotel {}", "{} GmbH", "Bäckerei {}", "Werkraum {}", "Hochschule {}"),
    "United Kingdom": ("{} Coffee", "{} Kitchen", "The {} Hotel", "{} Ltd", "{} Bakery", "{} Studios", "{} College"),
    "Indonesia": ("Kopi {}", "Rumah Makan {}", "Hotel {}", "PT {}", "Roti {}", "Ruang {}", "Universitas {}"),
}
WORDS = {
    "Spain": "Luna|Alameda|Retiro|Azahar|Mirador|Olivo|Faro|Encina|Almendro|Naranjo|Brisa|Arco|Cala|Molino",
    "France": "Lumière|Tilleul|Horizon|Beaumont|Cigale|Lavande|Soleil|Marronnier|Passage|Étoile|Rivage|Jardin",
    "Germany": "Sonnenhof|Linde|Elbblick|Morgenrot|Kranich|Hafen|Waldeck|Brunnen|Adler|Mühle|Rosengarten|Turm",
    "United Kingdom": "Harbour|Foundry|Old Mill|Kingfisher|Larkspur|Northgate|Copper|Elm|Beacon|Quay|Thistle|Orchard",
    "Indonesia": "Melati|Merapi|Nusantara|Cendana|Kenanga|Rinjani|Bahari|Senja|Pelangi|Teratai|Anggrek|Lembah",
}
PRODUCTS = (
    ("House blend 10 kg", 159.00), ("Espresso blend 25 kg", 372.50), ("Single origin Sidamo 5 kg", 128.00),
    ("Decaf 5 kg", 94.00), ("Oat drink, 12 cartons", 26.40), ("Paper cups, 1,000", 58.00),
    ("Filter papers, 1,000", 21.50), ("Cleaning kit", 34.90), ("Grinder service", 140.00),
    ("Barista training, one day", 480.00), ("Espresso machine, two groups", 6890.00),
)  # fmt: skip
WEIGHTS = (26, 22, 10, 8, 12, 12, 8, 6, 4, 2, 1)
CHANNELS = ("Standing order", "Standing order", "Web shop", "Telephone", "Account manager")

Record = list[object]


class Account(NamedTuple):
    """A business, what it ordered, and where it is."""

    record: Record
    orders: list[Record]
    industry: Industry
    place: Place
    domain: str


def write_businesses(folder: Path, count: int, today: date) -> dict[str, Path]:
    """Write accounts, contacts and orders as CSV below `folder`; `count` is how many consumers the demo has."""
    files = {name: folder / f"{name}.csv" for name in ("Accounts", "Contacts", "Orders")}
    dice = random.Random(20_261_122)  # noqa: S311 - invented businesses, the same each time
    accounts = list(_accounts(dice, min(max(count // 50, FEWEST_ACCOUNTS), MOST_ACCOUNTS), today))
    _write(files["Accounts"], ACCOUNT_FIELDS, (account.record for account in accounts))
    _write(files["Contacts"], CONTACT_FIELDS, _contacts(dice, accounts, today))
    _write(files["Orders"], ORDER_FIELDS, (order for account in accounts for order in account.orders))
    return files


def _write(path: Path, header: list[str], records: Iterator[Record]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(records)


def _accounts(dice: random.Random, count: int, today: date) -> Iterator[Account]:
    everywhere, shares = places(), [industry.share for industry in INDUSTRIES]
    taken: Counter[str] = Counter()
    order_number = 0
    for number in range(1, count + 1):
        place, industry = dice.choices(everywhere, SHARES)[0], dice.choices(INDUSTRIES, shares)[0]
        account = _account(dice, f"A{number:05}", place, industry, taken, order_number, today)
        order_number += len(account.orders)
        yield account


def _account(
    dice: random.Random, key: str, place: Place, industry: Industry, taken: Counter[str], before: int, today: date
) -> Account:
    city, post = dice.choice(place.cities)
    company = _company(dice, place, industry, city, taken)
    domain = f"{ascii_letters(company)}.example"
    low, high, usual = industry.employees[0], industry.employees[2], industry.employees[1]
    employees = int(dice.triangular(low, usual * 2, usual)) if dice.random() < 0.9 else dice.randint(usual, high)
    since = today - timedelta(days=int(dice.triangular(20, 3600, 500)))
    orders = _orders(dice, key, industry, since, before, today)
    year_ago = f"{today - timedelta(days=365)}"
    spend = sum(float(str(order[5])) for order in orders if str(order[2]) >= year_ago)
    record: Record = [
        key, company, industry.name, employees, f"https://www.{domain}", _phone(dice, place),
        f"{dice.choice(place.streets)} {dice.randint(1, 180)}", post + f"{dice.randint(0, 99):02}", city,
        place.country, since.isoformat(), dice.choice(MANAGERS), len(orders), f"{spend:.2f}",
        orders[-1][2] if orders else "",
    ]  # fmt: skip
    return Account(record, orders, industry, place, domain)


def _company(dice: random.Random, place: Place, industry: Industry, city: str, taken: Counter[str]) -> str:
    """A name that no other business has; where it would be the second, the city tells them apart."""
    pattern = NAMES[place.country][INDUSTRIES.index(industry)]
    word = dice.choice(dice.choice((WORDS[place.country].split("|"), place.last)))
    names = (
        pattern.format(word),
        pattern.format(f"{word} {city}"),
        pattern.format(f"{word} & {dice.choice(place.last)}"),
    )
    name = next((name for name in names if name not in taken), names[1])
    taken[name] += 1
    return name if taken[name] == 1 else f"{name} {taken[name]}"


def _orders(dice: random.Random, key: str, industry: Industry, since: date, before: int, today: date) -> list[Record]:
    """What a business ordered, oldest first; some stopped a while ago."""
    last = today - timedelta(days=0 if dice.random() < 0.78 else dice.randint(60, 700))
    days = max((last - since).days, 0)
    how_many = min(int(dice.triangular(0, 26, 6) * industry.eagerness), days // 9)
    orders = []
    for place, when in enumerate(sorted(since + timedelta(days=dice.randint(0, days)) for _ in range(how_many))):
        product, price = dice.choices(PRODUCTS, WEIGHTS)[0]
        quantity = dice.choice((1, 2, 2, 3, 4, 6)) if price < 400 else 1
        total = f"{price * quantity:.2f}"
        number = f"O{before + place + 1:06}"
        orders.append([number, key, when.isoformat(), product, quantity, total, dice.choice(CHANNELS)])
    return orders


def _contacts(dice: random.Random, accounts: list[Account], today: date) -> Iterator[Record]:
    """The people of each business: three or so, a few have none; now and then somebody without a business."""
    number = 0
    for account in accounts:
        for _person in range(dice.choice((0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6))):
            number += 1
            yield _contact(dice, f"K{number:06}", account, today)


def _contact(dice: random.Random, key: str, account: Account, today: date) -> Record:
    first, last = dice.choice(account.place.first), dice.choice(account.place.last)
    is_loose = dice.random() < 0.01
    email = "" if dice.random() < 0.05 else f"{ascii_letters(first)}.{ascii_letters(last)}@{account.domain}"
    opted_in = "true" if email and dice.random() < 0.62 else "false"
    seen = "" if dice.random() < 0.2 else f"{today - timedelta(days=dice.randint(0, 500))}"
    title = dice.choice(account.industry.titles.split("|"))
    phone = "" if dice.random() < 0.3 else _phone(dice, account.place)
    return [key, "" if is_loose else account.record[0], first, last, title, email, phone, opted_in, seen]


def _phone(dice: random.Random, place: Place) -> str:
    return f"{place.dial} {dice.randint(600, 799)} {dice.randint(0, 999999):06}"
