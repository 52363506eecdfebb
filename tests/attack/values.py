"""Values that break programs: numbers at every edge, texts that no encoder takes, times that no calendar has."""

from __future__ import annotations

from hypothesis import strategies as st

_EDGES = [2**n + d for n in (7, 8, 15, 16, 31, 32, 53, 63, 64, 127) for d in (-1, 0, 1)]
NUMBERS = [str(sign * n) for n in [0, 1, *_EDGES, 10**17, 10**18, 10**30] for sign in (1, -1)]
NUMBERS += [
    "9" * 400,
    "9" * 5000,
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "\u0661",
    "\u00b2",
    "1.5",
    "+1",
]
DAYS = [
    *("0000-00-00", "0000-01-01", "0001-01-01", "0999-12-31", "1000-01-01", "1969-12-31", "9000-12-31", "9999-12-31"),
    *("10000-01-01", "-0001-01-01", "2026-02-30", "2026-13-01", "2026-1-1", "2026-W01-1", "\u0662026-01-01"),
]
MOMENTS = [
    *(
        f"{day}T{time}"
        for day in DAYS[:9]
        for time in ("00:00", "23:59:59.999999", "24:00", "00:00+23:59", "00:00-23:59")
    ),
    *(f"-{count}{unit}" for count in (0, 1, 999_999, 9_999_999, 10**18) for unit in "smhdwy"),
    *("beginning", "end", "now", "2026-11-23T14:00Z", "T", "00:00"),
]
TEXTS = [
    *("", " ", "\t", "\x00", "a\x00b", "\x7f", "\x1b[31m", "\ud800", "\udcff", "\u202e", "\u200b", "\ufeff", "\ufffe"),
    *(
        "\U0010ffff",
        "e\u0301",
        "%",
        "%zz",
        "%ff",
        "%c0%80",
        "%ed%a0%80",
        "..",
        "../../etc/passwd",
        "//",
        "\\",
        "'",
        '"',
    ),
    *(
        "<script>",
        "{{7*7}}",
        "${x}",
        "a" * 300,
        "a" * 9000,
        "=?utf-8?Q?=0d=0aBcc:_x@y.example?=",
        "null",
        "[]",
        "{}",
        "Europe",
        "~nosuch",
        ".",
        "/",
    ),
    *("eyJ4IjoxfQ", "W10", "WzFd", "WyIiXQ", "W251bGwsbnVsbF0", "WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTIzOjU5IiwgMV0", "a=b"),
    *("1:9223372036854775807", "0:-1", "older,0:1", "newer,4294967296:1", "older,0:-999999999999999999"),
    *(
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "text/csv;q=NaN",
        "wait=999999999",
    ),
    *(
        "00-" + "f" * 32 + "-" + "f" * 16 + "-ff",
        "http://[",
        "http://[::1",
        "a:b:c",
        "[::1",
        "*/*;q=1e999",
        'W/"',
        "bytes=-1",
    ),
]

texts = st.one_of(st.sampled_from([*TEXTS, *NUMBERS, *DAYS, *MOMENTS]), st.text(max_size=20), st.characters())
raw = st.one_of(
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=20),
    st.sampled_from([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a" * 8190, b"a" * 20_000, b"\xff" * 9000]),
)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        texts,
        st.integers(),
        st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308]),
        st.floats(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=4,
)
