"""Every way in, fed with inputs that break programs: `make attack N=100000`; the tests send two thousand."""
