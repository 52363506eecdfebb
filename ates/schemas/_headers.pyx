# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The headers of a record that a worker reads or sends, compiled: what `ates.schemas.envelope` does for most of them.

Like `_plan.pyx` it takes only what is certain: printable ASCII, a time in the form that we write, ids that are UUIDs.
Whatever it does not take it declines by returning None, and the envelope decides what that is: headers after all, or
which error. No path through C raises one.

Memory is safe by two rules: of what is read, each loop ends at the length that Python tells; what is written has a
fixed length, and a buffer of just that length.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDateTime_CheckExact,
    datetime_day,
    datetime_hour,
    datetime_microsecond,
    datetime_minute,
    datetime_month,
    datetime_new,
    datetime_second,
    datetime_tzinfo,
    datetime_year,
    import_datetime,
)
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy, memset

from datetime import timezone

import_datetime()

cdef object UTC = timezone.utc
cdef const char* DIGITS = "0123456789abcdef"
cdef const char* VARIANT = "89ab"

cdef enum:
    LENGTH_MAX = 1024
    BLOCK = 64  # of SHA-1
    UUID_BYTES = 16
    UUID_LENGTH = 36
    TRACEPARENT_LENGTH = 55
    TIME_LENGTH = 24  # 2024-02-29T12:00:00.000Z

SPEC_VERSION = ("ce_specversion", b"1.0")


def identity(headers):
    """Id and time of a record with these headers, or None."""
    if type(headers) is not dict:
        return None
    version = headers.get("ce_specversion")
    if not PyBytes_CheckExact(version) or <bytes>version != b"1.0":
        return None
    id = headers.get("ce_id")
    time = headers.get("ce_time")
    if not (is_plain(id) and is_plain(time) and is_plain(headers.get("ce_type")) and is_plain(headers.get("ce_source"))):
        return None
    if not is_plain(headers.get("ce_subject")):
        return None
    cause = headers.get("ce_causationid")
    if cause is not None and not is_plain(cause):
        return None
    moment = moment_of(<bytes>time)
    if moment is None:
        return None
    return PyUnicode_DecodeASCII(PyBytes_AS_STRING(id), PyBytes_GET_SIZE(id), NULL), moment


def caused(str cause_id not None, bytes place not None, tuple type not None, tuple source not None, time,
           bytes subject not None, traceparent):
    """The headers of a record that `cause_id` leads to, or None; `place` is what its id is made of beside that."""
    cdef unsigned char[UUID_BYTES] cause
    cdef char[TIME_LENGTH] moment
    if len(cause_id) != UUID_LENGTH or not cause_id.isascii():
        return None
    cause_bytes = cause_id.encode()
    if not read_uuid(cause, cause_bytes) or not write_time(moment, time):
        return None
    id = PyBytes_FromStringAndSize(NULL, UUID_LENGTH)
    if not write_id(PyBytes_AS_STRING(id), cause, place):
        return None
    return [
        SPEC_VERSION,
        ("ce_id", id),
        type,
        source,
        ("ce_time", PyBytes_FromStringAndSize(moment, TIME_LENGTH)),
        ("ce_subject", subject),
        ("traceparent", trace_of(id, traceparent)),
        ("ce_causationid", cause_bytes),
    ]


cdef bint is_plain(object raw):
    """Whether `raw` is printable ASCII that is neither empty nor too long."""
    if not PyBytes_CheckExact(raw):
        return False
    cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(raw)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(raw)
    cdef Py_ssize_t i
    if not 0 < length <= LENGTH_MAX:
        return False
    for i in range(length):
        if not 0x20 <= text[i] < 0x7F:
            return False
    return True


