# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Kafka's hash of a record's key, compiled; `ates.streams.privates.transactions.batches` has the same in Python."""

from libc.stdint cimport uint32_t

cdef enum:
    MIX = 0x5BD1E995


def murmur2(bytes key not None):
    """Austin Appleby's MurmurHash2 with the seed of Kafka's partitioner, as 32 bits without a sign."""
    cdef const unsigned char* at = key
    cdef uint32_t left = <uint32_t>len(key)
    cdef uint32_t found = <uint32_t>0x9747B28C ^ left
    cdef uint32_t word
    while left >= 4:
        word = (at[0] | at[1] << 8 | at[2] << 16 | <uint32_t>at[3] << 24) * <uint32_t>MIX
        found = found * <uint32_t>MIX ^ (word ^ word >> 24) * <uint32_t>MIX
        at += 4
        left -= 4
    if left:
        if left == 3:
            found ^= at[2] << 16
        if left >= 2:
            found ^= at[1] << 8
        found = (found ^ at[0]) * <uint32_t>MIX
    found = (found ^ found >> 13) * <uint32_t>MIX
    return found ^ found >> 15
