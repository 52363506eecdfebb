"""The compiled modules; all else of the packaging stands in `pyproject.toml`.

They are optional (docs/adr/0010-compiled-codec.md): without Cython they are left out, without a compiler their build
fails and is passed over, and all works either way.
"""

import os
from importlib.util import find_spec

from setuptools import Extension, setup

COMPILING = find_spec("Cython") is not None and os.environ.get("ATES_BUILD_CODEC") != "0"
COMPILED = [
    Extension(name.replace("/", "."), [f"{name}.pyx"], extra_compile_args=["-O2"], optional=True)
    for name in ("ates/schemas/_plan", "ates/schemas/_headers", "ates/streams/_murmur2")
]

setup(
    ext_modules=COMPILED if COMPILING else [],
    options={"build_ext": {"cython_c_in_temp": True}} if COMPILING else {},  # no generated C beside the source
)
