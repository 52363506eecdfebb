-- name: ledger.prepare
-- The statements that make the ledger of migrations, or move it out of the schema public; null when it is there.
SELECT 'CREATE SCHEMA stack; ' || CASE
    WHEN to_regclass('public.ates_migrations') IS NULL THEN
        'CREATE TABLE stack.migrations'
        ' (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())'
    ELSE 'ALTER TABLE public.ates_migrations SET SCHEMA stack; ALTER TABLE stack.ates_migrations RENAME TO migrations'
END
WHERE to_regclass('stack.migrations') IS NULL;

-- name: ledger.read
-- Every migration that was applied.
SELECT name, checksum FROM stack.migrations;

-- name: ledger.add
-- Remember one that was applied. $1 name, $2 checksum
INSERT INTO stack.migrations (name, checksum) VALUES ($1, $2);
