-- `ates audit` reads what it compares, and nothing else: all read models, those of later migrations too, and of the
-- outbox which event it is and when it was published.
GRANT USAGE ON SCHEMA views, auth TO ates_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA views TO ates_audit;
ALTER DEFAULT PRIVILEGES FOR ROLE ates_views IN SCHEMA views GRANT SELECT ON TABLES TO ates_audit;
GRANT SELECT (id, aggregatetype, published_at, written_at) ON auth.outbox TO ates_audit;
