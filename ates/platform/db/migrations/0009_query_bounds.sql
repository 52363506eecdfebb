-- Functions and operators for people's own SQL, found before those of pg_catalog that compare each part of one argument
-- with each part of another and do not check for interrupts meanwhile: the same, as long as the product of the
-- arguments' sizes is below a thousand million.
SET LOCAL ROLE ates_views;

-- asyncpg needs it no more: the SQL page's connections ask nothing of their own.
DROP FUNCTION analytics.set_config;

DO $make$
DECLARE
    it record;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('strpos(text, text)', 'integer', 'pg_catalog.strpos($1, $2)', 'octet_length'),
            ('replace(text, text, text)', 'text', 'pg_catalog.replace($1, $2, $3)', 'octet_length'),
            ('translate(text, text, text)', 'text', 'pg_catalog.translate($1, $2, $3)', 'octet_length'),
            ('split_part(text, text, integer)', 'text', 'pg_catalog.split_part($1, $2, $3)', 'octet_length'),
            ('btrim(text, text)', 'text', 'pg_catalog.btrim($1, $2)', 'octet_length'),
            ('ltrim(text, text)', 'text', 'pg_catalog.ltrim($1, $2)', 'octet_length'),
            ('rtrim(text, text)', 'text', 'pg_catalog.rtrim($1, $2)', 'octet_length'),
            ('string_to_array(text, text)', 'text[]', 'pg_catalog.string_to_array($1, $2)', 'octet_length'),
            ('string_to_array(text, text, text)', 'text[]', 'pg_catalog.string_to_array($1, $2, $3)', 'octet_length'),
            ('string_to_table(text, text)', 'SETOF text', 'pg_catalog.string_to_table($1, $2)', 'octet_length'),
            ('string_to_table(text, text, text)', 'SETOF text', 'pg_catalog.string_to_table($1, $2, $3)', 'octet_length'),
            ('to_date(text, text)', 'date', 'pg_catalog.to_date($1, $2)', '100 * octet_length'),
            ('to_timestamp(text, text)', 'timestamptz', 'pg_catalog.to_timestamp($1, $2)', '100 * octet_length'),
            ('is_like(text, text)', 'boolean', '$1 OPERATOR(pg_catalog.~~) $2', 'octet_length'),
            ('is_not_like(text, text)', 'boolean', '$1 OPERATOR(pg_catalog.!~~) $2', 'octet_length'),
            ('is_ilike(text, text)', 'boolean', '$1 OPERATOR(pg_catalog.~~*) $2', 'octet_length'),
            ('is_not_ilike(text, text)', 'boolean', '$1 OPERATOR(pg_catalog.!~~*) $2', 'octet_length'),
            ('array_contains(anyarray, anyarray)', 'boolean', '$1 OPERATOR(pg_catalog.@>) $2', 'pg_column_size'),
            ('array_contained(anyarray, anyarray)', 'boolean', '$1 OPERATOR(pg_catalog.<@) $2', 'pg_column_size'),
            ('array_overlaps(anyarray, anyarray)', 'boolean', '$1 OPERATOR(pg_catalog.&&) $2', 'pg_column_size'),
            ('jsonb_contains(jsonb, jsonb)', 'boolean', '$1 OPERATOR(pg_catalog.@>) $2', 'pg_column_size'),
            ('jsonb_contained(jsonb, jsonb)', 'boolean', '$1 OPERATOR(pg_catalog.<@) $2', 'pg_column_size'),
            ('jsonb_exists_any(jsonb, text[])', 'boolean', '$1 OPERATOR(pg_catalog.?|) $2', 'pg_column_size'),
            ('jsonb_exists_all(jsonb, text[])', 'boolean', '$1 OPERATOR(pg_catalog.?&) $2', 'pg_column_size'),
            ('jsonb_delete(jsonb, text[])', 'jsonb', '$1 OPERATOR(pg_catalog.-) $2', 'pg_column_size')
        ) AS bounded (signature, result, does, size)
    LOOP
        EXECUTE format($function$
            CREATE FUNCTION analytics.%1$s RETURNS %2$s
            LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER AS $body$
            BEGIN
                IF %4$s($1)::bigint * %4$s($2) > 1000000000 THEN
                    RAISE program_limit_exceeded USING
                        MESSAGE = 'the arguments of %1$s are too large together: 1 kB with 1 MB is the most';
                END IF;
                %5$s %3$s;
            END
            $body$ $function$,
            it.signature, it.result, it.does, it.size,
            CASE WHEN it.result LIKE 'SETOF %' THEN 'RETURN QUERY SELECT' ELSE 'RETURN' END);
    END LOOP;
    FOR it IN
        SELECT * FROM (VALUES
            ('~~', 'text', 'text', 'is_like'), ('!~~', 'text', 'text', 'is_not_like'),
            ('~~*', 'text', 'text', 'is_ilike'), ('!~~*', 'text', 'text', 'is_not_ilike'),
            ('@>', 'anyarray', 'anyarray', 'array_contains'), ('<@', 'anyarray', 'anyarray', 'array_contained'),
            ('&&', 'anyarray', 'anyarray', 'array_overlaps'),
            ('@>', 'jsonb', 'jsonb', 'jsonb_contains'), ('<@', 'jsonb', 'jsonb', 'jsonb_contained'),
            ('?|', 'jsonb', 'text[]', 'jsonb_exists_any'), ('?&', 'jsonb', 'text[]', 'jsonb_exists_all'),
            ('-', 'jsonb', 'text[]', 'jsonb_delete')
        ) AS operator (name, lefthand, righthand, function)
    LOOP
        EXECUTE format('CREATE OPERATOR analytics.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = analytics.%s)',
            it.name, it.lefthand, it.righthand, it.function);
    END LOOP;
END
$make$;
