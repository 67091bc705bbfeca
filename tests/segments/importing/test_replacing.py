"""What was set on a table in PostgreSQL is there after the next import, or that is refused and names it."""

import io

import pytest
from django.db import connection

from segments.importing.loading import ImportRefusedError, import_table
from segments.importing.standing import standing_on
from tests.factories import make_environment

pytestmark = pytest.mark.django_db
GUESTS = "No,Town\n1,Ghent\n2,Bruges\n3,Lille\n"
NEXT = "No,Town\n1,Ghent\n2,Gent\n4,Namur\n"
ROWS = [(1, "Ghent"), (2, "Gent"), (4, "Namur")]


@pytest.fixture
def schema():
    """A data schema with the table Guests."""
    environment = make_environment()
    load(environment, GUESTS, keys=["No"], profile_kind="customer")
    return environment


def load(environment, text, name="Guests", **options):
    return import_table(environment, name, io.BytesIO(text.encode()), patience=0, **options)


def ask(environment, query, *values):
    """Run SQL, with the environment's schema for {s}; return the rows."""
    with connection.cursor() as cursor:
        cursor.execute(query.replace("{s}", environment.warehouse_schema), list(values) or None)
        return cursor.fetchall() if cursor.description else []


def refusal(environment, text, **options):
    with pytest.raises(ImportRefusedError) as refused:
        load(environment, text, **options)
    return str(refused.value)