cdef object moment_of(bytes raw):
    """A time in the form that we write, else None."""
    if PyBytes_GET_SIZE(raw) != TIME_LENGTH:
        return None
    cdef const char* text = PyBytes_AS_STRING(raw)
    if text[4] != c"-" or text[7] != c"-" or text[10] != c"T" or text[13] != c":" or text[16] != c":":
        return None
    if text[19] != c"." or text[23] != c"Z":
        return None
    cdef int year = number(text, 4)
    cdef int month = number(text + 5, 2)
    cdef int day = number(text + 8, 2)
    cdef int hour = number(text + 11, 2)
    cdef int minute = number(text + 14, 2)
    cdef int second = number(text + 17, 2)
    cdef int milli = number(text + 20, 3)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    if not 0 <= hour < 24 or not 0 <= minute < 60 or not 0 <= second < 60 or milli < 0:
        return None
    try:
        return datetime_new(year, month, day, hour, minute, second, milli * 1000, UTC)
    except ValueError:  # April 31
        return None


cdef int number(const char* text, int digits) noexcept:
    """-1 for anything else than digits."""
    cdef int value = 0
    cdef int i
    for i in range(digits):
        if not c"0" <= text[i] <= c"9":
            return -1
        value = value * 10 + text[i] - c"0"
    return value


