# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Flat Avro records to dataclasses and back, compiled: a plan made once from a schema, walked for every record.

Cython is Python with C types where they are declared: `cdef int x` is a C variable, a method declared with `cdef`
is a C function, and everything else means what it means in Python. This file becomes C, and then a module that is
imported like any other. It is optional: where it is not built, fastavro does the same work (`ates.schemas.codec`).

A record is flat when each of its fields is a `string`, `int`, `long`, `boolean`, `date` or `timestamp-millis`, or one
of these or null. Avro writes the fields one after another without names (Avro 1.11.1, "Binary Encoding"):

    int, long          zigzag (0, -1, 1, -2 … become 0, 1, 2, 3 …), then seven bits a byte, the lowest first
    string             its length in bytes as a long, then UTF-8
    boolean            one byte, 0 or 1
    date               days since 1970-01-01 as an int
    timestamp-millis   milliseconds since 1970-01-01T00:00Z as a long
    one of two types   the position of the type as a long, then the value

The plan takes only what is certain. Whatever it does not take (bytes that end too early, a number of the wrong size, a
`bool` for a `long`, a time in another zone) it declines by returning None, and fastavro decides what that is: a value
after all, or which error. So there is one description of errors, and no path through C that raises one.

Memory is safe by two rules. Reading: `Cursor.at` never passes `Cursor.end`; each read compares first. Writing: the
bytes object is made with room for the longest form of every value before the first byte is written.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDate_CheckExact,
    PyDateTime_CheckExact,
    date_day,
    date_month,
    date_new,
    date_year,
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
from cpython.object cimport PyObject_GenericSetAttr
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.string cimport memcpy

import dataclasses
from datetime import timezone

import_datetime()

cdef object UTC = timezone.utc

cdef enum:
    FIELDS_MAX = 64
    NUMBER_BYTES_MAX = 10  # of 64 bits, seven a byte
    DAY_MS = 86_400_000
    FIRST_DAY = -719_162  # 0001-01-01, the first day that Python's calendar has
    LAST_DAY = 2_932_896  # 9999-12-31

cdef enum Kind:
    STRING, INT, LONG, BOOLEAN, DATE, MILLIS

KINDS = {
    "string": STRING, "int": INT, "long": LONG, "boolean": BOOLEAN,
    ("int", "date"): DATE, ("long", "timestamp-millis"): MILLIS,
}


cdef struct Cursor:
    const unsigned char* at
    const unsigned char* end
    bint declined


cdef struct Day:
    int year, month, day