# What is set, and a question whose answer has to be the same afterwards.
TABLE = "(SELECT '{s}.\"Guests\"'::regclass)"
SET = {
    "row security": (
        """ALTER TABLE {s}."Guests" ENABLE ROW LEVEL SECURITY;
        CREATE POLICY ghent ON {s}."Guests" FOR SELECT TO PUBLIC USING ("Town" = 'Ghent')""",
        f"""SELECT relrowsecurity, polname, polroles, pg_get_expr(polqual, polrelid)
        FROM pg_class c JOIN pg_policy ON polrelid = c.oid WHERE c.oid = {TABLE}""",
    ),
    "forced row security": (
        """ALTER TABLE {s}."Guests" ENABLE ROW LEVEL SECURITY; ALTER TABLE {s}."Guests" FORCE ROW LEVEL SECURITY;
        CREATE POLICY all_of_them ON {s}."Guests" FOR SELECT USING (true)""",
        f"SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = {TABLE}",
    ),
    "column grants": (
        """GRANT SELECT ("Town"), UPDATE ("No") ON {s}."Guests" TO reader WITH GRANT OPTION;
        GRANT SELECT ("Town") ON {s}."Guests" TO PUBLIC""",
        f"SELECT attname, attacl::text FROM pg_attribute WHERE attrelid = {TABLE} AND attacl IS NOT NULL ORDER BY 1",
    ),
    "grants": (
        """GRANT SELECT, INSERT ON {s}."Guests" TO reader WITH GRANT OPTION; GRANT SELECT ON {s}."Guests" TO PUBLIC""",
        f"""SELECT grantor, grantee, privilege_type, is_grantable FROM pg_class, aclexplode(relacl)
        WHERE oid = {TABLE} ORDER BY 1, 2, 3""",
    ),
    "grants by somebody else": (
        """GRANT SELECT ON {s}."Guests" TO reader WITH GRANT OPTION; GRANT USAGE ON SCHEMA {s} TO reader;
        SET ROLE reader; GRANT SELECT ON {s}."Guests" TO other; RESET ROLE""",
        f"SELECT relacl::text FROM pg_class WHERE oid = {TABLE}",
    ),
    "an owner without rights": (
        """REVOKE TRUNCATE ON {s}."Guests" FROM CURRENT_USER""",
        f"SELECT relacl::text FROM pg_class WHERE oid = {TABLE}",
    ),
    "an index": (
        """CREATE INDEX towns ON {s}."Guests" (lower("Town")) WHERE "No" > 1""",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = '{s}' ORDER BY 1",
    ),
    "a unique index": (
        """CREATE UNIQUE INDEX towns ON {s}."Guests" ("Town")""",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = '{s}' ORDER BY 1",
    ),
    "options of the key": (
        """ALTER INDEX {s}."Guests_pkey" SET (fillfactor = 70)""",
        "SELECT reloptions FROM pg_class WHERE relname = 'Guests_pkey' AND relnamespace = '{s}'::regnamespace",
    ),
    "another name of the key": (
        """ALTER INDEX {s}."Guests_pkey" RENAME TO guest_numbers""",
        "SELECT indexname FROM pg_indexes WHERE schemaname = '{s}'",
    ),
    "clustering": (
        """ALTER TABLE {s}."Guests" CLUSTER ON "Guests_pkey\"""",
        f"SELECT indisclustered FROM pg_index WHERE indrelid = {TABLE}",
    ),
    "a trigger": (
        """CREATE FUNCTION {s}.no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
        CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON {s}."Guests" FOR EACH ROW EXECUTE FUNCTION {s}.no();
        CREATE TRIGGER b AFTER DELETE ON {s}."Guests" EXECUTE FUNCTION {s}.no();
        ALTER TABLE {s}."Guests" ENABLE ALWAYS TRIGGER a""",
        f"SELECT tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = {TABLE} ORDER BY 2",
    ),
    "a rule": (
        """CREATE RULE nothing AS ON INSERT TO {s}."Guests" DO INSTEAD NOTHING;
        CREATE RULE kept AS ON DELETE TO {s}."Guests" DO INSTEAD NOTHING""",
        f"SELECT ev_enabled, pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = {TABLE} ORDER BY 2",
    ),
    "comments": (
        """COMMENT ON TABLE {s}."Guests" IS 'Ours'; COMMENT ON COLUMN {s}."Guests"."Town" IS 'Where they live'""",
        f"SELECT objsubid, description FROM pg_description WHERE objoid = {TABLE} ORDER BY 1",
    ),
    "a comment of a column": (
        """COMMENT ON COLUMN {s}."Guests"."Town" IS 'Where they live'""",
        f"SELECT objsubid, description FROM pg_description WHERE objoid = {TABLE} ORDER BY 1",
    ),
    "a default and a check": (
        """ALTER TABLE {s}."Guests" ALTER "Town" SET DEFAULT 'x', ADD CONSTRAINT named CHECK ("Town" <> '')""",
        f"""SELECT pg_get_expr(adbin, adrelid), pg_get_constraintdef(k.oid) FROM pg_attrdef, pg_constraint k
        WHERE adrelid = {TABLE} AND conrelid = adrelid AND contype = 'c'""",
    ),
    "a column that must have a value": (
        """ALTER TABLE {s}."Guests" ALTER "Town" SET NOT NULL""",
        f"SELECT attname FROM pg_attribute WHERE attrelid = {TABLE} AND attnotnull AND attnum > 0 ORDER BY 1",
    ),
    "foreign keys": (
        """CREATE TABLE {s}.towns (town text PRIMARY KEY);
        INSERT INTO {s}.towns VALUES ('Ghent'), ('Bruges'), ('Lille'), ('Gent'), ('Namur');
        CREATE TABLE {s}.stays (guest int REFERENCES {s}."Guests"); INSERT INTO {s}.stays VALUES (1), (2);
        ALTER TABLE {s}."Guests" ADD FOREIGN KEY ("Town") REFERENCES {s}.towns DEFERRABLE INITIALLY DEFERRED""",
        f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE {TABLE} IN (conrelid, confrelid) ORDER BY 1",
    ),
    "statistics": (
        """CREATE STATISTICS {s}.both (dependencies) ON "No", "Town" FROM {s}."Guests";
        ALTER TABLE {s}."Guests" ALTER "Town" SET STATISTICS 500""",
        f"""SELECT stxname, attstattarget FROM pg_statistic_ext JOIN pg_attribute ON attrelid = stxrelid
        WHERE stxrelid = {TABLE} AND attnum > 0""",
    ),
    "storage": (
        """ALTER TABLE {s}."Guests" SET (autovacuum_enabled = false, toast.autovacuum_enabled = false);
        ALTER TABLE {s}."Guests" ALTER "Town" SET STORAGE EXTERNAL, ALTER "Town" SET COMPRESSION pglz""",
        f"""SELECT reloptions, attstorage, attcompression FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
        WHERE c.oid = {TABLE} AND attname = 'Town'""",
    ),
    "a publication": (
        """CREATE PUBLICATION guests FOR TABLE {s}."Guests" """,
        f"SELECT pubname FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid WHERE prrelid = {TABLE}",
    ),
    "replica identity": (
        """ALTER TABLE {s}."Guests" REPLICA IDENTITY FULL""",
        f"SELECT relreplident FROM pg_class WHERE oid = {TABLE}",
    ),
    "inheritance": (
        """CREATE TABLE {s}.people (LIKE {s}."Guests"); ALTER TABLE {s}."Guests" INHERIT {s}.people""",
        f"SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = {TABLE}",
    ),
    "partitions": (
        """CREATE TABLE {s}.people (LIKE {s}."Guests") PARTITION BY LIST ("No");
        ALTER TABLE {s}.people ATTACH PARTITION {s}."Guests" DEFAULT""",
        f"SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = {TABLE}",
    ),
    "an identity": (
        """ALTER TABLE {s}."Guests" ALTER "No" ADD GENERATED ALWAYS AS IDENTITY""",
        f"SELECT attidentity FROM pg_attribute WHERE attrelid = {TABLE} AND attname = 'No'",
    ),
    "a sequence": (
        """CREATE SEQUENCE {s}.numbers OWNED BY {s}."Guests"."No\"""",
        f"SELECT objid::regclass::text FROM pg_depend WHERE refobjid = {TABLE} AND deptype = 'a'",
    ),
    "columns of one's own": (
        """ALTER TABLE {s}."Guests" ADD upper text GENERATED ALWAYS AS (upper("Town")) STORED, ADD note text,
        ADD since date DEFAULT '2020-01-01'; UPDATE {s}."Guests" SET note = 'n' || "No" """,
        """SELECT "No", note, since FROM {s}."Guests" WHERE "No" IN (1, 2) ORDER BY 1""",
    ),
    "a function of its rows": (
        """CREATE FUNCTION {s}.town(one {s}."Guests") RETURNS text LANGUAGE sql AS 'SELECT ($1)."Town"'""",
        "SELECT proname FROM pg_proc WHERE pronamespace = '{s}'::regnamespace",
    ),
    "a materialized view": (
        """CREATE MATERIALIZED VIEW {s}.seen AS SELECT * FROM {s}."Guests"; CREATE INDEX ON {s}.seen ("No")""",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = '{s}' ORDER BY 1",
    ),
    "options of views": (
        """CREATE VIEW {s}.safe WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM {s}."Guests";
        CREATE VIEW {s}.few AS SELECT * FROM {s}.safe WHERE "No" < 9 WITH CASCADED CHECK OPTION;
        GRANT SELECT ON {s}.few TO reader; COMMENT ON VIEW {s}.few IS 'Few'""",
        """SELECT relname, reloptions, relacl::text, obj_description(oid, 'pg_class') FROM pg_class
        WHERE relkind = 'v' AND relnamespace = '{s}'::regnamespace ORDER BY 1""",
    ),
    "more on views": (
        """GRANT ALL ON SCHEMA {s} TO other; CREATE VIEW {s}.few AS SELECT * FROM {s}."Guests";
        COMMENT ON COLUMN {s}.few."Town" IS 'Where';
        GRANT SELECT ("Town") ON {s}.few TO reader; ALTER VIEW {s}.few ALTER "Town" SET DEFAULT 'x';
        CREATE RULE r AS ON DELETE TO {s}.few DO INSTEAD NOTHING; ALTER VIEW {s}.few OWNER TO other""",
        """SELECT relowner, relacl::text, attacl::text, col_description(c.oid, attnum), attnum
        FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
        WHERE relkind = 'v' AND relnamespace = '{s}'::regnamespace AND attnum > 0 ORDER BY attnum""",
    ),
    "an owner": (
        """GRANT ALL ON SCHEMA {s} TO other; ALTER TABLE {s}."Guests" OWNER TO other""",
        f"SELECT relowner FROM pg_class WHERE oid = {TABLE}",
    ),
    "no log": (
        """ALTER TABLE {s}."Guests" SET UNLOGGED""",
        f"SELECT relpersistence FROM pg_class WHERE oid = {TABLE}",
    ),
}


