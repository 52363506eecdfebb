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
