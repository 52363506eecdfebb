"""The functions, operators and types that people's own SQL may use, by their names in `pg_catalog`.

A function is allowed when its name is here and its arguments and result are of types that are here; operators and casts
likewise, through their functions. `ates migrate` grants by this list, and `ates.web.analytics.gate` checks by it what
needs no grant.

Each function here ends soon after its limit of time on any input: it checks for interrupts, or its work is proportional
to its input, which the memory of a connection bounds. `LIKE`, `strpos`, `replace` and their like compare each part of
one argument with each part of another without such checks: bounded ones of the same names are in the schema `analytics`
(migration `query_bounds`), where they are found first.
"""

from __future__ import annotations

from pathlib import Path

from ates.platform.db import queries


def words(text: str) -> list[str]:
    """The words of `text`."""
    return text.split()


TYPES = words(
    """
    bool int2 int4 int8 numeric float4 float8 text varchar bpchar name date time timetz timestamp timestamptz
    interval uuid inet json jsonb jsonpath bytea unknown record
    """
)
"""Arrays of these are allowed too."""

GENERIC = words("any anyelement anyarray anynonarray anycompatible anycompatiblearray anycompatiblenonarray")
"""Pseudo-types of arguments, which stand for a type of the statement's."""

FUNCTIONS = words(
    """
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd
    degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod pi pow power radians
    random random_normal round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket

    ascii bit_length btrim casefold char_length character_length chr concat concat_ws crc32 crc32c decode encode
    format initcap left length like_escape lower lpad ltrim md5 octet_length overlay quote_ident quote_literal
    quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
    regexp_split_to_array regexp_split_to_table regexp_substr repeat reverse right rpad rtrim sha224 sha256 sha384
    sha512 similar_escape similar_to_escape starts_with substr substring to_bin to_hex to_oct unistr upper

    age clock_timestamp date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps
    statement_timestamp timezone to_char to_number to_timestamp transaction_timestamp

    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every max min
    mode percentile_cont percentile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance

    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

    array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_string
    array_upper cardinality generate_series generate_subscripts num_nonnulls num_nulls trim_array unnest

    array_to_json json_agg json_agg_strict json_array_elements json_array_elements_text json_array_length
    json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object
    json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_object_keys
    json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_agg_strict
    jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz
    jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz
    jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_pretty jsonb_set jsonb_set_lax
    jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb

    gen_random_uuid uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7
    """
)

OPERATORS = words("+ - * / % ^ |/ ||/ @ & | # ~ << >> = <> < <= > >= || ~* !~ !~* ^@ -> ->> #> #>> #- ? @? @@")

BOUNDED = [
    *("btrim(text,text)", "ltrim(text,text)", "rtrim(text,text)"),
    *("btrim(bytea,bytea)", "ltrim(bytea,bytea)", "rtrim(bytea,bytea)"),
    *("to_timestamp(text,text)", "jsonb_delete(jsonb,text[])"),
]
"""Signatures that the names above would allow and that take too long without a bound."""


SQL = queries.load(Path(__file__).with_name("allowed.sql"))


def arguments() -> tuple[list[str], ...]:
    """The parameters of the query `allowed.functions`."""
    return FUNCTIONS, OPERATORS, TYPES, GENERIC, BOUNDED
