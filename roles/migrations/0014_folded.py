"""Names without case and accents, for lists to search and to sort by (roles/searching.py)."""

from django.db import migrations

# Most names are plain: they take the short way.
FOLDED = r"""
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower($1)
    ELSE replace(replace(replace(translate(
      lower(regexp_replace(normalize($1, NFKD), '[\u0300-\u036f]', '', 'g')),
      'øłđħı', 'oldhi'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe') END
$$"""


class Migration(migrations.Migration):
    dependencies = [("roles", "0013_texts")]

    operations = [migrations.RunSQL(FOLDED, "DROP FUNCTION folded(text)")]
