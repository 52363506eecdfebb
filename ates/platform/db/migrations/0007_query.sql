-- Asking in SQL: who may read what, and who asked what.
GRANT USAGE ON SCHEMA analytics TO ates_query;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO ates_query;

CREATE SCHEMA asked AUTHORIZATION ates_analytics;
SET LOCAL ROLE ates_analytics;

-- Every statement that somebody asked, before it ran; what became of it follows. Rows are never deleted.
CREATE TABLE asked.queries (
    id uuid PRIMARY KEY,
    author_id text COLLATE "C" NOT NULL,
    author text NOT NULL,
    sql text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    outcome text,  -- ok, or the code of what was wrong; null while it runs, or before it ran
    rows integer,
    milliseconds integer
);
CREATE INDEX queries_of_author ON asked.queries (author_id, asked_at);
COMMENT ON TABLE asked.queries IS 'Every statement that was asked in analytics, with its author.';

-- asyncpg sets jit off when it meets an array or an enum. For ates_query, whose search path finds this one first, that
-- is a call without effect; the real one would lift the limits of its own connection.
RESET ROLE;
SET LOCAL ROLE ates_views;
CREATE FUNCTION analytics.set_config(text, text, boolean) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text';
COMMENT ON FUNCTION analytics.set_config IS 'Does nothing, in the place of the one that does.';