@pytest.fixture(scope="session")
def roles(superuser):
    """The roles reader and other, which Waybill's account may act as."""
    superuser.execute("CREATE ROLE reader; CREATE ROLE other; GRANT reader, other TO waybill")


@pytest.mark.parametrize("what", SET)
def test_it_stays(schema, roles, what):
    command, question = SET[what]
    ask(schema, command)
    before = ask(schema, question)
    assert before
    load(schema, NEXT)
    assert ask(schema, question) == before
    assert ask(schema, """SELECT "No", "Town" FROM {s}."Guests" ORDER BY 1""") == ROWS


@pytest.mark.parametrize("what", sorted(set(SET) - {"grants", "options of views"}))
def test_a_table_that_another_could_not_replace_is_not_called_plain(schema, roles, what):
    ask(schema, SET[what][0])
    ((oid,),) = ask(schema, "SELECT '{s}.\"Guests\"'::regclass::oid")
    fields = ask(
        schema,
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s AND attnum IN (1, 2)",
        oid,
    )
    with connection.cursor() as cursor:
        raw = cursor.connection
        assert not standing_on(raw, oid, dict(fields), ["No"]).is_plain


def test_readers_see_through_policies_and_views_what_they_saw_before(schema, roles):
    """As an administrator sets it up: a policy, and a view that asks as whoever reads it."""
    ask(schema, SET["row security"][0])
    ask(
        schema,
        """GRANT USAGE ON SCHEMA {s} TO reader; GRANT SELECT ON {s}."Guests" TO reader;
        CREATE VIEW {s}.safe WITH (security_invoker = true) AS SELECT * FROM {s}."Guests";
        GRANT SELECT ON {s}.safe TO reader""",
    )
    load(schema, NEXT)
    ask(schema, "SET LOCAL ROLE reader")
    assert ask(schema, 'SELECT * FROM {s}."Guests"') == ask(schema, "SELECT * FROM {s}.safe") == [(1, "Ghent")]
    ask(schema, "RESET ROLE")


