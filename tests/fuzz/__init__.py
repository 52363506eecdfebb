"""Coverage-guided fuzzing of what reads bytes of strangers. Run by `make fuzz`; a short slice is part of the tests."""