cdef class Plan:
    """How one schema's records are read into, and written from, instances of one dataclass.

    Raises `ValueError` for a schema that is not flat, or a class that is not just its fields.
    """

    cdef object record
    cdef object new
    cdef list names
    cdef int count
    cdef int[FIELDS_MAX] kinds
    cdef int[FIELDS_MAX] nulls  # position of null among a field's two types, -1 where it cannot be null

    def __init__(self, schema, record):
        self.record, self.new = record, object.__new__
        self.names = [field["name"] for field in schema["fields"]]
        self.count = len(self.names)
        if self.count > FIELDS_MAX:
            raise ValueError("too many fields")
        if {field.name for field in dataclasses.fields(record)} != set(self.names) or hasattr(record, "__post_init__"):
            raise ValueError(f"{record.__name__} is not just the fields of its schema")
        for i, field in enumerate(schema["fields"]):
            self.nulls[i], self.kinds[i] = _kind(field["type"])

    def decode(self, bytes value not None, Py_ssize_t start):
        """The record that fills `value` from `start` to its end, or None: ask fastavro."""
        cdef Cursor cursor
        cdef int i
        if not 0 <= start <= PyBytes_GET_SIZE(value):
            return None
        cursor.at = <const unsigned char*>PyBytes_AS_STRING(value) + start
        cursor.end = <const unsigned char*>PyBytes_AS_STRING(value) + PyBytes_GET_SIZE(value)
        cursor.declined = False
        made = self.new(self.record)
        for i in range(self.count):
            field = self.read(&cursor, i)
            if cursor.declined:
                return None
            # Past the `__setattr__` of a frozen dataclass, as its own `__init__` does it.
            PyObject_GenericSetAttr(made, self.names[i], field)
        return made if cursor.at == cursor.end else None

    cdef object read(self, Cursor* cursor, int i):
        cdef long long number
        if self.nulls[i] >= 0:
            number = read_long(cursor)
            if number == self.nulls[i]:
                return None
            if number != 1 - self.nulls[i]:
                cursor.declined = True
        number = read_byte(cursor) if self.kinds[i] == BOOLEAN else read_long(cursor)
        if cursor.declined:
            return None
        if self.kinds[i] == STRING:
            return read_text(cursor, number)
        if self.kinds[i] == LONG or self.kinds[i] == INT:
            return number
        if self.kinds[i] == DATE:
            return day_of(cursor, number)
        if self.kinds[i] == MILLIS:
            return moment_of(cursor, number)
        cursor.declined = number > 1
        return number == 1

    def encode(self, bytes frame not None, record):
        """`frame` and the record after it, or None: ask fastavro."""
        cdef list values = [getattr(record, name) for name in self.names]
        cdef Py_ssize_t room = PyBytes_GET_SIZE(frame) + self.count * (1 + NUMBER_BYTES_MAX)
        cdef Py_ssize_t length
        cdef int i
        for i in range(self.count):
            if self.kinds[i] == STRING and type(values[i]) is str:
                try:
                    PyUnicode_AsUTF8AndSize(values[i], &length)
                except UnicodeEncodeError:
                    return None
                room += length
        out = PyBytes_FromStringAndSize(NULL, room)
        cdef unsigned char* begin = <unsigned char*>PyBytes_AS_STRING(out)
        cdef unsigned char* at = begin + PyBytes_GET_SIZE(frame)
        memcpy(begin, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame))
        for i in range(self.count):
            at = self.write(at, i, values[i])
            if at == NULL:
                return None
        return PyBytes_FromStringAndSize(<char*>begin, at - begin)

    cdef unsigned char* write(self, unsigned char* at, int i, value) except? NULL:
        """Where the next field begins, NULL for a value that is not taken."""
        cdef Py_ssize_t length
        cdef const char* text
        if self.nulls[i] >= 0:
            at = write_long(at, self.nulls[i] if value is None else 1 - self.nulls[i])
            if value is None:
                return at
        if self.kinds[i] == STRING:
            if type(value) is not str:
                return NULL
            text = PyUnicode_AsUTF8AndSize(value, &length)
            at = write_long(at, length)
            memcpy(at, text, length)
            return at + length
        if self.kinds[i] == BOOLEAN:
            if type(value) is not bool:
                return NULL
            at[0] = value is True
            return at + 1
        return write_number(at, <Kind>self.kinds[i], value)


def _kind(types):
    """Position of null (-1: it has none) and kind of a field."""
    null = -1
    if isinstance(types, list):
        if len(types) != 2 or types.count("null") != 1:
            raise ValueError("a union of something else than a type and null")
        null = types.index("null")
        types = types[1 - null]
    name = (types["type"], types["logicalType"]) if isinstance(types, dict) and "logicalType" in types else types
    if isinstance(name, dict) and set(name) == {"type"}:
        name = name["type"]
    if not isinstance(name, (str, tuple)) or name not in KINDS:
        raise ValueError(f"{types} is not flat")
    return null, KINDS[name]


cdef long long read_long(Cursor* cursor) noexcept:
    cdef unsigned long long bits = 0
    cdef unsigned long long byte
    cdef int shift = 0
    while cursor.at < cursor.end and shift < 64:
        byte = cursor.at[0]
        cursor.at += 1
        bits |= (byte & 0x7F) << shift
        if byte < 0x80:
            if shift == 63 and byte > 1:
                break  # a number of more than 64 bits
            return <long long>(bits >> 1) ^ -<long long>(bits & 1)
        shift += 7
    cursor.declined = True
    return 0