def test_a_table_without_anything_of_its_own_gets_no_rights_that_were_taken_back(schema, roles):
    ask(schema, "ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT ON TABLES TO PUBLIC, reader")
    ask(schema, 'GRANT SELECT ON {s}."Guests" TO other')
    before = ask(schema, SET["grants"][1])
    load(schema, NEXT)
    assert ask(schema, SET["grants"][1]) == before


def test_rows_that_stay_as_they_are_are_not_written(schema):
    ask(schema, 'CREATE INDEX ON {s}."Guests" ("Town")')
    places = """SELECT ctid::text FROM {s}."Guests" WHERE "No" = 1"""
    before = ask(schema, places)
    load(schema, NEXT)
    assert ask(schema, places) == before


def test_values_that_are_equal_but_written_otherwise_are_changed(schema):
    load(schema, "No,Price\n1,1.0\n", "Prices", keys=["No"])
    ask(schema, 'COMMENT ON COLUMN {s}."Prices"."Price" IS \'Net\'')
    load(schema, "No,Price\n1,1.00\n", "Prices")
    assert ask(schema, """SELECT "Price"::text FROM {s}."Prices" """) == [("1.00",)]


def test_rows_may_exchange_a_unique_value(schema):
    ask(schema, 'CREATE UNIQUE INDEX ON {s}."Guests" ("Town")')
    load(schema, "No,Town\n1,Bruges\n2,Ghent\n")
    assert ask(schema, 'SELECT * FROM {s}."Guests" ORDER BY 1') == [(1, "Bruges"), (2, "Ghent")]


def test_a_table_whose_description_is_gone_is_replaced_with_what_was_set_on_it(schema):
    ask(schema, 'CREATE INDEX towns ON {s}."Guests" ("Town")')
    schema.tables.all().delete()
    load(schema, "No,Town,Stars\n1,Ghent,5\n", keys=["No"])
    assert ask(schema, "SELECT to_regclass('{s}.towns') IS NULL") == [(False,)]
    ask(schema, "DROP INDEX {s}.towns")
    schema.tables.all().delete()
    load(schema, "Id\n1\n", keys=["Id"])
    assert ask(schema, 'SELECT * FROM {s}."Guests"') == [(1,)]


