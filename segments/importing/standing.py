"""What depends on a table in PostgreSQL beyond what its import made.

All that a new table in its place would not have. It errs on the safe side: what is not known here counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

MARK = "Imported by Waybill; the next import replaces it."

# Views on the table `%s` (an oid), each after those that it stands on.
VIEWS = """
WITH RECURSIVE found(oid, depth) AS (
    SELECT %s::oid, 0
  UNION
    SELECT r.ev_class, found.depth + 1 FROM found
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = found.oid
    JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.ev_class <> found.oid)
SELECT n.nspname, c.relname, c.oid, coalesce(c.reloptions, '{}'), c.relkind = 'v'
    AND pg_get_userbyid(c.relowner) = current_user AND has_schema_privilege(n.oid, 'CREATE, USAGE')
FROM (SELECT oid, max(depth) AS depth FROM found WHERE depth > 0 GROUP BY oid) AS views
JOIN pg_class c ON c.oid = views.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY depth, c.oid"""

# All of these name what they find; `oid` is a table or a view.
DEPENDENTS = """
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_class c, pg_depend d
WHERE c.oid = %(oid)s AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
    AND NOT (d.classid = 'pg_type'::regclass AND d.objid = c.reltype)
    AND NOT (d.classid = 'pg_class'::regclass AND d.objid = c.reltoastrelid)
    AND NOT (d.classid = 'pg_rewrite'::regclass AND (
        EXISTS (SELECT FROM pg_rewrite r WHERE r.oid = d.objid AND r.ev_class = ANY(%(views)s) AND r.ev_type = '1')))
    AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint k WHERE k.oid = d.objid
        AND k.conrelid = c.oid AND (k.contype = 'p' OR (k.contype = 'n' AND k.conkey <@ (
            SELECT p.conkey FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype = 'p')))))
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_class c
JOIN pg_type t ON t.oid = c.reltype, pg_depend d
WHERE c.oid = %(oid)s AND d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
    AND NOT (d.classid = 'pg_type'::regclass AND d.objid = t.typarray)
UNION ALL
SELECT pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) FROM pg_class c, pg_depend d
WHERE c.oid = %(oid)s AND c.relkind <> 'v' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
    AND d.refclassid <> 'pg_namespace'::regclass
UNION ALL
SELECT pg_describe_object('pg_extension'::regclass, d.refobjid, 0) FROM pg_depend d
WHERE d.classid = 'pg_class'::regclass AND d.objid = %(oid)s AND d.refclassid = 'pg_extension'::regclass
UNION ALL
SELECT 'security label' FROM pg_seclabel l WHERE l.objoid = %(oid)s AND l.classoid = 'pg_class'::regclass
UNION ALL
SELECT 'grants by others than the owner' FROM pg_class c
WHERE c.oid = %(oid)s AND EXISTS (SELECT FROM aclexplode(c.relacl) g WHERE g.grantor <> c.relowner)
UNION ALL
SELECT 'rights of the owner' FROM pg_class c WHERE c.oid = %(oid)s AND c.relacl IS NOT NULL AND (
    SELECT array_agg(g.privilege_type ORDER BY g.privilege_type) FROM aclexplode(c.relacl) g
    WHERE g.grantee = c.relowner
) IS DISTINCT FROM (
    SELECT array_agg(g.privilege_type ORDER BY g.privilege_type) FROM aclexplode(acldefault('r', c.relowner)) g)
UNION ALL
SELECT 'column ' || a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped AND (
    a.attacl IS NOT NULL OR a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attcompression <> ''
    OR a.attstorage <> t.typstorage OR a.attidentity <> '' OR a.attgenerated <> '' OR a.atthasdef
    OR a.attcollation <> t.typcollation)