cdef long long read_byte(Cursor* cursor) noexcept:
    if cursor.at >= cursor.end:
        cursor.declined = True
        return 0
    cdef long long byte = cursor.at[0]
    cursor.at += 1
    return byte


cdef object read_text(Cursor* cursor, long long length):
    if length < 0 or length > cursor.end - cursor.at:
        cursor.declined = True
        return None
    cdef const char* begin = <const char*>cursor.at
    cursor.at += length
    try:
        return PyUnicode_DecodeUTF8(begin, length, NULL)
    except UnicodeDecodeError:
        cursor.declined = True
        return None


cdef object day_of(Cursor* cursor, long long days):
    if not FIRST_DAY <= days <= LAST_DAY:
        cursor.declined = True
        return None
    cdef Day day = civil(days)
    return date_new(day.year, day.month, day.day)


cdef object moment_of(Cursor* cursor, long long ms):
    if not <long long>FIRST_DAY * DAY_MS <= ms < (<long long>LAST_DAY + 1) * DAY_MS:
        cursor.declined = True
        return None
    cdef long long days = ms // DAY_MS - (ms % DAY_MS < 0)  # down, also before 1970
    cdef int rest = <int>(ms - days * DAY_MS)
    cdef Day day = civil(days)
    return datetime_new(
        day.year, day.month, day.day,
        rest // 3_600_000, rest // 60_000 % 60, rest // 1000 % 60, rest % 1000 * 1000, UTC,
    )


cdef unsigned char* write_number(unsigned char* at, Kind kind, value) except? NULL:
    cdef long long number
    if kind == DATE:
        if not PyDate_CheckExact(value):
            return NULL
        return write_long(at, days_of(date_year(value), date_month(value), date_day(value)))
    if kind == MILLIS:
        if not PyDateTime_CheckExact(value) or datetime_tzinfo(value) is not UTC:
            return NULL
        number = days_of(datetime_year(value), datetime_month(value), datetime_day(value))
        number = (number * 24 + datetime_hour(value)) * 60 + datetime_minute(value)
        return write_long(at, (number * 60 + datetime_second(value)) * 1000 + datetime_microsecond(value) // 1000)
    if type(value) is not int:
        return NULL
    try:
        number = value
    except OverflowError:
        return NULL
    if kind == INT and not -0x80000000 <= number <= 0x7FFFFFFF:
        return NULL
    return write_long(at, number)


cdef unsigned char* write_long(unsigned char* at, long long number) noexcept:
    cdef unsigned long long bits = (<unsigned long long>number << 1) ^ <unsigned long long>(number >> 63)
    while bits >= 0x80:
        at[0] = (bits & 0x7F) | 0x80
        at += 1
        bits >>= 7
    at[0] = <unsigned char>bits
    return at + 1


cdef Day civil(long long days) noexcept:
    """The date of a day since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").

    A year begins in March there, so that the leap day is its last; an era has 400 years of 146,097 days together.
    Days are counted from 400 years before, so that none here is below zero.
    """
    cdef long long shifted = days + 719_468 + 146_097
    cdef long long era = shifted // 146_097
    cdef int of_era = <int>(shifted - era * 146_097)
    cdef int year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    cdef int of_year = of_era - (365 * year + year // 4 - year // 100)
    cdef int month = (5 * of_year + 2) // 153
    cdef Day found
    found.day = of_year - (153 * month + 2) // 5 + 1
    found.month = month + 3 if month < 10 else month - 9
    found.year = <int>(year + (era - 1) * 400 + (found.month <= 2))
    return found


cdef long long days_of(int year, int month, int day) noexcept:
    """The inverse of `civil`."""
    cdef int shifted = year + 400 - (month <= 2)
    cdef int era = shifted // 400
    cdef int of_era = shifted - era * 400
    cdef int of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return <long long>(era - 1) * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
