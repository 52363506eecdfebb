"""docs/benchmarks.md and its picture."""
def write():
    return ""