UNION ALL
SELECT 'comment on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid) FROM pg_description d
WHERE d.classoid = 'pg_class'::regclass AND d.objoid = %(oid)s AND d.objsubid > 0"""

TABLE = """
SELECT w.what FROM pg_class c LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid, LATERAL (VALUES
    ('row level security', c.relrowsecurity OR c.relforcerowsecurity), ('replica identity', c.relreplident <> 'd'),
    ('tablespace', c.reltablespace <> 0), ('storage parameters', c.reloptions IS NOT NULL),
    ('storage parameters of long values', toast.reloptions IS NOT NULL),
    ('owner', pg_get_userbyid(c.relowner) <> current_user), ('persistence', c.relpersistence <> 'p'),
    ('partitions', c.relkind <> 'r' OR c.relispartition), ('type', c.reloftype <> 0),
    ('access method', c.relam <> (
        SELECT m.oid FROM pg_am m WHERE m.amname = current_setting('default_table_access_method'))),
    ('inheritance', EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))),
    ('subscription', EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid)),
    ('comment', obj_description(c.oid, 'pg_class') <> %(mark)s)
) AS w(what, is_so) WHERE c.oid = %(oid)s AND w.is_so
UNION ALL
SELECT 'column ' || a.attname FROM pg_attribute a
LEFT JOIN unnest(%(names)s::text[], %(types)s::text[]) AS f(name, type) ON f.name = a.attname
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped AND (
    f.type IS DISTINCT FROM replace(format_type(a.atttypid, a.atttypmod), ' without time zone', '')
    OR a.attnotnull AND a.attname <> ALL(%(keys)s::text[]))
UNION ALL
SELECT 'key ' || k.conname FROM pg_constraint k JOIN pg_index i ON i.indexrelid = k.conindid
JOIN pg_class x ON x.oid = k.conindid
WHERE k.conrelid = %(oid)s AND k.contype = 'p' AND (
    k.condeferrable OR i.indisclustered OR i.indisreplident OR i.indnkeyatts <> i.indnatts OR x.reloptions IS NOT NULL
    OR x.reltablespace <> 0 OR k.conname NOT LIKE '%%\\_pkey' OR obj_description(k.oid, 'pg_constraint') IS NOT NULL
    OR obj_description(x.oid, 'pg_class') IS NOT NULL
    OR (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM pg_attribute a
        WHERE a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey))
    IS DISTINCT FROM (SELECT array_agg(name ORDER BY name) FROM unnest(%(keys)s::text[]) AS keys(name)))"""


@dataclass(frozen=True)
class View:
    """A view on the table. `is_simple` says that it can be recreated unchanged."""

    schema: str
    name: str
    oid: int
    options: Sequence[str]
    is_simple: bool


@dataclass(frozen=True)
class Standing:
    """What depends on a table: its views, and by name what else a new table would lack."""

    views: list[View]
    others: list[str]

    @property
    def has_simple_views(self) -> bool:
        """Whether all of its views can be recreated unchanged."""
        return all(view.is_simple for view in self.views)

    @property
    def is_plain(self) -> bool:
        """Whether another table can replace it without loss."""
        return not self.others and self.has_simple_views


def standing_on(raw: psycopg.Connection, oid: int, fields: Mapping[str, str], keys: Sequence[str]) -> Standing:
    """Return what depends on the table beyond these fields (name to type), this key, and grants."""
    rows = raw.execute(VIEWS, [oid]).fetchall()
    oids = [row[2] for row in rows]
    views = [
        View(schema, name, view, options, is_ours and not _names(raw, DEPENDENTS, oid=view, views=oids))
        for schema, name, view, options, is_ours in rows
    ]
    found = _names(raw, DEPENDENTS, oid=oid, views=oids)
    details = {"names": list(fields), "types": list(fields.values()), "keys": list(keys), "mark": MARK}
    return Standing(views, found + _names(raw, TABLE, oid=oid, **details))


def _names(raw: psycopg.Connection, query: str, **details: object) -> list[str]:
    return [row[0] for row in raw.execute(query, details).fetchall()]
