-- name: roles.exists
-- Whether the cluster has the role. $1 role
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1);

-- name: roles.create
-- The statement that makes a role which can log in and nothing else, quoted by the server. $1 role
SELECT format(
    'CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', $1::text);

-- name: roles.password
-- The statement that sets a role's password, quoted by the server. $1 role, $2 password
SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text);

-- name: roles.membership
-- The statement that lets an admin who is no superuser hand objects to the role; null when not needed. $1 role
SELECT format('GRANT %I TO CURRENT_USER', $1::text) WHERE NOT pg_has_role(current_user, $1::name, 'USAGE');

-- name: database.restrict
-- The statement that takes from everybody what only owners need here: temporary tables and new schemas.
SELECT format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());

-- name: database.connect
-- The statement that lets a role connect to this database, whatever PUBLIC may. $1 role
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), $1::text);

-- name: query.limits
-- The statements that bound whoever asks in SQL: time, connections, disk. A superuser alone may bound the disk.
SELECT concat_ws('; ',
    'ALTER ROLE ates_query CONNECTION LIMIT 6',
    'ALTER ROLE ates_query SET default_transaction_read_only = on',
    'ALTER ROLE ates_query SET statement_timeout = ''5s''',
    'ALTER ROLE ates_query SET idle_in_transaction_session_timeout = ''10s''',
    'ALTER ROLE ates_query SET search_path = analytics, pg_catalog',
    CASE WHEN rolsuper THEN 'ALTER ROLE ates_query SET temp_file_limit = ''64MB''' END,
    -- The SQL page has the server show it the parse tree of each statement; the server's own log need not keep those.
    CASE WHEN rolsuper THEN 'ALTER ROLE ates_query SET log_min_messages = fatal' END)
FROM pg_roles WHERE rolname = current_user;

-- name: query.allow
-- The statement that lets the processes call what PUBLIC will not ("query.forbid"): all that everybody may by default,
-- but of the functions with effects, or that run text as SQL, only locks, notifications and settings. Null: it is done.
-- $1 roles, $2 functions that stay with PUBLIC
SELECT format('GRANT EXECUTE ON ROUTINE %s TO %s', string_agg(p.oid::regprocedure::text, ', '),
    (SELECT string_agg(quote_ident(role), ', ') FROM unnest($1::text[]) AS role))
FROM pg_proc p
WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND p.oid <> ALL ($2::oid[])
    AND pg_has_role(current_user, p.proowner, 'USAGE')
    AND (p.proname ~ '^(pg_(try_)?advisory_|pg_notify$|set_config$)' OR p.proname !~ (
        '^(lo_|loread$|lowrite$|pg_sleep|pg_cancel_backend$|pg_terminate_backend$|ts_stat$|ts_rewrite$)'
        '|^(query|cursor|table|schema|database)_to_xml'
        '|^(pg_export_snapshot|pg_logical_emit_message|pg_log_backend_memory_contexts|pg_stat_get_activity)$'
        '|^pg_listening_channels$'))
    AND NOT EXISTS (SELECT FROM pg_init_privs WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid)
    AND EXISTS (SELECT FROM unnest($1::text[]) AS role WHERE NOT EXISTS (
        SELECT FROM aclexplode(p.proacl) WHERE grantee = role::regrole AND privilege_type = 'EXECUTE'))
HAVING count(*) > 0;

-- name: query.allow_catalogs
-- The same for the catalogs and their views. $1 roles
SELECT format('GRANT SELECT ON TABLE %s TO %s', string_agg(c.oid::regclass::text, ', '),
    (SELECT string_agg(quote_ident(role), ', ') FROM unnest($1::text[]) AS role))
FROM pg_class c
WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND c.relkind IN ('r', 'v') AND pg_has_role(current_user, c.relowner, 'USAGE')
    AND EXISTS (
        SELECT FROM pg_init_privs i, aclexplode(i.initprivs) acl
        WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0
            AND acl.grantee = 0 AND acl.privilege_type = 'SELECT')
    AND EXISTS (SELECT FROM unnest($1::text[]) AS role WHERE NOT EXISTS (
        SELECT FROM aclexplode(c.relacl) WHERE grantee = role::regrole AND privilege_type = 'SELECT'))
HAVING count(*) > 0;

-- name: query.forbid
-- The statement that takes from PUBLIC the functions that people's own SQL may not call: nothing else can take them
-- from one role. Null where we do not own them, or it is done. $1 functions that stay
SELECT format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', string_agg(p.oid::regprocedure::text, ', '))
FROM pg_proc p
WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND p.oid <> ALL ($1::oid[])
    AND pg_has_role(current_user, p.proowner, 'USAGE') AND has_function_privilege('ates_query', p.oid, 'EXECUTE')
HAVING count(*) > 0;

-- name: query.forbid_catalogs
-- The statement that takes the catalogs and their views from PUBLIC. Null where we do not own them, or it is done.
SELECT format('REVOKE SELECT ON TABLE %s FROM PUBLIC', string_agg(c.oid::regclass::text, ', '))
FROM pg_class c
WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND c.relkind IN ('r', 'v')
    AND pg_has_role(current_user, c.relowner, 'USAGE') AND has_any_column_privilege('ates_query', c.oid, 'SELECT')
HAVING count(*) > 0;

-- name: query.open
-- How many functions and catalogs `ates_query` may use beyond the allowed ones. $1 functions that are allowed
SELECT
    (SELECT count(*) FROM pg_proc p
        WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
            AND p.oid <> ALL ($1::oid[]) AND has_function_privilege('ates_query', p.oid, 'EXECUTE'))
    + (SELECT count(*) FROM pg_class c
        WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
            AND c.relkind IN ('r', 'v') AND has_any_column_privilege('ates_query', c.oid, 'SELECT'));