cdef bint write_time(char* out, object time):
    """Whether `time` is one in UTC, and written."""
    if not PyDateTime_CheckExact(time) or datetime_tzinfo(time) is not UTC:
        return False
    memcpy(out, b"0000-00-00T00:00:00.000Z", TIME_LENGTH)
    write_number(out, datetime_year(time), 4)
    write_number(out + 5, datetime_month(time), 2)
    write_number(out + 8, datetime_day(time), 2)
    write_number(out + 11, datetime_hour(time), 2)
    write_number(out + 14, datetime_minute(time), 2)
    write_number(out + 17, datetime_second(time), 2)
    write_number(out + 20, datetime_microsecond(time) // 1000, 3)
    return True


cdef void write_number(char* out, int value, int digits) noexcept:
    cdef int i
    for i in range(digits - 1, -1, -1):
        out[i] = <char>(c"0" + value % 10)
        value //= 10


cdef int hex_digit(char letter) noexcept:
    """-1 for anything else; trace context takes lower case only, and our ids have no other."""
    if c"0" <= letter <= c"9":
        return letter - c"0"
    if c"a" <= letter <= c"f":
        return letter - c"a" + 10
    return -1


cdef bint read_uuid(unsigned char* out, bytes raw):
    """Whether `raw` is a UUID in the usual form, and its bytes are in `out`."""
    if PyBytes_GET_SIZE(raw) != UUID_LENGTH:
        return False
    cdef const char* text = PyBytes_AS_STRING(raw)
    cdef int high, low
    cdef int i = 0
    cdef int at = 0
    while at < UUID_LENGTH:
        if at == 8 or at == 13 or at == 18 or at == 23:
            if text[at] != c"-":
                return False
            at += 1
        high, low = hex_digit(text[at]), hex_digit(text[at + 1])
        if high < 0 or low < 0:
            return False
        out[i] = <unsigned char>(high << 4 | low)
        i += 1
        at += 2
    return True


cdef bint write_id(char* out, const unsigned char* cause, bytes place):
    """The UUID of version 5 (RFC 9562, 5.5) of `place` in the namespace `cause`; False for a place too long for that."""
    cdef unsigned char[BLOCK] block
    cdef Py_ssize_t length = UUID_BYTES + PyBytes_GET_SIZE(place)
    if length > BLOCK - 9:
        return False
    memset(block, 0, BLOCK)
    memcpy(block, cause, UUID_BYTES)
    memcpy(block + UUID_BYTES, PyBytes_AS_STRING(place), PyBytes_GET_SIZE(place))
    block[length] = 0x80
    block[BLOCK - 2], block[BLOCK - 1] = <unsigned char>(length >> 5), <unsigned char>(length << 3 & 0xFF)
    write_uuid(out, block)
    return True


cdef void write_uuid(char* out, const unsigned char* block) noexcept:
    """From the first 16 bytes of the SHA-1 of a message that is one padded block."""
    cdef uint32_t[5] digest
    cdef int at = 0
    cdef int i, byte
    sha1(digest, block)
    for i in range(UUID_BYTES):
        if at == 8 or at == 13 or at == 18 or at == 23:
            out[at] = c"-"
            at += 1
        byte = digest[i // 4] >> (24 - i % 4 * 8) & 0xFF
        out[at] = DIGITS[byte >> 4]
        out[at + 1] = DIGITS[byte & 15]
        at += 2
    out[14] = c"5"
    out[19] = VARIANT[digest[2] >> 28 & 3]


cdef void sha1(uint32_t* digest, const unsigned char* block) noexcept:
    """Of one padded block (RFC 3174, 6.1). `hashlib` takes longer to be called than this takes."""
    cdef uint32_t[80] words
    cdef uint32_t a = 0x67452301, b = 0xEFCDAB89, c = 0x98BADCFE, d = 0x10325476, e = 0xC3D2E1F0, mixed
    cdef int t
    for t in range(16):
        words[t] = <uint32_t>block[4 * t] << 24 | block[4 * t + 1] << 16 | block[4 * t + 2] << 8 | block[4 * t + 3]
    for t in range(16, 80):
        words[t] = rotated(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1)
    for t in range(80):
        if t < 20:
            mixed = (b & c | ~b & d) + 0x5A827999
        elif t < 40:
            mixed = (b ^ c ^ d) + 0x6ED9EBA1
        elif t < 60:
            mixed = (b & c | b & d | c & d) + <uint32_t>0x8F1BBCDC
        else:
            mixed = (b ^ c ^ d) + <uint32_t>0xCA62C1D6
        mixed += rotated(a, 5) + e + words[t]
        e, d, c, b, a = d, c, rotated(b, 30), a, mixed
    digest[0], digest[1], digest[2] = 0x67452301 + a, <uint32_t>0xEFCDAB89 + b, <uint32_t>0x98BADCFE + c
    digest[3], digest[4] = 0x10325476 + d, <uint32_t>0xC3D2E1F0 + e


cdef uint32_t rotated(uint32_t word, int bits) noexcept:
    return word << bits | word >> (32 - bits)


cdef bytes trace_of(bytes id, object parent):
    """In the trace of the header `parent` where that is valid, else the root of one that is named after `id`."""
    cdef const char* own = PyBytes_AS_STRING(id)
    out = PyBytes_FromStringAndSize(NULL, TRACEPARENT_LENGTH)
    cdef char* text = PyBytes_AS_STRING(out)
    memcpy(text, b"00-", 3)
    if is_traceparent(parent):
        memcpy(text + 3, PyBytes_AS_STRING(parent) + 3, 32)
        memcpy(text + 52, PyBytes_AS_STRING(parent) + 52, 3)
    else:
        memcpy(text + 3, own, 8)
        memcpy(text + 11, own + 9, 4)
        memcpy(text + 15, own + 14, 4)
        memcpy(text + 19, own + 19, 4)
        memcpy(text + 23, own + 24, 12)
        memcpy(text + 52, b"-01", 3)
    text[35] = c"-"
    memcpy(text + 36, own + 19, 4)
    memcpy(text + 40, own + 24, 12)
    return out


cdef bint is_traceparent(object raw):
    """Whether `raw` is a traceparent of version 00 that names a trace and a span."""
    if not PyBytes_CheckExact(raw) or PyBytes_GET_SIZE(raw) != TRACEPARENT_LENGTH:
        return False
    cdef const char* text = PyBytes_AS_STRING(raw)
    if memcmp(text, b"00-", 3) or text[35] != c"-" or text[52] != c"-":
        return False
    return is_hex(text + 3, 32, True) and is_hex(text + 36, 16, True) and is_hex(text + 53, 2, False)


cdef bint is_hex(const char* text, int length, bint some) noexcept:
    """Digits only; with `some`, not all of them zero."""
    cdef bint found = not some
    cdef int i
    for i in range(length):
        if hex_digit(text[i]) < 0:
            return False
        found = found or text[i] != c"0"
    return found
