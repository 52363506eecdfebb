-- name: allowed.functions
-- The functions of pg_catalog that people's own SQL may call: by name, behind an operator, in a cast, or as what reads
-- and writes the texts of a type.
-- $1 names, $2 operators, $3 types, $4 pseudo-types of arguments, $5 signatures that are not allowed all the same
WITH scalar AS (
    SELECT oid, typarray, typinput, typoutput FROM pg_type
    WHERE typnamespace = 'pg_catalog'::regnamespace AND typname = ANY ($3::text[])
), usable AS (
    SELECT oid FROM scalar
    UNION SELECT typarray FROM scalar
    UNION SELECT oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname = ANY ($4::text[])
), wanted AS (
    SELECT oid FROM pg_proc WHERE proname = ANY ($1::text[])
    UNION SELECT oprcode FROM pg_operator WHERE oprname = ANY ($2::text[])
    UNION SELECT castfunc FROM pg_cast
)
SELECT p.oid
FROM pg_proc p
WHERE p.oid IN (SELECT oid FROM wanted) AND p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind <> 'p'
    AND p.prorettype IN (SELECT oid FROM usable)
    AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS argument WHERE argument NOT IN (SELECT oid FROM usable))
    AND format('%s(%s)', p.proname, replace(oidvectortypes(p.proargtypes), ', ', ',')) <> ALL ($5::text[])
UNION SELECT typinput FROM scalar
UNION SELECT typoutput FROM scalar
UNION SELECT unnest(ARRAY['array_in'::regproc, 'array_out'::regproc]);

-- name: allowed.others
-- What else it may use: types by name, arrays of them, the views of analytics with their rows, and the functions there.
-- $1 names of types
WITH view AS (
    SELECT oid, reltype FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v'
), scalar AS (
    SELECT oid, typarray FROM pg_type
    WHERE oid IN (SELECT reltype FROM view)
        OR typnamespace = 'pg_catalog'::regnamespace AND typname = ANY ($1::text[])
)
SELECT 'relation' AS kind, oid FROM view
UNION ALL SELECT 'type', oid FROM scalar
UNION ALL SELECT 'type', typarray FROM scalar WHERE typarray <> 0
UNION ALL SELECT 'function', oid FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace;

-- name: allowed.name
-- The name of a function, type or relation. $1 which of these, $2 object id
SELECT CASE $1::text
    WHEN 'function' THEN $2::oid::regprocedure::text
    WHEN 'type' THEN format_type($2, NULL)
    ELSE $2::oid::regclass::text
END;
