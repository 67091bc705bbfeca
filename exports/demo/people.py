"""Invented, believable consumers and what they bought; the same for the same number and day."""

import csv
import random
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

CUSTOMER_FIELDS = [
    "CustomerId", "FirstName", "LastName", "EMail", "Telephone", "StreetAddress", "PostCode", "City", "Country",
    "DateOfBirth", "JoinedOn", "LoyaltyTier", "Newsletter", "Orders", "TotalSpent", "LastPurchaseOn",
]  # fmt: skip
PURCHASE_FIELDS = ["PurchaseId", "CustomerId", "PurchasedOn", "Product", "Quantity", "TotalPrice", "Channel"]

# Country, dialling code, mail domain, share, (city, first digits of its post codes) …, first names, last names, streets
COUNTRIES = (
    (
        "Spain", "+34", "es", 26,
        (("Madrid", "280"), ("Barcelona", "080"), ("Valencia", "460"), ("Sevilla", "410"), ("Bilbao", "480")),
        "Lucía Martín María Hugo Paula Mateo Carmen Álvaro Elena Diego Sofía Javier Inés Pablo Alba Sergio Nuria Iván",
        "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Díaz Muñoz Romero Navarro Torres Vidal",
        "Calle Mayor|Calle de Alcalá|Avenida Diagonal|Calle Real|Paseo del Prado|Gran Vía",
    ),
    (
        "France", "+33", "fr", 22,
        (("Paris", "750"), ("Lyon", "690"), ("Marseille", "130"), ("Nantes", "440"), ("Lille", "590")),
        "Camille Louis Chloé Gabriel Inès Jules Léa Arthur Manon Raphaël Zoé Hugo Élise Théo Noémie Antoine Agathe",
        "Martin Bernard Dubois Thomas Robert Petit Durand Leroy Moreau Lefebvre Mercier Fontaine Chevalier Garnier",
        "Rue de la Paix|Avenue Victor Hugo|Rue des Lilas|Boulevard Voltaire|Place du Marché",
    ),
    (
        "Germany", "+49", "de", 22,
        (("Berlin", "10"), ("Hamburg", "20"), ("München", "80"), ("Köln", "50"), ("Leipzig", "04")),
        "Emma Ben Mia Paul Hannah Finn Lena Jonas Lea Felix Jana Lukas Greta Moritz Frieda Jakob Klara Anton",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Krüger Schäfer",
        "Hauptstraße|Lindenallee|Bahnhofstraße|Goethestraße|Am Markt|Gartenweg",
    ),
    (
        "United Kingdom", "+44", "co.uk", 18,
        (("London", "N1 "), ("Manchester", "M1 "), ("Leeds", "LS1 "), ("Bristol", "BS1 "), ("Glasgow", "G1 ")),
        "Olivia Noah Amelia George Isla Oliver Ava Harry Freya Jack Grace Leo Florence Oscar Aisha Omar Priya Arjun",
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Wright Walker O'Brien Khan Hughes Green Clarke",
        "High Street|Station Road|Church Lane|Victoria Road|Mill Lane|Park Avenue",
    ),
    (
        "Indonesia", "+62", "co.id", 12,
        (("Jakarta", "101"), ("Surabaya", "602"), ("Bandung", "401"), ("Medan", "201"), ("Denpasar", "801")),
        "Siti Budi Dewi Agus Putri Rizki Ayu Dimas Intan Fajar Nur Bayu Wulan Hendra Ratna Yusuf Citra Andi",
        "Wijaya Santoso Susanto Pratama Saputra Lestari Hidayat Kusuma Nugroho Utami Setiawan Halim Siregar",
        "Jalan Sudirman|Jalan Merdeka|Jalan Diponegoro|Jalan Gajah Mada|Jalan Melati",
    ),
)  # fmt: skip
PRODUCTS = (
    ("House blend 1 kg", 18.90), ("Single origin Sidamo 250 g", 9.80), ("Decaf 500 g", 11.50),
    ("Espresso cups, four", 24.00), ("Hand grinder", 64.00), ("French press", 39.50), ("Milk jug", 14.20),
    ("Subscription, month", 21.00), ("Espresso machine", 489.00), ("Cold brew bottle", 29.00),
    ("Filter papers, 200", 6.40), ("Barista course", 95.00),
)  # fmt: skip
WEIGHTS = (24, 18, 8, 5, 4, 5, 5, 14, 1, 5, 10, 1)