def test_a_table_without_a_key_keeps_what_was_set_too(schema):
    load(schema, "a,b\n1,x\n1,x\n", "Notes")
    ask(schema, 'CREATE INDEX notes ON {s}."Notes" (a)')
    load(schema, "a,b\n1,x\n2,y\n", "Notes")
    assert ask(schema, 'SELECT * FROM {s}."Notes"') == [(1, "x"), (2, "y")]
    assert ask(schema, "SELECT to_regclass('{s}.notes') IS NULL") == [(False,)]


def test_columns_come_and_go_and_change_their_type_where_something_stands_on_the_table(schema, roles):
    ask(schema, SET["row security"][0])
    ask(schema, 'CREATE VIEW {s}.safe WITH (security_barrier = true) AS SELECT "No" FROM {s}."Guests"')
    load(schema, "Stars,No,Town\n5,A1,Ghent\n4,2,Lille\n")
    rows = [("2", "Lille", 4), ("A1", "Ghent", 5)]
    assert ask(schema, 'SELECT "No", "Town", "Stars" FROM {s}."Guests" ORDER BY 1') == rows
    assert ask(schema, "SELECT * FROM {s}.safe ORDER BY 1") == [("2",), ("A1",)]
    assert ask(schema, SET["row security"][1])
    load(schema, "No,Town\nA1,Ghent\n")
    assert ask(schema, 'SELECT * FROM {s}."Guests"') == [("A1", "Ghent")]


def test_another_key_takes_the_place_of_the_old_one(schema):
    ask(schema, 'COMMENT ON COLUMN {s}."Guests"."Town" IS \'Where\'')
    load(schema, "No,Town\n1,Ghent\n1,Lille\n", keys=["Town"])
    key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid = " + TABLE
    assert ask(schema, key) == [('PRIMARY KEY ("Town")',)]


@pytest.mark.parametrize(
    ("command", "file", "said"),
    [
        ('ALTER TABLE {s}."Guests" ADD CONSTRAINT big CHECK ("No" < 4)', NEXT, 'check constraint "big"'),
        ('CREATE UNIQUE INDEX towns ON {s}."Guests" ("Town")', "No,Town\n1,x\n2,x\n", 'unique constraint "towns"'),
        ('CREATE INDEX towns ON {s}."Guests" ("Town")', "No\n1\n", "towns needs. Change or drop that first."),
        ('CREATE STATISTICS {s}.both ON "No", "Town" FROM {s}."Guests"', "No\n1\n", '"both" needs'),
        ('CREATE POLICY ghent ON {s}."Guests" USING ("Town" = \'\')', "No\n1\n", "policy ghent"),
        ('CREATE MATERIALIZED VIEW {s}.seen AS SELECT "Town" FROM {s}."Guests"', "No\n1\n", "seen"),
        ('CREATE TABLE {s}.child () INHERITS ({s}."Guests")', NEXT, "child"),
        (
            'CREATE TABLE {s}.stays (guest int REFERENCES {s}."Guests" ON DELETE CASCADE)',
            NEXT,
            "constraint stays_guest_fkey",
        ),
        (
            'CREATE TABLE {s}.stays (guest int REFERENCES {s}."Guests"); INSERT INTO {s}.stays VALUES (3)',
            NEXT,
            'foreign key constraint "stays_guest_fkey" on table "stays"',
        ),
        ('ALTER TABLE {s}."Guests" ADD "Up" int GENERATED ALWAYS AS (1) STORED', "No,Town,Up\n1,a,1\n", "fills Up"),
        (
            'REVOKE INSERT ON {s}."Guests" FROM CURRENT_USER',
            NEXT,
            "Grant Waybill's account SELECT, INSERT, UPDATE and DELETE",
        ),
    ],
)
def test_what_cannot_stay_is_refused_by_name_and_nothing_changes(schema, command, file, said):
    ask(schema, command)
    assert said in refusal(schema, file)
    assert len(ask(schema, 'SELECT * FROM {s}."Guests"')) == 3


def test_values_of_ones_own_are_not_lost_where_no_key_tells_whose_they_are(schema):
    load(schema, "a\n1\n", "Notes")
    ask(schema, 'ALTER TABLE {s}."Notes" ADD mine text')
    load(schema, "a\n1\n", "Notes")
    ask(schema, "UPDATE {s}.\"Notes\" SET mine = 'x'")
    assert "Column mine of Notes was not imported" in refusal(schema, "a\n1\n", name="Notes")
