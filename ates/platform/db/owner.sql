-- name: owner.read
-- The owner's note on the role $1, and whether this server has the role or this database has tables of aTES.
SELECT
    (SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1::text) AS note,
    EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text)
        OR to_regnamespace('stack') IS NOT NULL OR to_regclass('public.ates_migrations') IS NOT NULL AS in_use;

-- name: owner.role
-- The statement that makes the role which carries the note, with no right at all; null when it exists. $1 role, $2 note
SELECT format('CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', $1::text)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text) AND $2::text IS NOT NULL;

-- name: owner.write
-- The statement that writes the note, quoted by the server. $1 role, $2 note
SELECT format('COMMENT ON ROLE %I IS %L', $1::text, $2::text);