SHARES = [row[3] for row in COUNTRIES]


class Place(NamedTuple):
    """What their country gives a person or a business."""

    country: str
    dial: str
    domain: str
    cities: tuple[tuple[str, str], ...]
    first: list[str]
    last: list[str]
    streets: list[str]


def places() -> list[Place]:
    """Return the countries, in the order of SHARES."""
    return [
        Place(row[0], row[1], row[2], row[4], row[5].split(), row[6].split(), row[7].split("|")) for row in COUNTRIES
    ]


def write_people(folder: Path, count: int, today: date) -> dict[str, Path]:
    """Write `count` customers and their purchases as CSV below `folder`."""
    files = {name: folder / f"{name}.csv" for name in ("Customers", "Purchases")}
    with (
        files["Customers"].open("w", newline="", encoding="utf-8") as people,
        files["Purchases"].open("w", newline="", encoding="utf-8") as bought,
    ):
        customers, purchases = csv.writer(people, lineterminator="\n"), csv.writer(bought, lineterminator="\n")
        customers.writerow(CUSTOMER_FIELDS)
        purchases.writerow(PURCHASE_FIELDS)
        for customer, orders in _people(count, today):
            customers.writerow(customer)
            purchases.writerows(orders)
    return files


def _people(count: int, today: date) -> Iterator[tuple[list[object], list[list[object]]]]:
    """Yield each customer with their purchases."""
    dice = random.Random(20_261_121)  # noqa: S311 - invented people, the same each time
    everywhere = places()
    order_number = 0
    for number in range(1, count + 1):
        place = dice.choices(everywhere, SHARES)[0]
        joined = today - timedelta(days=int(dice.triangular(1, 2600, 200)))
        orders = _orders(dice, number, joined, today, order_number)
        order_number += len(orders)
        yield _customer(dice, number, place, joined, orders, today), orders


def _orders(dice: random.Random, number: int, joined: date, today: date, before: int) -> list[list[object]]:
    """What one customer bought, oldest first; a few buy much, many little, some nothing."""
    days = (today - joined).days
    how_many = min(int(dice.paretovariate(1.1)) - 1 + dice.choice((0, 1, 1, 2)), 24)
    orders = []
    for place, when in enumerate(sorted(joined + timedelta(days=dice.randint(0, days)) for _ in range(how_many))):
        product, price = dice.choices(PRODUCTS, WEIGHTS)[0]
        quantity = dice.choice((1, 1, 1, 2, 3)) if price < 50 else 1
        channel = dice.choice(("Web shop", "Web shop", "App", "Store"))
        total = f"{price * quantity:.2f}"
        orders.append(
            [f"P{before + place + 1:07}", f"C{number:06}", when.isoformat(), product, quantity, total, channel]
        )
    return orders


def _customer(
    dice: random.Random, number: int, place: Place, joined: date, orders: list[list[object]], today: date
) -> list[object]:
    first, last = dice.choice(place.first), dice.choice(place.last)
    city, post = dice.choice(place.cities)
    spent = sum(float(str(order[5])) for order in orders)
    born = today - timedelta(days=dice.randint(18 * 366, 84 * 365))
    # Walk-in customers left no address to write to.
    is_walk_in = dice.random() < 0.06
    email = (
        ""
        if is_walk_in
        else f"{ascii_letters(first)}.{ascii_letters(last)}{number}@mail.example.{place.domain.split('.')[-1]}"
    )
    phone = "" if dice.random() < 0.15 else f"{place.dial} {dice.randint(600, 799)} {dice.randint(0, 999999):06}"
    street = f"{dice.choice(place.streets)} {dice.randint(1, 180)}"
    tier = "platinum" if spent > 600 else "gold" if spent > 250 else "silver" if spent > 80 else "none"
    newsletter = "true" if email and dice.random() < 0.58 else "false"
    last_order = orders[-1][2] if orders else ""
    return [
        f"C{number:06}", first, last, email, phone, street, post + f"{dice.randint(0, 99):02}", city, place.country,
        born.isoformat(), joined.isoformat(), tier, newsletter, len(orders), f"{spent:.2f}", last_order,
    ]  # fmt: skip


def ascii_letters(text: str) -> str:
    """Letters for an address: without accents and marks."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalnum())
