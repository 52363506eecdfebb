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
    CASE WHEN rolsuper THEN 'ALTER ROLE ates_query SET temp_file_limit = ''64MB''' END)
FROM pg_roles WHERE rolname = current_user;

-- name: query.forbid
-- The statements that take functions with effects, or that run text as SQL, from PUBLIC: nothing else can take them
-- from one role. None where we do not own them. Processes of ours get back what they use ("query.allow").
SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure), '; ')
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND pg_has_role(current_user, proowner, 'USAGE') AND (
    proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$|pg_sleep|pg_notify$|set_config$|pg_cancel_backend$|pg_terminate_backend$)'
    OR proname ~ '^(query|cursor|table|schema|database)_to_xml|^ts_stat$|^ts_rewrite$'
    OR proname ~ '^(pg_export_snapshot|pg_logical_emit_message|pg_log_backend_memory_contexts|pg_stat_get_activity|pg_listening_channels)$'
);

-- name: query.allow
-- The statements that give a process's role the locks, notifications and settings that it works with. $1 role
SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO %I', oid::regprocedure, $1::text), '; ')
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND pg_has_role(current_user, proowner, 'USAGE')
    AND proname ~ '^(pg_(try_)?advisory_|pg_notify$|set_config$)';
