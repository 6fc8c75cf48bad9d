"""A mutation fuzzer for the readers: no damage to a file may crash one, hang it or pass it by.

    python -m benchmarks.fuzz_readers --cases 200000 --seed 1
    python -m benchmarks.fuzz_readers --replay def:1234 --seed 1

A case is one of the small valid documents in `documents/`, damaged by a few stacked `mutations`.
The reader must refuse it as an `InputError`, or give what keeps the `invariants`. A seed, a reader
and a number make a case, so that any of them can be replayed.
"""
