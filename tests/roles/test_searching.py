"""Names are searched and sorted without case, accents and composition, in Python and in the database alike."""

import unicodedata

import pytest
from django.db import connection

from roles.searching import fold

pytestmark = pytest.mark.django_db
NAMES = ("Éclair", "ECLAIR", "Łódź", "Straße", "Ærø", "İstanbul", "ﬁne", "Ñandú", "東京", "سلام", "Ωmega", "a%b_c\\d")


@pytest.mark.parametrize("name", [*NAMES, *(unicodedata.normalize("NFD", name) for name in NAMES)])
def test_python_and_the_database_fold_alike(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT folded(%s)", [name])
        assert cursor.fetchone()[0] == fold(name)
